"""`assay assess`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli._shared import (
    conditions,
    executor_option,
    expect_writable,
    fail_on_option,
    json_option,
    listening,
    say,
    seed_option,
    settings_argument,
    strangers_to_stderr,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.step import Step
    from assay.steps import Plan
    from assay.vocabulary import Depth


@click.command()
@settings_argument
@click.option(
    "--depth", type=click.Choice(["quick", "standard", "full"]), default="quick", show_default=True
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for report.html and assessment.json; the one of assay.toml unless said.",
)
@click.option("--baseline", type=click.Path(path_type=Path), help="An earlier assessment.json.")
@click.option("--again", is_flag=True, help="Take every step again, whatever was kept.")
@seed_option
@executor_option
@fail_on_option
@json_option
def assess(
    settings: Path,
    depth: str,
    out: Path | None,
    baseline: Path | None,
    *,
    again: bool,
    seed: int,
    executor: str,
    fail_on: tuple[str, ...],
    json_file: str | None,
) -> int:
    """Classify the data, attack the models, inspect, judge, and write the report."""
    return carry_out(
        settings,
        depth=depth,
        out=out,
        baseline=baseline,
        again=again,
        seed=seed,
        executor=executor,
        fail_on=fail_on,
        json_file=json_file,
    )


def carry_out(
    settings_file: Path,
    *,
    depth: str = "quick",
    out: Path | None = None,
    baseline: Path | None = None,
    again: bool = False,
    seed: int = 0,
    executor: str = "local",
    fail_on: tuple[str, ...] = (),
    json_file: str | None = None,
) -> int:
    """Assess, write the reports, show what was found; the exit status."""
    from assay import main_job, plugins
    from assay.atomic import make_folder, write_atomically
    from assay.bootstrap import open_parts
    from assay.cli._findings import show_assessment
    from assay.cli.report import render
    from assay.compliance.fail_on import read_baseline, reasons
    from assay.settings import read_settings
    from assay.steps import plan
    from assay.vocabulary import Depth

    settings = read_settings(settings_file)
    stops = conditions(fail_on, baseline=baseline is not None)
    before = None if baseline is None else read_baseline(baseline)
    wanted, folder = Depth(depth), out or settings.folder
    make_folder(folder)
    page, data = folder / "report.html", folder / "assessment.json"
    expect_writable(page, data, json_file)
    with open_parts(settings, executor=executor) as parts, strangers_to_stderr():
        if again:
            parts.store.forget_steps()
        planned = plan(parts, depth=wanted, seed=seed)
        fresh = [s for s in planned.steps if not (s.key and parts.store.kept_step(s.key))]
        say(_beforehand(planned, fresh, wanted), err=True)
        with listening() as listener:
            assessment = main_job.assess(parts, planned, depth=wanted, seed=seed, listener=listener)
    reports = {member.name: member.use() for member in plugins.available("reports")}
    write_atomically(page, render(reports["html"], assessment), mode=0o640)
    rendered = reports["json"].render(assessment)
    write_atomically(data, rendered, mode=0o640)
    if json_file is not None:
        import json

        write_json(json_file, json.loads(rendered))
    if json_file != "-":
        paths = {"Report": page, "Assessment": data, "Log": settings.workspace_folder}
        show_assessment(assessment, paths, _afterwards(planned))
    met = reasons(stops, assessment, before)
    for reason in met:
        say(f"--fail-on: {reason}", err=True)
    return 1 if met else 0


def _beforehand(planned: Plan, fresh: Sequence[Step], depth: Depth) -> str:
    kept = len(planned.steps) - len(fresh)
    words = f"{len(planned.steps)} steps at depth {depth.value}"
    words += f", {kept} of them kept from before" if kept else ""
    return f"{words}; at most about {_duration(sum(step.seconds for step in fresh))}."


def _afterwards(planned: Plan) -> list[str]:
    return [
        f"--depth {depth.value} would try more examples, steps, restarts and queries: "
        f"at most about {_duration(seconds)} here."
        for depth, seconds in planned.deeper_seconds.items()
        if seconds
    ]


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
