"""The audit log of this workspace, recomputed from its stored bytes.

Entries, leaf hashes, tree, signed checkpoints, cited evidence and index, as `assay log verify` does.
An assessment begins with an entry of its own, so that a new log holds one when it is verified: what
was in it before is counted apart, since only that could have been changed since somebody relied on it.
The published checkpoint beside the log shows a cut only to whoever could not write there; where
witnesses are named, the facts say up to where enough of them have cosigned.
"""

from __future__ import annotations

from collections.abc import Iterator

from assay.audit_log.entry import event_of
from assay.audit_log.interface import Verification
from assay.audit_log.notes import VerifierKey, parse_verifier_key
from assay.audit_log.opening import LogPlace, open_reader, verify_log
from assay.audit_log.trust import Trust, parse_trust
from assay.compliance.interface import Scene
from assay.compliance.observing import of_the_system
from assay.errors import AssayError
from assay.vocabulary import Facts, Method, Observation, not_measured

KIND = "audit_chain_verification"
_FAULTS_SHOWN = 20


class OwnLog:
    """Verifies the log."""

    kinds = (KIND,)

    def observe(self, scene: Scene) -> Iterator[Observation]:
        """One observation of the system."""
        yield of_the_system(scene, KIND, "readers.own_log", Method.TEST, _facts(scene))


def _facts(scene: Scene) -> Facts:
    place = LogPlace(scene.log_folder, scene.settings.log_url)
    try:
        key = parse_verifier_key(scene.verifier_key)
        trust = parse_trust(scene.trust) if scene.trust else None
        seen = verify_log(place, key, trust=trust if trust and trust.witnesses else None)
        earlier = _earlier(place, key, seen.size) if seen.clean else None
    except AssayError as error:
        return not_measured(error.message, error.next_step)
    return {
        "clean": seen.clean,
        "size": seen.size,
        "earlier_entries": earlier,
        "root": seen.root.hex(),
        "checkpoints": seen.checkpoints,
        "newest_checkpoint_size": seen.newest.size if seen.newest else None,
        "cited": seen.cited,
        "faults": [
            {"place": fault.place, "what": fault.what, "damage": fault.damage.value}
            for fault in seen.faults[:_FAULTS_SHOWN]
        ],
        "faults_total": len(seen.faults),
        "witness": None if trust is None else _witness(seen, trust),
    }


def _witness(seen: Verification, trust: Trust) -> Facts | None:
    """Up to where enough witnesses have cosigned; None where nobody was asked to."""
    if not trust.witnesses:
        return None
    return {
        "witnesses": len(trust.witnesses),
        "needed": trust.needed,
        "size": seen.witnessed.size if seen.witnessed else None,
    }


def _earlier(place: LogPlace, key: VerifierKey, size: int) -> int:
    """How many of the first `size` entries were there before this assessment began."""
    if not size:
        return 0
    with open_reader(place, key) as log:
        newest = event_of(log.entry(size - 1))
    begins = newest.type == "assessment" and newest.action == "begin"
    return size - 1 if begins else size


MEMBER = OwnLog()
