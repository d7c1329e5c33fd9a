"""A process that appends to a log in PostgreSQL and says what was acknowledged, a line each.

python -m tests.audit_log.backends.appending URL FIRST COUNT [STOPS] writes the events from number FIRST
on, a hundred at a time. With STOPS it stops itself (SIGSTOP) in its third batch, while it holds the
log's lock and all but the commit is done.
"""

from __future__ import annotations

import os
import signal
import sys

from assay.audit_log.backends.postgres import open_postgres_store
from assay.audit_log.backends.postgres_session import Patience
from assay.audit_log.merkle import CompactRange
from tests.audit_log.backends.stored_logs import SIGNER, VERIFIER, event, unit

BATCH = 100
PATIENCE = Patience(lock_seconds=20, idle_seconds=1)


def main(url: str, first: int, count: int, *, stops: bool) -> None:
    """Append, and print number and index of each event once it is durable."""
    store = open_postgres_store(url, VERIFIER, PATIENCE)
    signed = 0

    def sign(tree: CompactRange) -> str:
        nonlocal signed
        signed += 1
        if stops and signed == 3:
            os.kill(os.getpid(), signal.SIGSTOP)
        return SIGNER.head(tree)

    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        written = store.commit([unit([event(n) for n in numbers])], sign)
        lines = [f"{n} {i}\n" for n, i in zip(numbers, written.indices[0], strict=True)]
        os.write(1, "".join(lines).encode())
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), stops=len(sys.argv) > 4)
