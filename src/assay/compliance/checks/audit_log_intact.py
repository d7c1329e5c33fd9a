"""CHK-AUDIT-INTEGRITY: the audit log verifies.

**Why it matters.** Every other finding cites evidence that this log keeps. If entries can be changed
without a trace, none of them can be relied on (GDPR Art. 5(2), 45 CFR 164.312(b) and (c)(1)).

**Passes** when every entry has its hash, every checkpoint is signed and has the root of the entries,
everything that is cited is kept, and no numbers are missing. **Fails** with the first fault's place
otherwise, or when there is no checkpoint. Unknown when the log cannot be read, and when this
assessment has begun it: a log that holds nothing else shows nothing yet.

**How to fix.** Restore the log from a backup whose checkpoint verifies, keep the damaged copy as
evidence, and find out who could write to it. A damaged index alone is rebuilt without loss.

What it does not show: that somebody with the key rewrote all of it. Keep a checkpoint elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.compliance.interface import Verdict
from assay.compliance.readers.own_log import KIND
from assay.vocabulary import Facts, Location, Observation, Status, TargetKind

_BEGUN = (
    "The log was begun by this assessment; nothing else is in it yet that could be verified. The next "
    "assessment will verify what this one leaves."
)
_NEXT = (
    "Keep a copy of the checkpoint elsewhere, and assess again: the next assessment verifies this one's "
    "entries."
)


class AuditLogIntact:
    """Judges the log's verification."""

    id = "CHK-AUDIT-INTEGRITY"
    looks_at = TargetKind.SYSTEM
    kinds = (KIND,)
    remediation = (
        "Run `assay log verify`, keep a copy of the damaged log, restore one that verifies, and find "
        "out who could write to the workspace."
    )

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """The newest verification decides."""
        facts = observations[-1].facts
        size = facts["size"]
        faults = facts["faults"]
        assert isinstance(faults, list)  # noqa: S101 - as the reader writes it
        if faults:
            first = faults[0]
            return Verdict(
                Status.FAIL,
                f"The log does not verify: {first['place']} {first['what']}"
                f" ({facts['faults_total']} faults in all).",
                tuple(Location(str(f["place"]), str(f["what"])) for f in faults),
            )
        if not facts["newest_checkpoint_size"]:
            return Verdict(Status.FAIL, f"The log has {size} entries but no signed checkpoint.")
        # An older look did not count them; then, too, the newest entry was the assessment's own.
        if not facts.get("earlier_entries", int(str(size)) - 1):
            return Verdict(Status.UNKNOWN, _BEGUN, remediation=_NEXT)
        return Verdict(
            Status.PASS,
            f"Every byte was recomputed and agrees: entries {size}, signed checkpoints "
            f"{facts['checkpoints']}, cited evidence {facts['cited']}. {_witnessed(facts)}",
        )


def _witnessed(facts: Facts) -> str:
    witness = facts.get("witness")
    if not isinstance(witness, Mapping):
        return "No outside witness holds a checkpoint."
    if witness["size"] is None:
        return f"None of its {witness['witnesses']} witnesses has cosigned yet."
    return (
        f"Witnesses ({witness['needed']} needed) have cosigned its first {witness['size']} entries."
    )


MEMBER = AuditLogIntact()
