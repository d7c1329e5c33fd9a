"""Shims between SQLite and the disk: one that fails, one that writes down what is done.

`FailingDisk` refuses, cuts or fails a chosen write or sync. `RecordedDisk` lets everything through and
keeps the order of all writes and syncs of the files in a folder, so that the folder can be made again as
a crash could have left it: what was synced is there, of what was not any subset is, in any order, and
the last of it may be cut (after ALICE: Pillai et al., "All File Systems Are Not Created Equal", 2014).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import apsw

Op = Literal["write", "sync", "truncate", "delete", "publish", "told"]
_USUAL = apsw.vfs_names()[0]


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that was done to a file, or `told`: how many entries were acknowledged by then."""

    op: Op
    file: str = ""
    at: int = 0
    data: bytes = b""


class _Disk(apsw.VFS):
    """The usual file system under SQLite, in front of which a shim is put."""

    def __init__(self, name: str) -> None:
        super().__init__(name, base=_USUAL, makedefault=True)

    def wrote(self, file: _File, data: bytes, at: int) -> None:
        """Before a write; may write itself, or raise."""

    def synced(self, file: _File) -> None:
        """Before a sync; may raise."""

    def truncated(self, file: _File, size: int) -> None:
        """Before a file is cut."""

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: _Disk, name: Any, flags: list[int]) -> None:
        self.disk = disk
        self.name = Path(
            name.filename() if isinstance(name, apsw.URIFilename) else name or "-"
        ).name
        super().__init__(_USUAL, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.wrote(self, bytes(data), offset)
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.synced(self)
        super().xSync(flags)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self.disk.truncated(self, newsize)
        super().xTruncate(newsize)

    def xLock(self, level: int) -> None:  # noqa: N802
        try:
            super().xLock(level)
        except apsw.IOError as error:
            # A reader that closes tries for a lock that it cannot have. Without a shim nobody is told.
            raise apsw.BusyError("not to be locked") from error


class FailingDisk(_Disk):
    """Fails the writes and syncs that it is told to; counts them all."""

    def __init__(self) -> None:
        self.writes = self.syncs = self.failed = 0
        self.fails_write: Callable[[int], bool] = lambda _: False
        self.fails_sync: Callable[[int], bool] = lambda _: False
        self.cuts = False
        self.only: tuple[str, ...] = ()
        """Files to fail; empty means all."""
        super().__init__("failing")

    def mend(self) -> None:
        """Fail no more."""
        self.fails_write = self.fails_sync = lambda _: False

    def wrote(self, file: _File, data: bytes, at: int) -> None:
        if self.only and file.name not in self.only:
            return
        self.writes += 1
        if self.fails_write(self.writes):
            self.failed += 1
            if self.cuts:
                apsw.VFSFile.xWrite(file, data[: len(data) // 2], at)
            raise apsw.FullError("no space is left")

    def synced(self, file: _File) -> None:
        if self.only and file.name not in self.only:
            return
        self.syncs += 1
        if self.fails_sync(self.syncs):
            self.failed += 1
            raise apsw.IOError("the sync failed")


class RecordedDisk(_Disk):
    """Writes down what is done to the files of one folder."""

    def __init__(self) -> None:
        self.done: list[Done] = []
        super().__init__("recorded")

    def wrote(self, file: _File, data: bytes, at: int) -> None:
        self.done.append(Done("write", file.name, at, data))

    def synced(self, file: _File) -> None:
        self.done.append(Done("sync", file.name))

    def truncated(self, file: _File, size: int) -> None:
        self.done.append(Done("truncate", file.name, size))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.done.append(Done("delete", Path(filename).name))
        super().xDelete(filename, syncdir)


Disk = TypeVar("Disk", bound=_Disk)


@contextmanager
def in_use(make: Callable[[], Disk]) -> Iterator[Disk]:
    """A shim that is SQLite's way to the disk within."""
    disk = make()
    try:
        yield disk
    finally:
        disk.unregister()


@dataclass
class CrashedFolder:
    """Files as a crash could leave them, after the first so many things that were done."""

    files: dict[str, bytearray]
    published: bytes | None = None
    told: int = 0
    _unsynced: dict[str, list[Done]] = field(default_factory=dict)

    def do(self, done: Done) -> None:
        """Go one thing on; what is not synced yet is held back."""
        if done.op == "told":
            self.told = done.at
        elif done.op == "publish":
            self.published = done.data
        elif done.op == "sync":
            for one in self._unsynced.pop(done.file, []):
                _apply(self.files, one)
        else:
            self._unsynced.setdefault(done.file, []).append(done)

    def crashed(self, draw: random.Random) -> dict[str, bytes]:
        """The files after a crash now: of what is not synced, any subset in any order, one cut."""
        files = {name: bytearray(data) for name, data in self.files.items()}
        for waiting in self._unsynced.values():
            kept = (
                [one for one in waiting if draw.random() < 0.5] if draw.random() < 0.8 else waiting
            )
            if draw.random() < 0.5:
                kept = draw.sample(kept, len(kept))
            if kept and kept[-1].op == "write" and draw.random() < 0.5:
                last = kept[-1]
                cut = draw.randrange(len(last.data) + 1)
                kept = [*kept[:-1], Done("write", last.file, last.at, last.data[:cut])]
            for one in kept:
                _apply(files, one)
        return {name: bytes(data) for name, data in files.items()}


def _apply(files: dict[str, bytearray], one: Done) -> None:
    if one.op == "delete":
        files.pop(one.file, None)
        return
    data = files.setdefault(one.file, bytearray())
    if one.op == "truncate":
        del data[one.at :]
        return
    if len(data) < one.at:
        data.extend(bytes(one.at - len(data)))
    data[one.at : one.at + len(one.data)] = one.data
