"""`assay model`: look into models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from assay.cli._lazy import LazyGroup
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
    show_table,
    strangers_to_stderr,
    write_json,
)
from assay.errors import BadInput

if TYPE_CHECKING:
    from assay.vocabulary import Proportion, Robustness

_HERE = "assay.cli.model"


@click.group(
    cls=LazyGroup,
    table={
        "robustness": (f"{_HERE}:robustness", "Attack and corrupt models; accuracy with intervals.")
    },
)
def model() -> None:
    """Look into models."""


@click.command()
@settings_argument
@click.option("--model", "names", multiple=True, help="Only this model; may repeat.")
@click.option(
    "--depth", type=click.Choice(["quick", "standard", "full"]), default="quick", show_default=True
)
@seed_option
@executor_option
@fail_on_option
@json_option
def robustness(
    settings: Path,
    names: tuple[str, ...],
    depth: str,
    seed: int,
    executor: str,
    fail_on: tuple[str, ...],
    json_file: str | None,
) -> int:
    """Every attack and corruption that fits; what was done is kept in the log."""
    from assay import main_job
    from assay.bootstrap import open_parts
    from assay.canonical import to_json
    from assay.compliance.fail_on import reasons
    from assay.settings import read_settings
    from assay.steps import Room, plan
    from assay.vocabulary import Depth

    stops, wanted = conditions(fail_on, baseline=False), Depth(depth)
    read = read_settings(settings)
    expect_writable(json_file)
    if strangers := sorted(set(names) - set(read.models)):
        raise BadInput(
            f"There is no model {strangers[0]!r} in assay.toml.",
            next_step=f"The models are: {', '.join(read.models) or 'none'}.",
        )
    with open_parts(read, executor=executor) as parts, strangers_to_stderr():
        rooms = frozenset({Room.MODELS})
        planned = plan(parts, depth=wanted, seed=seed, rooms=rooms, models=names or None)
        with listening() as listener:
            assessment = main_job.assess(
                parts, planned, depth=wanted, seed=seed, listener=listener, checks=()
            )
    write_json(json_file, {"schema": 1, "models": to_json(assessment.robustness)})
    if json_file != "-":
        for measured in assessment.robustness:
            _show(measured)
        for line in assessment.unmeasured:
            say(line)
    met = reasons(stops, assessment, None)
    for reason in met:
        say(f"--fail-on: {reason}", err=True)
    return 1 if met else 0


def _show(measured: Robustness) -> None:
    rows = [("clean", "", "", *_cells(measured.clean), "", "")]
    for curve in measured.curves:
        cost = f"{curve.forwards_per_example:.1f}", f"{curve.gradients_per_example:.1f}"
        rows += [
            (curve.member, f"{point.amount:g}", curve.unit, *_cells(point.robust), *cost)
            for point in curve.points
        ]
    at = measured.worst_case_epsilon
    cells = ("UNMEASURED", "") if measured.worst_case is None else _cells(measured.worst_case)
    rows.append(("worst case", "" if at is None else f"{at:g}", "epsilon", *cells, "", ""))
    columns = ("Under", "Amount", "Unit", "Accuracy", "95 % interval", "Forwards", "Gradients")
    title = f"{measured.model.name}: {measured.examples} examples"
    show_table(title, columns, rows)


def _cells(proportion: Proportion) -> tuple[str, str]:
    low, high = 100 * proportion.low, 100 * proportion.high
    return f"{100 * proportion.share:.1f} %", f"{low:.1f} to {high:.1f}"
