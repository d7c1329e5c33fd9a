"""The door of the reports room: an assessment becomes bytes.

A report arranges what an assessment says; it judges nothing, reads no clock and no file of the
user's. The same assessment gives the same bytes, on every run and in every process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from assay.vocabulary import Assessment

Told = Callable[[int], None]
"""Hears how many models are drawn: figures are what takes a report its time."""


def nobody(_: int) -> None:
    """Told where nobody waits."""


class Report(Protocol):
    """Renders an assessment in one form. What a report's file binds as MEMBER."""

    @property
    def name(self) -> str:
        """The form, as `--format` takes it."""

    @property
    def suffix(self) -> str:
        """Ending of a file that holds it, with the dot."""

    @property
    def media_type(self) -> str:
        """The form's media type, with its character set."""

    def render(self, assessment: Assessment, told: Told = nobody) -> bytes:
        """The whole report. Only PASS is shown as a pass, and what is unmeasured is named."""
