"""`assay doctor`: what is wrong, and what to do next."""

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
    strangers_to_stderr,
    write_json,
)

if TYPE_CHECKING:
    from assay.diagnosis.interface import Surroundings


@click.command()
@settings_argument
@click.option(
    "--fail-on",
    type=click.Choice(["problem", "warning"]),
    help="Exit 1 if there is a problem, or a warning or worse.",
)
@json_option
def doctor(settings: Path, fail_on: str | None, json_file: str | None) -> int:
    """Say what is wrong with the installation and the workspace, and what to do.

    Every declared dataset and model is opened, as `assay assess` does; the code of a model is run for
    that. Nothing is attacked, and nothing is changed.
    """
    from assay.diagnosis.diagnose import carry_out, looks
    from assay.diagnosis.interface import Gravity
    from assay.versions import versions

    wanted = looks(settings, _surroundings())
    with strangers_to_stderr(), counting("Looked at", len(wanted)) as looked:
        found = carry_out(wanted, looked)
    counts = {gravity.value: sum(d.severity is gravity for d in found) for gravity in Gravity}
    rows = [{"severity": d.severity.value, "what": d.what, "next_step": d.next_step} for d in found]
    write_json(
        json_file,
        {"schema": 1, "versions": dict(versions()), "counts": counts, "diagnoses": rows},
    )
    if json_file != "-":
        _show(rows, counts)
    failing = {None: [], "problem": ["problem"], "warning": ["problem", "warning"]}[fail_on]
    return 1 if any(counts[word] for word in failing) else 0


def _show(rows: list[dict[str, str]], counts: dict[str, int]) -> None:
    if rows:
        columns = ("", "what", "what to do")
        show_table("", columns, [tuple(row.values()) for row in rows])
    if counts["problem"] or counts["warning"]:
        words = (f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())
        say(", ".join(words) + ".")
    else:
        say("Nothing is wrong with the installation or the workspace.")


def _surroundings() -> Surroundings:
    import os
    import shutil
    import sys
    from importlib.util import find_spec

    from assay.bootstrap import utc_now
    from assay.diagnosis.interface import Surroundings

    return Surroundings(
        now=utc_now(),
        python=tuple(sys.version_info[:3]),
        user_id=os.geteuid(),
        has_library=lambda name: find_spec(name) is not None,
        free_bytes=lambda folder: shutil.disk_usage(folder).free,
    )
