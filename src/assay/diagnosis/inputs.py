"""What is wrong with what assay.toml names: facts, files, datasets, models.

Datasets and models are opened by the same code as an assessment opens them before its first step, so
that what would stop it is said here, of all of them at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from assay.compliance.datasets import open_dataset
from assay.compliance.interface import Scene
from assay.diagnosis.interface import Diagnosis, Gravity
from assay.errors import AssayError, BadInput, EmptyDataset, MissingExtra
from assay.law.applicability import check_facts
from assay.settings import Settings
from assay.trials import open_to_try

_NO_EXIT = "Take sys.exit and the like out of what runs when it is imported or called."


def of_facts(settings: Settings) -> Iterator[Diagnosis]:
    """Whether the facts that decide the law are declared, and can be."""
    facts = settings.facts_by_id()
    check_facts(facts)
    if not facts:
        what = "No facts are declared, so that which law applies is undetermined."
        step = "Fill in [facts]; `assay init --dry-run` lists them."
        yield Diagnosis(Gravity.WARNING, what, step)


def of_named_files(settings: Settings) -> Iterator[Diagnosis]:
    """Files that assay.toml names and that are not there."""
    for place, text in _paths(settings):
        path = settings.path(text)
        if not path.exists():
            what = f"{place} names {path}, which is not there."
            yield Diagnosis(Gravity.PROBLEM, what, "Correct the path.")
        elif not os.access(path, os.R_OK):
            what = f"{place} names {path}, which cannot be read."
            yield Diagnosis(Gravity.PROBLEM, what, "Check its owner and mode.")


def of_dataset(settings: Settings, name: str, now: datetime) -> Iterator[Diagnosis]:
    """Whether a dataset opens and has a row."""
    dataset = settings.datasets[name]
    named = [dataset.source, *([dataset.key_file] if dataset.key_file else [])]
    if not all(settings.path(text).exists() for text in named):
        return  # `of_named_files` says so
    try:
        _expect_a_row(settings, name, now)
    except AssayError as error:
        yield _not_opened(f"datasets.{name}", error)


def of_model(settings: Settings, name: str) -> Iterator[Diagnosis]:
    """Whether a model opens with its test data and answers one of them; it is not attacked.

    As in an assessment, the code that builds a model and reads its test data is run.
    """
    model = settings.models[name]
    if not all(settings.path(text).exists() for _, text in _paths_of_model(settings, name)):
        return  # `of_named_files` says so
    if not model.test_data:
        what = f"models.{name} names no test data, so that its robustness stays UNMEASURED."
        yield Diagnosis(Gravity.WARNING, what, f"Add test_data to [models.{name}].")
        return
    try:
        with _no_byte_code():
            open_to_try(settings, name, model)
    except AssayError as error:
        yield _not_opened(f"models.{name}", error)
    except SystemExit as error:
        ended = BadInput("Its code, or that of its test data, ended Python.", next_step=_NO_EXIT)
        ended.__cause__ = error
        yield _not_opened(f"models.{name}", ended)


def _expect_a_row(settings: Settings, name: str, now: datetime) -> None:
    scene = Scene(settings, settings.workspace_folder, "", now)
    first = next(iter(open_dataset(scene, name).batches()), None)
    if first is None or first.num_rows == 0:
        raise EmptyDataset("It has columns but no rows.", next_step="Check how it was written.")


def _not_opened(place: str, error: AssayError) -> Diagnosis:
    """A missing library leaves something unmeasured; what is wrong itself stops an assessment."""
    gravity = Gravity.WARNING if isinstance(error, MissingExtra) else Gravity.PROBLEM
    step = error.next_step or "Correct it, or take it out of assay.toml."
    return Diagnosis(gravity, f"{place} cannot be used: {error.message}", step)


@contextmanager
def _no_byte_code() -> Iterator[None]:
    """So that importing a project's code writes nothing beside it."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _paths(settings: Settings) -> Iterator[tuple[str, str]]:
    """Where assay.toml names a file, and how."""
    for name, dataset in settings.datasets.items():
        yield f"datasets.{name}.source", dataset.source
        yield from [(f"datasets.{name}.key_file", dataset.key_file)] if dataset.key_file else []
    for name, purpose in settings.purposes.items():
        if purpose.consent is not None:
            yield f"purposes.{name}.consent.source", purpose.consent.source
    for name in settings.models:
        yield from _paths_of_model(settings, name)


def _paths_of_model(settings: Settings, name: str) -> Iterator[tuple[str, str]]:
    model = settings.models[name]
    if model.source:
        yield f"models.{name}.source", model.source
    data = model.test_data
    if data and (":" not in data or settings.path(data).exists()):
        yield f"models.{name}.test_data", data
