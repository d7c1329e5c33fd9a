"""The door of the executors: each gives a `concurrent.futures.Executor` for pure work."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Protocol


class ExecutorMember(Protocol):
    """A way to run work beside other work."""

    def open(self, workers: int) -> Executor:
        """An executor with this many workers; the caller shuts it down."""
