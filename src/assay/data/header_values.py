"""Refuses tables whose headers are themselves data: a first line of values, JSON keyed by e-mail.

Column names go into evidence, reports and the terminal, where no personal data may go. A file without
a line of headers would put its first row there, and that row would be missing from the scan.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.data.detectors import detector_of
from assay.data.interface import Detector
from assay.errors import BadInput

_TELLING = ("credit_card", "email", "iban", "ssn")
"""Types whose form and check digits leave no doubt."""


def expect_headers(table: str, names: Sequence[str]) -> None:
    """Refuse column names that hold a value of a type that leaves no doubt.

    Raises:
        BadInput: says which column and what type, never the name.
    """
    for detector in map(detector_of, _TELLING):
        for place, name in enumerate(names, 1):
            if _holds(detector, name):
                raise BadInput(
                    f"The header of column {place} of {table} holds a value ({detector.entity}): "
                    "it looks as if there were no line of headers.",
                    next_step="Give the file a line of headers, or rename the column.",
                )


def _holds(detector: Detector, name: str) -> bool:
    """Whether a name is, or has in it, a value that the detector's validator accepts."""
    whole = (re.fullmatch(form, name.strip(), re.ASCII) for form in detector.patterns)
    inside = (found for form in detector.in_text for found in re.finditer(form, name, re.ASCII))
    accepts = detector.validate or (lambda _: True)
    return any(found is not None and accepts(found[0]) for found in (*whole, *inside))
