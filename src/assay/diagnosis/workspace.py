"""What is wrong with the workspace: its disk, modes, keys, log, clock and records."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from assay.audit_log.interface import Damage, EventQuery
from assay.audit_log.opening import verify_log
from assay.audit_log.query import read_events
from assay.bootstrap import (
    VERIFIER_FILE,
    log_place,
    open_log_for_reading,
    read_verifier_key,
    read_verifier_keys,
)
from assay.crypto.signing import MlDsa44Key, SigningKey, secret_from_file
from assay.diagnosis.interface import Diagnosis, Gravity, Look, Surroundings, carried_out, of_error
from assay.diagnosis.records import look_at_records
from assay.errors import AssayError
from assay.settings import Settings

SPACE_BYTES_NEEDED, SPACE_BYTES_GOOD = 100_000_000, 1_000_000_000
_CLOCK_TOLERANCE = timedelta(minutes=5)
_KEYS = ("log.key", "log-ml-dsa-44.key", "pseudonym.key")


def of_workspace(settings: Settings, around: Surroundings) -> Iterator[Diagnosis]:
    """Everything that is wrong with it, or that there is none yet."""
    folder = settings.workspace_folder
    if not folder.is_dir():
        what = f"There is no workspace at {folder} yet."
        yield Diagnosis(Gravity.NOTE, what, "`assay assess` makes it.")
        return
    for look in (
        Look("the modes of the workspace", lambda: _modes(folder, around)),
        Look("the keys", lambda: _keys(settings)),
        Look("the audit log", lambda: _log(settings)),
        Look("the clock", lambda: _clock(settings, around)),
        Look("the records", lambda: _records(settings)),
    ):
        yield from carried_out(look)


def of_disk(settings: Settings, around: Surroundings) -> Iterator[Diagnosis]:
    """Whether there is room for what the workspace will hold."""
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
    if not log_place(settings).begun:
        return
    secrets: dict[str, bytes] = {}
    for name in _KEYS:
        try:
            secrets[name] = secret_from_file(folder / "keys" / name, create=False)
        except AssayError as error:
            yield of_error(name, error)
    if not (folder / VERIFIER_FILE).exists():
        what = f"{folder / VERIFIER_FILE} is missing, so that the log cannot be verified."
        yield Diagnosis(Gravity.PROBLEM, what, "Restore it from your copy; it is not secret.")
        return
    public = [key.public_bytes for key in read_verifier_keys(settings)]
    own: dict[str, Callable[[bytes], SigningKey | MlDsa44Key]] = {
        "log.key": SigningKey,
        "log-ml-dsa-44.key": MlDsa44Key,
    }
    for name, key_of in own.items():
        if name in secrets and key_of(secrets[name]).public_bytes not in public:
            what = f"log.vkey lacks the public half of keys/{name}, so that nothing is appended."
            yield Diagnosis(Gravity.PROBLEM, what, "Restore both from the same copy.")


def _log(settings: Settings) -> Iterator[Diagnosis]:
    folder = settings.workspace_folder
    if not log_place(settings).begun:
        step = "`assay assess` begins one; if there was one, restore it from your copy."
        yield Diagnosis(Gravity.NOTE, f"There is no log in {folder} yet.", step)
        return
    if not (folder / VERIFIER_FILE).exists():
        return
    faults = verify_log(log_place(settings), read_verifier_key(settings)).faults
    if not faults:
        return
    only_index = all(fault.damage is Damage.INDEX for fault in faults)
    place = f"{faults[0].place} {faults[0].what} ({len(faults)} faults in all)"
    what = f"The log does not verify: {place}."
    step = "`assay log verify` lists them; keep a copy of it and restore one that verifies."
    yield Diagnosis(Gravity.WARNING if only_index else Gravity.PROBLEM, what, step)


def _clock(settings: Settings, around: Surroundings) -> Iterator[Diagnosis]:
    folder = settings.workspace_folder
    if not (log_place(settings).begun and (folder / VERIFIER_FILE).exists()):
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
