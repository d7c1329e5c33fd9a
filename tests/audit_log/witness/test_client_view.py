"""A reader that is shown different histories has both of them, signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.notes import cosign, open_note, with_signatures
from assay.audit_log.trust import Trust
from assay.audit_log.witness.client_view import ClientView
from assay.crypto.signing import SigningKey
from assay.errors import BadNote, LogDamaged, LogError, NotTrusted, SplitView
from tests.audit_log.in_memory import (
    AT,
    KEY,
    ORIGIN,
    VERIFIER,
    WITNESS,
    WITNESS_VERIFIER,
    MemoryLog,
)
from tests.audit_log.witness.test_client import a_log

TRUST = Trust((VERIFIER,))


@pytest.fixture
def view(tmp_path: Path) -> ClientView:
    return ClientView(tmp_path / "seen")


def note(log: MemoryLog) -> str:
    return log.publish(beside=None)


def test_a_log_that_grows_is_seen(view: ClientView, tmp_path: Path) -> None:
    assert view.newest(TRUST) is None
    for size in (3, 3, 4, 300, 70_000 // 32):
        log = a_log(size)
        assert view.see(note(log), TRUST, log).checkpoint.size == size
        newest = ClientView(tmp_path / "seen").newest(TRUST)
        assert newest is not None
        assert newest.size == size


@pytest.mark.parametrize("sizes", [(8, 8), (8, 20), (20, 8), (300, 301), (5, 4096)])
def test_another_history_is_a_split_view_with_both_notes(
    sizes: tuple[int, int], view: ClientView
) -> None:
    first, second = a_log(sizes[0]), a_log(sizes[1], "other")
    one, two = note(first), note(second)
    view.see(one, TRUST, first)
    with pytest.raises(SplitView, match="do not agree") as caught:
        view.see(two, TRUST, second)
    assert (caught.value.first, caught.value.second) == (one, two)
    for proof in (caught.value.first, caught.value.second):
        assert open_note(proof, VERIFIER)
    # What was seen first stays.
    view.see(one, TRUST, first)
    newest = view.newest(TRUST)
    assert newest is not None
    assert newest.note == one


def test_an_older_checkpoint_of_the_same_log_is_no_split_view(view: ClientView) -> None:
    log = a_log(20)
    old = sign_checkpoint(ORIGIN, 8, MemoryLog(log.list[:8]).tree.root, KEY).note
    view.see(note(log), TRUST, log)
    assert view.see(old, TRUST, log).checkpoint.size == 8
    newest = view.newest(TRUST)
    assert newest is not None
    assert newest.size == 20


def test_a_log_that_was_cut_is_a_split_view(view: ClientView) -> None:
    log, cut = a_log(20), a_log(8)
    view.see(note(log), TRUST, log)
    with pytest.raises(SplitView):
        view.see(note(cut), TRUST, cut)


def test_a_log_that_begins_empty_is_seen(view: ClientView) -> None:
    empty, log = a_log(0), a_log(3)
    view.see(note(empty), TRUST, empty)
    view.see(note(log), TRUST, log)
    view.see(note(empty), TRUST, log)


def test_a_checkpoint_without_the_witness_is_not_kept(view: ClientView) -> None:
    log, trust = a_log(5), Trust((VERIFIER,), (WITNESS_VERIFIER,), 1)
    with pytest.raises(NotTrusted):
        view.see(note(log), trust, log)
    assert view.newest(trust) is None
    cosigned = with_signatures(note(log), [cosign(note(log), WITNESS_VERIFIER.name, WITNESS, AT)])
    view.see(cosigned, trust, log, now=AT)
    newest = view.newest(trust)
    assert newest is not None
    assert newest.note == cosigned


def test_a_note_that_the_log_did_not_sign_changes_nothing(view: ClientView) -> None:
    log = a_log(5)
    forged = sign_checkpoint(ORIGIN, 5, log.tree.root, SigningKey(bytes(32))).note
    for bad in (forged, "garbage", note(log).replace("\n5\n", "\n6\n")):
        with pytest.raises(BadNote):
            view.see(bad, TRUST, log)
    assert view.newest(TRUST) is None


def test_a_log_that_does_not_reach_its_own_checkpoint_is_an_error(view: ClientView) -> None:
    log, longer = a_log(8), a_log(300)
    view.see(note(log), TRUST, log)
    with pytest.raises((LogError, IndexError)):
        view.see(note(longer), TRUST, _Short(log))
    newest = view.newest(TRUST)
    assert newest is not None
    assert newest.size == 8


class _Short:
    """Tiles that end before the checkpoint."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    def tile(self, level: int, n: int, width: int) -> bytes:
        if level or n:
            raise LogError("The log does not reach so far.")
        return self._log.tile(level, n, width)


def test_tiles_of_the_wrong_length_are_damage_not_a_split_view(view: ClientView) -> None:
    log, longer = a_log(8), a_log(20)
    view.see(note(log), TRUST, log)
    short = a_log(9)
    with pytest.raises(LogDamaged):
        view.see(note(longer), TRUST, short)


@pytest.mark.parametrize("data", [b"", b"garbage", b"\xff" * 50, b"x" * 1_000_001])
def test_what_was_kept_is_not_forgotten_silently(
    data: bytes, view: ClientView, tmp_path: Path
) -> None:
    log = a_log(5)
    view.see(note(log), TRUST, log)
    [kept] = (tmp_path / "seen").glob("*.checkpoint")
    kept.write_bytes(data)
    with pytest.raises(LogDamaged, match="was kept"):
        view.see(note(log), TRUST, log)
    assert kept.read_bytes() == data


def test_only_its_owner_reads_it(view: ClientView, tmp_path: Path) -> None:
    log = a_log(5)
    view.see(note(log), TRUST, log)
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "seen").iterdir()}
    assert modes == {0o600}
