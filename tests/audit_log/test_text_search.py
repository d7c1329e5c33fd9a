"""Text search finds what is said in the clear, nothing that is sealed, and can be thrown away."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_files import DATABASE
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.entry import new_event
from assay.audit_log.interface import EventQuery
from assay.audit_log.lifecycle.archive import archive
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from assay.audit_log.sealing import sealed, token
from assay.audit_log.text_search import TEXT_INDEX, TEXT_LOCK, remove_text_index, search
from assay.crypto.aead import DataKey
from assay.errors import BadSearch, NotWritable
from assay.vocabulary import Event, Json, Target, TargetKind
from tests.audit_log.lifecycle.logs import KEY, ORIGIN, OTHER_SIGNER, SIGNER, access_to, fill

VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
TOKEN_KEY = b"\x05" * 32
SUBJECT = "subject:" + "0" * 32


class OneKey:
    """Every subject has this key."""

    def key_for(self, subject: str, *, create: bool = False) -> DataKey:
        return DataKey(b"\x09" * 32)


def event(number: int, action: str, detail: Mapping[str, Json] | None = None) -> Event:
    return new_event(
        "note",
        occurred_at=MONDAY + timedelta(minutes=number),
        actor="actor:a",
        action=action,
        target=Target(TargetKind.SYSTEM, "clinic"),
        detail=detail,
        event_id=f"00000000-0000-4000-8000-{number:012}",
    )


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text") / "log"
    searchable = sealed(
        event(4, "send a letter"),
        {"mail": (SUBJECT, "zenobia@example.org")},
        OneKey(),
        searchable=["mail"],
        token_key=TOKEN_KEY,
    )
    events = [
        event(0, "open the cabinet"),
        event(1, "close the Cabinet", {"room": "Zürich", "beds": 42}),
        event(2, "read rows", {"inner": {"list": ["alpha", {"deep": "omega point"}], "no": True}}),
        event(3, "read rows", {"address": "192.0.2.17", "share": 0.25}),
        searchable,
        event(5, "open the window", {"cites": []}),
    ]
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep(events)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "log"))


def found(folder: Path, text: str, limit: int = 100, before: int | None = None) -> list[int]:
    with SqliteLogReader(folder, VERIFIER) as reader:
        return search(reader, folder, text, limit, before)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cabinet", [1, 0]),
        ("CABINET close", [1]),
        ("zurich", [1]),
        ("42", [1]),
        ("omega", [2]),
        ('"omega point"', [2]),
        ('"point omega"', []),
        ("alph*", [2]),
        ('"192.0.2.17"', [3]),
        ("open NOT window", [0]),
        ("window OR alpha", [5, 2]),
        ("read", [3, 2]),
        ("true", []),
        ("nowhere", []),
    ],
)
def test_what_is_said_in_the_clear_is_found(folder: Path, text: str, expected: list[int]) -> None:
    assert found(folder, text) == expected


def test_pages_go_back_from_the_newest(folder: Path) -> None:
    assert found(folder, "open OR read OR close", limit=2) == [5, 3]
    assert found(folder, "open OR read OR close", limit=2, before=3) == [2, 1]
    assert found(folder, "open OR read OR close", limit=2, before=1) == [0]


def test_sealed_fields_are_found_by_their_exact_token_only(folder: Path) -> None:
    exact = token(TOKEN_KEY, "mail", "zenobia@example.org")
    assert found(folder, exact) == [4]
    assert found(folder, "letter") == [4]
    for text in ("zenobia", "mail", "token", exact[6:], f"{exact[6:20]}*", "sealed", SUBJECT[8:]):
        assert found(folder, text) == []
    assert found(folder, token(TOKEN_KEY, "mail", "other@example.org")) == []


def test_the_projection_keeps_no_sealed_bytes_and_only_its_owner_reads_it(folder: Path) -> None:
    found(folder, "letter")
    path = folder / TEXT_INDEX
    assert path.stat().st_mode & 0o777 == 0o600
    data = b"".join(each.read_bytes() for each in folder.glob(f"{TEXT_INDEX}*"))
    assert b"cabinet" in data
    assert b"zenobia" not in data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        '"',
        "(",
        "a AND",
        "dataset:patients",
        "a-b",
        "*",
        "a\x00b",
        "x" * 1_001,
        "said : a (",
    ],
)
def test_words_that_are_not_understood_are_a_named_error_without_the_words(
    folder: Path, text: str
) -> None:
    with pytest.raises(BadSearch) as raised:
        found(folder, text)
    assert raised.value.next_step
    if len(text) > 3:
        assert text not in str(raised.value)


def test_it_is_filled_from_where_it_ended(folder: Path) -> None:
    told: list[tuple[int, int]] = []
    with SqliteLogReader(folder, VERIFIER) as reader:
        search(reader, folder, "open", 10, progress=lambda n, total: told.append((n, total)))
        search(reader, folder, "open", 10, progress=lambda n, total: told.append((n, total)))
    assert told == [(6, 6)]
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep([event(6, "open the gate")])
    with SqliteLogReader(folder, VERIFIER) as reader:
        search(reader, folder, "open", 10, progress=lambda n, total: told.append((n, total)))
    assert told == [(6, 6), (7, 7)]
    assert found(folder, "open") == [6, 5, 0]


def test_it_can_be_deleted_damaged_or_old_and_is_made_again(folder: Path) -> None:
    path = folder / TEXT_INDEX
    expected = found(folder, "open")
    remove_text_index(folder)
    assert not list(folder.glob(f"{TEXT_INDEX}*"))
    assert found(folder, "open") == expected
    path.write_bytes(b"this is no database" * 1_000)
    assert found(folder, "open") == expected
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert found(folder, "open") == expected
    shutil.copy(folder / DATABASE, path)
    assert found(folder, "open") == expected


def test_the_projection_of_another_log_is_not_believed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with open_sqlite_log(other, OTHER_SIGNER) as log:
        log.keep([event(n, "open elsewhere") for n in range(20)])
    with SqliteLogReader(other, OTHER_SIGNER.verifier) as reader:
        assert len(search(reader, other, "elsewhere", 50)) == 20
    shutil.copy(other / TEXT_INDEX, folder / TEXT_INDEX)
    assert found(folder, "elsewhere") == []
    assert found(folder, "open") == [5, 0]


def test_a_log_that_was_restored_and_went_on_otherwise_is_searched_anew(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "kept")
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep([event(6, "first history")])
    assert found(folder, "history") == [6]
    text = (folder / TEXT_INDEX).read_bytes()
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "kept", folder)
    (folder / TEXT_INDEX).write_bytes(text)
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep([event(7, "second history"), event(8, "third")])
    assert found(folder, "history") == [6]
    assert found(folder, "first") == []


def test_archived_entries_are_not_found_and_their_words_are_gone(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    fill(folder, 600)
    assert found(folder, "number7") == [7]
    archive(access_to(folder), tmp_path / "cold")
    assert not list(folder.glob(f"{TEXT_INDEX}*"))
    assert found(folder, "number7") == []
    assert found(folder, "number599") == [599]


def test_two_searches_at_once_fill_it_once(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    fill(folder, 6_000)
    results: list[list[int]] = []

    def one() -> None:
        results.append(found(folder, "write", limit=10_000))

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[*range(5_999, -1, -1)]] * 3


def test_a_folder_that_cannot_be_written_is_a_named_error(folder: Path) -> None:
    (folder / TEXT_LOCK).mkdir()
    with pytest.raises(NotWritable, match=TEXT_LOCK):
        found(folder, "open")


def test_the_index_of_events_is_left_alone(folder: Path) -> None:
    found(folder, "open")
    with SqliteLogReader(folder, VERIFIER) as reader:
        assert reader.count(EventQuery()) == 6
