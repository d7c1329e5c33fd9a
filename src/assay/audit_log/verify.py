"""Verifies a log from its stored bytes alone, and says where the first fault is.

The rules, in the order in which they are applied:

1. Entries are numbered 0, 1, 2 ... without a gap, and every stored leaf hash is the entry's.
2. Every checkpoint is signed by the log's key; its root is that of its first `size` entries. When
   hashes and entries agree with each other but not with the root, the fault lies between the last
   checkpoint that held and this one.
3. The newest checkpoint covers every entry, and the head that the next append would grow is that
   tree's compact range.
4. Everything an entry cites is kept, with the cited digest and media type; nothing else is kept.
5. A checkpoint held outside the database (the published file, which must be there, or one that the
   caller brings) is the start of this log. A writer can put an older database and an older published
   checkpoint back together, with or without the key; only a checkpoint kept where that writer cannot
   reach shows it.
6. The index says what the entries say. A fault here damages no evidence: it can be rebuilt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import apsw

from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.entry import citations, event_of
from assay.audit_log.interface import Damage, Fault, Verification
from assay.audit_log.log import DATABASE, PUBLISHED_CHECKPOINT, index_row, open_to_read
from assay.audit_log.merkle import EMPTY_ROOT, CompactRange, leaf_hash
from assay.audit_log.notes import VerifierKey
from assay.canonical import digest
from assay.errors import BadNote, LogDamaged, LogError
from assay.vocabulary import Checkpoint

PUBLISHED = "the published checkpoint"


def verify(folder: Path, key: VerifierKey, retained: Sequence[str] = ()) -> Verification:
    """Everything that does not hold in the log in `folder`.

    `retained` are checkpoint notes that were kept elsewhere.

    Raises:
        LogError: there is no log in the folder, or it cannot be opened for reading.
    """
    path = folder / DATABASE
    if not path.exists():
        raise LogError(f"There is no log at {path}.", next_step="`assay assess` begins one.")
    published = folder / PUBLISHED_CHECKPOINT
    notes = [(PUBLISHED, _text(published))] if published.exists() else []
    notes += [(f"retained checkpoint {n}", note) for n, note in enumerate(retained, 1)]
    try:
        db = open_to_read(path)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        return _unreadable(error)
    except apsw.Error as error:
        raise LogError(
            f"The log {path} cannot be opened ({error}).", next_step="Check its owner and mode."
        ) from error
    try:
        return _Walk(db, key).verification(notes, published=published.exists())
    except (apsw.Error, TypeError, ValueError) as error:
        return _unreadable(error)
    finally:
        db.close()


def _unreadable(error: Exception) -> Verification:
    fault = Fault("database file", f"cannot be read to its end ({error})")
    return Verification(0, EMPTY_ROOT, None, 0, 0, (fault,))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise LogError(f"{path} cannot be read ({error.strerror}).") from error


class _Walk:
    """One pass over a log; collects faults and the roots at the sizes that checkpoints name."""

    def __init__(self, db: apsw.Connection, key: VerifierKey) -> None:
        self._db = db
        self._key = key
        self._roots: dict[int, bytes] = {}
        self._cited: dict[str, str] = {}
        self._citing: dict[str, int] = {}

    def verification(self, outside: Sequence[tuple[str, str]], *, published: bool) -> Verification:
        checkpoints = list(self._db.execute("SELECT size, note FROM checkpoint ORDER BY size"))
        faults: list[Fault] = []
        opened_outside = list(self._open_outside(outside, faults))
        sizes = {size for size, _ in checkpoints} | {c.size for _, c in opened_outside}
        entry_faults: list[Fault] = []
        index_faults: list[Fault] = []
        tree = self._walk_entries(sizes, entry_faults, index_faults)
        faults[:0] = entry_faults
        newest = self._check_checkpoints(checkpoints, faults)
        self._check_head(tree, newest, faults)
        self._check_cited(faults)
        self._check_outside(opened_outside, tree.size, faults)
        if tree.size and not published:
            faults.append(Fault(PUBLISHED, "is missing: the tail may have been cut"))
        faults += index_faults + list(self._stray_index_rows(tree.size)) + self._damaged_pages()
        return Verification(
            tree.size, tree.root, newest, len(checkpoints), len(self._cited), tuple(faults)
        )

    def _walk_entries(
        self, sizes: set[int], faults: list[Fault], index_faults: list[Fault]
    ) -> CompactRange:
        tree = CompactRange()
        rows = self._db.execute(
            "SELECT entry.idx, bytes, leaf_hash, event.idx, id, occurred_at, type, severity, actor"
            " FROM entry LEFT JOIN event ON event.idx = entry.idx ORDER BY entry.idx"
        )
        for number, (index, data, stored, *indexed) in enumerate(rows):
            if tree.size in sizes:
                self._roots[tree.size] = tree.root
            if index != number:
                faults.append(Fault(f"entry {number}", "is missing"))
                break
            leaf = leaf_hash(data)
            if leaf != stored:
                faults.append(Fault(f"entry {index}", "its bytes do not have the stored leaf hash"))
            tree = tree.append([leaf])
            for cited, media_type in citations(data):
                self._cited[cited] = media_type
                self._citing.setdefault(cited, index)
            index_faults += _index_faults(index, data, indexed)
        self._roots[tree.size] = tree.root
        return tree

    def _check_checkpoints(
        self, checkpoints: Sequence[tuple[Any, ...]], faults: list[Fault]
    ) -> Checkpoint | None:
        newest: Checkpoint | None = None
        for size, note in checkpoints:
            place = f"checkpoint of size {size}"
            try:
                checkpoint = open_checkpoint(note, self._key)
            except BadNote as error:
                faults.append(Fault(place, error.message))
                continue
            if checkpoint.size != size:
                faults.append(Fault(place, f"its note says size {checkpoint.size}"))
            elif size not in self._roots:
                faults.append(Fault(place, "covers entries that are not there any more"))
            elif self._roots[size] != checkpoint.root:
                first = newest.size if newest else 0
                where = f"its root is not that of the entries; look at {first} to {size - 1}"
                faults.append(Fault(place, where))
            else:
                newest = checkpoint
        return newest

    def _check_head(
        self, tree: CompactRange, newest: Checkpoint | None, faults: list[Fault]
    ) -> None:
        covered = newest.size if newest else 0
        if covered < tree.size:
            what = "no checkpoint that holds covers them"
            faults.append(Fault(f"entries {covered} to {tree.size - 1}", what))
        heads = list(self._db.execute("SELECT size, subtrees FROM head"))
        if heads != [(tree.size, b"".join(tree.subtrees))]:
            faults.append(Fault("head", "is not the compact range of the entries"))

    def _check_cited(self, faults: list[Fault]) -> None:
        kept = set()
        for name, media_type, data in self._db.execute(
            "SELECT * FROM cited NOT INDEXED ORDER BY rowid"
        ):
            kept.add(name)
            if name not in self._cited:
                faults.append(Fault(f"evidence {name}", "is cited by no entry"))
            elif digest(data) != name:
                what = f"its bytes have another digest; cited by entry {self._citing[name]}"
                faults.append(Fault(f"evidence {name}", what))
            elif self._cited[name] != media_type:
                what = f"has another media type than entry {self._citing[name]} says"
                faults.append(Fault(f"evidence {name}", what))
        for name in sorted(self._cited.keys() - kept):
            what = f"is missing; cited by entry {self._citing[name]}"
            faults.append(Fault(f"evidence {name}", what))

    def _open_outside(
        self, outside: Sequence[tuple[str, str]], faults: list[Fault]
    ) -> Iterator[tuple[str, Checkpoint]]:
        for place, note in outside:
            try:
                yield place, open_checkpoint(note, self._key)
            except BadNote as error:
                faults.append(Fault(place, error.message))

    def _check_outside(
        self, outside: Sequence[tuple[str, Checkpoint]], size: int, faults: list[Fault]
    ) -> None:
        for place, checkpoint in outside:
            if checkpoint.size > size:
                what = f"was signed at {checkpoint.size} entries, but the log has {size}"
                faults.append(Fault(place, what + ": its tail was cut"))
            elif self._roots.get(checkpoint.size) != checkpoint.root:
                what = f"the first {checkpoint.size} entries are not those it was signed for"
                faults.append(Fault(place, what))

    def _damaged_pages(self) -> list[Fault]:
        """What SQLite itself finds wrong: an index of the file that disagrees with its table."""
        found = [str(row[0]) for row in self._db.execute("PRAGMA integrity_check(5)")]
        return [Fault("database file", what, Damage.INDEX) for what in found if what != "ok"]

    def _stray_index_rows(self, size: int) -> Iterator[Fault]:
        for (index,) in self._db.execute("SELECT idx FROM event WHERE idx >= ?", (size,)):
            yield Fault(f"index of entry {index}", "there is no such entry", Damage.INDEX)


def _index_faults(index: int, data: bytes, indexed: Sequence[Any]) -> Iterator[Fault]:
    try:
        expected = index_row(index, event_of(data))
    except LogDamaged as error:
        yield Fault(f"entry {index}", error.message)
        return
    if tuple(indexed) != expected:
        yield Fault(f"index of entry {index}", "does not say what the entry says", Damage.INDEX)
