"""Publishes a log's checkpoints: signs the tree, has it cosigned, keeps it, tells whoever waits.

The writer asks between two batches whether anything is due. Signing alone is done at once. Witnesses
are asked in another thread, since one that is down answers slowly and the writer must go on; what they
cosigned is kept by the writer when it comes round again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from assay.audit_log.interface import LogStore
from assay.audit_log.merkle import CompactRange
from assay.audit_log.signer import LogSigner
from assay.errors import AssayError, LogError
from assay.vocabulary import Checkpoint

Now = Callable[[], int]
"""Seconds since 1970."""
Tree = Callable[[], CompactRange]
"""Reads the tree that is stored."""


class Publisher:
    """The state of publishing. `due` and `step` are the writer's, everything else is anybody's."""

    def __init__(
        self,
        signer: LogSigner,
        store: LogStore,
        newest: Checkpoint | None,
        *,
        every_seconds: float,
        now: Now,
        wake: Callable[[], None],
    ) -> None:
        self._signer = signer
        self._store = store
        self._every = every_seconds
        self._now = now
        self._wake = wake
        self._state = threading.Condition()
        self._up_to = 0
        self._newest = newest
        self._error: Exception | None = None
        self._ended = False
        self._tried_at = time.monotonic()
        self._signing: threading.Thread | None = None
        self._signed: Checkpoint | Exception | None = None

    @property
    def newest(self) -> Checkpoint | None:
        """The newest published checkpoint, as far as this writer knows."""
        return self._newest

    @property
    def size(self) -> int:
        """How many entries it covers."""
        return 0 if self._newest is None else self._newest.size

    def wait_for(self, size: int, timeout_seconds: float | None) -> Checkpoint:
        """Ask for a checkpoint of at least this size, and wait for it.

        Raises:
            TimeoutError: there is none yet.
            LogError: it could not be kept, too few witnesses cosigned, or the log was closed.
        """
        with self._state:
            self._up_to = max(self._up_to, size)
            self._error = None
        self._wake()
        with self._state:
            decided = self._state.wait_for(
                lambda: self.size >= size or self._error or self._ended, timeout_seconds
            )
            if self._newest is not None and self.size >= size:
                return self._newest
            if not decided:
                raise TimeoutError("The log has not published a checkpoint yet.")
            raise self._error or LogError("The log was closed before its checkpoint was published.")

    def idle_seconds(self, size: int) -> float | None:
        """How long the writer of this many entries has nothing to publish; None for ever."""
        if self._signing is not None:
            return None if self._signed is None else 0.0
        if self._up_to > self.size and self._error is None:
            return 0.0
        if size > self.size:
            return self._tried_at + self._every - time.monotonic()
        return None

    def step(self, stored: Tree) -> None:
        """Begin, or finish, what is due for the tree that is stored."""
        if self._signing is not None:
            if self._signed is not None:
                self._keep()
            return
        try:
            tree = stored()
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._fail(error)
            return
        wanted = self._up_to > self.size and self._error is None
        aged = time.monotonic() - self._tried_at >= self._every
        if tree.size <= self.size or not (wanted or aged):
            return
        if not self._signer.is_cosigned:
            self._sign(tree)
            self._keep()
            return
        self._signing = threading.Thread(
            target=self._sign_and_wake, args=(tree,), name="assay-log-publisher", daemon=True
        )
        self._signing.start()

    def finish(self, stored: Tree) -> None:
        """The last checkpoint, before the log is closed; waits for the witnesses."""
        for _ in range(2):  # what is being signed may be of an older tree
            self._join()
            with self._state:
                self._error, self._tried_at = None, -math.inf
            self.step(stored)
        self._join()

    def end(self) -> None:
        """Nobody will publish any more."""
        with self._state:
            self._ended = True
            self._state.notify_all()

    def _sign_and_wake(self, tree: CompactRange) -> None:
        self._sign(tree)
        self._wake()

    def _sign(self, tree: CompactRange) -> None:
        try:
            self._signed = self._signer.published(tree.size, tree.root, self._now())
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._signed = error

    def _join(self) -> None:
        if self._signing is not None:
            self._signing.join()
            self._keep()

    def _keep(self) -> None:
        """Keep what was signed, and tell; a failure is tried again in a moment."""
        signed, self._signed, self._signing = self._signed, None, None
        try:
            if isinstance(signed, Exception):
                raise signed
            assert signed is not None  # noqa: S101 - `_sign` has run
            self._store.keep_checkpoint(signed.size, signed.note)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._fail(error)
            return
        with self._state:
            self._newest, self._tried_at = signed, time.monotonic()
            self._state.notify_all()

    def _fail(self, error: Exception) -> None:
        with self._state:
            self._error = error if isinstance(error, AssayError) else _surprise(error)
            self._tried_at = time.monotonic()
            self._state.notify_all()


def _surprise(error: Exception) -> LogError:
    return LogError(
        f"The checkpoint could not be published ({type(error).__name__}).",
        next_step="Run `assay log verify`, then open the log again.",
    )
