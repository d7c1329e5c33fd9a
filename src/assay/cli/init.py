"""`assay init`: looks at a folder, asks for what decides the law, and proposes an assay.toml."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.cli._shared import counting, json_option, printable, say, show_table, write_json

if TYPE_CHECKING:
    from assay.proposal.folder import FolderLook
    from assay.proposal.propose import Proposal

_TRIES_MAX = 5


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path(), metavar="[FOLDER]")
@click.option("--force", is_flag=True, help="Replace an assay.toml that is there.")
@click.option("--dry-run", is_flag=True, help="Print the proposal and write nothing.")
@click.option("--no-questions", is_flag=True, help="Leave the facts open instead of asking.")
@json_option
def init(
    folder: Path, *, force: bool, dry_run: bool, no_questions: bool, json_file: str | None
) -> None:
    """Look at a folder and propose an assay.toml for it.

    Nothing that is found is imported, unpickled or run. On a terminal it asks for the facts that
    decide which law applies; each may be left open.
    """
    from assay.atomic import write_atomically
    from assay.proposal.folder import files_in, look_at
    from assay.proposal.propose import propose
    from assay.settings import FILE_NAME

    file = folder / FILE_NAME
    _check_folder(folder, file, force=force, dry_run=dry_run)
    with counting("Files found", None) as told:
        files = files_in(folder, told)
    with counting("Files looked at", len(files)) as told:
        look = look_at(folder, files, told)
    asks = sys.stdin.isatty() and not no_questions
    proposal = propose(look, _ask() if asks else {})
    if not dry_run:
        write_atomically(file, proposal.text.encode(), mode=0o640)
    write_json(json_file, _as_json(file, look, proposal, written=not dry_run))
    if json_file == "-":
        return
    if dry_run:
        click.echo(printable(proposal.text), nl=False)
        return
    _show(folder, file, look, proposal)


def _check_folder(folder: Path, file: Path, *, force: bool, dry_run: bool) -> None:
    from assay.errors import BadInput, NotWritable

    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise BadInput(
            f"{folder} {what}.", next_step="Name the folder of your project, or make it first."
        )
    if dry_run:
        return
    if (file.exists() or file.is_symlink()) and not force:
        raise BadInput(
            f"{file} is there already.",
            next_step="Use --force to replace it, or --dry-run to see what would be written.",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NotWritable(
            f"{folder} cannot be written.",
            next_step="Check its owner and mode, or use --dry-run to see the proposal.",
        )


def _ask() -> dict[str, tuple[str, ...]]:
    """The facts that were declared; one that was left open is not in it."""
    from assay.proposal.propose import ASKED

    click.echo(
        "Which law applies follows from a few facts. Separate several answers by commas;\n"
        "Enter leaves a question open, and `none` says that there is nothing.\n",
        err=True,
    )
    answers: dict[str, tuple[str, ...]] = {}
    for fact in ASKED:
        answer = _ask_one(fact)
        if answer is not None:
            answers[fact] = answer
    return answers


def _ask_one(fact: str) -> tuple[str, ...] | None:
    from assay.proposal.propose import allowed_words, fact_row

    row = fact_row(fact)
    click.echo(f"{row['question'].capitalize()}: {allowed_words(fact)}.", err=True)
    for _ in range(_TRIES_MAX):
        said = click.prompt(f"  {fact}", default="", show_default=False, err=True)
        words = said.replace(",", " ").split()
        if not words:
            return None
        answer, stranger = _understood(words, row)
        if not stranger:
            return answer
        say(f"  {stranger!r} is not understood; it may be {allowed_words(fact)}.", err=True)
    return None


def _understood(words: list[str], row: Any) -> tuple[tuple[str, ...], str]:
    """The answer as the catalogue writes it, and the first word that it does not know."""
    values = row.get("values")
    if [word.lower() for word in words] == ["none"] and "none" not in (values or ()):
        return (), ""
    if values is None:
        codes = [word.upper() for word in words]
        good = [code for code in codes if len(code) == 2 and code.isascii() and code.isalpha()]
    else:
        codes = [word.lower() for word in words]
        good = [code for code in codes if code in values]
    stranger = next((w for w, code in zip(words, codes, strict=True) if code not in good), "")
    return tuple(dict.fromkeys(good)), stranger


def _show(folder: Path, file: Path, look: FolderLook, proposal: Proposal) -> None:
    rows = list(_rows(look, proposal))
    if rows:
        show_table("Found", ("what", "name", "where", "with"), rows)
    else:
        click.echo("Found neither data nor models here; the file holds examples to fill in.")
    if look.cut_short:
        say(f"The folder is large: {look.cut_short}.")
    where = "" if folder == Path() else f" {file}"
    say("")
    say(f"Wrote {file}. Read it, fill in what is commented out, and then:")
    say(f"  assay doctor{where}    says what is still missing")
    say(f"  assay assess{where}    does the work")


def _rows(look: FolderLook, proposal: Proposal) -> Iterator[tuple[str, str, str, str]]:
    from assay.proposal.guesses import shown

    for dataset in proposal.datasets:
        found = {"subject": dataset.subject.value, "start of retention": dataset.start.value}
        words = [f"{what}: {shown(column)}" for what, column in found.items() if column]
        yield "dataset", dataset.name, shown(dataset.table.path), ", ".join(words)
    for model in proposal.models:
        given = {"factory": model.factory.value, "test data": model.test_data.value}
        words = [f"{what}: {shown(value)}" for what, value in given.items() if value]
        yield "model", model.name, shown(model.source), ", ".join(words)
    for path in look.pickles[:5]:
        yield "pickle", "", shown(path), "never opened; the file says what to do"
    if len(look.pickles) > 5:
        yield "pickle", "", f"and {len(look.pickles) - 5} more", ""


def _as_json(file: Path, look: FolderLook, proposal: Proposal, *, written: bool) -> dict[str, Any]:
    from assay.proposal.guesses import shown

    return {
        "schema": 1,
        "file": shown(str(file)),
        "written": written,
        "cut_short": look.cut_short,
        "datasets": [
            {
                "name": dataset.name,
                "source": dataset.table.path,
                "subject_column": dataset.subject.value,
                "start_column": dataset.start.value,
            }
            for dataset in proposal.datasets
        ],
        "models": [
            {
                "name": model.name,
                "source": model.source,
                "factory": model.factory.value,
                "test_data": model.test_data.value,
                "label": model.label.value,
                "trained_on": model.trained_on.value,
            }
            for model in proposal.models
        ],
        "never_opened": [shown(path) for path in look.pickles],
    }
