"""`assay log witness`: cosign the checkpoints of other logs. `assay log heartbeat`: say that nothing
happened."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli._shared import json_option, say, settings_argument, settings_option, write_json
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.audit_log.interface import LogReader
    from assay.audit_log.notes import VerifierKey
    from assay.audit_log.witness.server import WitnessServer

_FILE = click.Path(path_type=Path)
_DAY_SECONDS = 86_400


@click.command()
@settings_argument
@click.option("--folder", type=_FILE, help="The witness's own folder: its keys and its record.")
@click.option("--init", is_flag=True, help="Begin a new witness in the folder.")
@click.option("--name", help="With --init: the witness's name, like witness.example.com/one.")
@click.option("--ml-dsa", is_flag=True, help="With --init: an ML-DSA-44 key beside Ed25519.")
@click.option(
    "--log", "logs", multiple=True, type=_FILE, help="A log's verifier keys (log.vkey); may repeat."
)
@click.option("--listen", metavar="HOST:PORT", help="Answer add-checkpoint here; port 0 is any.")
@click.option("--prefix", default="", help="What stands before /add-checkpoint in the URL.")
@click.option("--cert", type=_FILE, help="Certificate and chain (PEM): speak TLS 1.3.")
@click.option("--key", type=_FILE, help="The certificate's key (PEM).")
@click.option("--answer", type=_FILE, help="Answer the request in this file, without a network.")
@click.option(
    "--request",
    "old_size",
    type=click.IntRange(0),
    metavar="OLD-SIZE",
    help="Print this log's request to a witness that cosigned OLD-SIZE last.",
)
@json_option
def witness(
    settings: Path,
    folder: Path | None,
    init: bool,
    name: str | None,
    ml_dsa: bool,
    logs: tuple[Path, ...],
    listen: str | None,
    prefix: str,
    cert: Path | None,
    key: Path | None,
    answer: Path | None,
    old_size: int | None,
    json_file: str | None,
) -> int:
    """Run a small C2SP witness: cosign a log's checkpoints as long as the log only grows.

    --init begins one and prints its verifier keys; --listen answers over HTTP until it is told to
    stop (SIGTERM, Ctrl-C); --request and --answer are for a log and a witness without a network
    between them. The exit status of --answer is 1 if the witness refuses.
    """
    _expect_one_job(init, listen, answer, old_size, logs)
    if old_size is not None:
        return _print_request(settings, old_size)
    if folder is None:
        raise BadInput("A witness needs its own folder.", next_step="Name it with --folder.")
    if (cert is None) is not (key is None):
        raise BadInput("TLS needs a certificate and its key.", next_step="Give --cert and --key.")
    keys = _made_ready(folder, init, name, ml_dsa, logs)
    said: dict[str, Any] = {"schema": 1, "keys": [str(public) for public in keys]}
    if answer is not None:
        return _print_answer(folder, answer, said, json_file)
    if listen is not None:
        return _serve(folder, listen, prefix, (cert, key), said, json_file)
    write_json(json_file, said)
    if json_file != "-":
        for public in keys:
            say(str(public))
    return 0


@click.command()
@settings_option
@click.option(
    "--every",
    type=click.IntRange(1, 366 * _DAY_SECONDS),
    default=_DAY_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How soon the next entry is promised, of whatever type.",
)
@click.option("--stop", is_flag=True, help="Promise no more heartbeats.")
@json_option
def heartbeat(settings: Path, every: int, stop: bool, json_file: str | None) -> int:
    """Append that nothing happened, unless something did; run it from cron once in --every.

    Nothing is appended while the newest entry is younger than half of --every and the same interval is
    promised already.
    """
    from assay.audit_log.heartbeat import heartbeat as beat
    from assay.audit_log.heartbeat import is_due
    from assay.bootstrap import actor_of, open_log_for_writing
    from assay.settings import read_settings
    from assay.vocabulary import Target, TargetKind

    read, now = read_settings(settings), datetime.now(UTC)
    promised = timedelta(seconds=0 if stop else every)
    index: int | None = None
    with open_log_for_writing(read) as opened:
        if is_due(_newest(opened.reader), now, promised):
            target = Target(TargetKind.SYSTEM, read.organisation.name)
            event = beat(now, promised, actor=actor_of(read), target=target)
            [index] = opened.keep([_from_client(event)])
    write_json(json_file, {"schema": 1, "index": index})
    if json_file != "-":
        click.echo("Nothing to add." if index is None else f"Entry {index}.")
    return 0


def _expect_one_job(
    init: bool,
    listen: str | None,
    answer: Path | None,
    old_size: int | None,
    logs: tuple[Path, ...],
) -> None:
    jobs = [init, listen is not None, answer is not None, old_size is not None]
    if sum(jobs) > 1 or not (any(jobs) or logs):
        raise BadInput(
            "A witness begins, listens, answers one file, or is asked: one at a time.",
            next_step="Give one of --init, --listen, --answer and --request; or --log alone.",
        )


def _made_ready(
    folder: Path, init: bool, name: str | None, ml_dsa: bool, logs: tuple[Path, ...]
) -> tuple[VerifierKey, ...]:
    """The public keys of the witness in the folder, which knows these logs from now on."""
    from assay.audit_log.witness.keys import add_logs, begin_witness, open_keys, read_keys

    if init and name is None:
        raise BadInput("A new witness needs a name.", next_step="Give one with --name.")
    if not init and (name is not None or ml_dsa):
        raise BadInput("--name and --ml-dsa are for a new witness.", next_step="Leave them out.")
    added = [key for path in logs for key in read_keys(path)]
    keys = begin_witness(folder, name, ml_dsa_44=ml_dsa) if name else open_keys(folder)
    if added:
        add_logs(folder, added, keys.name)
    return keys.verifiers


def _serve(
    folder: Path,
    listen: str,
    prefix: str,
    tls: tuple[Path | None, Path | None],
    said: dict[str, Any],
    json_file: str | None,
) -> int:
    from assay.audit_log.witness.keys import known_logs, open_keys
    from assay.audit_log.witness.server import WitnessServer, listen_address, tls_context
    from assay.audit_log.witness.state import WitnessState
    from assay.audit_log.witness.witness import Witness

    cert, key = tls
    context = None if cert is None or key is None else tls_context(cert, key)
    address = listen_address(listen, tls=context is not None)
    if prefix and not (prefix.startswith("/") and prefix.isascii() and prefix.isprintable()):
        raise BadInput("The prefix is not the path of a URL.", next_step="Write it like /witness.")
    logs = known_logs(folder)
    if not logs:
        raise BadInput("This witness knows no log.", next_step="Give its log.vkey with --log.")
    with WitnessState(folder) as state:
        answering = Witness(open_keys(folder), logs, state)
        server = WitnessServer(answering, address, prefix=prefix.rstrip("/"), tls=context)
        with _stopped_by_signals(server):
            write_json(json_file, {**said, "url": server.url})
            if json_file != "-":
                for public in said["keys"]:
                    say(public)
                say(f"Listening at {server.url}")
            server.serve_forever(poll_interval=0.1)
    return 0


@contextmanager
def _stopped_by_signals(server: WitnessServer) -> Iterator[None]:
    """SIGTERM and Ctrl-C end `serve_forever`, and what has arrived is answered."""
    stopper = threading.Thread(target=server.stop, name="assay-witness-stop")

    def stop(*_: object) -> None:
        if stopper.ident is None:
            stopper.start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if stopper.ident is None:
            server.server_close()
        else:
            stopper.join()


def _print_answer(folder: Path, file: Path, said: dict[str, Any], json_file: str | None) -> int:
    from assay.audit_log.witness.keys import known_logs, open_keys
    from assay.audit_log.witness.request import BODY_BYTES_MAX
    from assay.audit_log.witness.state import WitnessState
    from assay.audit_log.witness.witness import Witness

    try:
        with file.open("rb") as stream:
            body = stream.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror}).") from error
    with WitnessState(folder) as state:
        answer = Witness(open_keys(folder), known_logs(folder), state).add_checkpoint(
            body, int(time.time())
        )
    write_json(json_file, {**said, "status": answer.status, "body": answer.body})
    if json_file != "-" and answer.cosigned:
        click.echo(answer.body, nl=False)
    elif json_file != "-":
        say(f"Refused ({answer.status}): {answer.body.rstrip()}", err=True)
    return 0 if answer.cosigned else 1


def _print_request(settings: Path, old_size: int) -> int:
    from assay.audit_log.checkpoint import open_checkpoint
    from assay.audit_log.witness.request import request_for
    from assay.bootstrap import open_log_for_reading, read_verifier_key
    from assay.settings import read_settings

    read = read_settings(settings)
    with open_log_for_reading(read) as log:
        note = log.newest_note()
        if note is None:
            raise BadInput("The log has published no checkpoint yet.")
        checkpoint = open_checkpoint(note, read_verifier_key(read))
        request = request_for(log, checkpoint, old_size)
    click.echo(bytes(request), nl=False)
    return 0


def _newest(log: LogReader) -> tuple[datetime, int | None] | None:
    """When the newest entry was made, and what interval the newest heartbeat promises."""
    from assay.audit_log.entry import event_of
    from assay.audit_log.heartbeat import TYPE, interval_seconds
    from assay.audit_log.interface import EventQuery

    if not log.size:
        return None
    at = event_of(log.entry(log.size - 1)).occurred_at
    beats = [event_of(data) for _, data in log.query(EventQuery(type=TYPE, limit=1))]
    return at, interval_seconds(beats[0].detail) if beats else None


def _from_client(event: Any) -> Any:
    from assay.audit_log.caller import from_client

    return from_client(event)
