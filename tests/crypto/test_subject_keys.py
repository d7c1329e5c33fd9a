"""One key per subject: durable before it is used, gone when it is destroyed, never shown."""

from __future__ import annotations

import copy
import os
import pickle
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import apsw
import pytest

from assay.crypto.aead import DataKey
from assay.crypto.key_encryption import KeyEncryptionKey
from assay.crypto.pseudonym import pseudonym
from assay.crypto.subject_keys import SubjectKeys, Tombstone, new_subject
from assay.errors import (
    BadInput,
    DiskFull,
    KeyDestroyed,
    KeyMissing,
    KeyStoreError,
    Tampered,
    Truncated,
    WrongKey,
)
from tests.crypto.scenes import EVA, KEK, MIA, NOON, TOM, shown, store

OTHER_KEK = KeyEncryptionKey(bytes(32))
TOM_ID = bytes.fromhex(TOM.removeprefix("subject:"))


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[SubjectKeys]:
    with store(tmp_path) as opened:
        yield opened


def same(one: DataKey, other: DataKey) -> bool:
    return one.commitment() == other.commitment()


def on_disk(folder: Path) -> bytes:
    """Every byte of every file in the folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


# Making and finding


def test_a_subject_keeps_its_key(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        made = keys.key_for(MIA, create=True)
        assert same(made, keys.key_for(MIA, create=True))
    with store(tmp_path) as keys:
        assert same(made, keys.key_for(MIA))


def test_subjects_have_keys_of_their_own(keys: SubjectKeys) -> None:
    made = {keys.key_for(new_subject(), create=True).commitment() for _ in range(50)}
    assert len(made) == len(keys) == 50


def test_a_keyed_pseudonym_is_a_subject(keys: SubjectKeys) -> None:
    assert keys.key_for(pseudonym(bytes(32), "subject", "patient 7"), create=True)


def test_a_key_is_durable_before_it_is_handed_out(tmp_path: Path) -> None:
    """What a power cut leaves is what another connection sees."""
    with store(tmp_path) as keys, store(tmp_path) as other:
        assert same(keys.key_for(MIA, create=True), other.key_for(MIA))


def test_many_keys_are_made_at_once(keys: SubjectKeys) -> None:
    assert keys.ensure([MIA, TOM, MIA]) == 2
    before = keys.key_for(MIA)
    assert keys.ensure([MIA, TOM, EVA]) == 1
    assert same(before, keys.key_for(MIA))


def test_no_key_is_made_unless_asked_for(keys: SubjectKeys) -> None:
    with pytest.raises(KeyMissing, match=MIA):
        keys.key_for(MIA)
    assert len(keys) == 0


@pytest.mark.parametrize(
    "subject",
    ["", "Mia Muster", "mia@example.com", "subject:", MIA[:-1], MIA + "a", MIA.upper(), MIA + "\n"],
)
def test_what_is_no_pseudonym_is_refused_unrepeated(keys: SubjectKeys, subject: str) -> None:
    for call in (keys.key_for, keys.destroy, keys.renew, keys.forget):
        with pytest.raises(BadInput, match="32 hexadecimal") as caught:
            call(subject)
        assert "ia" not in str(caught.value).replace("hexadecimal", "")
    with pytest.raises(BadInput):
        keys.ensure([MIA, subject])
    assert len(keys) == 0


# Destroying


def test_a_destroyed_key_is_gone_for_good(keys: SubjectKeys) -> None:
    made = keys.key_for(MIA, create=True)
    assert keys.destroy(MIA) == Tombstone(MIA, made.commitment(), NOON)

    for create in (False, True):
        with pytest.raises(KeyDestroyed, match=r"2026-11-22T12:00:00"):
            keys.key_for(MIA, create=create)
    with pytest.raises(KeyDestroyed):
        keys.ensure([TOM, MIA])
    assert len(keys) == 0
    assert list(keys.tombstones()) == [Tombstone(MIA, made.commitment(), NOON)]


def test_destroying_again_changes_nothing(tmp_path: Path) -> None:
    instants = iter([NOON, NOON + timedelta(days=1)])
    with store(tmp_path, clock=lambda: next(instants)) as keys:
        keys.ensure([MIA])
        assert keys.destroy(MIA) == keys.destroy(MIA)


def test_destroying_what_never_was(keys: SubjectKeys) -> None:
    with pytest.raises(KeyMissing, match="Use the key store that sealed"):
        keys.destroy(MIA)
    assert list(keys.tombstones()) == []


def test_others_keep_their_keys(keys: SubjectKeys) -> None:
    tom = keys.key_for(TOM, create=True)
    keys.ensure([MIA])
    keys.destroy(MIA)
    assert same(tom, keys.key_for(TOM))


def test_a_new_key_only_when_somebody_says_so(keys: SubjectKeys) -> None:
    before = keys.key_for(MIA, create=True)
    keys.destroy(MIA)
    after = keys.renew(MIA)

    assert not same(before, after)
    assert same(after, keys.key_for(MIA))
    keys.destroy(MIA)
    assert {t.commitment for t in keys.tombstones()} == {before.commitment(), after.commitment()}


def test_renewing_needs_a_destroyed_key(keys: SubjectKeys) -> None:
    with pytest.raises(KeyMissing, match="No key of"):
        keys.renew(MIA)
    keys.key_for(MIA, create=True)
    with pytest.raises(KeyMissing):
        keys.renew(MIA)
    keys.destroy(MIA)
    keys.renew(MIA)
    with pytest.raises(BadInput, match="has a key"):
        keys.renew(MIA)


@pytest.mark.parametrize("subjects", [1, 300])
def test_nothing_of_a_destroyed_key_stays_in_any_file(tmp_path: Path, subjects: int) -> None:
    """Neither key nor wrapped key, with the store open and closed, in a page or in a b-tree."""
    others = [new_subject() for _ in range(subjects - 1)]
    with store(tmp_path) as keys:
        keys.ensure([*others, MIA])
        secret = keys.key_for(MIA).unsafe_secret()
        wrapped = bytes(_row(tmp_path, MIA)[2])
        assert wrapped in on_disk(tmp_path)
        assert secret not in on_disk(tmp_path)

        keys.destroy(MIA)
        assert wrapped not in on_disk(tmp_path)
        assert wrapped[12:44] not in on_disk(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["subjects.keys"]
    assert wrapped not in on_disk(tmp_path)


def test_rewrapping_leaves_nothing_of_the_old_wrapping(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA])
    wrapped = bytes(_row(tmp_path, MIA)[2])
    with store(tmp_path, OTHER_KEK, older=[KEK]) as keys:
        keys.rewrap()
        assert wrapped not in on_disk(tmp_path)


# What was remembered


def test_a_destroyed_key_is_forgotten_at_once(keys: SubjectKeys) -> None:
    keys.key_for(MIA, create=True)
    keys.destroy(MIA)
    with pytest.raises(KeyDestroyed):
        keys.key_for(MIA)


def test_a_key_destroyed_elsewhere_is_forgotten_in_time(tmp_path: Path) -> None:
    now = [100.0]
    with store(tmp_path, monotonic=lambda: now[0], recheck_seconds=5) as keys:
        keys.key_for(MIA, create=True)
        with store(tmp_path) as other:
            other.destroy(MIA)
        keys.key_for(MIA)
        now[0] += 5
        with pytest.raises(KeyDestroyed):
            keys.key_for(MIA)


def test_a_key_forgotten_on_request_is_read_again(tmp_path: Path) -> None:
    with store(tmp_path, recheck_seconds=1e9) as keys, store(tmp_path) as other:
        keys.ensure([MIA, TOM])
        keys.key_for(MIA), keys.key_for(TOM)
        other.destroy(MIA), other.destroy(TOM)
        keys.forget(MIA)
        with pytest.raises(KeyDestroyed):
            keys.key_for(MIA)
        assert keys.key_for(TOM)
        keys.forget()
        with pytest.raises(KeyDestroyed):
            keys.key_for(TOM)


def test_no_more_is_remembered_than_allowed(tmp_path: Path) -> None:
    with store(tmp_path, cache_max=2, recheck_seconds=1e9) as keys, store(tmp_path) as other:
        keys.ensure([MIA, TOM, EVA])
        for subject in (MIA, TOM, MIA, EVA):
            keys.key_for(subject)
        for subject in (MIA, TOM, EVA):
            other.destroy(subject)
        assert keys.key_for(MIA)
        assert keys.key_for(EVA)
        with pytest.raises(KeyDestroyed):
            keys.key_for(TOM)


# Key-encryption keys


def test_another_key_encryption_key_is_refused_at_once(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA])
    before = on_disk(tmp_path)
    with pytest.raises(WrongKey, match=KEK.id):
        store(tmp_path, OTHER_KEK)
    with pytest.raises(WrongKey, match="version 1"):
        store(tmp_path, KeyEncryptionKey(bytes(range(32)), version=2))
    assert before == on_disk(tmp_path)


def test_keys_move_to_a_new_key_encryption_key(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure(subjects := [new_subject() for _ in range(25)])
        before = [keys.key_for(subject).commitment() for subject in subjects]
    with store(tmp_path, OTHER_KEK, older=[KEK]) as keys:
        keys.ensure([MIA])
        assert [keys.rewrap(10) for _ in range(4)] == [10, 10, 5, 0]
    with store(tmp_path, OTHER_KEK) as keys:
        assert before == [keys.key_for(subject).commitment() for subject in subjects]
        assert keys.key_for(MIA)
    with pytest.raises(WrongKey, match=OTHER_KEK.id):
        store(tmp_path)


def test_half_rewrapped_is_readable_with_both(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA, TOM, EVA])
    with store(tmp_path, OTHER_KEK, older=[KEK]) as keys:
        keys.rewrap(1)
        for subject in (MIA, TOM, EVA):
            assert keys.key_for(subject)
    with store(tmp_path, OTHER_KEK) as keys:
        unreadable = []
        for subject in (MIA, TOM, EVA):
            try:
                keys.key_for(subject)
            except WrongKey:
                unreadable.append(subject)
        assert len(unreadable) == 2
        with pytest.raises(WrongKey):
            keys.destroy(unreadable[0])
        assert len(keys) == 3


def test_an_older_copy_is_unreadable_once_its_key_encryption_key_is_gone(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA, TOM])
    copied = (tmp_path / "subjects.keys").read_bytes()
    with store(tmp_path, OTHER_KEK, older=[KEK]) as keys:
        keys.destroy(MIA)
        while keys.rewrap():
            pass
    (tmp_path / "subjects.keys").write_bytes(copied)
    with pytest.raises(WrongKey):
        store(tmp_path, OTHER_KEK)


# Restored copies, and rows that somebody put back


def test_tombstones_hold_after_a_restore(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA, TOM])
        copied = (tmp_path / "subjects.keys").read_bytes()
        tombstone = keys.destroy(MIA)
    (tmp_path / "subjects.keys").write_bytes(copied)

    with store(tmp_path) as keys:
        assert keys.key_for(MIA)
        assert keys.reapply([tombstone]) == 1
        assert keys.reapply([tombstone]) == 0
        with pytest.raises(KeyDestroyed):
            keys.key_for(MIA)
        assert keys.key_for(TOM)
        assert list(keys.tombstones()) == [tombstone]


def test_reapplying_spares_a_key_that_was_made_since(keys: SubjectKeys) -> None:
    keys.ensure([MIA])
    tombstone = keys.destroy(MIA)
    renewed = keys.renew(MIA)
    assert keys.reapply([tombstone]) == 0
    assert same(renewed, keys.key_for(MIA))


def test_a_tombstone_holds_where_the_key_never_was(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.reapply([Tombstone(MIA, bytes(32), NOON)])
        with pytest.raises(KeyDestroyed):
            keys.key_for(MIA, create=True)


def test_a_row_put_back_beside_its_tombstone_is_no_key(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA])
        row = _row(tmp_path, MIA)
        keys.destroy(MIA)
        _change(tmp_path, "INSERT INTO subject_key VALUES (?, ?, ?)", *row)
        keys.forget()
        with pytest.raises(KeyDestroyed):
            keys.key_for(MIA)


def test_a_row_of_another_subject_is_refused(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA, TOM])
    _change(
        tmp_path,
        "UPDATE subject_key SET wrapped = (SELECT wrapped FROM subject_key WHERE subject = ?)",
        bytes.fromhex(TOM[8:]),
    )
    with store(tmp_path) as keys:
        assert keys.key_for(TOM)
        with pytest.raises(Tampered):
            keys.key_for(MIA)


def test_a_wrapped_key_that_is_cut_short(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA])
    _change(tmp_path, "UPDATE subject_key SET wrapped = substr(wrapped, 1, 59)")
    with store(tmp_path) as keys, pytest.raises(Truncated):
        keys.key_for(MIA)


# The file


def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    with store(tmp_path / "deep" / "folder"):
        path = tmp_path / "deep" / "folder" / "subjects.keys"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_file_in_wal_mode_is_brought_back(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA])
    _change(tmp_path, "PRAGMA journal_mode = WAL")
    with store(tmp_path) as keys:
        keys.destroy(MIA)
        assert [path.name for path in tmp_path.iterdir()] == ["subjects.keys"]


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\x00" + bytes(4080)]
)
def test_a_file_that_is_no_key_store(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "subjects.keys").write_bytes(content)
    with pytest.raises(KeyStoreError, match=r"subjects\.keys"):
        store(tmp_path)
    assert (tmp_path / "subjects.keys").read_bytes() == content


def test_another_database_and_a_newer_version_are_refused(tmp_path: Path) -> None:
    store(tmp_path).close()
    _change(tmp_path, "PRAGMA user_version = 2")
    with pytest.raises(KeyStoreError, match="no key store of version 1"):
        store(tmp_path)
    _change(tmp_path, "PRAGMA user_version = 1")
    _change(tmp_path, "PRAGMA application_id = 7")
    with pytest.raises(KeyStoreError, match="no key store of version 1"):
        store(tmp_path)


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    keys = store(tmp_path)
    keys.close()
    keys.close()
    with pytest.raises(KeyStoreError, match="is closed"):
        keys.key_for(MIA, create=True)


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA])
        keys._db._db.pragma("max_page_count", 1)  # the smallest SQLite allows: what there is
        with pytest.raises(DiskFull, match="the change was not made"):
            keys.ensure([new_subject() for _ in range(500)])
        assert len(keys) == 1
        assert keys.key_for(MIA)


def test_it_shows_nothing_of_itself(keys: SubjectKeys) -> None:
    keys.key_for(MIA, create=True)
    assert repr(keys).startswith("SubjectKeys('")
    for leak in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            leak(keys)


def test_no_traceback_shows_a_key(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        keys.ensure([MIA, TOM])
        secret = keys.key_for(MIA).unsafe_secret()
        _change(tmp_path, "UPDATE subject_key SET wrapped = zeroblob(60) WHERE subject = ?", TOM_ID)
        keys.destroy(MIA)
        keys.forget()
        for subject, error in ((MIA, KeyDestroyed), (TOM, Tampered), (EVA, KeyMissing)):
            with pytest.raises(error) as caught:
                keys.key_for(subject)
            text = shown(caught.value)
            assert "row_id = b'" in text, "locals are in it"
            for trace in (secret, bytes(range(32))):
                assert repr(trace)[2:-1] not in text
                assert trace.hex() not in text


# Threads and processes


def test_threads_agree_on_a_key(keys: SubjectKeys) -> None:
    subjects = [new_subject() for _ in range(5)]
    found: list[tuple[str, bytes]] = []

    def work() -> None:
        for subject in subjects:
            found.append((subject, keys.key_for(subject, create=True).commitment()))
            keys.forget(subject)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    assert len(set(found)) == len(keys) == 5


def test_processes_agree_on_a_key(tmp_path: Path) -> None:
    with store(tmp_path) as keys:
        children = [_forked(keys, MIA) for _ in range(4)]
        mine = keys.key_for(MIA, create=True).commitment()
        assert {_answer(child) for child in children} == {mine}
        keys.destroy(MIA)
        assert _answer(_forked(keys, MIA)) == b"KeyDestroyed"


def test_a_fork_waits_for_the_end_of_a_transaction(tmp_path: Path) -> None:
    """A child with half a transaction would roll it back in its parent's file."""
    with store(tmp_path) as keys:
        inside, leave = threading.Event(), threading.Event()

        def work() -> None:
            with keys._db.writing():
                inside.set()
                leave.wait(10)
                keys._make([bytes.fromhex(MIA[8:])])

        thread = threading.Thread(target=work)
        thread.start()
        inside.wait(10)
        threading.Timer(0.2, leave.set).start()
        child = _forked(keys, MIA)
        thread.join()
        assert _answer(child) == keys.key_for(MIA).commitment()


def _forked(keys: SubjectKeys, subject: str) -> int:
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            answer = keys.key_for(subject, create=True).commitment()
            with keys._db.reading():
                process, _ = keys._db.state()
            assert process == os.getpid(), "SQLite forbids to use the parent's connection"
        except Exception as error:  # noqa: BLE001 - the parent judges it
            answer = type(error).__name__.encode()
        os.write(writing, answer)
        os._exit(0)
    os.close(writing)
    return reading


def _answer(reading: int) -> bytes:
    with os.fdopen(reading, "rb") as stream:
        answer = stream.read()
    os.wait()
    return answer


def _row(folder: Path, subject: str) -> tuple[bytes, int, bytes]:
    db = apsw.Connection(str(folder / "subjects.keys"), flags=apsw.SQLITE_OPEN_READONLY)
    query = "SELECT * FROM subject_key WHERE subject = ?"
    found = db.execute(query, (bytes.fromhex(subject[8:]),)).fetchall()
    db.close()
    return found[0]  # type: ignore[return-value]


def _change(folder: Path, statement: str, *values: bytes | int) -> None:
    db = apsw.Connection(str(folder / "subjects.keys"))
    db.execute(statement, values).fetchall()
    db.close()
