"""`assay log`: append, query and verify the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli._lazy import LazyGroup
from assay.cli._shared import (
    json_option,
    say,
    settings_argument,
    settings_option,
    show_table,
    write_json,
)
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.audit_log.interface import Verification

_HERE = "assay.cli.log"
_WORDS_MAX = 1_000


@click.group(
    cls=LazyGroup,
    table={
        "verify": (f"{_HERE}:verify", "Recompute everything and name the first fault."),
        "query": (f"{_HERE}:query", "Show events, newest first."),
        "append": (f"{_HERE}:append", "Append a note of your own."),
    },
)
def log() -> None:
    """The audit log: append, query, verify."""


@click.command()
@settings_argument
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint kept elsewhere; may repeat. Shows a log that was rewritten or cut.",
)
@click.option("--key", type=click.Path(path_type=Path), help="The verifier key, kept elsewhere.")
@json_option
def verify(
    settings: Path, checkpoints: tuple[Path, ...], key: Path | None, json_file: str | None
) -> int:
    """Recompute entries, hashes, tree, checkpoints and cited evidence; exit 1 unless clean."""
    from assay.audit_log.notes import parse_verifier_key
    from assay.audit_log.verify import verify as recompute
    from assay.bootstrap import read_verifier_key
    from assay.settings import read_settings

    read = read_settings(settings)
    verifier = read_verifier_key(read) if key is None else parse_verifier_key(_text(key))
    seen = recompute(read.workspace_folder, verifier, [_text(path) for path in checkpoints])
    write_json(json_file, _as_json(seen))
    if json_file != "-":
        _show(seen, str(verifier))
    return 0 if seen.clean else 1


@click.command()
@settings_argument
@click.option("--type", "type_", help="Only events of this type.")
@click.option("--actor", help="Only events of this actor (a pseudonym).")
@click.option("--severity", type=click.Choice(["low", "medium", "high", "critical"]))
@click.option("--since", help="From this instant on (RFC 3339; without a zone it is UTC).")
@click.option("--until", help="Before this instant.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@json_option
def query(
    settings: Path,
    type_: str | None,
    actor: str | None,
    severity: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    json_file: str | None,
) -> int:
    """Show events, newest first."""
    from assay.audit_log.interface import EventQuery
    from assay.audit_log.log import read_events
    from assay.bootstrap import open_log_for_reading
    from assay.canonical import to_json
    from assay.settings import read_settings
    from assay.vocabulary import Severity

    wanted = EventQuery(
        type=type_,
        actor=actor,
        severity_min=None if severity is None else Severity[severity.upper()],
        since=_instant(since),
        until=_instant(until),
        limit=limit,
    )
    with open_log_for_reading(read_settings(settings)) as reader:
        found = list(read_events(reader, wanted))
    events = [{"index": index, **_object(to_json(event))} for index, event in found]
    write_json(json_file, {"schema": 1, "events": events})
    if json_file != "-":
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
    from assay.audit_log.entry import new_event
    from assay.bootstrap import actor_of, open_log_for_writing
    from assay.kept import CLIENT_AGENT
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
            client_agent=CLIENT_AGENT,
            event_id=event_id,
        )
        index = opened.append(event)
    write_json(json_file, {"schema": 1, "index": index, "id": event.id})
    if json_file != "-":
        click.echo(f"Entry {index}.")
    return 0


def _expect_event(type_: str, words: Mapping[str, str | None]) -> None:
    """Refuse what no entry can hold before a log is begun for it."""
    from assay.audit_log.entry import SEVERITIES

    if type_ not in SEVERITIES:
        known = ", ".join(sorted(SEVERITIES))
        raise BadInput(f"There is no event type {type_!r}.", next_step=f"The types are: {known}.")
    for option, text in words.items():
        if text is not None and (len(text) > _WORDS_MAX or not text.isprintable()):
            raise BadInput(
                f"--{option} has more than {_WORDS_MAX} characters, or one that cannot be shown.",
                next_step="Write a few words on one line, in UTF-8.",
            )


def _target(text: str, organisation: str) -> Any:
    from assay.vocabulary import Target, TargetKind

    kind, _, name = text.partition(":")
    if kind not in [known.value for known in TargetKind] or (kind != "system" and not name):
        raise BadInput(
            f"--target does not know {text!r}.",
            next_step="Write dataset:NAME, model:NAME or system.",
        )
    return Target(TargetKind(kind), name or organisation)


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not an instant.", next_step="Write it like 2026-11-22T10:00:00Z."
        ) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).") from error


def _object(value: Any) -> dict[str, Any]:
    return dict(value)


def _as_json(seen: Verification) -> dict[str, Any]:
    return {
        "schema": 1,
        "clean": seen.clean,
        "size": seen.size,
        "root": seen.root.hex(),
        "checkpoints": seen.checkpoints,
        "newest_checkpoint_size": seen.newest.size if seen.newest else None,
        "cited": seen.cited,
        "faults": [
            {"place": fault.place, "what": fault.what, "damage": fault.damage.value}
            for fault in seen.faults
        ],
    }


def _show(seen: Verification, verifier: str) -> None:
    say(f"Verifier key  {verifier}")
    click.echo(f"Entries       {seen.size}")
    click.echo(f"Root          {seen.root.hex()}")
    click.echo(f"Checkpoints   {seen.checkpoints}")
    click.echo(f"Cited         {seen.cited}")
    if seen.clean:
        click.echo("Everything verifies.")
        return
    say(f"NOT CLEAN: {len(seen.faults)} faults, the first at {seen.faults[0].place}")
    for fault in seen.faults[:20]:
        say(f"  {fault.place}: {fault.what} ({fault.damage.value})")
    if len(seen.faults) > 20:
        click.echo(f"  and {len(seen.faults) - 20} more; --json has them all")
