"""`assay log`: append to the audit log and query it; the other commands are in `log_*.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli._lazy import LazyGroup
from assay.cli._log_given import instant_of
from assay.cli._shared import (
    counting,
    json_option,
    say,
    settings_argument,
    settings_option,
    show_table,
    write_json,
)
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.audit_log.interface import EventQuery, LogReader, PageKey
    from assay.settings import Settings
    from assay.vocabulary import Event

_HERE = "assay.cli.log"
_PROOF = "assay.cli.log_proof"
_LIFE = "assay.cli.log_lifecycle"
_WORDS_MAX = 1_000


@click.group(
    cls=LazyGroup,
    table={
        "append": (f"{_HERE}:append", "Append an event of your own."),
        "query": (f"{_HERE}:query", "Show events, newest first."),
        "verify": (f"{_PROOF}:verify", "Recompute everything and name the first fault."),
        "prove": (f"{_PROOF}:prove", "Write the proof that an entry is in the log."),
        "export": (f"{_PROOF}:export", "Write the log as static files, or for a SIEM."),
        "reindex": (f"{_PROOF}:reindex", "Make the index again from the entries."),
        "report": ("assay.cli.log_report:report", "What happened in a period."),
        "verify-report": ("assay.cli.log_report:verify_report", "Does a report hold?"),
        "archive": (f"{_LIFE}:archive", "Move old entries to cold storage; proofs go on to hold."),
        "retain": (f"{_LIFE}:retain", "Remove entries whose retention is over."),
        "import": (f"{_LIFE}:import_", "Take in entries that another machine's log signed."),
        "witness": ("assay.cli.log_witness:witness", "Cosign the checkpoints of other logs."),
        "heartbeat": ("assay.cli.log_witness:heartbeat", "Say that nothing happened, if so."),
        "review": ("assay.cli.log_report:review", "Record that you looked."),
    },
)
def log() -> None:
    """The audit log: append, query, prove, verify, report."""


@click.command()
@settings_argument
@click.option("--type", "type_", help="Only events of this type.")
@click.option("--actor", help="Only events of this actor (a pseudonym).")
@click.option("--target", help="Only events about this: dataset:NAME, model:NAME, system:NAME.")
@click.option("--outcome", help="Only events with this outcome.")
@click.option(
    "--severity",
    type=click.Choice(["low", "medium", "high", "critical"]),
    help="Only events of this severity or more.",
)
@click.option("--since", help="From this instant on (RFC 3339; without a zone it is UTC).")
@click.option("--until", help="Before this instant.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@click.option("--after", help="The key of a page's last event, INSTANT/INDEX: the next page.")
@click.option("--count", is_flag=True, help="Only how many there are.")
@click.option(
    "--text", help="Words in the action or the clear detail; the other filters are left out."
)
@json_option
def query(
    settings: Path,
    after: str | None,
    count: bool,
    text: str | None,
    json_file: str | None,
    **filters: Any,
) -> int:
    """Show events, newest first."""
    from assay.audit_log.query import read_events
    from assay.bootstrap import open_log_for_reading
    from assay.settings import read_settings

    wanted, read = _wanted(after, **filters), read_settings(settings)
    with open_log_for_reading(read) as reader:
        if reader.minimum_index:
            say(f"Entries before {reader.minimum_index} were archived or removed.", err=True)
        if text is not None and count:
            raise BadInput("--text does not go with --count.", next_step="Leave one of them out.")
        if text is not None:
            _show_events(_with_words(reader, read, text, wanted), json_file, full=False)
            return 0
        if count:
            number = reader.count(wanted)
            write_json(json_file, {"schema": 1, "count": number})
            if json_file != "-":
                click.echo(str(number))
            return 0
        found = list(read_events(reader, wanted))
    _show_events(found, json_file, full=len(found) == wanted.limit)
    return 0


@click.command()
@settings_option
@click.option("--type", "type_", default="note", show_default=True)
@click.option(
    "--action", required=True, help="What was done, in a few words, without personal data."
)
@click.option(
    "--target", default="system", show_default=True, help="dataset:NAME, model:NAME or system."
)
@click.option("--outcome", default="success", show_default=True)
@click.option("--id", "event_id", help="Makes a second delivery of the same event harmless.")
@json_option
def append(
    settings: Path,
    type_: str,
    action: str,
    target: str,
    outcome: str,
    event_id: str | None,
    json_file: str | None,
) -> int:
    """Append one event; it is on disk and signed when this returns."""
    from assay.audit_log.caller import from_client
    from assay.audit_log.entry import new_event
    from assay.bootstrap import actor_of, open_log_for_writing
    from assay.settings import read_settings

    _expect_event(type_, {"action": action, "target": target, "outcome": outcome, "id": event_id})
    read = read_settings(settings)
    about = _target(target, read.organisation.name)
    with open_log_for_writing(read) as opened:
        event = new_event(
            type_,
            occurred_at=datetime.now(UTC),
            actor=actor_of(read),
            action=action,
            target=about,
            outcome=outcome,
            event_id=event_id,
        )
        index = opened.keep([from_client(event)])[0]
    write_json(json_file, {"schema": 1, "index": index, "id": event.id})
    if json_file != "-":
        click.echo(f"Entry {index}.")
    return 0


def _with_words(
    reader: LogReader, settings: Settings, text: str, wanted: EventQuery
) -> list[tuple[int, Event]]:
    """The newest events with these words, from an index that is made on first use."""
    from assay.audit_log.entry import event_of
    from assay.audit_log.text_search import search

    if wanted != type(wanted)(limit=wanted.limit):
        raise BadInput(
            "--text does not go with other filters.", next_step="Search first, then look closer."
        )
    with counting("entries", None) as told:
        found = search(
            reader, settings.workspace_folder, text, wanted.limit, progress=lambda n, _: told(n)
        )
    return [(index, event_of(reader.entry(index))) for index in found]


def _wanted(
    after: str | None,
    *,
    type_: str | None,
    actor: str | None,
    target: str | None,
    outcome: str | None,
    severity: str | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> EventQuery:
    from assay.audit_log.interface import EventQuery
    from assay.vocabulary import Severity

    return EventQuery(
        type=type_,
        actor=actor,
        severity_min=None if severity is None else Severity[severity.upper()],
        since=instant_of(since),
        until=instant_of(until),
        limit=limit,
        target=target,
        outcome=outcome,
        after=None if after is None else _page_key(after),
    )


def _show_events(found: Sequence[tuple[int, Event]], json_file: str | None, *, full: bool) -> None:
    from assay.canonical import instant, to_json

    events = [{"index": index, **_object(to_json(event))} for index, event in found]
    key = f"{instant(found[-1][1].occurred_at)}/{found[-1][0]}" if found and full else None
    write_json(json_file, {"schema": 1, "events": events, "next": key})
    if json_file == "-":
        return
    rows = [
        (
            str(index),
            f"{event.occurred_at:%Y-%m-%d %H:%M:%S}",
            event.type,
            event.severity.word,
            event.action,
            event.target.name,
            event.outcome,
        )
        for index, event in found
    ]
    columns = ("Index", "Occurred (UTC)", "Type", "Severity", "Action", "Target", "Outcome")
    show_table("", columns, rows)
    if key is not None:
        say(f"The next page: --after {key}")


def _page_key(text: str) -> PageKey:
    from assay.audit_log.interface import PageKey

    moment, _, index = text.rpartition("/")
    instant = instant_of(moment)
    if instant is None or not (index.isascii() and index.isdecimal()):
        raise BadInput(
            f"--after does not know {text!r}.", next_step="Give what the page before it printed."
        )
    return PageKey(instant, int(index))


def _expect_event(type_: str, words: Mapping[str, str | None]) -> None:
    """Refuse what no entry can hold before a log is begun for it."""
    from assay.audit_log.event_types import severity_of

    severity_of(type_)
    for option, text in words.items():
        if text is not None and (len(text) > _WORDS_MAX or not text.isprintable()):
            raise BadInput(
                f"--{option} has more than {_WORDS_MAX} characters, or one that cannot be shown.",
                next_step="Write a few words on one line, in UTF-8.",
            )


def _object(value: Any) -> dict[str, Any]:
    return dict(value)


def _target(text: str, organisation: str) -> Any:
    from assay.vocabulary import Target, TargetKind

    kind, _, name = text.partition(":")
    if kind not in [known.value for known in TargetKind] or (kind != "system" and not name):
        raise BadInput(
            f"--target does not know {text!r}.",
            next_step="Write dataset:NAME, model:NAME or system.",
        )
    return Target(TargetKind(kind), name or organisation)
