"""CHK-RETENTION: no records past their retention end.

**Why it matters.** Data that are not there cannot leak, and the law wants them gone when their
purpose is (GDPR Art. 5(1)(e), Art. 17; 45 CFR 164.310(d)(2)(i)).

**Passes** when no row's period has ended more than the grace days ago. **Fails** with the number of
rows otherwise. Unknown when no rule is declared, the rows cannot be read, some have no date, or a
hold that is only declared covers them: a hold stops erasure, but a line in a file does not show one.

**How to fix.** Erase or anonymise the rows, or record the rule or hold that lets them stay.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.compliance.interface import Verdict
from assay.compliance.readers.retention import KIND
from assay.vocabulary import Location, Observation, Status, TargetKind


class RetentionEnforced:
    """Judges how many rows are past their retention."""

    id = "CHK-RETENTION"
    looks_at = TargetKind.DATASET
    kinds = (KIND,)
    remediation = "Erase or anonymise the rows past retention, or record the hold that keeps them."

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """The newest scan decides."""
        facts = observations[-1].facts
        past, rows, undated = facts["past"], facts["rows"], facts["without_date"]
        first_rows = facts["first_rows"]
        assert isinstance(first_rows, list)  # noqa: S101 - as the reader writes it
        column = str(facts["start_column"])
        places = tuple(Location(f"row {row}", column) for row in first_rows)
        period = f"{facts['maximum']} after {column!r} (plus {facts['grace_days']} days of grace)"
        if past and facts["hold"]:
            what = f"{past} of {rows} rows are past {period}; a hold is declared, not attested."
            return Verdict(Status.UNKNOWN, what, places, "Attest the hold with a name and an end.")
        if past:
            return Verdict(Status.FAIL, f"{past} of {rows} rows are past {period}.", places)
        if undated:
            what = (
                f"{undated} of {rows} rows have no date in {column!r} that can be: no end is known."
            )
            return Verdict(Status.UNKNOWN, what, places, f"Fill in {column!r}.")
        return Verdict(Status.PASS, f"None of {rows} rows is past {period}.")


MEMBER = RetentionEnforced()
