"""What a folder looks like becomes the text of an assay.toml.

Every value carries the reason for which it was guessed; what nobody can guess is a commented line
that says what to fill in. The text is always settings that `read_settings` takes, whatever the
folder's files are called. Which guess is made and why is in `guesses.py`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.law.catalogues import catalogue
from assay.proposal.folder import FolderLook
from assay.proposal.guesses import (
    TORCH_SUFFIXES,
    DatasetGuess,
    Guess,
    ModelGuess,
    can_be_named,
    guess_datasets,
    guess_headless,
    guess_models,
    quoted,
    shown,
)

ASKED = (
    "org.roles",
    "org.establishments",
    "org.offers_to_people_in",
    "org.commitments",
    "data.kinds",
)
"""The facts that decide most about which law applies."""

Answers = Mapping[str, tuple[str, ...]]

_LISTED_MAX = 20
_EXPOSURES = "public_anonymous, public_account, partners, internal, offline"


@dataclass(frozen=True, slots=True)
class Proposal:
    """The guesses, and the assay.toml that says them."""

    datasets: tuple[DatasetGuess, ...]
    models: tuple[ModelGuess, ...]
    text: str


def propose(look: FolderLook, answers: Answers) -> Proposal:
    """The assay.toml for a folder; `answers` are the facts that somebody declared, by id."""
    datasets = guess_datasets(look)
    models = guess_models(look, datasets)
    lines = [*_head(look), *_facts(answers), *_purposes()]
    lines += _title("What the data are", "a table for each file, [datasets.NAME]")
    lines += [line for dataset in datasets for line in _dataset(dataset)]
    lines += [] if datasets else _EXAMPLE_DATASET
    lines += _headless(look)
    lines += _title("What the models are", "a table for each, [models.NAME]")
    lines += [line for model in models for line in _model(model)]
    lines += [] if models else _example_model(look)
    lines += _left_out(look, len(datasets), len(models))
    return Proposal(datasets, models, "\n".join(lines) + "\n")


def fact_row(fact: str) -> Mapping[str, Any]:
    """A fact's question, type and allowed values, from the catalogue."""
    rows = catalogue("applicability_facts")["facts"]
    found: Mapping[str, Any] = next(row for row in rows if row["id"] == fact)
    return found


def allowed_words(fact: str) -> str:
    """What a fact may hold, in words."""
    values = fact_row(fact).get("values")
    if values is None:
        return "countries as two letters (ISO 3166-1), such as DE, FR"
    return f"any of {', '.join(values)}"


def _head(look: FolderLook) -> Iterator[str]:
    yield "# Proposed by `assay init`. Read every line: each guess says why it was made,"
    yield "# and a line that is commented out waits for what only you know."
    yield "schema = 1"
    yield ""
    yield "[organisation]"
    name = shown(look.name).strip() or "unnamed"
    yield _line("name", Guess(name, "the folder is called so; write who you are"))
    yield ""
    yield "[access]"
    yield 'owners = ["me"]  # why: the account that runs assay owns the files; name others that do.'
    yield "# Without this table CHK-FILE-ACCESS is UNKNOWN."


def _facts(answers: Answers) -> Iterator[str]:
    yield from _title(
        "The facts that decide which law applies",
        "nothing is assumed; without them the answer is `undetermined`",
    )
    group = ""
    for fact in ASKED:
        table, _, key = fact.partition(".")
        if table != group:
            yield from () if not group else ("",)
            yield f"[facts.{table}]"
            group = table
        yield f"# {fact_row(fact)['question']}: {allowed_words(fact)}"
        if fact in answers:
            yield f"{key} = [{', '.join(map(quoted, answers[fact]))}]  # why: you said so"
        else:
            yield f"# {key} = []"


def _purposes() -> Iterator[str]:
    names = ", ".join(row["name"] for row in catalogue("gdpr")["lawful_bases"])
    yield from _title("What the data are used for", "a table for each purpose, [purposes.NAME]")
    yield "# [purposes.research]"
    yield '# description = ""'
    yield f'# basis = ""  # fill in: {names} (Art. 6 GDPR)'
    yield '# special_category_condition = ""  # fill in for health data and the like: 9.2.a to 9.2.j'


def _dataset(guess: DatasetGuess) -> Iterator[str]:
    yield from ("", f"[datasets.{guess.name}]")
    yield f"source = {quoted(guess.table.path)}"
    if guess.table.unread:
        yield f"# Its columns are not known: {shown(guess.table.unread)}."
    yield "purposes = []  # fill in the names of purposes; nobody can guess what data are for"
    yield _line("subject_column", guess.subject)
    yield f"# [datasets.{guess.name}.retention]"
    yield f"# start_column = {quoted(guess.start.value)}  # {_reason(guess.start)}"
    yield '# maximum = ""  # fill in how long rows are kept, such as "P10Y" or "P18M"'


def _headless(look: FolderLook) -> Iterator[str]:
    """Files that cannot be datasets yet, commented out."""
    for name, path in guess_headless(look):
        yield ""
        yield "# No line of headers was found at its start. Add one that names the columns first:"
        yield f"# [datasets.{name}]"
        yield f"# source = {quoted(path)}"


def _model(guess: ModelGuess) -> Iterator[str]:
    yield from ("", f"[models.{guess.name}]")
    yield f"source = {quoted(guess.source)}"
    if guess.source.lower().endswith(TORCH_SUFFIXES):
        yield _line("factory", guess.factory)
    missing = "an .npz file with x and y, a folder of pictures by class, or a table"
    yield _line("test_data", guess.test_data, missing)
    if guess.label.value:
        yield _line("label", guess.label)
    if guess.image is None and guess.source.lower().endswith(TORCH_SUFFIXES):
        yield '# input = "image"  # fill in: image or tabular'
    elif guess.image is not None:
        kind = "image" if guess.image else "tabular"
        yield _line("input", Guess(kind, "the test data look like it"))
    if guess.trained_on.value:
        yield f"trained_on = [{quoted(guess.trained_on.value)}]  # why: {guess.trained_on.why}"
    else:
        yield "# trained_on = []  # fill in the names of datasets; they decide how grave a leak is"
    yield f'# exposure = "internal"  # fill in who can ask it: {_EXPOSURES}'
    yield "# declared_epsilon = 0.1  # fill in the change of every feature that it is to withstand"


def _left_out(look: FolderLook, datasets: int, models: int) -> Iterator[str]:
    if look.pickles:
        yield from _title(
            "Pickles", "opening one runs whatever code it brings, so that assay never does"
        )
        yield "# Save scikit-learn models with skops.io.dump, torch weights with"
        yield "# safetensors.torch.save_file, others as ONNX, and describe them above. Here are:"
        yield from _listed(look.pickles)
    paths = [*(table.path for table in look.tables), *look.weights]
    unnamed = [path for path in paths if not can_be_named(path)]
    if unnamed:
        yield from _title("Files with names that cannot be written here", "rename them")
        yield from _listed(unnamed)
    told = len(unnamed) + datasets + len(guess_headless(look)) + models
    more = len(paths) + look.tables_more - told
    if more:
        yield from (
            "",
            f"# {more} more files of data or weights are not proposed; add what matters.",
        )
    if look.cut_short:
        yield from ("", f"# The folder is large: {look.cut_short}.")


def _example_model(look: FolderLook) -> Iterator[str]:
    known = next((found.reference for found in look.factories if not found.arguments), "")
    yield "# [models.digits]"
    yield '# source = "model.safetensors"'
    yield f"# factory = {quoted(known or 'package.module:function')}  # builds the torch network"
    yield '# test_data = "test.npz"  # arrays x and y'
    yield '# input = "image"'


_EXAMPLE_DATASET = (
    "# [datasets.patients]",
    '# source = "patients.csv"',
    "# purposes = []",
    '# subject_column = "patient_id"  # whose row it is',
)


def _line(key: str, guess: Guess, missing: str = "") -> str:
    hash_ = "" if guess.value else "# "
    words = _reason(guess) if guess.value or guess.maybe or not missing else f"fill in: {missing}"
    return f"{hash_}{key} = {quoted(guess.value or guess.maybe)}  # {words}"


def _reason(guess: Guess) -> str:
    return f"{'why' if guess.value else 'fill in'}: {shown(guess.why)}"


def _title(title: str, words: str) -> Iterator[str]:
    yield from ("", f"# {title}: {words}.")


def _listed(paths: Sequence[str]) -> Iterator[str]:
    for path in paths[:_LISTED_MAX]:
        yield f"#   {shown(path)}"
    if len(paths) > _LISTED_MAX:
        yield f"#   and {len(paths) - _LISTED_MAX} more"
