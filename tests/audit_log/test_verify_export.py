"""Every changed byte of an export is found, in the file where it is."""

from __future__ import annotations

import os
import random
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.interface import Fault
from assay.audit_log.merkle import CompactRange, full_root, leaf_hash
from assay.audit_log.notes import VerifierKey, cosign, with_signatures
from assay.audit_log.tiles import decode_bundle, encode_bundle, hashes_of
from assay.audit_log.tiles_folder import export
from assay.audit_log.trust import Trust
from assay.audit_log.verify_export import verify_export
from assay.crypto.signing import SigningKey
from assay.errors import LogError
from tests.audit_log.in_memory import (
    AT,
    BESIDE,
    BESIDE_VERIFIER,
    KEY,
    ORIGIN,
    TRUST,
    VERIFIER,
    WITNESS,
    WITNESS_VERIFIER,
    MemoryLog,
    entry,
    log_of,
)

KEYS = (VERIFIER, BESIDE_VERIFIER)


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Exports of 20, 300 and 66,000 entries, and of 300 that grew from 290."""
    folder = tmp_path_factory.mktemp("exports")
    for size in (20, 300, 66_000):
        export(log_of(size), folder / str(size), KEYS)
    return {size: folder / str(size) for size in (20, 300, 66_000)}


def faults_after(folder: Path, change: Callable[[], object]) -> tuple[Fault, ...]:
    change()
    return verify_export(folder, TRUST).faults


def place_of(path: str, at: int, data: bytes) -> set[str]:
    """Where a changed byte of a file has to be located."""
    if path in ("checkpoint", "log.vkey"):
        return {path}
    if path.startswith("cited/"):
        return {"cited sha256:" + path.rpartition("/")[2]}
    if path.startswith("tile/entries/"):
        number = int(path.split("/")[2][:3])
        width = 256 if ".p/" not in path else int(path.rpartition("/")[2])
        end, index = 0, 256 * number
        for one in decode_bundle(data, width):
            end += 2 + len(one)
            if at < end:
                break
            index += 1
        return {f"entry bundle {number}", f"entry {index}"}
    return {path.replace("/", " ", 1)}


def check_flips(folder: Path, copy: Path, places: list[tuple[str, int]]) -> None:
    shutil.copytree(folder, copy)
    for path, at in places:
        original = (folder / path).read_bytes()
        changed = bytearray(original)
        changed[at] ^= 1
        (copy / path).write_bytes(changed)
        faults = verify_export(copy, TRUST).faults
        assert [fault.place for fault in faults][:1], (path, at)
        assert faults[0].place in place_of(path, at, original), (path, at, faults)
        (copy / path).write_bytes(original)
    assert verify_export(copy, TRUST).clean


def every_byte(folder: Path) -> list[tuple[str, int]]:
    return [
        (path.relative_to(folder).as_posix(), at)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for at in range(path.stat().st_size)
    ]


@pytest.mark.parametrize("size", [20, 300, 66_000])
def test_an_untouched_export_verifies(exports: dict[int, Path], size: int) -> None:
    told: list[int] = []
    found = verify_export(exports[size], TRUST, progress=lambda done, _: told.append(done))
    assert found.clean
    assert (found.size, found.cited, found.checkpoints) == (size, 2, 1)
    assert found.newest is not None
    assert found.newest.root == found.root
    assert told[-1] == size


def test_an_empty_log_verifies(tmp_path: Path) -> None:
    log = MemoryLog()
    log.publish()
    export(log, tmp_path, KEYS)
    assert verify_export(tmp_path, TRUST).clean


def test_every_byte_of_a_small_export(exports: dict[int, Path], tmp_path: Path) -> None:
    check_flips(exports[20], tmp_path / "copy", every_byte(exports[20])[::11])


@pytest.mark.long
def test_every_byte_of_a_small_export_without_exception(
    exports: dict[int, Path], tmp_path: Path
) -> None:
    check_flips(exports[20], tmp_path / "copy", every_byte(exports[20]))


def test_sampled_bytes_of_a_larger_export(exports: dict[int, Path], tmp_path: Path) -> None:
    places = random.Random(1).sample(every_byte(exports[300]), 150)  # noqa: S311
    check_flips(exports[300], tmp_path / "copy", places)


@pytest.mark.long
def test_2000_sampled_bytes_of_a_larger_export(exports: dict[int, Path], tmp_path: Path) -> None:
    places = random.Random(2).sample(every_byte(exports[300]), 2000)  # noqa: S311
    check_flips(exports[300], tmp_path / "copy", places)


def test_tiles_of_every_level(exports: dict[int, Path], tmp_path: Path) -> None:
    folder = exports[66_000]
    places = [
        ("tile/0/000", 0), ("tile/0/200", 8191), ("tile/0/257.p/208", 17), ("tile/1/000", 4000),
        ("tile/1/001.p/1", 31), ("tile/2/000.p/1", 5), ("tile/entries/255", 1000),
        ("tile/entries/257.p/208", 999),
    ]  # fmt: skip
    check_flips(folder, tmp_path / "copy", places)


def test_several_faults_at_once_are_all_found(exports: dict[int, Path], tmp_path: Path) -> None:
    shutil.copytree(exports[66_000], tmp_path / "copy")
    for path, at in [("tile/1/000", 40), ("tile/0/257.p/208", 17)]:
        flip(tmp_path / "copy" / path, at)
    flip(tmp_path / "copy/tile/entries/003", 1)
    (tmp_path / "copy/tile/0/005").unlink()
    places = [fault.place for fault in verify_export(tmp_path / "copy", TRUST).faults]
    assert places == [
        "tile 0/257.p/208", "tile 1/000", "entry bundle 3", "tile 0/005",
    ]  # fmt: skip


def test_what_is_damaged_above_and_below_is_still_found(
    exports: dict[int, Path], tmp_path: Path
) -> None:
    """Neither the tile nor what it could be made from is right: the checkpoint shows it."""
    shutil.copytree(exports[66_000], tmp_path / "copy")
    flip(tmp_path / "copy/tile/1/000", 40)
    flip(tmp_path / "copy/tile/2/000.p/1", 5)
    found = verify_export(tmp_path / "copy", TRUST)
    places = [fault.place for fault in found.faults]
    assert places == ["checkpoint", "tile 1/000", "entries 0 to 65535"]
    assert found.newest is None


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("size", [20, 300])
def test_every_missing_empty_long_or_cut_file(
    exports: dict[int, Path], tmp_path: Path, size: int
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exports[size], copy)
    for path in sorted(p for p in copy.rglob("*") if p.is_file()):
        name, original = path.relative_to(copy).as_posix(), path.read_bytes()
        expected = place_of(name, len(original) - 1, original)
        for changed in (None, b"", original[:-1], original + b"x", original + original):
            path.unlink()
            if changed is not None:
                path.write_bytes(changed)
            places = [fault.place for fault in verify_export(copy, TRUST).faults]
            assert places[:1], (name, changed)
            assert places[0] in expected, (name, places)
            path.write_bytes(original)


@pytest.mark.parametrize(
    "name",
    ["notes.txt", ".unfinished", "tile/0/001", "tile/0/000", "tile/0/000.p/21", "tile/2/000.p/1",
     "tile/entries/000.p/21", "cited/sha256/" + "0" * 64, "cited/sha256/x", "tile/0/\udcff",
     "tile/0/000.p/020"],
)  # fmt: skip
def test_files_that_do_not_belong(exports: dict[int, Path], tmp_path: Path, name: str) -> None:
    shutil.copytree(exports[20], tmp_path / "copy")
    (tmp_path / "copy" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "copy" / name).write_bytes(bytes(32))
    faults = verify_export(tmp_path / "copy", TRUST).faults
    assert [fault.place for fault in faults] == [f"file {name!a}"]


def test_links_and_pipes_are_not_read(exports: dict[int, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exports[20], copy)
    bundle = copy / "tile/entries/000.p/20"
    bundle.rename(tmp_path / "outside")
    bundle.symlink_to(tmp_path / "outside")
    assert [f.place for f in verify_export(copy, TRUST).faults] == ["entry bundle 0"]
    bundle.unlink()
    os.mkfifo(bundle)
    assert "not a regular file" in verify_export(copy, TRUST).faults[0].what
    bundle.unlink()
    (tmp_path / "outside").rename(bundle)
    (copy / "elsewhere").symlink_to(tmp_path)
    assert [f.place for f in verify_export(copy, TRUST).faults] == ["file 'elsewhere'"]


def test_older_partial_tiles_may_stay_but_are_checked(tmp_path: Path) -> None:
    log = log_of(290)
    export(log, tmp_path, KEYS)
    log.list += [entry(n) for n in range(290, 300)]
    log.publish()
    export(log, tmp_path, KEYS)
    assert (tmp_path / "tile/0/001.p/34").exists()
    assert verify_export(tmp_path, TRUST).clean
    flip(tmp_path / "tile/0/001.p/34", 40)
    flip(tmp_path / "tile/entries/001.p/34", 40)
    places = [fault.place for fault in verify_export(tmp_path, TRUST).faults]
    assert places == ["tile 0/001.p/34", "entry bundle 1 of 34"]


def rewrite(folder: Path, index: int, *, up_to_level: int) -> None:
    """What somebody does who changes entry `index` and makes the tiles above it fit."""
    bundle = folder / f"tile/entries/{index // 256:03}"
    entries = decode_bundle(bundle.read_bytes(), 256)
    entries[index % 256] = entry(999_999)
    bundle.write_bytes(encode_bundle(entries))
    child, at, place = b"".join(map(leaf_hash, entries)), index // 256, 0
    for level in range(up_to_level + 1):
        full = folder / f"tile/{level}/{at:03}"
        path = full if full.exists() else next(full.parent.glob(f"{at:03}.p/*"))
        if level:
            row = hashes_of(path.read_bytes())
            row[place] = full_root(hashes_of(child))
            child = b"".join(row)
        path.write_bytes(child)
        at, place = divmod(at, 256)


@pytest.mark.parametrize(
    ("up_to_level", "first"),
    [
        (0, ["tile 0/003", "entries 768 to 1023"]),
        (1, ["tile 1/000", "entries 0 to 65535"]),
        (2, ["checkpoint"]),
    ],
)
def test_rewritten_entries_and_tiles_do_not_belong_to_the_checkpoint(
    exports: dict[int, Path], tmp_path: Path, up_to_level: int, first: list[str]
) -> None:
    shutil.copytree(exports[66_000], tmp_path / "copy")
    rewrite(tmp_path / "copy", 800, up_to_level=up_to_level)
    found = verify_export(tmp_path / "copy", TRUST)
    assert [fault.place for fault in found.faults][: len(first)] == first
    assert found.newest is None


def test_who_has_the_logs_keys_but_not_the_witness_is_caught(
    exports: dict[int, Path], tmp_path: Path
) -> None:
    """The administrator's last resort: everything is made anew and signed with the log's own keys."""
    honest = log_of(20)
    line = cosign(honest.published[0], WITNESS_VERIFIER.name, WITNESS, AT)
    honest.published[0] = with_signatures(honest.published[0], [line])
    forged = log_of(20)
    forged.list[7] = entry(999_999)
    tree = CompactRange().append([leaf_hash(data) for data in forged.list])
    signed = sign_checkpoint(ORIGIN, 20, tree.root, KEY, beside=BESIDE, at=AT).note
    forged = MemoryLog(forged.list, list(forged.cited.values()))
    trust = Trust(TRUST.log_keys, (WITNESS_VERIFIER,), 1)
    export(honest, tmp_path / "honest", KEYS)
    assert verify_export(tmp_path / "honest", trust, now=AT).clean
    for number, note in enumerate((signed, with_signatures_unchecked(signed, line))):
        forged.published = [note]
        export(forged, tmp_path / str(number), KEYS)
        assert verify_export(tmp_path / str(number), TRUST).clean, (
            "without a witness nobody can see"
        )
        faults = verify_export(tmp_path / str(number), trust, now=AT).faults
        assert [fault.place for fault in faults] == ["checkpoint"]


def with_signatures_unchecked(note: str, line: str) -> str:
    return note + line


def test_another_key_is_not_trusted(exports: dict[int, Path]) -> None:
    stranger = Trust((VerifierKey(ORIGIN, SigningKey(b"\x07" * 32).public_bytes),))
    faults = verify_export(exports[20], stranger).faults
    assert [fault.place for fault in faults] == ["checkpoint"]


def test_keys_that_the_policy_does_not_name_may_be_in_the_export(exports: dict[int, Path]) -> None:
    assert verify_export(exports[20], Trust((VERIFIER,))).clean


@pytest.mark.parametrize(
    "text",
    ["", "\n", f"{VERIFIER}", f"{VERIFIER}\n\n", f" {VERIFIER}\n", f"{VERIFIER}\r\n",
     f"{VERIFIER}\n", f"{BESIDE_VERIFIER}\n",
     f"{VerifierKey(ORIGIN, bytes(32))}\n{BESIDE_VERIFIER}\n",
     f"{VERIFIER}\n{BESIDE_VERIFIER}\n{VerifierKey('elsewhere', bytes(32))}\n", "\udcff\n"],
    ids=range(11),
)  # fmt: skip
def test_verifier_keys_that_are_not_the_trusted_ones(
    exports: dict[int, Path], tmp_path: Path, text: str
) -> None:
    shutil.copytree(exports[20], tmp_path / "copy")
    (tmp_path / "copy/log.vkey").write_bytes(text.encode("utf-8", "surrogateescape"))
    faults = verify_export(tmp_path / "copy", TRUST).faults
    assert [fault.place for fault in faults] == ["log.vkey"]


def test_a_list_of_faults_has_an_end(exports: dict[int, Path], tmp_path: Path) -> None:
    shutil.copytree(exports[66_000], tmp_path / "copy")
    for bundle in (tmp_path / "copy/tile/entries").iterdir():
        if bundle.is_file():
            bundle.unlink()
    faults = verify_export(tmp_path / "copy", TRUST).faults
    assert len(faults) == 101
    assert "the rest was not looked at" in faults[-1].what


def test_there_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="no exported log"):
        verify_export(tmp_path / "nowhere", TRUST)
    assert verify_export(tmp_path, TRUST).faults == (Fault("checkpoint", "is missing"),)


def test_no_fault_tells_what_an_entry_says(exports: dict[int, Path], tmp_path: Path) -> None:
    shutil.copytree(exports[20], tmp_path / "copy")
    path = tmp_path / "copy/tile/entries/000.p/20"
    path.write_bytes(path.read_bytes().replace(b'"number":5', b'"secret":5'))
    (fault,) = verify_export(tmp_path / "copy", TRUST).faults
    assert fault.place == "entry 5"
    assert "secret" not in fault.what


def test_memory_does_not_grow_with_the_log(exports: dict[int, Path], tmp_path: Path) -> None:
    peaks = []
    for size in (300, 66_000):
        log = log_of(size)
        tracemalloc.start()
        export(log, tmp_path / str(size), KEYS)
        assert verify_export(tmp_path / str(size), TRUST).clean
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 300_000
