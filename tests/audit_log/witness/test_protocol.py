"""What a witness answers, over HTTP, against the text of the format."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.audit_log.checkpoint import sign_checkpoint
from assay.audit_log.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of
from assay.audit_log.notes import VerifierKey, cosign, with_signatures
from assay.audit_log.witness.server import WitnessServer
from assay.audit_log.witness.state import REFUSED_MAX, WitnessState
from assay.crypto.signing import SigningKey
from tests.audit_log.in_memory import AT, BESIDE, KEY, ORIGIN
from tests.audit_log.witness.asking import (
    Reply,
    body,
    cosigned_at,
    make_witness,
    post,
    serving,
    witness_in,
)

LEAVES = [leaf_hash(b"entry %d" % number) for number in range(40)]
FORKED = [*LEAVES[:3], leaf_hash(b"forged"), *LEAVES[4:]]
STRANGER = SigningKey(b"\x09" * 32)


def note_of(size: int, leaves: list[bytes] = LEAVES, key: SigningKey = KEY) -> str:
    """The log's signed promise of its first entries."""
    return sign_checkpoint(ORIGIN, size, root_of(leaves[:size]), key).note


def grown(old: int, size: int, leaves: list[bytes] = LEAVES) -> bytes:
    """A good request."""
    proof = consistency_proof(leaves[:size], old) if old else ()
    return body(old, proof, note_of(size, leaves))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_witness(tmp_path / "w")


@pytest.fixture
def server(folder: Path) -> Iterator[WitnessServer]:
    with serving(folder) as running:
        yield running


@pytest.fixture
def ask(server: WitnessServer) -> Callable[[bytes], Reply]:
    return lambda data: post(server.url, data)


Ask = Callable[[bytes], Reply]


def test_cosigns_a_log_that_grows(ask: Ask, folder: Path) -> None:
    for old, size in ((0, 1), (1, 2), (2, 7), (7, 8), (8, 8), (8, 40)):
        assert cosigned_at(ask(grown(old, size)), folder, note_of(size)) == [AT]


def test_cosigns_with_both_keys(tmp_path: Path) -> None:
    folder = make_witness(tmp_path / "both", ml_dsa_44=True)
    with serving(folder) as running:
        reply = post(running.url, grown(0, 5))
        assert cosigned_at(reply, folder, note_of(5)) == [AT, AT]


def test_signatures_of_strangers_are_ignored(ask: Ask, folder: Path) -> None:
    stranger = cosign(note_of(5), "stranger.example.com", STRANGER, AT)
    note = with_signatures(note_of(5), [stranger])
    assert cosigned_at(ask(body(0, (), note)), folder, note) == [AT]


def test_a_log_may_sign_with_ml_dsa_44_alone(ask: Ask, folder: Path) -> None:
    text = note_of(5).rpartition("\n\n")[0] + "\n"
    note = f"{text}\n{cosign(note_of(5), ORIGIN, BESIDE, AT)}"
    assert cosigned_at(ask(body(0, (), note)), folder, note) == [AT]


def test_further_lines_of_a_checkpoint_are_cosigned(ask: Ask, folder: Path) -> None:
    from assay.audit_log.notes import sign_note

    text = note_of(5).rpartition("\n\n")[0] + "\n"
    note = sign_note(f"{text}a further line\n", ORIGIN, KEY)
    assert cosigned_at(ask(body(0, (), note)), folder, note) == [AT]


def test_an_unknown_log_is_404(ask: Ask) -> None:
    other = sign_checkpoint("example.com/other", 5, root_of(LEAVES[:5]), KEY).note
    assert ask(body(0, (), other)).status == 404


def test_a_checkpoint_that_the_log_did_not_sign_is_403(ask: Ask) -> None:
    assert ask(body(0, (), note_of(5, key=STRANGER))).status == 403
    good = note_of(5)
    wrong = good.replace(good.split("\n")[2], note_of(6).split("\n")[2])
    assert ask(body(0, (), wrong)).status == 403


def test_an_old_size_above_the_checkpoint_is_400(ask: Ask) -> None:
    assert ask(grown(0, 8)).status == 200
    assert ask(body(8, (), note_of(5))).status == 400


def test_another_old_size_is_409_and_says_which(ask: Ask) -> None:
    assert ask(grown(5, 8)) == (409, "text/x.tlog.size", "0\n")
    assert ask(grown(0, 8)).status == 200
    for stale in (grown(0, 8), grown(5, 8), grown(5, 40), body(9, (), note_of(40))):
        assert ask(stale) == (409, "text/x.tlog.size", "8\n")


def test_a_roll_back_is_refused(ask: Ask, folder: Path) -> None:
    assert ask(grown(0, 8)).status == 200
    assert ask(body(5, (), note_of(5))) == (409, "text/x.tlog.size", "8\n")
    assert ask(body(0, (), note_of(5))) == (409, "text/x.tlog.size", "8\n")
    assert cosigned_at(ask(grown(8, 9)), folder, note_of(9)) == [AT]


def test_another_root_at_the_same_size_is_409_without_a_size(ask: Ask, folder: Path) -> None:
    assert ask(grown(0, 8)).status == 200
    reply = ask(body(8, (), note_of(8, FORKED)))
    assert (reply.status, reply.content_type) == (409, "text/plain; charset=utf-8")
    assert _refused(folder) == [(8, 409, note_of(8, FORKED))]


@pytest.mark.parametrize(
    "proof",
    [
        (),
        consistency_proof(LEAVES[:20], 7),
        consistency_proof(LEAVES[:20], 8)[:-1],
        (*consistency_proof(LEAVES[:20], 8), bytes(32)),
        consistency_proof(LEAVES[:20], 8)[::-1],
        tuple(bytes(32) for _ in range(63)),
    ],
    ids=["none", "of another size", "cut", "with more", "turned round", "zeros"],
)
def test_a_proof_that_does_not_prove_is_422(
    proof: tuple[bytes, ...], ask: Ask, folder: Path
) -> None:
    assert ask(grown(0, 8)).status == 200
    assert ask(body(8, proof, note_of(20))).status == 422
    assert cosigned_at(ask(grown(8, 20)), folder, note_of(20)) == [AT]


def test_a_fork_is_refused_and_kept(ask: Ask, folder: Path) -> None:
    assert ask(grown(0, 8)).status == 200
    fork = body(8, consistency_proof(FORKED[:20], 8), note_of(20, FORKED))
    assert ask(fork).status == 422
    assert ask(fork).status == 422
    assert _refused(folder) == [(20, 422, note_of(20, FORKED))]
    assert cosigned_at(ask(grown(8, 20)), folder, note_of(20)) == [AT]


def test_bad_proofs_leave_room_for_what_convicts(folder: Path) -> None:
    with witness_in(folder) as witness:
        assert witness.add_checkpoint(grown(0, 8), AT).status == 200
        for number in range(REFUSED_MAX + 5):
            fork = [*LEAVES[:8], leaf_hash(b"%d" % number)]
            bad = body(8, (), note_of(9, fork))
            assert witness.add_checkpoint(bad, AT).status == 422
        assert witness.add_checkpoint(body(8, (), note_of(8, FORKED)), AT).status == 409
    kept = _refused(folder)
    assert [status for _, status, _ in kept].count(422) == REFUSED_MAX
    assert (8, 409, note_of(8, FORKED)) in kept


def test_what_is_kept_has_the_logs_signatures_only(folder: Path) -> None:
    stranger = cosign(note_of(8), "stranger.example.com", STRANGER, AT)
    with witness_in(folder) as witness:
        note = with_signatures(note_of(8), [stranger])
        own = note_of(8).rpartition("\n\n")[2]
        assert witness.add_checkpoint(body(0, (), note + own * 50), AT).status == 200
        with witness.state.deciding(ORIGIN) as decision:
            assert decision.last is not None
            assert decision.last.note == note_of(8)
        bad = with_signatures(note_of(20, FORKED), [cosign(note_of(20, FORKED), "x", STRANGER, AT)])
        assert witness.add_checkpoint(body(8, (), bad), AT).status == 422
    assert _refused(folder) == [(20, 422, note_of(20, FORKED))]


def test_a_proof_from_nothing_is_empty(ask: Ask) -> None:
    assert ask(body(0, (bytes(32),), note_of(5))).status == 422


def test_a_proof_of_no_growth_is_empty(ask: Ask) -> None:
    assert ask(grown(0, 5)).status == 200
    assert ask(body(5, (bytes(32),), note_of(5))).status == 422


def test_an_empty_log_has_the_root_of_one(ask: Ask, folder: Path) -> None:
    wrong = sign_checkpoint(ORIGIN, 0, bytes(32), KEY).note
    assert ask(body(0, (), wrong)).status == 422
    empty = sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, KEY).note
    assert cosigned_at(ask(body(0, (), empty)), folder, empty) == [AT]
    assert cosigned_at(ask(grown(0, 5)), folder, note_of(5)) == [AT]


GOOD = grown(5, 8)
MALFORMED = {
    "nothing": b"",
    "no old line": GOOD.partition(b"\n")[2],
    "old in capitals": GOOD.replace(b"old", b"OLD", 1),
    "two spaces": GOOD.replace(b"old 5", b"old  5"),
    "leading zero": GOOD.replace(b"old 5", b"old 05"),
    "negative": GOOD.replace(b"old 5", b"old -5"),
    "plus": GOOD.replace(b"old 5", b"old +5"),
    "other digits": GOOD.replace(b"old 5", "old ٥".encode()),
    "size of 2^63": GOOD.replace(b"old 5", b"old 9223372036854775808"),
    "endless size": GOOD.replace(b"old 5", b"old " + b"9" * 10_000),
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "no empty line": GOOD.replace(b"\n\n", b"\n", 1),
    "not base64": GOOD.replace(b"=\n", b"*\n", 1),
    "base64 without padding": GOOD.replace(b"=\n", b"\n", 1),
    "short hash": body(5, (bytes(31),), note_of(8)),
    "long hash": body(5, (bytes(33),), note_of(8)),
    "64 hashes": body(5, (bytes(32),) * 64, note_of(8)),
    "no checkpoint": b"old 5\n\n",
    "no signature": b"old 5\n\n" + note_of(8).rpartition("\n\n")[0].encode() + b"\n",
    "text that is no checkpoint": b"old 5\n\nhello\n\n" + note_of(8).rpartition("\n")[0].encode(),
    "no last line feed": GOOD.rstrip(b"\n"),
    "not UTF-8": GOOD.replace(b"example", b"ex\xffmple"),
    "zero byte": GOOD.replace(b"example", b"ex\0mple"),
    "half a surrogate pair": GOOD.replace(b"example", b"ex\xed\xa0\x80mple"),
    "101 signatures": GOOD + b"\xe2\x80\x94 other.example AAAAAAA=\n" * 100,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_400(name: str, ask: Ask) -> None:
    reply = ask(MALFORMED[name])
    assert reply.status == 400, reply
    assert reply.body.endswith(".\n")


def test_of_two_histories_at_once_one_is_cosigned(ask: Ask) -> None:
    requests = [grown(0, 8), grown(0, 8, FORKED)] * 8
    replies = _at_once(ask, requests)
    cosigned = {i % 2 for i, reply in enumerate(replies) if reply.status == 200}
    assert len(cosigned) == 1
    assert {reply.status for reply in replies} == {200, 409}


def test_sizes_only_grow_when_many_ask_at_once(ask: Ask) -> None:
    sizes = list(range(1, 33))
    replies = _at_once(ask, [grown(0, size) for size in sizes])
    won = [size for size, reply in zip(sizes, replies, strict=True) if reply.status == 200]
    assert len(won) == 1
    lost = {reply for reply in replies if reply.status != 200}
    assert lost == {(409, "text/x.tlog.size", f"{won[0]}\n")}


def test_two_processes_on_one_record_agree(folder: Path) -> None:
    with witness_in(folder) as one, witness_in(folder) as other:
        assert one.add_checkpoint(grown(0, 8), AT).status == 200
        assert other.add_checkpoint(grown(0, 8, FORKED), AT).body == "8\n"
        assert other.add_checkpoint(grown(8, 20), AT).status == 200
        assert one.add_checkpoint(grown(8, 9), AT).body == "20\n"


def test_two_servers_on_one_record_take_turns(folder: Path) -> None:
    with serving(folder) as one, serving(folder) as other:
        urls = iter([one.url, other.url] * 8)
        replies = _at_once(lambda data: post(next(urls), data), [grown(0, 8)] * 16)
    assert sorted(reply.status for reply in replies) == [200] + [409] * 15


def test_logs_are_strangers_to_each_other(tmp_path: Path) -> None:
    other = SigningKey(b"\x07" * 32)
    names = {"example.com/a": KEY, "example.com/b": other}
    keys = [VerifierKey(name, key.public_bytes) for name, key in names.items()]
    with witness_in(make_witness(tmp_path / "two", logs=keys)) as witness:
        for size, leaves in ((5, LEAVES), (9, FORKED)):
            name = "example.com/a" if leaves is LEAVES else "example.com/b"
            note = sign_checkpoint(name, size, root_of(leaves[:size]), names[name]).note
            assert witness.add_checkpoint(body(0, (), note), AT).status == 200


def _at_once(ask: Ask, requests: list[bytes]) -> list[Reply]:
    replies: dict[int, Reply] = {}
    barrier = threading.Barrier(len(requests))

    def run(number: int) -> None:
        barrier.wait(10)
        replies[number] = ask(requests[number])

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [replies[number] for number in range(len(requests))]


def _refused(folder: Path) -> list[tuple[int, int, str]]:
    with WitnessState(folder) as state, state.deciding(ORIGIN) as decision:
        rows = decision._db.execute("SELECT size, status, note FROM refused").fetchall()
    return [(int(size), int(status), str(note)) for size, status, note in rows]
