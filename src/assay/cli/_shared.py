"""What the commands share: options, progress, tables, and JSON that is written whole or not at all."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from assay.compliance.fail_on import Condition
    from assay.step import Step

_Command = TypeVar("_Command", bound=Callable[..., Any])

_NEVER_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of what a terminal may obey instead of show."""


def settings_argument(command: _Command) -> _Command:
    """`[assay.toml]`: a file, or the folder that holds it."""
    return click.argument(
        "settings",
        type=click.Path(path_type=Path),
        default=Path("assay.toml"),
        metavar="[ASSAY.TOML]",
    )(command)


def settings_option(command: _Command) -> _Command:
    """`--settings FILE` for commands whose arguments are something else."""
    return click.option(
        "--settings",
        type=click.Path(path_type=Path),
        default=Path("assay.toml"),
        show_default=True,
        help="The assay.toml of the workspace, or its folder.",
    )(command)


def json_option(command: _Command) -> _Command:
    """`--json FILE|-`."""
    return click.option(
        "--json",
        "json_file",
        metavar="FILE|-",
        help="Write the result as JSON; - is standard output.",
    )(command)


def seed_option(command: _Command) -> _Command:
    """`--seed N`."""
    return click.option(
        "--seed",
        type=click.IntRange(0, 2**31 - 1),
        default=0,
        show_default=True,
        help="Seeds every random step.",
    )(command)


def fail_on_option(command: _Command) -> _Command:
    """`--fail-on EXPR`, which may repeat."""
    return click.option(
        "--fail-on",
        multiple=True,
        metavar="EXPR",
        help="Exit 1 if met: a severity (high), unknown, new, or robust_accuracy<0.7@linf:0.03.",
    )(command)


def executor_option(command: _Command) -> _Command:
    """`--executor NAME`."""
    return click.option(
        "--executor",
        default="local",
        show_default=True,
        help="Who does the work: see `assay plugins`.",
    )(command)


def write_json(destination: str | None, value: Any) -> None:
    """Write JSON where `--json` says; nothing where it says nothing."""
    if destination is None:
        return
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    data = text.encode("utf-8", "backslashreplace")
    if destination == "-":
        click.echo(data, nl=False)
        return
    from assay.atomic import write_atomically

    write_atomically(Path(destination), data, mode=0o640)


def conditions(fail_on: Sequence[str], *, baseline: bool) -> tuple[Condition, ...]:
    """What `--fail-on` says, understood before the work begins.

    Raises:
        BadInput: an expression is not known, or `new` has no baseline to compare with.
    """
    from assay.compliance.fail_on import parse_conditions
    from assay.errors import BadInput

    parsed = parse_conditions(fail_on)
    if not baseline and any(condition.text == "new" for condition in parsed):
        raise BadInput(
            "--fail-on new needs something to compare with.",
            next_step="Give the assessment.json of an earlier `assay assess` with --baseline.",
        )
    return parsed


def expect_writable(*files: str | Path | None) -> None:
    """Refuse, before the work begins, to write where nothing can be written.

    Raises:
        NotWritable: a file's folder is missing or not writable, or the file is a folder.
    """
    from assay.errors import NotWritable

    for file in files:
        if file is None or file == "-":
            continue
        path = Path(file)
        if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
            raise NotWritable(
                f"{path} cannot be written.",
                next_step="Name a file in a folder that is there and that you may write to.",
            )


@contextmanager
def strangers_to_stderr() -> Iterator[None]:
    """What models and plugins print goes to standard error: standard output is ours."""
    with redirect_stdout(sys.stderr):
        yield


def printable(text: str) -> str:
    """The text with what a terminal obeys as visible escapes: `\\x1b`, `\\u202e`.

    Names and statements come from files, and files from strangers. Line feeds and tabs stay.
    """
    return text if text.isprintable() else "".join(map(_printable_character, text))


def say(line: str, *, err: bool = False) -> None:
    """One line for people, which nothing from outside can break or forge."""
    click.echo(printable(line).replace("\n", "\\n"), err=err)


def console() -> Console:
    """For people: standard output."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people; title and cells are text, never markup and never escape sequences."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = console()
    if not sys.stdout.isatty():
        shown.width = 120
    above = Text(printable(title), style="table.title") if title else None
    table = Table(title=above, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    shown.print(table)


class StepListener:
    """Shows the steps of an assessment: a bar on a terminal, a line a step elsewhere."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._bar: TaskID | None = None

    def began(self, step: Step, number: int, total: int) -> None:
        """A step begins."""
        if self._progress is None:
            say(f"[{number}/{total}] {step.name}", err=True)
        else:
            words = printable(f"{number}/{total} {step.name}")
            self._bar = self._progress.add_task(words, total=1.0)

    def progressed(self, share: float) -> None:
        """The share of the step that is done."""
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=share)

    def ended(self, step: Step, *, reused: bool) -> None:
        """The step is done."""
        if self._progress is not None and self._bar is not None:
            name = printable(step.name)
            words = f"{name} (kept from before)" if reused else name
            self._progress.update(self._bar, completed=1.0, description=words)
        elif reused:
            click.echo("      kept from before", err=True)


@contextmanager
def listening() -> Iterator[StepListener]:
    """A listener for the time of some work."""
    if not sys.stderr.isatty():
        yield StepListener(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield StepListener(progress)


def _printable_character(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _NEVER_SHOWN:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


@contextmanager
def counting(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar that counts up to `total` on a terminal, nothing elsewhere; told how many are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(printable(what), total=total)
        yield lambda done: progress.update(task, completed=done)
