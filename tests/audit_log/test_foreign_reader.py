"""A reader written from the format's text alone reads what assay writes, and refuses what is not so."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from assay.audit_log.notes import split_note
from assay.audit_log.tiles_folder import export
from assay.audit_log.tlog_proof import verify_bundle
from assay.audit_log.trust import parse_trust
from assay.audit_log.verify_export import verify_export
from tests.audit_log import foreign_reader, vectors
from tests.audit_log.in_memory import AT, BESIDE_VERIFIER, VERIFIER, log_of
from tests.docs.pages import ROOT

LOG_KEYS = [str(VERIFIER), str(BESIDE_VERIFIER)]
TRUST = parse_trust((vectors.FOLDER / "trust.txt").read_text("utf-8"))
WITNESS_KEYS = [str(key) for key in TRUST.witnesses]
REFUSED = (AssertionError, InvalidSignature, ValueError, OSError, KeyError)


def test_the_reader_imports_nothing_of_assay() -> None:
    tree = ast.parse(Path(foreign_reader.__file__).read_text("utf-8"))
    modules = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert {name.partition(".")[0] for name in modules} == {
        "__future__", "base64", "hashlib", "json", "struct", "pathlib", "cryptography",
    }  # fmt: skip


@pytest.mark.parametrize("size", [1, 20, 256, 300, 700])
def test_it_reads_an_export(tmp_path: Path, size: int) -> None:
    log = log_of(size)
    export(log, tmp_path, (VERIFIER, BESIDE_VERIFIER))
    entries, root = foreign_reader.read_export(tmp_path, LOG_KEYS, [])
    assert entries == log.list
    assert root == log.tree.root


def test_it_reads_an_export_of_65536_entries(tmp_path: Path) -> None:
    log = log_of(65_536)
    export(log, tmp_path, (VERIFIER, BESIDE_VERIFIER))
    assert foreign_reader.read_export(tmp_path, LOG_KEYS, [])[0] == log.list


def test_it_refuses_changed_bytes(tmp_path: Path) -> None:
    shutil.copytree(vectors.FOLDER / "export", tmp_path / "copy")
    for path in [p for p in (tmp_path / "copy").rglob("*") if p.is_file()]:
        original = path.read_bytes()
        for at in (0, len(original) // 2, len(original) - 1):
            changed = bytearray(original)
            changed[at] ^= 1
            path.write_bytes(changed)
            with pytest.raises(REFUSED):
                foreign_reader.read_export(tmp_path / "copy", LOG_KEYS, WITNESS_KEYS)
        path.write_bytes(original)
    assert foreign_reader.read_export(tmp_path / "copy", LOG_KEYS, WITNESS_KEYS)


def test_both_read_the_vectors() -> None:
    folder = vectors.FOLDER / "export"
    entries, root = foreign_reader.read_export(folder, LOG_KEYS, WITNESS_KEYS)
    found = verify_export(folder, TRUST, now=AT + 60)
    assert found.clean
    assert (found.size, found.root) == (len(entries), root) == (vectors.SIZE, root)
    proof = (vectors.FOLDER / f"entry-{vectors.PROVEN}.tlog-proof").read_text("utf-8")
    entry = (vectors.FOLDER / f"entry-{vectors.PROVEN}.json").read_bytes()
    trusted = verify_bundle(proof, entry, TRUST, now=AT + 60)
    assert (trusted.oldest_at, trusted.newest_at) == (AT, AT + 60)
    assert foreign_reader.read_proof(proof, entry, LOG_KEYS, WITNESS_KEYS) == (
        vectors.PROVEN,
        vectors.SIZE,
    )
    with pytest.raises(AssertionError, match="proof"):
        foreign_reader.read_proof(proof, entry + b" ", LOG_KEYS, WITNESS_KEYS)


def test_the_vectors_are_what_assay_makes(tmp_path: Path) -> None:
    """All but the two randomised signatures."""
    vectors.make(tmp_path)
    names = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    kept = {p.relative_to(vectors.FOLDER) for p in vectors.FOLDER.rglob("*") if p.is_file()}
    assert names == kept
    for name in names:
        made, there = ((root / name).read_bytes() for root in (tmp_path, vectors.FOLDER))
        if b"\xe2\x80\x94 " in made:
            made, there = without_randomised(made), without_randomised(there)
        assert made == there, f"{name}: run python -m tests.audit_log.vectors"


def without_randomised(data: bytes) -> bytes:
    text, lines = split_note(data.decode())
    return "".join([text, *(line for line in lines if len(line) < 1000)]).encode()


def test_the_pages_show_the_vectors() -> None:
    notes, tiles, proof = (
        (ROOT / "docs" / "formats" / f"{name}.md").read_text("utf-8")
        for name in ("notes", "tiles", "tlog-proof")
    )
    _, lines = split_note((vectors.FOLDER / "export/checkpoint").read_text("utf-8"))
    short = [line.strip() for line in lines if len(line) < 1000]
    for shown in (str(VERIFIER), *short, str(TRUST.witnesses[0])):
        assert shown in notes
    for path in (vectors.FOLDER / "export").rglob("*"):
        relative = path.relative_to(vectors.FOLDER / "export").as_posix()
        assert path.is_dir() or relative in tiles
    whole = (vectors.FOLDER / f"entry-{vectors.PROVEN}.tlog-proof").read_text("utf-8")
    assert whole.partition("\n\n")[0] in proof
