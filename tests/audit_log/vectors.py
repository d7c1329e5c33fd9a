"""Makes `docs/formats/vectors/proof/` with assay itself: python -m tests.audit_log.vectors

An export of 260 entries, cosigned by two witnesses, and what belongs to it. ML-DSA-44 signatures are
randomised, so that the checkpoint is another one each time; all else stays.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.notes import cosign, with_signatures
from assay.audit_log.tiles_folder import export
from assay.audit_log.tlog_proof import prove
from assay.audit_log.trust import Trust
from tests.audit_log.in_memory import (
    AT,
    BESIDE_VERIFIER,
    OTHER_WITNESS,
    OTHER_WITNESS_VERIFIER,
    TRUST,
    VERIFIER,
    WITNESS,
    WITNESS_VERIFIER,
    log_of,
)
from tests.docs.pages import ROOT

FOLDER = ROOT / "docs" / "formats" / "vectors" / "proof"
SIZE = 260
PROVEN = 257
TRUSTED = Trust(TRUST.log_keys, (WITNESS_VERIFIER, OTHER_WITNESS_VERIFIER), 2)


def make(folder: Path) -> None:
    """Write the vectors; what is in the folder is replaced."""
    log = log_of(SIZE)
    lines = [
        cosign(log.published[0], WITNESS_VERIFIER.name, WITNESS, AT),
        cosign(log.published[0], OTHER_WITNESS_VERIFIER.name, OTHER_WITNESS, AT + 60),
    ]
    note = with_signatures(log.published[0], lines)
    log.published[0] = note
    shutil.rmtree(folder, ignore_errors=True)
    export(log, folder / "export", TRUST.log_keys)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    proof = prove(log, open_checkpoint(note, VERIFIER, BESIDE_VERIFIER), PROVEN)
    (folder / f"entry-{PROVEN}.tlog-proof").write_text(str(proof), "utf-8")
    (folder / f"entry-{PROVEN}.json").write_bytes(log.list[PROVEN])
    (folder / "trust.txt").write_text(str(TRUSTED), "utf-8")


if __name__ == "__main__":
    make(FOLDER)
