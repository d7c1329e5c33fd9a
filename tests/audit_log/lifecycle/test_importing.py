"""Entries of another log come in with their origin and proof, once, and only if they verify."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.interface import EventQuery
from assay.audit_log.lifecycle.archive import archive
from assay.audit_log.lifecycle.foreign import open_bundle
from assay.audit_log.lifecycle.importing import (
    CHECKPOINT_TYPE,
    ENTRY_TYPE,
    PROOF_TYPE,
    Imported,
    import_entries,
)
from assay.audit_log.log import AuditLog
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.query import read_events
from assay.audit_log.tiles_folder import export
from assay.audit_log.tlog_proof import prove, verify_bundle
from assay.audit_log.trust import Trust
from assay.errors import AssayError, BadInput, NotImported, UnreadableFile
from assay.vocabulary import Exhibit
from tests.audit_log.in_memory import TRUST as MEMORY_TRUST
from tests.audit_log.in_memory import log_of
from tests.audit_log.lifecycle.logs import (
    EARLY,
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

SIZE = 300
ORIGIN = OTHER_TRUST.origin
KEY = OTHER_TRUST.log_keys[0]


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the other machine hands over: an export, an archive and a proof."""
    folder = tmp_path_factory.mktemp("other")
    fill(folder / "log", SIZE, OTHER_SIGNER)
    with SqliteLogReader(folder / "log", KEY) as log:
        export(log, folder / "export", OTHER_TRUST.log_keys)
        checkpoint = log.newest_checkpoint()
        assert checkpoint is not None
        (folder / "3.tlog-proof").write_text(str(prove(log, checkpoint, 3)))
        (folder / "3.entry").write_bytes(log.entry(3))
    shelved = shutil.copytree(folder / "log", folder / "shelved")
    archive(access_to(Path(shelved), OTHER_SIGNER, OTHER_TRUST.log_keys), folder / "archive")
    return folder


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """This machine's log: ten entries."""
    fill(tmp_path / "mine", 10)
    return tmp_path / "mine"


def take(
    log: AuditLog, bundle: Path, trust: Trust = OTHER_TRUST, limit: int | None = None
) -> Imported:
    found = open_bundle(bundle, trust)
    return import_entries(log, found, trust.origin, actor="actor:me", at=MONDAY, limit=limit)


@pytest.mark.parametrize(
    ("bundle", "count", "brought"),
    [("export", SIZE, 2), ("archive", 256, 2), ("3.tlog-proof", 1, 0)],
)
def test_each_form_comes_in_with_origin_and_proof(
    bundles: Path, mine: Path, bundle: str, count: int, brought: int
) -> None:
    with open_sqlite_log(mine, SIGNER) as log:
        done = take(log, bundles / bundle)
    assert (done.taken, done.known, done.remaining) == (count, 0, False)
    assert done.not_brought == (2 - brought)
    assert verify(mine, VERIFIER).faults == ()
    with SqliteLogReader(mine, VERIFIER) as log, SqliteLogReader(bundles / "log", KEY) as other:
        wanted = EventQuery(type="log_imported", target=f"system:{ORIGIN}", limit=1_000)
        found = {e.detail["index"]: e for _, e in read_events(log, wanted)}
        assert len(found) == count
        taken = found[3]
        by_type = {c["media_type"]: c["digest"] for c in taken.detail["cites"]}  # type: ignore[index,union-attr,call-overload]
        data = log.cited_bytes(by_type[ENTRY_TYPE])
        assert data == other.entry(3)
        proof = log.cited_bytes(by_type[PROOF_TYPE]) + log.cited_bytes(by_type[CHECKPOINT_TYPE])
        verify_bundle(proof.decode(), data, OTHER_TRUST)
        if brought:
            assert log.cited_bytes(EARLY.digest) == EARLY.data


def test_importing_again_takes_nothing_and_more_takes_what_is_new(
    bundles: Path, mine: Path, tmp_path: Path
) -> None:
    shutil.copytree(bundles / "log", tmp_path / "other")
    with open_sqlite_log(mine, SIGNER) as log:
        take(log, bundles / "export")
        again = take(log, bundles / "export")
        assert (again.taken, again.known) == (0, SIZE)
        with open_sqlite_log(tmp_path / "other", OTHER_SIGNER) as other:
            other.keep([event(n) for n in range(SIZE, SIZE + 20)])
            export(other.reader, tmp_path / "export", OTHER_TRUST.log_keys)
        more = take(log, tmp_path / "export")
        assert log.size == 10 + more.taken + SIZE
    assert verify(mine, VERIFIER).faults == ()


def test_a_limit_is_kept_and_the_next_runs_go_on(bundles: Path, mine: Path) -> None:
    with open_sqlite_log(mine, SIGNER) as log:
        runs = [take(log, bundles / "export", limit=130) for _ in range(4)]
    assert [run.taken for run in runs] == [130, 130, 40, 0]
    assert [run.remaining for run in runs] == [True, True, False, False]
    assert verify(mine, VERIFIER).faults == ()


def test_bytes_that_are_kept_already_stay_under_their_media_type(bundles: Path, mine: Path) -> None:
    same = Exhibit(SHARED.digest, "application/x-mine", SHARED.data)
    with open_sqlite_log(mine, SIGNER) as log:
        log.keep([event(50, "note", None, same)], [same])
        take(log, bundles / "export")
        assert log.reader.media_type(SHARED.digest) == "application/x-mine"
    assert verify(mine, VERIFIER).faults == ()


def _expect_refused(mine: Path, bundle: Path, trust: Trust, error: type[AssayError]) -> AssayError:
    with open_sqlite_log(mine, SIGNER) as log, pytest.raises(error) as raised:
        take(log, bundle, trust)
    with SqliteLogReader(mine, VERIFIER) as reader:
        assert reader.size == 10
    assert verify(mine, VERIFIER).clean
    return raised.value


@pytest.mark.parametrize("bundle", ["export", "archive", "3.tlog-proof"])
def test_a_wrong_key_brings_nothing(bundles: Path, mine: Path, bundle: str) -> None:
    _expect_refused(mine, bundles / bundle, MEMORY_TRUST, NotImported)


@pytest.mark.parametrize(
    "place",
    [
        "export/tile/entries/000",
        "export/tile/0/000",
        "export/checkpoint",
        f"export/cited/sha256/{LATE.digest[7:]}",
        "archive/000000000000/tile/entries/000.gz",
        "archive/000000000000/archive.json",
        f"archive/000000000000/cited/sha256/{EARLY.digest[7:]}.gz",
        "3.entry",
        "3.tlog-proof",
    ],
)
def test_an_altered_bundle_brings_nothing(
    bundles: Path, mine: Path, tmp_path: Path, place: str
) -> None:
    shutil.copytree(bundles, tmp_path / "b")
    path = tmp_path / "b" / place
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :])
    bundle = tmp_path / "b" / place.partition("/")[0]
    _expect_refused(
        mine,
        bundle.with_suffix(".tlog-proof") if bundle.is_file() else bundle,
        OTHER_TRUST,
        NotImported,
    )


def test_signed_entries_that_are_no_events_bring_nothing(mine: Path, tmp_path: Path) -> None:
    export(log_of(300), tmp_path / "export", MEMORY_TRUST.log_keys)
    with (
        open_sqlite_log(tmp_path / "to", OTHER_SIGNER) as log,
        pytest.raises(NotImported, match="no event"),
    ):
        take(log, tmp_path / "export", MEMORY_TRUST)


def test_a_logs_own_entries_are_refused(mine: Path, tmp_path: Path) -> None:
    with SqliteLogReader(mine, VERIFIER) as reader:
        export(reader, tmp_path / "export", TRUST.log_keys)
    assert "this very log" in str(_expect_refused(mine, tmp_path / "export", TRUST, BadInput))


@pytest.mark.parametrize("bundle", ["nothing", "log", "4.tlog-proof"])
def test_what_is_no_bundle_is_refused(bundles: Path, mine: Path, bundle: str) -> None:
    _expect_refused(mine, bundles / bundle, OTHER_TRUST, UnreadableFile)


def test_a_bundle_that_changes_while_it_is_read_gives_nothing_unproven(
    bundles: Path, mine: Path, tmp_path: Path
) -> None:
    shutil.copytree(bundles / "export", tmp_path / "export")
    found = open_bundle(tmp_path / "export", OTHER_TRUST)
    path = tmp_path / "export" / "tile" / "entries" / "000"
    path.write_bytes(path.read_bytes().replace(b"number17\x22", b"number18\x22"))
    with (
        open_sqlite_log(mine, SIGNER) as log,
        pytest.raises(NotImported, match="entry 17 does not"),
    ):
        import_entries(log, found, ORIGIN, actor="actor:me", at=MONDAY)
    assert verify(mine, VERIFIER).faults == ()
