"""CHK-BASIS: every purpose has a lawful basis.

**Why it matters.** Personal data may be used for a purpose only on one of the six bases of Art. 6
GDPR, and special categories (health among them) need a condition of Art. 9(2) besides.

**Passes** when every purpose rests on consent that was looked up person by person. **Fails** when a
dataset has no purpose at all, a purpose has no basis, special categories have no condition, or
somebody in the data has no live consent for a purpose that rests on it. Unknown when a basis is only
declared, or the table of consents cannot be read. Not applicable where the scan found nothing
personal.

**How to fix.** Take the people without a live consent out of the data used for the purpose, or
record another basis before the use, not after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.compliance.interface import Verdict
from assay.compliance.readers.lawful_basis import KIND
from assay.vocabulary import Location, Observation, Status, TargetKind


class LawfulBasisHeld:
    """Judges the purposes of a dataset; the worst decides."""

    id = "CHK-BASIS"
    looks_at = TargetKind.DATASET
    kinds = (KIND,)
    remediation = (
        "Stop the use for whoever has no live consent, name a basis for every purpose, and have "
        "bases other than consent attested."
    )

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """The newest look at the register decides."""
        facts = observations[-1].facts
        if facts["personal_columns"] == 0:
            return Verdict(Status.NOT_APPLICABLE, "The scan found no personal data in it.")
        purposes: Any = facts["purposes"]
        if not purposes:
            return Verdict(Status.FAIL, "The dataset is declared without any purpose.")
        special = bool(facts["special_category_columns"])
        verdicts = [_purpose(purpose, special=special) for purpose in purposes]
        if facts["special_category_columns"] is None:
            what = "Nobody looked whether special categories are in it."
            verdicts.append(Verdict(Status.UNKNOWN, what))
        status = next(s for s in _WORST_FIRST if any(v.status is s for v in verdicts))
        return Verdict(
            status,
            " ".join(verdict.statement for verdict in verdicts),
            tuple(location for verdict in verdicts for location in verdict.locations),
        )


_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.PASS)


def _purpose(purpose: Mapping[str, Any], *, special: bool) -> Verdict:
    name, basis, consents = purpose["purpose"], purpose["basis"], purpose["consents"]
    if basis is None:
        said = f"{purpose['declared']!r} is none" if purpose["declared"] else "none is named"
        return Verdict(Status.FAIL, f"{name}: no lawful basis ({said}).")
    if special and purpose["condition"] is None:
        what = f"{name}: special categories are used without a condition of Art. 9(2)."
        return Verdict(Status.FAIL, what)
    if consents is None:
        return Verdict(Status.UNKNOWN, f"{name}: Art. {basis} is declared and nothing more.")
    if consents["rows_without_grant"]:
        return Verdict(
            Status.FAIL,
            f"{name}: {consents['subjects'] - consents['with_live_grant']} of "
            f"{consents['subjects']} people have no live consent ({consents['withdrawn']} withdrew, "
            f"{consents['never_granted']} never gave one{_nobody(consents)}).",
            tuple(Location(f"row {row}", name) for row in consents["first_rows"]),
        )
    if consents["ledger_rows_unreadable"]:
        what = f"{name}: {consents['ledger_rows_unreadable']} consents have no instant to be read."
        return Verdict(Status.UNKNOWN, what)
    if not consents["subjects"]:
        return Verdict(Status.UNKNOWN, f"{name}: there are no people in the data to look up.")
    what = f"{name}: all {consents['subjects']} people have a live consent."
    return Verdict(Status.PASS, what)


def _nobody(consents: Mapping[str, Any]) -> str:
    rows = consents["rows_without_subject"]
    return f"; rows that name nobody: {rows}" if rows else ""


MEMBER = LawfulBasisHeld()
