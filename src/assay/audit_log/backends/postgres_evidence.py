"""What a log in PostgreSQL stores, as it is stored, in one snapshot; for verification."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from assay.audit_log.backends._postgres_schema import check_schema
from assay.audit_log.backends.postgres_session import Patience, Session, place_of
from assay.audit_log.interface import Fault, IndexRow, Verification
from assay.audit_log.merkle import EMPTY_ROOT
from assay.audit_log.notes import VerifierKey
from assay.audit_log.trust import Trust
from assay.audit_log.verify import Progress, verify_evidence
from assay.errors import LogDamaged

# Verification takes as long as it takes; the server may not take it for a session that was forgotten.
_PATIENCE = Patience(idle_seconds=0)

_INDEX = """
SELECT event.idx, occurred_at, kind.type, kind.severity, kind.outcome, actor.text, target.text
FROM event LEFT JOIN kind ON kind.key = event.kind LEFT JOIN word AS actor ON actor.key = event.actor
LEFT JOIN word AS target ON target.key = event.target ORDER BY event.idx
"""
_BTREES = """
SELECT c.oid::regclass::text, c.oid::bigint FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
JOIN pg_namespace AS n ON n.oid = relnamespace JOIN pg_am AS a ON a.oid = relam
WHERE nspname = %s AND amname = 'btree' ORDER BY 1
"""
_AMCHECK = """
SELECT format('SELECT %I.bt_index_check(%%s::oid::regclass, true)::text', nspname)
FROM pg_extension JOIN pg_namespace AS n ON n.oid = extnamespace
JOIN pg_proc ON pronamespace = n.oid AND proname = 'bt_index_check' AND pronargs = 2
WHERE extname = 'amcheck' AND has_function_privilege(pg_proc.oid, 'EXECUTE')
"""


class PostgresEvidence:
    """The stored bytes of the log at a URL."""

    def __init__(self, url: str, key: VerifierKey) -> None:
        """Open them.

        Raises:
            SettingsError, MissingExtra, LogUnreachable, LogError: as for a reader.
        """
        place = place_of(url)
        self._schema = place.schema
        self._stack = ExitStack()
        session = Session(place, _PATIENCE, read_only=True)
        self._stack.callback(session.close)
        try:
            check_schema(session, place, key.name)
            self._work = self._stack.enter_context(session.transaction(snapshot=True))
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return int(self._work.rows("SELECT count(*) FROM entry")[0][0])

    def stored_entries(self) -> Iterator[tuple[int, bytes, bytes]]:
        """Index, bytes and stored leaf hash of every entry."""
        yield from self._work.stream("SELECT idx, bytes, leaf_hash FROM entry ORDER BY idx")

    def archived_hashes(self) -> Iterator[tuple[int, bytes]]:
        """Number and leaf hashes of each tile whose entries were archived."""
        yield from self._work.stream("SELECT n, hashes FROM tile ORDER BY n")

    def stored_nodes(self) -> Iterator[tuple[int, int, bytes]]:
        """Tile level, index and hash."""
        yield from self._work.stream("SELECT level, idx, hash FROM node ORDER BY level, idx")

    def stored_heads(self) -> Sequence[tuple[int, bytes, str | None]]:
        """Size, subtrees joined, and note."""
        return [
            (size, subtrees, note)
            for size, subtrees, note in self._work.rows("SELECT size, subtrees, note FROM head")
        ]

    def stored_checkpoints(self) -> Sequence[tuple[int, str]]:
        """Size and note, by size."""
        rows = self._work.rows("SELECT size, note FROM checkpoint ORDER BY size")
        return [(size, note) for size, note in rows]

    def stored_cited(self) -> Iterator[tuple[str, str, bytes]]:
        """Digest, media type and bytes."""
        yield from self._work.stream("SELECT digest, media_type, bytes FROM cited ORDER BY digest")

    def stored_ids(self) -> Iterator[tuple[bytes, int]]:
        """Key of the event's id, and entry; by entry."""
        yield from self._work.stream("SELECT coalesce(id, key), idx FROM event_id ORDER BY idx")

    def stored_index(self) -> tuple[int, Iterator[IndexRow]] | None:
        """The index covers every entry: it is written with them."""
        (end,) = self._work.rows("SELECT coalesce(max(idx) + 1, 0) FROM entry")[0]
        return int(end), self._index_rows()

    def published_note(self) -> str | None:
        """The newest published checkpoint, where readers look for it."""
        rows = self._work.rows("SELECT note FROM published")
        return str(rows[0][0]) if rows else None

    def broken_storage(self) -> Sequence[str]:
        """What `amcheck` finds wrong with the indices, where that extension is there to be used."""
        found = []
        for (check,) in self._work.rows(_AMCHECK):
            for name, oid in self._work.rows(_BTREES, (self._schema,)):
                try:
                    self._work.attempt(check, (oid,))
                except LogDamaged:
                    found.append(f"the index {name} does not fit its table")
        return found

    def _index_rows(self) -> Iterator[IndexRow]:
        for idx, at, type_, severity, outcome, actor, target in self._work.stream(_INDEX):
            said = _text(outcome)
            kind = None if said is None else (type_, severity, said)
            yield idx, at, kind, _text(actor), _text(target)


def verify(
    url: str,
    key: VerifierKey,
    retained: Sequence[str] = (),
    *,
    trust: Trust | None = None,
    index: bool = True,
    progress: Progress = lambda _: None,
) -> Verification:
    """Everything that does not hold in the log at this URL; see `verify.py`.

    Raises:
        SettingsError, MissingExtra, LogUnreachable, LogError: it cannot be opened for reading.
    """
    try:
        with PostgresEvidence(url, key) as evidence:
            return verify_evidence(
                evidence, key, retained, trust=trust, index=index, progress=progress
            )
    except (LogDamaged, TypeError, ValueError) as error:
        what = f"cannot be read to its end ({type(error).__name__}: {error})"
        return Verification(0, EMPTY_ROOT, None, 0, 0, (Fault("database", what),))


def _text(data: bytes | None) -> str | None:
    """A text of the index; None where it is lost."""
    return None if data is None else data.decode("utf-8", "surrogateescape")
