"""What a reader has seen of its logs: the newest checkpoint of each, kept for the next time.

A log that shows different histories to different people is caught by whoever compares. One reader alone
compares with what it saw before: each new checkpoint must have grown from the last one. Where it has
not, the error carries both notes, which the log has signed.

In the folder, `<SHA-256 of the origin>.checkpoint` holds the newest note of each log. The first
checkpoint of a log is taken as it comes; bring one from elsewhere where that is too little.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from assay.atomic import PRIVATE_FILE, make_folder, write_atomically, write_error
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.merkle import EMPTY_ROOT, consistency_holds
from assay.audit_log.notes import NOTE_BYTES_MAX
from assay.audit_log.proofs import TileReader, consistency_proof
from assay.audit_log.trust import Trust, Trusted, trusted_checkpoint
from assay.errors import LogDamaged, LogError, SplitView
from assay.vocabulary import Checkpoint

_LOCK = "lock"


class ClientView:
    """The checkpoints that a reader has seen. Usable from several processes."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder, made with mode 0700 if it is not there.

        Raises:
            NotWritable, DiskFull
        """
        make_folder(folder)
        self._folder = folder

    def see(self, note: str, trust: Trust, tiles: TileReader, *, now: int | None = None) -> Trusted:
        """Accept a checkpoint that the policy trusts and that agrees with what was seen before.

        `tiles` are those of the log that showed it. When this returns, the newer of the two is kept.

        Raises:
            SplitView: it has not grown from what was seen, nor what was seen from it.
            NotTrusted, BadNote: the policy does not accept it.
            LogDamaged: a tile does not have the bytes that it must have; or what was kept is damaged.
            LogError: the log does not reach as far as the checkpoint.
            NotWritable, DiskFull: it could not be kept.
        """
        seen = trusted_checkpoint(note, trust, now=now)
        with self._alone():
            before = self.newest(trust)
            if before is not None:
                _expect_agreement(before, seen.checkpoint, tiles)
            if before is None or before.size < seen.checkpoint.size:
                write_atomically(self._path(trust.origin), note.encode())
        return seen

    def newest(self, trust: Trust) -> Checkpoint | None:
        """The newest checkpoint of this log that was seen; None before the first.

        Raises:
            LogDamaged: what was kept cannot be read, or is not signed by the log.
        """
        path = self._path(trust.origin)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path) from error
        if len(data) > NOTE_BYTES_MAX:
            raise _unusable(path)
        try:
            return open_checkpoint(data.decode("utf-8", "surrogateescape"), *trust.log_keys)
        except LogError as error:
            raise _unusable(path) from error

    def _path(self, origin: str) -> Path:
        return self._folder / f"{hashlib.sha256(origin.encode()).hexdigest()}.checkpoint"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else compares and keeps meanwhile."""
        path = self._folder / _LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _expect_agreement(before: Checkpoint, now: Checkpoint, tiles: TileReader) -> None:
    old, new = (before, now) if before.size <= now.size else (now, before)
    if old.size == new.size:
        agree = old.root == new.root
    elif old.size == 0:
        agree = old.root == EMPTY_ROOT
    else:
        agree = consistency_holds(
            old.size, old.root, new.size, new.root, _proof(old, new, now, tiles)
        )
    if not agree:
        raise SplitView(
            f"The log {now.origin} shows {now.size} entries that do not agree with the {before.size}"
            " that it showed before.",
            first=before.note,
            second=now.note,
            next_step="Keep both notes: the log has signed them. Ask others what they were shown.",
        )


def _proof(
    old: Checkpoint, new: Checkpoint, now: Checkpoint, tiles: TileReader
) -> tuple[bytes, ...]:
    try:
        return consistency_proof(tiles, old.size, new.size)
    except LogError:
        if new is now:
            raise
        # The log is shorter than it was, and cannot show that the longer one grew from it.
        return ()


def _unusable(path: Path) -> LogDamaged:
    return LogDamaged(
        f"The checkpoint that was kept in {path} cannot be used.",
        next_step="Restore it from your copy; removing it means to believe the log's next word.",
    )
