"""`assay check`: list and run the compliance checks."""

from __future__ import annotations

from pathlib import Path

import click

from assay.cli._lazy import LazyGroup
from assay.cli._shared import (
    conditions,
    expect_writable,
    fail_on_option,
    json_option,
    listening,
    say,
    settings_argument,
    show_table,
    strangers_to_stderr,
    write_json,
)
from assay.errors import BadInput

_HERE = "assay.cli.check"


@click.group(
    cls=LazyGroup,
    table={
        "list": (f"{_HERE}:list_", "Every check of the crosswalk, and which of them can run here."),
        "run": (f"{_HERE}:run", "Look, keep what was seen, and judge; no attacks."),
    },
)
def check() -> None:
    """List and run the compliance checks."""


@click.command("list")
@click.option("--theme", help="Only checks of this theme.")
@json_option
def list_(theme: str | None, json_file: str | None) -> int:
    """Every check of the crosswalk, and which of them can run here."""
    from assay import plugins
    from assay.weigh import known_specs

    _known_theme(theme)
    runs = {member.use().id for member in plugins.available("checks")}
    specs = [s for s in known_specs().values() if theme is None or s.theme == theme]
    rows = [
        {
            "id": spec.id,
            "theme": spec.theme,
            "severity": spec.severity.word,
            "frequency": spec.frequency,
            "title": spec.title,
            "measured": spec.measured,
            "pass_criterion": spec.pass_criterion,
            "unknown_when": spec.unknown_when,
            "runs_here": spec.id in runs,
        }
        for spec in specs
    ]
    write_json(json_file, {"schema": 1, "checks": rows})
    if json_file != "-":
        shown = [
            (r["id"], r["theme"], r["severity"], "yes" if r["runs_here"] else "not yet", r["title"])
            for r in rows
        ]
        columns = ("Check", "Theme", "Severity", "Runs here", "What holds when it passes")
        show_table("", columns, [[str(cell) for cell in row] for row in shown])
        click.echo(
            f"{sum(bool(r['runs_here']) for r in rows)} of {len(rows)} checks run here; the "
            "controls of the others are NOT ASSESSED."
        )
    return 0


@click.command()
@settings_argument
@click.option("--theme", help="Only checks of this theme.")
@click.option("--check", "ids", multiple=True, help="Only this check; may repeat.")
@click.option("--baseline", type=click.Path(path_type=Path), help="An earlier assessment.json.")
@fail_on_option
@json_option
def run(
    settings: Path,
    theme: str | None,
    ids: tuple[str, ...],
    baseline: Path | None,
    fail_on: tuple[str, ...],
    json_file: str | None,
) -> int:
    """Look, keep what was seen in the log, and judge. Models are not attacked: that is `assess`."""
    from assay import main_job
    from assay.bootstrap import open_parts
    from assay.canonical import to_json
    from assay.cli._findings import show_findings
    from assay.compliance.fail_on import read_baseline, reasons
    from assay.settings import read_settings
    from assay.steps import Room, plan
    from assay.vocabulary import Depth

    stops = conditions(fail_on, baseline=baseline is not None)
    before = None if baseline is None else read_baseline(baseline)
    wanted = _wanted(theme, ids)
    expect_writable(json_file)
    rooms = frozenset({Room.DATA, Room.INSPECTIONS})
    with open_parts(read_settings(settings)) as parts, strangers_to_stderr():
        planned = plan(parts, depth=Depth.QUICK, seed=0, rooms=rooms, lenient=True)
        with listening() as listener:
            assessment = main_job.assess(
                parts, planned, depth=Depth.QUICK, seed=0, listener=listener, checks=wanted
            )
    write_json(json_file, {"schema": 1, "findings": to_json(assessment.findings)})
    if json_file != "-":
        show_findings(assessment.findings)
    met = reasons(stops, assessment, before)
    for reason in met:
        say(f"--fail-on: {reason}", err=True)
    return 1 if met else 0


def _wanted(theme: str | None, ids: tuple[str, ...]) -> list[str]:
    """The ids of the checks to run."""
    from assay import plugins
    from assay.compliance.judge import spec_of

    _known_theme(theme)
    checks = [member.use() for member in plugins.available("checks")]
    strangers = set(ids) - {check.id for check in checks}
    if strangers:
        raise BadInput(
            f"There is no check {sorted(strangers)[0]} that runs here.",
            next_step="`assay check list` names them.",
        )
    return [
        check.id
        for check in checks
        if (theme is None or spec_of(check).theme == theme) and (not ids or check.id in ids)
    ]


def _known_theme(theme: str | None) -> None:
    from assay.law.catalogues import themes

    if theme is not None and theme not in themes():
        raise BadInput(
            f"There is no theme {theme!r}.", next_step=f"The themes are: {', '.join(themes())}."
        )
