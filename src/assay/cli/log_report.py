"""`assay log report`, `verify-report` and `review`: what the log says, whether a report says the same,
and that a person looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli._log_given import FILE, given_trust, key_option, trust_option
from assay.cli._shared import (
    counting,
    expect_writable,
    json_option,
    say,
    settings_option,
    write_json,
)
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.audit_log.report.make import ReportedLog
    from assay.audit_log.report.verify_report import ReportVerification
    from assay.audit_log.trust import Trust

_DAYS = 30
_SHOWN_DIFFERENCES = 20


def _place_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument(
        "place", type=FILE, default=Path("assay.toml"), metavar="[ASSAY.TOML|EXPORT]"
    )(command)


@click.command()
@_place_argument
@click.option(
    "--since", help=f"From this day or instant on; {_DAYS} days before the end unless said."
)
@click.option("--until", help="Before this day or instant; now unless said.")
@click.option("--zone", default="UTC", show_default=True, help="Whose days, hours and weekdays.")
@click.option(
    "--hours",
    default="Mon-Fri 07:00-19:00",
    show_default=True,
    help="When people work, in the zone.",
)
@click.option(
    "--false-alarms",
    type=float,
    default=12.0,
    show_default=True,
    help="Alarms of unusual activity a year that may be false, all actors together.",
)
@click.option(
    "--heartbeat", type=click.IntRange(1), metavar="SECONDS", help="How often something is written."
)
@click.option(
    "--clock-slack",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How far back a clock may go before it is told.",
)
@click.option(
    "--format", "format_", type=click.Choice(["html", "json"]), default="html", show_default=True
)
@click.option("--out", type=FILE, help="A file; standard output unless said or taken by --json.")
@key_option
@trust_option
@json_option
def report(
    place: Path,
    since: str | None,
    until: str | None,
    zone: str,
    hours: str,
    false_alarms: float,
    heartbeat: int | None,
    clock_slack: int,
    format_: str,
    out: Path | None,
    key_file: Path | None,
    trust_file: Path | None,
    json_file: str | None,
) -> int:
    """Report a period of the log: totals, timeline, alerts, unusual activity, what to do.

    The same log and the same options give the same bytes, which `assay log verify-report` makes
    again from the log or an export of it. Days and instants without a zone are in --zone.
    """
    from assay.atomic import write_atomically
    from assay.audit_log.report.make import make_report, newest_anchor
    from assay.audit_log.report.question import Question, parse_hours, zone_named
    from assay.audit_log.report.render import html, json_bytes

    expect_writable(out, json_file)
    end = _moment(until, zone_named(zone)) if until else datetime.now(UTC)
    question = Question(
        since=_moment(since, zone_named(zone)) if since else end - timedelta(days=_DAYS),
        until=end,
        zone=zone,
        hours=parse_hours(hours),
        false_alarms_per_year=false_alarms,
        clock_slack_seconds=clock_slack,
        heartbeat_seconds=heartbeat,
    )
    with _opened(place, key_file, trust_file) as (log, trust):
        anchor = newest_anchor(log, trust)
        with counting("Reading entries", anchor.checkpoint.size) as progress:
            made = make_report(log, anchor, question, progress)
    data = html(made) if format_ == "html" else json_bytes(made)
    write_json(json_file, made)
    if out is not None:
        write_atomically(out, data, mode=0o640)
        say(str(out), err=json_file == "-")
    elif json_file != "-":
        click.echo(data, nl=False)
    return 0


@click.command("verify-report")
@click.argument("file", type=FILE)
@_place_argument
@key_option
@trust_option
@json_option
def verify_report(
    file: Path, place: Path, key_file: Path | None, trust_file: Path | None, json_file: str | None
) -> int:
    """Make a report again from the log and compare every number; exit 1 unless all are the same.

    The log is a workspace's, or a folder that `assay log export` wrote; for that one bring the log's
    key from elsewhere with --key or --trust. Nothing is asked of the network.
    """
    from assay.audit_log.report.verify_report import verify_report as compare

    data = _bytes(file)
    with (
        _opened(place, key_file, trust_file) as (log, trust),
        counting("Reading entries", log.size) as progress,
    ):
        seen = compare(data, log, trust, progress)
    write_json(json_file, _as_json(seen))
    if json_file != "-":
        _show(seen)
    return 0 if seen.clean else 1


@click.command()
@click.argument("file", type=FILE, metavar="REPORT")
@settings_option
@click.option(
    "--acknowledge",
    multiple=True,
    type=click.IntRange(0),
    metavar="ENTRY",
    help="A security alert that you looked at, by its entry; may repeat.",
)
@click.option("--acknowledge-all", is_flag=True, help="All alerts that the report lists as open.")
@trust_option
@json_option
def review(
    file: Path,
    settings: Path,
    acknowledge: tuple[int, ...],
    acknowledge_all: bool,
    trust_file: Path | None,
    json_file: str | None,
) -> int:
    """Record in the log that you looked at a report, and which alerts you acknowledge.

    The report is verified first; one that the log does not bear out is not signed off, and the exit
    status is 1. The entry holds your account as a pseudonym, the period, the report's digest and how
    many findings it had.
    """
    from assay.audit_log.caller import from_client
    from assay.audit_log.report.review import review_event
    from assay.audit_log.report.verify_report import read_report
    from assay.audit_log.report.verify_report import verify_report as compare
    from assay.bootstrap import actor_of, open_log_for_writing
    from assay.settings import read_settings
    from assay.vocabulary import Target, TargetKind

    data = _bytes(file)
    said, read = read_report(data), read_settings(settings)
    with (
        _opened(settings, None, trust_file) as (log, trust),
        counting("Reading entries", log.size) as progress,
    ):
        seen = compare(data, log, trust, progress)
    if not seen.clean:
        write_json(json_file, _as_json(seen))
        if json_file != "-":
            _show(seen)
        return 1
    acknowledged = _chosen(said["alerts"]["listed"], acknowledge, everything=acknowledge_all)
    event = review_event(
        said,
        seen.report,
        acknowledged,
        actor=actor_of(read),
        target=Target(TargetKind.SYSTEM, read.organisation.name),
        occurred_at=datetime.now(UTC),
    )
    with open_log_for_writing(read) as opened:
        [index] = opened.keep([from_client(event)])
    write_json(
        json_file,
        {"schema": 1, "index": index, "report": seen.report, "acknowledged": acknowledged},
    )
    if json_file != "-":
        n = len(said["recommendations"])
        click.echo(
            f"Entry {index}: a report with {n} findings, {len(acknowledged)} alerts acknowledged."
        )
    return 0


@contextmanager
def _opened(
    place: Path, key: Path | None, trust_file: Path | None
) -> Iterator[tuple[ReportedLog, Trust]]:
    """The log of a workspace or of an exported folder, and whom to believe about it."""
    brought = _brought_trust(key, trust_file)
    if _is_export(place):
        from assay.audit_log.report.exported_log import ExportedLog

        if brought is None:
            raise BadInput(
                f"{place} is an exported log, and a key that came with it proves nothing.",
                next_step="Bring the log's verifier key from elsewhere with --key or --trust.",
            )
        yield ExportedLog(place), brought
        return
    from assay.bootstrap import open_log_for_reading, read_trust
    from assay.settings import read_settings

    read = read_settings(place)
    with open_log_for_reading(read) as log:
        yield log, brought or read_trust(read)


def _is_export(place: Path) -> bool:
    return (place / "checkpoint").is_file() and not (place / "assay.toml").exists()


def _brought_trust(key: Path | None, trust_file: Path | None) -> Trust | None:
    if key is not None and trust_file is not None:
        raise BadInput("--key and --trust name keys both.", next_step="Give one of them.")
    return given_trust(key, trust_file)


def _chosen(
    alerts: Sequence[dict[str, Any]], named: Sequence[int], *, everything: bool
) -> list[int]:
    """The indices of the alerts that are acknowledged."""
    open_ones = [alert["index"] for alert in alerts if alert["acknowledged_by"] is None]
    return sorted({*named, *(open_ones if everything else ())})


def _moment(text: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"{text[:64]!r} is not a day or an instant.",
            next_step="Write it like 2026-11-22 or 2026-11-22T10:00:00Z.",
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}).") from error


def _as_json(seen: ReportVerification) -> dict[str, Any]:
    return {
        "schema": 1,
        "clean": seen.clean,
        "size": seen.size,
        "root": seen.root,
        "report": seen.report,
        "differences": [{"place": one.place, "what": one.what} for one in seen.differences],
    }


def _show(seen: ReportVerification) -> None:
    say(f"Report   {seen.report}")
    say(f"Entries  {seen.size}")
    say(f"Root     {seen.root}")
    if seen.clean:
        click.echo("Every number is what the log says.")
        return
    count = len(seen.differences)
    say(f"NOT CLEAN: {count} {'difference' if count == 1 else 'differences'}, the first:")
    for one in seen.differences[:_SHOWN_DIFFERENCES]:
        say(f"  {one.place}: {one.what}")
    if count > _SHOWN_DIFFERENCES:
        click.echo(f"  and {count - _SHOWN_DIFFERENCES} more; --json has them")
