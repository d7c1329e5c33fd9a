"""A writer that is killed at any instant: nothing that it acknowledged is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from assay.audit_log.backends.sqlite_evidence import verify
from assay.audit_log.backends.sqlite_files import PUBLISHED_CHECKPOINT
from assay.audit_log.backends.sqlite_reader import SqliteLogReader
from assay.audit_log.checkpoint import open_checkpoint
from assay.audit_log.entry import event_of
from assay.audit_log.interface import EventQuery
from assay.audit_log.merkle import CompactRange, leaf_hash
from assay.audit_log.notes import VerifierKey
from assay.audit_log.opening import open_sqlite_log
from tests.audit_log.conftest import KEY, ORIGIN, SIGNER, event

ROOT = Path(__file__).parents[2]
VERIFIER = VerifierKey(ORIGIN, KEY.public_bytes)
WORKERS = 4

APPEND = (
    textwrap.dedent("""
    import os, sys, threading
    from itertools import count
    from pathlib import Path
    from assay.audit_log.log import Limits
    from assay.audit_log.opening import open_sqlite_log
    from tests.audit_log.conftest import SIGNER, event

    threading.excepthook = lambda _: os._exit(3)
    folder, begin = Path(sys.argv[1]), int(sys.argv[2])
    log = open_sqlite_log(folder, SIGNER, limits=Limits(publish_seconds=0.01))

    def say(word, number, index=0):
        os.write(1, f"{word} {number} {index}\\n".encode())

    def work(worker):
        for step in count():
            numbers = [begin + worker * 100_000 + step * 3 + n for n in range(1 + step %% 3)]
            for number in numbers:
                say("tried", number)
            ticket = log.append_many([event(number) for number in numbers])
            for number, index in zip(numbers, ticket.sequenced()):
                say("told", number, index)
            if step %% 7 == worker:
                ticket.published()

    for worker in range(%d):
        threading.Thread(target=work, args=(worker,), daemon=True).start()
    threading.Event().wait()
""")
    % WORKERS
)


@dataclass
class Told:
    """What the writer said before it was killed."""

    tried: set[int] = field(default_factory=set)
    told: dict[int, int] = field(default_factory=dict)

    def hear(self, lines: list[str]) -> None:
        for line in lines:
            if not line.endswith("\n"):
                continue  # cut by the kill
            word, number, index = line.split()
            if word == "tried":
                self.tried.add(int(number))
            else:
                self.told[int(number)] = int(index)


def killed(folder: Path, begin: int, draw: random.Random) -> Told:
    """Run the writer and kill it after a while: anywhere from its opening to full work."""
    said = Told()
    with subprocess.Popen(
        [sys.executable, "-c", APPEND, str(folder), str(begin)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as writer:
        assert writer.stdout is not None
        if draw.random() < 0.8:
            said.hear([writer.stdout.readline() for _ in range(draw.randrange(1, 40))])
        time.sleep(draw.random() ** 2 * 0.3)
        writer.send_signal(signal.SIGKILL)
        said.hear(writer.stdout.readlines())
    assert writer.returncode == -signal.SIGKILL, "the writer ended by itself"
    return said


def check_log(folder: Path, told: dict[int, int], size_before: int) -> int:
    """That the log verifies, has only grown, and holds what was told where it was told; its size."""
    seen = verify(folder, VERIFIER)
    assert seen.clean, seen.faults[:3]
    assert seen.size >= max([size_before, *(index + 1 for index in told.values())])
    with SqliteLogReader(folder, VERIFIER) as reader:
        entries = [data for _, data in reader.entries(0, reader.size)]
        head = reader.head_note()
    tree = CompactRange().append([leaf_hash(data) for data in entries])
    assert (tree.size, tree.root) == (seen.size, seen.root)
    if head is not None:
        assert open_checkpoint(head, VERIFIER).root == tree.root
    for number, index in told.items():
        assert event_of(entries[index]) == event(number)
    return seen.size


def check_retries(folder: Path, said: Told) -> int:
    """That retrying gives what was told its old index and the rest one index; the size after it."""
    with open_sqlite_log(folder, SIGNER) as log:
        before = log.size
        numbers = sorted(said.tried)
        first = [log.append(event(number)).index(60) for number in numbers]
        again = log.append_many([event(number) for number in numbers]).sequenced(60)
        assert list(again) == first
        assert all(
            said.told[n] == index for n, index in zip(numbers, first, strict=True) if n in said.told
        )
        assert len(set(first)) == len(numbers)
        assert sum(index >= before for index in first) == log.size - before
        assert log.settle(60)
        assert log.reader.count(EventQuery()) == log.size
    assert verify(folder, VERIFIER).clean
    return log.size


def check_kills(folder: Path, rounds: int) -> None:
    """Kill a writer of the same log again and again."""
    draw = random.Random(20261122)  # noqa: S311
    size, retained, told = 0, list[str](), dict[int, int]()
    for round_ in range(rounds):
        said = killed(folder, 1_000_000 * (round_ + 1), draw)
        told |= said.told
        if not (folder / "log.sqlite").exists():
            continue  # killed before it began one
        size = check_log(folder, told, size)
        assert verify(folder, VERIFIER, retained[-20:]).clean
        size = check_retries(folder, said)
        retained.append((folder / PUBLISHED_CHECKPOINT).read_text() if size else "")
        retained = [note for note in retained if note]
    assert len(told) > rounds


def test_a_killed_writer_loses_nothing_that_it_told(tmp_path: Path) -> None:
    check_kills(tmp_path / "log", 8)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_writer_that_is_killed_200_times_loses_nothing_that_it_told(tmp_path: Path) -> None:
    check_kills(tmp_path / "log", 200)


# Ends that are no kill


def run(program: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """A child that runs a program beside the tests."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=True,
    )


def numbers_in(folder: Path) -> Iterator[int]:
    with SqliteLogReader(folder, VERIFIER) as reader:
        for _, data in reader.entries(0, reader.size):
            yield int(str(event_of(data).detail["number"]))


def test_a_log_that_nobody_closed_is_closed_when_python_ends(tmp_path: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from assay.audit_log.opening import open_sqlite_log
        from tests.audit_log.conftest import SIGNER, event
        log = open_sqlite_log(Path(sys.argv[1]), SIGNER)
        for number in range(3_000):
            log.append(event(number))
        """
    assert run(program, tmp_path / "log").stderr == ""
    assert list(numbers_in(tmp_path / "log")) == list(range(3_000))
    seen = verify(tmp_path / "log", VERIFIER)
    assert seen.clean
    assert seen.newest is not None
    assert seen.newest.size == 3_000


def test_a_crash_between_keeping_and_publishing_is_clean_and_made_good(tmp_path: Path) -> None:
    """The first checkpoint is kept in the database, and the process dies before the file is renamed."""
    program = """
        import os, sys
        from pathlib import Path
        from assay.audit_log.opening import open_sqlite_log
        from tests.audit_log.conftest import SIGNER, event
        log = open_sqlite_log(Path(sys.argv[1]), SIGNER)
        log.append(event(0)).sequenced()
        os.replace = os.rename = lambda *_, **__: os._exit(0)
        log.publish()
        """
    folder = tmp_path / "log"
    run(program, folder)
    assert not (folder / PUBLISHED_CHECKPOINT).exists()
    assert verify(folder, VERIFIER).clean
    with SqliteLogReader(folder, VERIFIER) as reader:
        kept = reader.newest_note()
    assert kept is not None
    with open_sqlite_log(folder, SIGNER):
        assert (folder / PUBLISHED_CHECKPOINT).read_text() == kept


def test_a_fork_leaves_the_log_to_the_parent(tmp_path: Path) -> None:
    program = """
        import os, sys
        from pathlib import Path
        from assay.audit_log.opening import open_sqlite_log
        from assay.errors import LogBusy, LogError
        from tests.audit_log.conftest import SIGNER, event
        folder = Path(sys.argv[1])
        with open_sqlite_log(folder, SIGNER) as log:
            log.keep([event(0)])
            child = os.fork()
            if child == 0:
                for act in (lambda: log.append(event(1)), log.publish, log.settle):
                    try:
                        act()
                    except LogError as error:
                        print(error.message, flush=True)
                print(log.close().written, flush=True)
                raise SystemExit(0)
            assert os.waitpid(child, 0)[1] == 0
            # The child has ended, with whatever it inherited: the lock is still held ...
            try:
                open_sqlite_log(folder, SIGNER)
            except LogBusy:
                print("still locked", flush=True)
            # ... and the parent goes on.
            log.keep([event(2)])
            print(log.size, flush=True)
        """
    done = run(program, tmp_path / "log")
    said = done.stdout.splitlines()
    assert len(said) == 6, done
    assert all("before a fork" in line for line in said[:3])
    assert said[3:] == ["1", "still locked", "2"]
    assert verify(tmp_path / "log", VERIFIER).clean


def test_a_fork_while_all_threads_append_hangs_no_child(tmp_path: Path) -> None:
    program = """
        import os, sys, threading
        from itertools import count
        from pathlib import Path
        from assay.audit_log.opening import open_sqlite_log
        from assay.errors import LogError
        from tests.audit_log.conftest import SIGNER, event
        log = open_sqlite_log(Path(sys.argv[1]), SIGNER)
        stop = threading.Event()
        def work(worker):
            for step in count():
                if stop.is_set():
                    return
                log.append(event(worker * 100_000 + step))
        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            child = os.fork()
            if child == 0:
                try:
                    log.append(event(999_999))
                except LogError:
                    log.close()
                    os._exit(0)
                os._exit(1)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        assert log.close().failed == 0
        """
    run(program, tmp_path / "log")
    assert verify(tmp_path / "log", VERIFIER).clean


def test_another_process_is_refused_by_name_until_the_first_has_ended(tmp_path: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from assay.audit_log.opening import open_sqlite_log
        from assay.errors import LogBusy
        from tests.audit_log.conftest import SIGNER, event
        try:
            with open_sqlite_log(Path(sys.argv[1]), SIGNER) as log:
                print(log.keep([event(7)])[0])
        except LogBusy as error:
            print(error.message)
        """
    folder = tmp_path / "log"
    with open_sqlite_log(folder, SIGNER) as log:
        log.keep([event(0)])
        assert f"process {os.getpid()} since" in run(program, folder).stdout
    assert run(program, folder).stdout.strip() == "1"
