"""What is wrong with the installation and the workspace, and what to do about it.

It looks and changes nothing: no folder is made, no database is migrated, no key is created. A look
that fails is itself a diagnosis, so that one damaged file hides nothing that is wrong elsewhere. A
diagnosis names files, places and counts, never what a key or a row holds.

A *problem* keeps assay from its work or breaks a promise, a *warning* leaves something unmeasured
or unsafe, a *note* is good to know.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from assay import plugins
from assay.audit_log.interface import Damage, EventQuery
from assay.audit_log.log import DATABASE, read_events
from assay.audit_log.verify import verify
from assay.bootstrap import VERIFIER_FILE, open_log_for_reading, read_verifier_key
from assay.crypto.signing import SigningKey, secret_from_file
from assay.data.detectors import every_detector
from assay.diagnosis.records import look_at_records
from assay.errors import AssayError
from assay.law.applicability import check_facts
from assay.settings import FILE_NAME, Settings, read_settings

PYTHON_MIN = (3, 11)
SPACE_BYTES_NEEDED, SPACE_BYTES_GOOD = 100_000_000, 1_000_000_000
_CLOCK_TOLERANCE = timedelta(minutes=5)
_KEYS = ("log.key", "pseudonym.key")


class Gravity(StrEnum):
    """How bad it is, the worst first."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that is not as it should be."""

    severity: Gravity
    what: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the machine says of itself."""

    now: datetime
    python: tuple[int, ...]
    user_id: int
    has_library: Callable[[str], bool]
    free_bytes: Callable[[Path], int]


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
    found = [
        *_looked("Python", lambda: _python(around)),
        *_looked("the libraries", lambda: _libraries(around)),
        *_looked("the plugins", _plugins),
        *_looked(str(file), lambda: _project(file, around)),
    ]
    worst_first = sorted(found, key=lambda diagnosis: list(Gravity).index(diagnosis.severity))
    return tuple(dict.fromkeys(worst_first))


def _project(file: Path, around: Surroundings) -> Iterator[Diagnosis]:
    file = file / FILE_NAME if file.is_dir() else file
    if file.exists():
        yield from _of_workspace(read_settings(file), around)
        return
    what = f"There is no file {file}, so that only the installation was looked at."
    yield Diagnosis(Gravity.WARNING, what, "`assay init` proposes one for a folder.")


def _of_workspace(settings: Settings, around: Surroundings) -> Iterator[Diagnosis]:
    yield from _looked("the facts", lambda: _facts(settings))
    yield from _looked("the files that assay.toml names", lambda: _named_files(settings))
    yield from _looked("the disk", lambda: _space(settings, around))
    folder = settings.workspace_folder
    if not folder.is_dir():
        what = f"There is no workspace at {folder} yet."
        yield Diagnosis(Gravity.NOTE, what, "`assay assess` makes it.")
        return
    yield from _looked("the modes of the workspace", lambda: _modes(folder, around))
    yield from _looked("the keys", lambda: _keys(settings))
    yield from _looked("the audit log", lambda: _log(settings))
    yield from _looked("the clock", lambda: _clock(settings, around))
    yield from _looked("the records", lambda: _records(settings))


def _looked(where: str, look: Callable[[], Iterator[Diagnosis]]) -> list[Diagnosis]:
    """What a look found; an error on the way is a diagnosis beside what it found before."""
    found: list[Diagnosis] = []
    try:
        found.extend(look())
    except AssayError as error:
        found.append(_said(error))
    except Exception as error:  # noqa: BLE001 - a failed look is a diagnosis
        found.append(_crashed(where, error))
    return found


def _said(error: AssayError) -> Diagnosis:
    step = error.next_step or "Restore it from your copy."
    return Diagnosis(Gravity.PROBLEM, error.message, step)


def _crashed(where: str, error: Exception) -> Diagnosis:
    # The type alone: a foreign message may hold a row or a password.
    what = f"Looking at {where} failed ({type(error).__name__})."
    return Diagnosis(Gravity.PROBLEM, what, "Restore it from your copy, or report this as a bug.")


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


def _facts(settings: Settings) -> Iterator[Diagnosis]:
    facts = settings.facts_by_id()
    check_facts(facts)
    if not facts:
        what = "No facts are declared, so that which law applies is undetermined."
        step = "Fill in [facts]; `assay init --dry-run` lists them."
        yield Diagnosis(Gravity.WARNING, what, step)


def _named_files(settings: Settings) -> Iterator[Diagnosis]:
    for place, text in _paths(settings):
        path = settings.path(text)
        if not path.exists():
            what = f"{place} names {path}, which is not there."
            yield Diagnosis(Gravity.PROBLEM, what, "Correct the path.")
        elif not os.access(path, os.R_OK):
            what = f"{place} names {path}, which cannot be read."
            yield Diagnosis(Gravity.PROBLEM, what, "Check its owner and mode.")


def _paths(settings: Settings) -> Iterator[tuple[str, str]]:
    """Where assay.toml names a file, and how."""
    for name, dataset in settings.datasets.items():
        yield f"datasets.{name}.source", dataset.source
        yield from [(f"datasets.{name}.key_file", dataset.key_file)] if dataset.key_file else []
    for name, purpose in settings.purposes.items():
        if purpose.consent is not None:
            yield f"purposes.{name}.consent.source", purpose.consent.source
    for name, model in settings.models.items():
        yield from [(f"models.{name}.source", model.source)] if model.source else []
        data = model.test_data
        if data and (":" not in data or settings.path(data).exists()):
            yield f"models.{name}.test_data", data


def _space(settings: Settings, around: Surroundings) -> Iterator[Diagnosis]:
    folder = settings.workspace_folder
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    free = around.free_bytes(there)
    if free < SPACE_BYTES_GOOD:
        gravity = Gravity.PROBLEM if free < SPACE_BYTES_NEEDED else Gravity.WARNING
        what = f"{free // 1_000_000} MB are free for the workspace at {there}."
        yield Diagnosis(gravity, what, "Free some space; log and records stop when none is left.")


def _modes(folder: Path, around: Surroundings) -> Iterator[Diagnosis]:
    keys = folder / "keys"
    secrets = sorted(keys.iterdir()) if keys.is_dir() else []
    for path in (folder, keys, *secrets):
        if not path.exists():
            continue
        seen = path.stat()
        if stat.S_IMODE(seen.st_mode) & 0o077:
            gravity = Gravity.WARNING if path == folder else Gravity.PROBLEM
            what = f"Others than its owner may use {path} (mode {stat.S_IMODE(seen.st_mode):04o})."
            yield Diagnosis(gravity, what, f"chmod go= {path}")
        if seen.st_uid != around.user_id:
            what = f"{path} belongs to user {seen.st_uid}, and assay runs as {around.user_id}."
            yield Diagnosis(Gravity.WARNING, what, "Run assay as that user, or change the owner.")


def _keys(settings: Settings) -> Iterator[Diagnosis]:
    folder = settings.workspace_folder
    if not (folder / DATABASE).exists():
        return
    secrets: dict[str, bytes] = {}
    for name in _KEYS:
        try:
            secrets[name] = secret_from_file(folder / "keys" / name, create=False)
        except AssayError as error:
            yield _said(error)
    if not (folder / VERIFIER_FILE).exists():
        what = f"{folder / VERIFIER_FILE} is missing, so that the log cannot be verified."
        yield Diagnosis(Gravity.PROBLEM, what, "Restore it from your copy; it is not secret.")
        return
    public = read_verifier_key(settings).public_bytes
    if "log.key" in secrets and SigningKey(secrets["log.key"]).public_bytes != public:
        what = "log.vkey is not the public half of keys/log.key, so that nothing is appended."
        yield Diagnosis(Gravity.PROBLEM, what, "Restore both from the same copy.")


def _log(settings: Settings) -> Iterator[Diagnosis]:
    folder = settings.workspace_folder
    if not (folder / DATABASE).exists():
        step = "`assay assess` begins one; if there was one, restore it from your copy."
        yield Diagnosis(Gravity.NOTE, f"There is no log in {folder} yet.", step)
        return
    if not (folder / VERIFIER_FILE).exists():
        return
    faults = verify(folder, read_verifier_key(settings)).faults
    if not faults:
        return
    only_index = all(fault.damage is Damage.INDEX for fault in faults)
    place = f"{faults[0].place} {faults[0].what} ({len(faults)} faults in all)"
    what = f"The log does not verify: {place}."
    step = "`assay log verify` lists them; keep a copy of it and restore one that verifies."
    yield Diagnosis(Gravity.WARNING if only_index else Gravity.PROBLEM, what, step)


def _clock(settings: Settings, around: Surroundings) -> Iterator[Diagnosis]:
    folder = settings.workspace_folder
    if not ((folder / DATABASE).exists() and (folder / VERIFIER_FILE).exists()):
        return
    with open_log_for_reading(settings) as reader:
        newest = next((event for _, event in read_events(reader, EventQuery(limit=1))), None)
    if newest is not None and newest.occurred_at > around.now + _CLOCK_TOLERANCE:
        what = (
            f"The clock is behind the newest log entry ({newest.occurred_at:%Y-%m-%d %H:%M} UTC)."
        )
        yield Diagnosis(Gravity.PROBLEM, what, "Set the clock; evidence would expire wrongly.")


def _records(settings: Settings) -> Iterator[Diagnosis]:
    look = look_at_records(settings.store_url)
    if look is None:
        yield Diagnosis(Gravity.NOTE, "There are no records yet.", "`assay assess` begins them.")
        return
    if look.have != look.want:
        what = f"The records have schema {look.have or 'none'}, and this assay needs {look.want}."
        yield Diagnosis(Gravity.PROBLEM, what, "Make a copy, then run `assay store migrate`.")
    if not look.whole:
        step = "Restore them from your copy; the log keeps all evidence."
        yield Diagnosis(Gravity.PROBLEM, "The file of the records is damaged.", step)
