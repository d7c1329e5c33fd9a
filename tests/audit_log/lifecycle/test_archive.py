"""What archiving owes: nothing is lost, old proofs hold, a volume verifies with public keys alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from assay.audit_log.backends.sqlite_archive import drop_entries
from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import INDEX
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.interface import EventQuery
from assay.audit_log.lifecycle.archive import archive
from assay.audit_log.lifecycle.verify_archive import verify_archive, verify_volume
from assay.audit_log.lifecycle.volume import Volume, archived_volume
from assay.audit_log.lifecycle.volume_files import (
    MANIFEST,
    bundle_path,
    packed,
    read_manifest,
    unpacked,
)
from assay.audit_log.merkle import consistency_holds, inclusion_holds, leaf_hash, leaf_hashes
from assay.audit_log.opening import LogPlace, open_sqlite_log, reindex_log
from assay.audit_log.proofs import consistency_proof, inclusion_proof
from assay.audit_log.query import read_events
from assay.audit_log.tiles import encode_bundle
from assay.audit_log.tiles_folder import export
from assay.audit_log.tlog_proof import prove, verify_bundle
from assay.audit_log.trust import Trust
from assay.errors import LogBusy, LogDamaged, LogError, NotAnArchive
from tests.audit_log.lifecycle.logs import (
    EARLY,
    KEYS,
    LATE,
    MONDAY,
    OTHER_SIGNER,
    OTHER_TRUST,
    SHARED,
    SIGNER,
    TRUST,
    VERIFIER,
    access_to,
    event,
    fill,
)

SIZE = 1_400
END = 1_280


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled") / "log"
    fill(folder, SIZE)
    return folder


@pytest.fixture
def log(filled: Path, tmp_path: Path) -> Path:
    """A log of 1,400 entries."""
    return Path(shutil.copytree(filled, tmp_path / "log"))


@pytest.fixture(scope="module")
def whole(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A log and its archive, as one run left them."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(filled, folder / "log")
    assert archive(access_to(folder / "log"), folder / "cold", keep=100) is not None
    return folder / "log", folder / "cold"


@pytest.fixture
def archived(whole: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A copy of them."""
    shutil.copytree(whole[0], tmp_path / "log")
    shutil.copytree(whole[1], tmp_path / "cold")
    return tmp_path / "log", tmp_path / "cold"


def expect_whole(log: Path, cold: Path) -> None:
    """The log is clean, the archive too, and every one of the entries is in one of them."""
    seen = verify(log, VERIFIER)
    assert seen.faults == ()
    with SqliteLogReader(log, VERIFIER) as reader:
        minimum = reader.minimum_index
        here = dict(reader.entries(minimum, reader.size))
    for volume in verify_archive(cold, TRUST) if minimum else []:
        assert volume.seen.faults == ()
    for number in range(SIZE):
        data = here[number] if number >= minimum else archived_volume(cold, number).entry(number)
        assert b"number%d" % number in data


def test_nine_tenths_are_archived_and_everything_verifies(archived: tuple[Path, Path]) -> None:
    log, cold = archived
    expect_whole(log, cold)
    with SqliteLogReader(log, VERIFIER) as reader:
        assert (reader.minimum_index, reader.size) == (END, SIZE + 1)
        recorded = next(read_events(reader, EventQuery(type="log_archived")))[1]
    manifest = read_manifest(cold / f"{0:012}")
    assert recorded.detail["count"] == recorded.detail["minimum"] == END
    assert recorded.detail["tree_size"] == manifest.size == SIZE
    (seen,) = verify_archive(cold, Trust(TRUST.log_keys))
    assert (seen.first, seen.end, seen.seen.size, seen.seen.cited) == (0, END, END, 2)


def test_old_proofs_and_old_checkpoints_hold_offline(
    archived: tuple[Path, Path], filled: Path
) -> None:
    with SqliteLogReader(filled, VERIFIER) as before:
        old = [open_checkpoint(note, VERIFIER) for note in before.notes()]
        proofs = {n: prove(before, old[-1], n) for n in (0, 3, 255, 256, 1279, 1280, 1399)}
        entries = {n: before.entry(n) for n in proofs}
    log, cold = archived
    with SqliteLogReader(log, VERIFIER) as reader:
        newest = reader.newest_checkpoint()
        assert newest is not None
        for each in old:
            shown = consistency_proof(reader, each.size, newest.size)
            assert consistency_holds(each.size, each.root, newest.size, newest.root, shown)
        for number, proof in proofs.items():
            verify_bundle(str(proof), entries[number], TRUST)
            hashes = inclusion_proof(reader, number, newest.size)
            leaf = leaf_hash(entries[number])
            assert inclusion_holds(leaf, number, newest.size, hashes, newest.root)
            if number < END:
                mine = archived_volume(cold, number).proof(number)
                assert mine == proof


def test_the_log_says_where_an_archived_entry_is_and_queries_only_what_is_here(
    archived: tuple[Path, Path],
) -> None:
    log, _ = archived
    with SqliteLogReader(log, VERIFIER) as reader:
        with pytest.raises(LogError, match=r"Entry 7 of the log .* archived"):
            reader.entry(7)
        found = [index for index, _ in reader.query(EventQuery(limit=5_000))]
        assert sorted(found) == [*range(END, SIZE + 1)]
        assert reader.count(EventQuery(type="note")) == SIZE - END


def test_cited_bytes_move_with_the_last_entry_that_cites_them(archived: tuple[Path, Path]) -> None:
    log, cold = archived
    with SqliteLogReader(log, VERIFIER) as reader:
        assert reader.cited_bytes(SHARED.digest) == SHARED.data
        assert reader.cited_bytes(LATE.digest) == LATE.data
        with pytest.raises(LogError, match="does not keep"):
            reader.cited_bytes(EARLY.digest)
    volume = Volume(cold / f"{0:012}")
    assert volume.cited_bytes(EARLY.digest) == EARLY.data
    assert volume.cited_bytes(SHARED.digest) == SHARED.data


def test_what_was_dropped_is_not_in_the_file_any_more(archived: tuple[Path, Path]) -> None:
    log, _ = archived
    data = b"".join(path.read_bytes() for path in log.iterdir())
    assert b"write number1399" in data
    assert b"write number7\x22" not in data
    assert EARLY.data not in data


def test_the_log_goes_on_and_a_second_volume_follows_the_first(
    archived: tuple[Path, Path],
) -> None:
    log, cold = archived
    with open_sqlite_log(log, SIGNER) as opened:
        assert opened.keep([event(5), event(SIZE)]) == (5, SIZE + 1)
        opened.keep([event(n) for n in range(SIZE + 1, SIZE + 900)])
    done = archive(access_to(log), cold, keep=10)
    assert done is not None
    assert (done.first, done.end) == (END, 2_048)
    assert verify(log, VERIFIER).clean
    assert [(v.first, v.end) for v in verify_archive(cold, TRUST)] == [(0, END), (END, 2_048)]
    expect_whole(log, cold)
    assert archive(access_to(log), cold, keep=500) is None


def test_reindexing_an_archived_log_begins_at_its_minimum(archived: tuple[Path, Path]) -> None:
    log, _ = archived
    (log / INDEX).unlink()
    reindex_log(LogPlace(log), VERIFIER)
    assert verify(log, VERIFIER).faults == ()


def test_an_export_of_an_archived_log_is_refused(
    archived: tuple[Path, Path], tmp_path: Path
) -> None:
    with (
        SqliteLogReader(archived[0], VERIFIER) as reader,
        pytest.raises(LogError, match="missing"),
    ):
        export(reader, tmp_path / "export", KEYS)


def test_before_stops_at_the_first_that_is_not(log: Path, tmp_path: Path) -> None:
    moment = MONDAY + timedelta(minutes=600)
    done = archive(access_to(log), tmp_path / "cold", before=moment)
    assert done is not None
    assert done.end == 512
    assert archive(access_to(log), tmp_path / "cold", before=moment) is None


@pytest.mark.parametrize("keep", [SIZE - 255, SIZE, 10 * SIZE])
def test_less_than_a_bundle_is_not_archived(log: Path, tmp_path: Path, keep: int) -> None:
    assert archive(access_to(log), tmp_path / "cold", keep=keep) is None
    with SqliteLogReader(log, VERIFIER) as reader:
        assert reader.size == SIZE


# What can go wrong.


class _CutError(Exception):
    pass


def _cut_after(step: int) -> Iterator[None]:
    """Fails at the given step."""
    for _ in range(step):
        yield
    raise _CutError


@pytest.mark.parametrize("step", range(14))
def test_a_run_that_is_cut_off_anywhere_is_run_again(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    steps, cold = _cut_after(step), tmp_path / "cold"
    rename = Path.replace

    def counted(self: Path, target: Path) -> Path:
        next(steps)
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", counted)
    with pytest.raises((_CutError, LogError)):
        archive(access_to(log), cold, keep=100)
    monkeypatch.undo()
    expect_whole(log, cold)
    archive(access_to(log), cold, keep=100)
    expect_whole(log, cold)
    with SqliteLogReader(log, VERIFIER) as reader:
        assert reader.minimum_index == END


def test_what_a_longer_run_left_unfinished_is_removed_and_nothing_else_is(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = tmp_path / "cold"

    def refuse(*_: object) -> None:
        raise _CutError

    monkeypatch.setattr("assay.audit_log.lifecycle.archive.put_manifest", refuse)
    with pytest.raises(_CutError):
        archive(access_to(log), cold, keep=100)
    monkeypatch.undo()
    (cold / f"{0:012}" / "mine.txt").write_text("mine")
    with pytest.raises(NotAnArchive, match=r"else than an unfinished volume: 'mine\.txt'"):
        archive(access_to(log), cold, keep=1_000)
    (cold / f"{0:012}" / "mine.txt").unlink()
    done = archive(access_to(log), cold, keep=1_000)
    assert done is not None
    assert done.end == 256
    expect_whole(log, cold)


def test_a_finished_volume_whose_entries_are_still_here_is_dropped(
    log: Path, tmp_path: Path
) -> None:
    access, cold = access_to(log), tmp_path / "cold"

    def refuse(*_: object) -> None:
        raise _CutError

    cut = replace(access, drop=refuse)
    with pytest.raises(_CutError):
        archive(cut, cold, keep=100)
    with SqliteLogReader(log, VERIFIER) as reader:
        assert (reader.minimum_index, reader.size) == (0, SIZE + 1)
    done = archive(access, cold, keep=1_300)
    assert done is not None
    assert done.end == END
    with SqliteLogReader(log, VERIFIER) as reader:
        assert reader.size == SIZE + 1
    expect_whole(log, cold)


def test_a_finished_volume_of_which_the_log_has_lost_the_beginning_is_dropped(
    log: Path, tmp_path: Path
) -> None:
    access, cold = access_to(log), tmp_path / "cold"

    def refuse(*_: object) -> None:
        raise _CutError

    with pytest.raises(_CutError):
        archive(replace(access, drop=refuse), cold, keep=100)
    drop_entries(log, 512)
    done = archive(access, cold, keep=100)
    assert done is not None
    assert (done.first, done.end, done.dropped.entries) == (0, END, END - 512)
    expect_whole(log, cold)


def test_a_volume_that_was_damaged_before_the_drop_keeps_the_entries_in_the_log(
    log: Path, tmp_path: Path
) -> None:
    cold = tmp_path / "cold"

    def damage(*_: object) -> None:
        path = cold / f"{0:012}" / "tile" / "0" / "002"
        path.write_bytes(path.read_bytes()[::-1])
        raise _CutError

    access = access_to(log)
    with pytest.raises(_CutError):
        archive(replace(access, drop=damage), cold, keep=100)
    with pytest.raises(LogDamaged, match="does not verify: tile 0/002"):
        archive(access, cold, keep=100)
    with SqliteLogReader(log, VERIFIER) as reader:
        assert reader.minimum_index == 0


def test_other_hashes_elsewhere_drop_nothing(log: Path) -> None:
    with pytest.raises(LogDamaged, match="other entries 0 to 255"):
        drop_entries(log, 256, lambda _: b"\x00" * 8192)
    with SqliteLogReader(log, VERIFIER) as reader:
        assert reader.minimum_index == 0
        assert len(list(reader.entries(0, SIZE))) == SIZE
    assert verify(log, VERIFIER).evidence_intact


@pytest.mark.parametrize("end", [100, 1_536, 12_800])
def test_only_whole_published_bundles_are_dropped(log: Path, end: int) -> None:
    with pytest.raises(LogError, match="cannot be dropped"):
        drop_entries(log, end)
    assert verify(log, VERIFIER).clean


def test_a_writer_keeps_the_drop_out(log: Path, tmp_path: Path) -> None:
    with open_sqlite_log(log, SIGNER), pytest.raises(LogBusy, match="process"):
        drop_entries(log, 256)
    assert verify(log, VERIFIER).clean


def test_another_logs_archive_is_refused(archived: tuple[Path, Path], tmp_path: Path) -> None:
    other = tmp_path / "other"
    fill(other, 600, OTHER_SIGNER)
    with pytest.raises(NotAnArchive, match="another log"):
        archive(access_to(other, OTHER_SIGNER, OTHER_TRUST.log_keys), archived[1])


def test_a_folder_with_something_else_is_refused(log: Path, tmp_path: Path) -> None:
    (tmp_path / "cold").mkdir()
    (tmp_path / "cold" / "notes.txt").write_text("mine")
    with pytest.raises(NotAnArchive, match=r"something else than an archive: 'notes\.txt'"):
        archive(access_to(log), tmp_path / "cold", keep=100)
    with pytest.raises(NotAnArchive, match="no volume"):
        verify_archive(tmp_path / "cold", TRUST)


def test_an_empty_log_has_nothing_to_archive(tmp_path: Path) -> None:
    open_sqlite_log(tmp_path / "log", SIGNER).close()
    with pytest.raises(LogError, match="nothing to archive"):
        archive(access_to(tmp_path / "log"), tmp_path / "cold")


# A volume that somebody changed.


def test_every_byte_of_the_small_files_and_many_of_the_others_count(
    archived: tuple[Path, Path],
) -> None:
    volume, random = archived[1] / f"{0:012}", Random(3)  # noqa: S311 - which bytes
    for path in sorted(path for path in volume.rglob("*") if path.is_file()):
        good = path.read_bytes()
        for at in random.sample(range(len(good)), min(12, len(good))):
            flipped = good[at] ^ 1 << random.randrange(8)
            path.write_bytes(good[:at] + bytes([flipped]) + good[at + 1 :])
            if not verify_volume(volume, TRUST).seen.faults:
                # Only the unused bits at the end of a compressed stream say nothing.
                assert path.suffix == ".gz"
                assert unpacked(path.read_bytes(), 1 << 24) == unpacked(good, 1 << 24)
        path.write_bytes(good)
    assert verify_volume(volume, TRUST).seen.clean


@pytest.mark.parametrize(
    ("place", "fault", "what"),
    [
        ("archive.json", "archive.json", "is missing"),
        ("tile/0/001", "tile 0/001", "is missing"),
        ("tile/entries/003.gz", "entry bundle 3", "is missing"),
        (f"cited/sha256/{EARLY.digest[7:]}.gz", f"cited {EARLY.digest}", "is missing"),
    ],
)
def test_what_is_missing_is_named(
    archived: tuple[Path, Path], place: str, fault: str, what: str
) -> None:
    volume = archived[1] / f"{0:012}"
    (volume / place).unlink()
    first = verify_volume(volume, TRUST).seen.faults[0]
    assert (first.place, first.what) == (fault, what)


def test_one_changed_entry_is_named(archived: tuple[Path, Path]) -> None:
    volume = archived[1] / f"{0:012}"
    entries = Volume(volume).bundle(2)
    entries[5] = entries[5].replace(b"number517", b"number999")
    (volume / bundle_path(2)).write_bytes(packed(encode_bundle(entries)))
    seen = verify_volume(volume, TRUST).seen
    assert [fault.place for fault in seen.faults] == ["entry 517"]


def test_entries_rewritten_together_with_their_hashes_are_caught(
    archived: tuple[Path, Path],
) -> None:
    volume = archived[1] / f"{0:012}"
    entries = Volume(volume).bundle(2)
    entries[5] = entries[5].replace(b"number517", b"number999")
    (volume / bundle_path(2)).write_bytes(packed(encode_bundle(entries)))
    (volume / "tile" / "0" / "002").write_bytes(b"".join(leaf_hashes(entries)))
    seen = verify_volume(volume, TRUST).seen
    assert seen.newest is None
    assert "its root is not that of the archived entries" in seen.faults[-1].what


def test_two_changed_bundles_and_a_tile_are_told_apart(archived: tuple[Path, Path]) -> None:
    volume = archived[1] / f"{0:012}"
    for bundle in (1, 3):
        entries = Volume(volume).bundle(bundle)
        entries[0] = entries[0].replace(b"write", b"wrote")
        (volume / bundle_path(bundle)).write_bytes(packed(encode_bundle(entries)))
    tile = volume / "tile" / "0" / "004"
    tile.write_bytes(tile.read_bytes()[::-1])
    places = [fault.place for fault in verify_volume(volume, TRUST).seen.faults]
    assert places == ["entry 256", "entry 768", "tile 0/004"]


def test_a_stranger_a_link_and_a_wrong_key_are_faults(archived: tuple[Path, Path]) -> None:
    volume = archived[1] / f"{0:012}"
    (volume / "notes.txt").write_text("mine")
    (volume / "tile" / "entries" / "link.gz").symlink_to(volume / "notes.txt")
    places = [fault.place for fault in verify_volume(volume, TRUST).seen.faults]
    assert places == ["file 'notes.txt'", "file 'tile/entries/link.gz'"]
    seen = verify_volume(volume, OTHER_TRUST).seen
    assert "No key that is known here" in seen.faults[0].what


def test_a_bundle_that_grows_without_end_is_not_read_to_it(archived: tuple[Path, Path]) -> None:
    volume = archived[1] / f"{0:012}"
    (volume / bundle_path(0)).write_bytes(packed(b"\x00" * (20 << 20)))
    first = verify_volume(volume, TRUST).seen.faults[0]
    assert (first.place, first.what) == ("entry bundle 0", "holds more than 16777472 bytes")


@pytest.mark.parametrize(
    "change",
    [
        (b'"end":1280', b'"end":1024'),
        (b'"end":1280', b'"end":1281'),
        (b'"first":0', b'"first":256'),
        (b'"removed":[]', b'"removed":[[0,1]]'),
        (b'"removed":[]', b'"removed":[[512,256]]'),
        (b'"removed":[]', b'"removed":[[1280,1536]]'),
        (b'"v":1', b'"v":2'),
        (b'"removed":[]', b'"removed":["x"]'),
        (b'"first":0', b'"first":true'),
        (b"{", b" {"),
        (b"}\n", b"}"),
        (b'"known":[[', b'"known":[['),
    ],
)
def test_a_manifest_that_says_something_else_is_refused(
    archived: tuple[Path, Path], change: tuple[bytes, bytes]
) -> None:
    path = archived[1] / f"{0:012}" / MANIFEST
    old = path.read_bytes()
    assert change[0] in old
    new = old.replace(*change)
    path.write_bytes(new if new != old else old.replace(b'"known":[[', b'"known":[[1,'))
    with pytest.raises(NotAnArchive):
        read_manifest(path.parent)
    assert not verify_volume(path.parent, TRUST).seen.clean


def test_a_bundle_hidden_as_removed_is_still_seen(archived: tuple[Path, Path]) -> None:
    path = archived[1] / f"{0:012}" / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"removed":[]', b'"removed":[[0,256]]'))
    (seen,) = verify_archive(archived[1], TRUST)
    assert seen.removed == 256
    assert any("is still here" in fault.what for fault in seen.seen.faults)
