"""Threads of this process. The heavy work (Arrow, NumPy, torch) runs outside the interpreter's lock."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor


class Local:
    """Runs work in threads."""

    def open(self, workers: int) -> Executor:
        """A pool of threads."""
        return ThreadPoolExecutor(max_workers=workers, thread_name_prefix="assay")


MEMBER = Local()
