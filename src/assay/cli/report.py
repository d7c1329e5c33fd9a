"""`assay report` and `assay threats`: what the newest assessment found, weighed again from the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli._shared import (
    counting,
    json_option,
    say,
    settings_argument,
    show_table,
    write_json,
)

if TYPE_CHECKING:
    from assay.reports.interface import Report
    from assay.vocabulary import Assessment, Risk


@click.command()
@settings_argument
@click.option("--format", "format_", default="text", show_default=True, help="html, json or text.")
@click.option("--framework", help="Only show this framework's posture.")
@click.option("--entry", type=click.IntRange(0), help="The log entry that closes an assessment.")
@click.option("--out", type=click.Path(path_type=Path), help="A file; standard output unless said.")
def report(
    settings: Path, format_: str, framework: str | None, entry: int | None, out: Path | None
) -> int:
    """Write a report of the newest assessment, judged again from the evidence in the log.

    The same evidence gives the same bytes: a report can be checked by writing it again.
    """
    from dataclasses import replace

    from assay import plugins
    from assay.atomic import write_atomically
    from assay.errors import BadInput

    formats = {member.name: member for member in plugins.members("reports")}
    if format_ not in formats:
        raise BadInput(
            f"There is no report format {format_!r}.", next_step=f"There are: {', '.join(formats)}."
        )
    assessment = _assessment(settings, entry)
    if framework is not None:
        kept = tuple(p for p in assessment.postures if p.framework == framework)
        if not kept:
            known = ", ".join(p.framework for p in assessment.postures)
            raise BadInput(
                f"There is no framework {framework!r}.", next_step=f"There are: {known}."
            )
        assessment = replace(assessment, postures=kept)
    rendered = render(formats[format_].use(), assessment)
    if out is None:
        click.echo(rendered, nl=False)
    else:
        write_atomically(out, rendered, mode=0o640)
        say(str(out))
    return 0


@click.command()
@settings_argument
@json_option
def threats(settings: Path, json_file: str | None) -> int:
    """The five core threats to every model, as last measured; the rest are UNMEASURED."""
    from assay.canonical import to_json

    assessment = _assessment(settings, None)
    write_json(json_file, {"schema": 1, "risks": to_json(assessment.risks)})
    if json_file != "-":
        columns = ("Threat", "Model", "Likelihood (95 %)", "Impact", "Would help")
        show_table("Threats, by the upper end of likelihood", columns, _rows(assessment.risks))
    return 0


def render(form: Report, assessment: Assessment) -> bytes:
    """The report, with a bar that counts the models that are drawn."""
    with counting("Models drawn", len(assessment.robustness)) as told:
        return form.render(assessment, told)


def _rows(risks: tuple[Risk, ...]) -> list[tuple[str, ...]]:
    return [
        (
            risk.title,
            risk.target.name,
            "UNMEASURED"
            if risk.likelihood is None
            else f"{risk.likelihood.share:.2f} [{risk.likelihood.low:.2f}, {risk.likelihood.high:.2f}]",
            "unknown" if risk.impact is None else risk.impact.word,
            ", ".join(risk.mitigations),
        )
        for risk in risks
    ]


def _assessment(settings: Path, entry: int | None) -> Assessment:
    from assay.bootstrap import open_log_for_reading
    from assay.kept import latest, reopen
    from assay.settings import read_settings

    read = read_settings(settings)
    with open_log_for_reading(read) as log, counting("Reading and weighing the log", None):
        return reopen(log, latest(log) if entry is None else entry)
