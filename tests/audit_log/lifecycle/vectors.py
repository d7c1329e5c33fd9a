"""Makes `docs/formats/vectors/archive/` with assay itself: python -m tests.audit_log.lifecycle.vectors

The first 256 entries of a log of 601. Another version of zlib may compress them into other bytes, which
mean the same.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.lifecycle.archive import write_volume
from assay.audit_log.lifecycle.volume_files import volume_path
from assay.audit_log.trust import Trust
from tests.audit_log.in_memory import VERIFIER, log_of
from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "formats" / "vectors" / "archive"
SIZE, END = 601, 256
KEY_ALONE = Trust((VERIFIER,))


def make(folder: Path) -> None:
    """Write the vector; what is in the folder is replaced."""
    log = log_of(SIZE)
    checkpoint = open_checkpoint(log.publish(beside=None), VERIFIER)
    shutil.rmtree(folder, ignore_errors=True)
    write_volume(log, volume_path(folder, 0), checkpoint, END, KEY_ALONE)  # type: ignore[arg-type]
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    make(FOLDER)
