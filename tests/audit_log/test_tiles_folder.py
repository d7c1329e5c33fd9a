"""Exports: what is written, that they grow, and whose folder is left alone."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from assay.audit_log.tiles import decode_bundle
from assay.audit_log.tiles_folder import Exported, export
from assay.audit_log.verify_export import verify_export
from assay.errors import LogBusy, LogDamaged, LogError, NotAnExport, NotTrusted, NotWritable
from tests.audit_log.in_memory import (
    BESIDE_VERIFIER,
    TRUST,
    VERIFIER,
    MemoryLog,
    entry,
    log_of,
)
from tests.docs.pages import ROOT

KEYS = (VERIFIER, BESIDE_VERIFIER)


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_files_of_a_small_export(tmp_path: Path) -> None:
    log = log_of(300)
    exported = export(log, tmp_path, KEYS)
    assert exported.checkpoint.size == 300
    written = files_in(tmp_path)
    cited = [name for name in written if name.startswith("cited/sha256/")]
    assert sorted(set(written) - set(cited)) == [
        "checkpoint", "log.vkey", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1",
        "tile/entries/000", "tile/entries/001.p/44",
    ]  # fmt: skip
    assert len(cited) == 2
    assert written["checkpoint"].decode() == log.published[-1]
    assert written["log.vkey"].decode() == f"{VERIFIER}\n{BESIDE_VERIFIER}\n"
    assert decode_bundle(written["tile/entries/000"], 256) == log.list[:256]
    assert len(written["tile/0/000"]) == 8192


def test_nobody_else_reads_the_entries(tmp_path: Path) -> None:
    export(log_of(20), tmp_path / "out", KEYS)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "out/tile/entries/000.p/20").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("sizes", [(0, 1), (1, 2, 3), (255, 256, 257), (300, 600), (256, 70_000)])
def test_an_export_grows_to_what_it_would_have_been(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    log, before = MemoryLog(), 0
    for size in sizes:
        log.list += [entry(n) for n in range(log.size, size)]
        log.publish()
        assert export(log, tmp_path / "grown", KEYS).size_before == before
        assert verify_export(tmp_path / "grown", TRUST).clean
        before = size
    export(log, tmp_path / "at once", KEYS)
    grown, at_once = files_in(tmp_path / "grown"), files_in(tmp_path / "at once")
    assert at_once.items() <= grown.items()
    older = grown.keys() - at_once.keys()
    assert all(".p/" in path for path in older)
    for path in older:
        assert path.rpartition(".p/")[0] not in at_once, "a partial tile stayed beside its full one"


def test_a_second_export_of_the_same_changes_nothing(tmp_path: Path) -> None:
    log = log_of(300)
    export(log, tmp_path, KEYS)
    before = files_in(tmp_path)
    assert export(log, tmp_path, KEYS) == Exported(export(log, tmp_path, KEYS).checkpoint, 300)
    assert files_in(tmp_path) == before


def test_an_export_that_was_cut_off_is_run_again(tmp_path: Path) -> None:
    log = log_of(600)
    log.cited.popitem()
    with pytest.raises(LogError, match="does not keep"):
        export(log, tmp_path, KEYS)
    assert not (tmp_path / "checkpoint").exists()
    (tmp_path / ".unfinished").write_bytes(b"half")
    export(log_of(600), tmp_path, KEYS)
    assert verify_export(tmp_path, TRUST).clean


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    export(log_of(600), tmp_path, KEYS, lambda done, total: told.append((done, total)))
    assert told == [(256, 600), (512, 600), (600, 600)]


def test_only_what_is_published_is_exported(tmp_path: Path) -> None:
    log = log_of(20)
    log.list.append(entry(20))
    assert export(log, tmp_path, KEYS).checkpoint.size == 20
    assert verify_export(tmp_path, TRUST).size == 20


def test_a_log_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="nothing to export"):
        export(MemoryLog([entry(0)]), tmp_path, KEYS)


def test_a_checkpoint_that_a_key_did_not_sign_is_not_exported(tmp_path: Path) -> None:
    log = log_of(20)
    log.publish(beside=None)
    with pytest.raises(NotTrusted, match="ML-DSA-44 key did not sign"):
        export(log, tmp_path, KEYS)
    assert export(log, tmp_path, KEYS[:1]).checkpoint.size == 20
    log.publish()
    assert export(log, tmp_path, KEYS).size_before == 20
    assert verify_export(tmp_path, TRUST).clean


def test_a_log_that_does_not_verify_is_not_exported(tmp_path: Path) -> None:
    log = log_of(300)
    log.list[17] = entry(18)
    with pytest.raises(LogDamaged, match="not those that its newest checkpoint") as caught:
        export(log, tmp_path, KEYS)
    assert "assay log verify" in caught.value.next_step
    assert not (tmp_path / "checkpoint").exists()


def test_a_log_with_a_cut_tail_is_not_exported(tmp_path: Path) -> None:
    log = log_of(300)
    del log.list[290:]
    with pytest.raises(LogDamaged, match="ends at 290 entries, its checkpoint at 300"):
        export(log, tmp_path, KEYS)


def test_a_gap_is_not_exported(tmp_path: Path) -> None:
    class Gap(MemoryLog):
        def entries(self, start, end):  # type: ignore[no-untyped-def]
            return ((i, data) for i, data in super().entries(start, end) if i != 5)

    log = Gap([entry(n) for n in range(20)])
    log.publish()
    with pytest.raises(LogDamaged, match="Entries are missing"):
        export(log, tmp_path, KEYS)


def test_a_citation_that_is_no_digest_is_not_a_path(tmp_path: Path) -> None:
    bad = b'{"detail":{"cites":[{"digest":"sha256:../../x","media_type":"text/plain"}]}}'
    log = MemoryLog([bad])
    log.publish()
    with pytest.raises(LogDamaged, match="not a SHA-256 digest"):
        export(log, tmp_path / "out", KEYS)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(NotAnExport, match="holds something else"):
        export(log_of(3), tmp_path, KEYS)
    assert files_in(tmp_path) == {"thesis.txt": b"important"}


def test_the_export_of_another_log_is_left_alone(tmp_path: Path) -> None:
    export(log_of(20), tmp_path, KEYS)
    before = files_in(tmp_path)
    other = MemoryLog([entry(n + 1) for n in range(30)])
    other.publish()
    with pytest.raises(NotAnExport, match="did not grow from the 20 entries"):
        export(other, tmp_path, KEYS)
    (tmp_path / "checkpoint").write_text(before["checkpoint"].decode().replace("\n20\n", "\n21\n"))
    with pytest.raises(NotAnExport, match="not one of this log"):
        export(log_of(30), tmp_path, KEYS)


def test_a_log_whose_tail_was_cut_does_not_overwrite_its_export(tmp_path: Path) -> None:
    export(log_of(300), tmp_path, KEYS)
    before = files_in(tmp_path)
    with pytest.raises(NotAnExport, match="has 300 entries, the log only 20"):
        export(log_of(20), tmp_path, KEYS)
    assert files_in(tmp_path) == before


def test_two_exports_at_once(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(LogBusy, match="Another export"):
            export(log_of(3), tmp_path, KEYS)
    finally:
        os.close(descriptor)
    assert export(log_of(3), tmp_path, KEYS).size_before == 0


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotWritable):
        export(log_of(3), tmp_path / "file", KEYS)


def test_a_full_disk_leaves_no_checkpoint_and_the_export_is_run_again(tmp_path: Path) -> None:
    """RLIMIT_FSIZE stands for the end of the disk: a bundle of 256 entries is longer."""
    script = """
        import resource, signal, sys
        from pathlib import Path
        from assay.audit_log.tiles_folder import export
        from assay.errors import DiskFull
        from tests.audit_log.in_memory import TRUST, log_of
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        log = log_of(300)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            export(log, Path(sys.argv[1]), TRUST.log_keys)
        except DiskFull:
            sys.exit(7)
    """
    folder = tmp_path / "out"
    code = textwrap.dedent(script)
    ran = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, check=False)
    assert ran.returncode == 7
    assert set(files_in(folder)) <= {"log.vkey"}
    export(log_of(300), folder, KEYS)
    assert verify_export(folder, TRUST).clean
