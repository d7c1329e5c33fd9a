"""Links from what is said to the evidence it rests on, inside one report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from assay.vocabulary import Evidence


@dataclass(frozen=True, slots=True)
class Link:
    """A digest, and the anchor of its line; the anchor is empty if the report does not hold it."""

    digest: str
    anchor: str


class Links:
    """Where each digest stands in the evidence section."""

    def __init__(self, evidence: Iterable[Evidence]) -> None:
        self._anchors: dict[str, str] = {}
        for position, kept in enumerate(evidence, start=1):
            self._anchors.setdefault(kept.digest, f"evidence-{position}")

    def to(self, digest: str) -> Link:
        """The link to one digest."""
        return Link(digest, self._anchors.get(digest, ""))

    def all(self, digests: Iterable[str]) -> tuple[Link, ...]:
        """The links to several digests, in their order."""
        return tuple(self.to(digest) for digest in digests)
