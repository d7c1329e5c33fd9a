"""The audit log of this workspace, recomputed from its stored bytes.

Entries, leaf hashes, tree, signed checkpoints, cited evidence and index, as `assay log verify` does.
No witness outside this host is asked yet; the published checkpoint beside the log shows a cut only
to whoever could not write there, and the facts say so.
"""

from __future__ import annotations

from collections.abc import Iterator

from assay.audit_log.notes import parse_verifier_key
from assay.audit_log.verify import verify
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
    try:
        seen = verify(scene.log_folder, parse_verifier_key(scene.verifier_key))
    except AssayError as error:
        return not_measured(error.message, error.next_step)
    return {
        "clean": seen.clean,
        "size": seen.size,
        "root": seen.root.hex(),
        "checkpoints": seen.checkpoints,
        "newest_checkpoint_size": seen.newest.size if seen.newest else None,
        "cited": seen.cited,
        "faults": [
            {"place": fault.place, "what": fault.what, "damage": fault.damage.value}
            for fault in seen.faults[:_FAULTS_SHOWN]
        ],
        "faults_total": len(seen.faults),
        "witness": None,
    }


MEMBER = OwnLog()
