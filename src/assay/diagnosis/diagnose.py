"""What is wrong with the installation and the workspace, and what to do about it.

It looks and changes nothing: no folder is made, no database is migrated, no key is created. A look
that fails is itself a diagnosis, so that one damaged file hides nothing that is wrong elsewhere. A
diagnosis names files, places and counts, never what a key or a row holds.

A *problem* keeps assay from its work or breaks a promise, a *warning* leaves something unmeasured
or unsafe, a *note* is good to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from assay import plugins
from assay.data.detectors import every_detector
from assay.diagnosis.inputs import of_dataset, of_facts, of_model, of_named_files
from assay.diagnosis.interface import (
    Diagnosis,
    Gravity,
    Look,
    Surroundings,
    carried_out,
    of_error,
)
from assay.diagnosis.workspace import of_disk, of_workspace
from assay.settings import FILE_NAME, read_settings

PYTHON_MIN = (3, 11)


@dataclass(frozen=True, slots=True)
class _Extra:
    libraries: tuple[str, ...]
    without: str
    severity: Gravity = Gravity.WARNING


_EXTRAS = {
    "data": _Extra(
        ("numpy", "pyarrow"),
        "no tables are read: what datasets hold, retention and consent stay UNKNOWN",
    ),
    "ml": _Extra(("numpy", "scipy", "sklearn", "skops"), "scikit-learn models stay UNMEASURED"),
    "torch": _Extra(
        ("numpy", "PIL", "safetensors", "scipy", "torch"),
        "torch models, pictures and attacks with gradients stay UNMEASURED",
    ),
    "onnx": _Extra(("numpy", "onnxruntime"), "ONNX models stay UNMEASURED"),
    "report": _Extra(("matplotlib",), "reports have tables and no figures", Gravity.NOTE),
    "postgres": _Extra(("psycopg",), "records cannot lie in PostgreSQL", Gravity.NOTE),
    "demo": _Extra(("faker", "mlxtend"), "`assay demo` cannot make its inputs", Gravity.NOTE),
}


def diagnose(file: Path, around: Surroundings) -> tuple[Diagnosis, ...]:
    """Everything that is wrong, the worst first; `file` is an assay.toml or its folder."""
    return carry_out(looks(file, around), lambda _: None)


def looks(file: Path, around: Surroundings) -> tuple[Look, ...]:
    """Everything that is to be looked at: the installation, the workspace, each dataset and model."""
    return (
        Look("Python", lambda: _python(around)),
        Look("the libraries", lambda: _libraries(around)),
        Look("the plugins", _plugins),
        *_looks_at_project(file / FILE_NAME if file.is_dir() else file, around),
    )


def carry_out(wanted: Sequence[Look], looked: Callable[[int], None]) -> tuple[Diagnosis, ...]:
    """What was found, the worst first; `looked` is told how many looks are done."""
    found: list[Diagnosis] = []
    for done, look in enumerate(wanted, 1):
        found += carried_out(look)
        looked(done)
    worst_first = sorted(found, key=lambda diagnosis: list(Gravity).index(diagnosis.severity))
    return tuple(dict.fromkeys(worst_first))


def _looks_at_project(file: Path, around: Surroundings) -> Iterator[Look]:
    try:
        settings = read_settings(file) if file.exists() else None
    except Exception as error:  # noqa: BLE001 - settings that cannot be read are a diagnosis
        failed = of_error(str(file), error)
        yield Look(str(file), lambda: [failed])
        return
    if settings is None:
        what = f"There is no file {file}, so that only the installation was looked at."
        none = Diagnosis(Gravity.WARNING, what, "`assay init` proposes one for a folder.")
        yield Look(str(file), lambda: [none])
        return
    yield Look("the facts", lambda: of_facts(settings))
    yield Look("the files that assay.toml names", lambda: of_named_files(settings))
    for name in settings.datasets:
        yield Look(f"datasets.{name}", partial(of_dataset, settings, name, around.now))
    for name in settings.models:
        yield Look(f"models.{name}", partial(of_model, settings, name))
    yield Look("the disk", lambda: of_disk(settings, around))
    yield Look("the workspace", lambda: of_workspace(settings, around))


def _python(around: Surroundings) -> Iterator[Diagnosis]:
    if around.python[:2] < PYTHON_MIN:
        have, want = (".".join(map(str, v)) for v in (around.python[:2], PYTHON_MIN))
        what = f"Python {have} is too old."
        yield Diagnosis(Gravity.PROBLEM, what, f"Install Python {want} or newer.")
    if around.user_id == 0:
        what = "assay runs as root, who may read every file: checks of file access say less."
        yield Diagnosis(Gravity.NOTE, what, "Run it as the account that does the work.")


def _libraries(around: Surroundings) -> Iterator[Diagnosis]:
    for name, extra in _EXTRAS.items():
        missing = [library for library in extra.libraries if not around.has_library(library)]
        if missing:
            what = f"Not installed: {', '.join(missing)}. So {extra.without}."
            yield Diagnosis(extra.severity, what, f"pip install 'assay[{name}]'")


def _plugins() -> Iterator[Diagnosis]:
    for room in plugins.ROOMS:
        for member in plugins.members(room):
            if member.available or member.missing_library:
                continue
            ours = member.origin == "assay"
            what = f"{room}/{member.name} of {member.origin} cannot be used: {member.why_not}."
            step = "Install assay again." if ours else f"Repair or remove {member.origin}."
            yield Diagnosis(Gravity.PROBLEM if ours else Gravity.WARNING, what, step)
    every_detector()
