"""Whether what an event cites will be there: asked before it is written, as nothing can be taken back.

An entry that cites bytes which are not kept would never verify, nor would bytes that no entry cites.
So whoever appends gives the cited bytes along, or they lie in the log already.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.audit_log.entry import citations
from assay.audit_log.interface import LogReader, Prepared
from assay.canonical import digest
from assay.errors import BadEvent, LogError
from assay.vocabulary import Exhibit

_GIVE_BOTH = (
    "Append the bytes together with the event that cites them (`citation` makes its words)."
)


def check_cited(
    prepared: Sequence[Prepared], exhibits: Sequence[Exhibit], reader: LogReader
) -> None:
    """Check that these events cite these exhibits, and nothing else that is not kept.

    Raises:
        BadEvent: one cites what is neither given nor kept, an exhibit is cited by none, or its digest
            is not that of its bytes.
    """
    given = {exhibit.digest: exhibit.media_type for exhibit in exhibits}
    uncited = set(given)
    for entry in prepared:
        for name, media_type in citations(entry.data):
            known = given[name] if name in given else _kept(name, reader)
            if known != media_type:
                what = "which is not kept" if known is None else f"which is kept as {known}"
                raise BadEvent(
                    f"An event of type {entry.event.type} cites {name} as {media_type}, {what}.",
                    next_step=_GIVE_BOTH,
                )
            uncited.discard(name)
    if uncited:
        raise BadEvent(f"No event cites {min(uncited)}.", next_step=_GIVE_BOTH)
    for exhibit in exhibits:
        if digest(exhibit.data) != exhibit.digest:
            raise BadEvent(f"The bytes given as {exhibit.digest} have another digest.")


def _kept(name: str, reader: LogReader) -> str | None:
    """The media type of bytes that the log keeps; None if it does not."""
    try:
        return reader.media_type(name)
    except LogError:
        return None
