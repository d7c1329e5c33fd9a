"""What assay.toml says, read once, frozen; paths absolute, units in names.

Environment variables override where the workspace, the records and the log lie: ASSAY_WORKSPACE (a
folder), ASSAY_STORE_URL and ASSAY_LOG_URL (database URLs, whose passwords belong in the environment
and not in a file).
An error names the file, the line and, for an unknown key, the nearest valid one.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import Field, ValidationError

from assay._settings_log import LogSettings
from assay._settings_parts import (
    AccessSettings,
    ColumnSettings,
    ConsentSettings,
    DatasetSettings,
    HoldSettings,
    ModelSettings,
    Organisation,
    Part,
    PurposeSettings,
    RetentionSettings,
    StoreSettings,
    WorkspaceSettings,
)
from assay._settings_values import Fact, Name
from assay._toml_places import line_of, nearest
from assay.errors import SettingsError, UnreadableFile

FILE_NAME = "assay.toml"
_SETTINGS_BYTES_MAX = 1_000_000

__all__ = [
    "FILE_NAME",
    "AccessSettings",
    "ColumnSettings",
    "ConsentSettings",
    "DatasetSettings",
    "HoldSettings",
    "LogSettings",
    "ModelSettings",
    "Organisation",
    "PurposeSettings",
    "RetentionSettings",
    "Settings",
    "StoreSettings",
    "WorkspaceSettings",
    "read_settings",
]


class Settings(Part):
    """All of assay.toml."""

    schema_: Literal[1] = Field(alias="schema")
    """The form of this file."""
    organisation: Organisation
    facts: Mapping[str, Fact] = Field(default_factory=dict)
    """What decides which law applies, as `org.roles` and the like; `assay init` asks for them,
    `law/applicability_facts.yaml` has them all.
    """
    workspace: WorkspaceSettings = WorkspaceSettings()
    store: StoreSettings = StoreSettings()
    log: LogSettings = LogSettings()
    access: AccessSettings | None = None
    """Without it CHK-FILE-ACCESS is UNKNOWN."""
    purposes: Mapping[Name, PurposeSettings] = Field(default_factory=dict)
    datasets: Mapping[Name, DatasetSettings] = Field(default_factory=dict)
    models: Mapping[Name, ModelSettings] = Field(default_factory=dict)
    _file: Path = Path()

    @property
    def folder(self) -> Path:
        """The folder that assay.toml lies in; every relative path starts here."""
        return self._file.parent

    @property
    def workspace_folder(self) -> Path:
        """Where the log, the records and the keys lie."""
        return self.path(os.environ.get("ASSAY_WORKSPACE") or self.workspace.folder)

    @property
    def store_url(self) -> str:
        """The database URL of the records."""
        default = f"sqlite:///{self.workspace_folder / 'records.sqlite'}"
        return os.environ.get("ASSAY_STORE_URL") or self.store.url or default

    @property
    def log_url(self) -> str:
        """The database URL of the log; empty for SQLite in the workspace."""
        return os.environ.get("ASSAY_LOG_URL") or self.log.url

    def path(self, text: str) -> Path:
        """A path of assay.toml as an absolute one; links are not followed."""
        return Path(os.path.abspath(self.folder / Path(text).expanduser()))  # noqa: PTH100

    def place(self, *keys: str) -> str:
        """Where the file says this: `assay.toml, line 7`."""
        if not self._file.name:
            return FILE_NAME
        return f"{self._file}, line {line_of(_text_of(self._file), keys)}"

    def facts_by_id(self) -> Mapping[str, Any]:
        """The facts that decide which law applies, as `org.roles` and the like."""
        return dict(_flattened("", self.facts))


def read_settings(path: Path) -> Settings:
    """The settings in a file; a folder stands for its assay.toml.

    Raises:
        UnreadableFile: missing, not permitted, too long, or not UTF-8.
        SettingsError: not TOML, an unknown key, or a value that cannot be.
    """
    if path.is_dir():
        path = path / FILE_NAME
    text = _text_of(path)
    raw = _toml(path, text)
    try:
        settings = Settings.model_validate(_tuples(raw))
    except ValidationError as error:
        raise _settings_error(path, text, error) from error
    object.__setattr__(settings, "_file", path.absolute())
    _check_references(path, text, settings)
    return settings


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        lines = text.splitlines() or [""]
        end = f"at line {len(lines)}, column {len(lines[-1]) + 1}, the end of the file"
        what = str(error).replace("at end of document", end)
        raise SettingsError(
            f"{path} is not TOML: {what}.", next_step="Correct that line and run it again."
        ) from error
    except (ValueError, RecursionError) as error:
        what = "a number too long" if isinstance(error, ValueError) else "arrays nested too deeply"
        raise SettingsError(
            f"{path} holds {what} to be read.", next_step="Nothing in assay.toml needs that."
        ) from error


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_SETTINGS_BYTES_MAX + 1)
        if len(raw) > _SETTINGS_BYTES_MAX:
            raise UnreadableFile(
                f"{path} is longer than a million bytes.", next_step="Is it the right file?"
            )
        return raw.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UnreadableFile(
            f"There is no file {path}.",
            next_step="`assay init` proposes one for the folder you are in.",
        ) from error
    except OSError as error:
        raise UnreadableFile(
            f"{path} cannot be read ({error.strerror}).", next_step="Check its owner and mode."
        ) from error
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            f"{path}, line {line}: not UTF-8 (byte {error.start}).", next_step="Save it as UTF-8."
        ) from error
    except ValueError as error:
        raise UnreadableFile(
            "The path of the settings holds a NUL.", next_step="Give the path of assay.toml."
        ) from error


def _settings_error(path: Path, text: str, error: ValidationError) -> SettingsError:
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    place = [str(part) for part in first["loc"] if part != "[key]"]
    where = f"{path}, line {line_of(text, place)}"
    key = ".".join(place)
    if first["type"] == "extra_forbidden":
        known = _known_keys(place[:-1])
        guess = nearest(place[-1], known)
        step = f"Did you mean {guess!r}?" if guess else f"Known keys: {', '.join(sorted(known))}."
        return SettingsError(f"{where}: there is no key {key!r}.", next_step=step)
    if first["type"] == "missing":
        return SettingsError(f"{where}: {key!r} is missing.", next_step="Add it.")
    what = first["msg"].removeprefix("Value error, ")
    return SettingsError(f"{where}: {key!r}: {what}.", next_step="Correct the value.")


def _known_keys(table: list[str]) -> list[str]:
    """The keys that the table at this place may have."""
    part: Any = Settings
    for name in table:
        part = _within(part, name)
    fields = getattr(_settings_class(part), "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _within(annotation: Any, name: str) -> Any:
    """The annotation of what `name` means inside a value of this one; None where nothing."""
    part = _settings_class(annotation)
    if part is not None:
        fields = part.model_fields.items()
        return next((f.annotation for n, f in fields if name in (n, f.alias)), None)
    return get_args(annotation)[1] if _is_mapping(annotation) else None


def _settings_class(annotation: Any) -> type[Part] | None:
    """The settings class that this is, or that is inside `X | None`."""
    choices = (annotation, *(get_args(annotation) if not _is_mapping(annotation) else ()))
    return next((c for c in choices if isinstance(c, type) and issubclass(c, Part)), None)


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is Mapping


def _check_references(path: Path, text: str, settings: Settings) -> None:
    """Names that one part says of another must exist."""
    for kind, parts in (("datasets", settings.datasets), ("models", settings.models)):
        for name, part in parts.items():
            for purpose in part.purposes:
                if purpose not in settings.purposes:
                    place = [kind, name, "purposes"]
                    raise _unknown_name(path, text, place, purpose, settings.purposes)
    for name, model in settings.models.items():
        for dataset in model.trained_on:
            if dataset not in settings.datasets:
                place = ["models", name, "trained_on"]
                raise _unknown_name(path, text, place, dataset, settings.datasets)
        if not model.source and not model.factory:
            line = line_of(text, ["models", name])
            raise SettingsError(
                f"{path}, line {line}: the model {name!r} has neither source nor factory.",
                next_step="Give the file of its weights, or the function that predicts.",
            )


def _unknown_name(
    path: Path, text: str, place: list[str], name: str, known: Mapping[str, Any]
) -> SettingsError:
    word = "dataset" if place[-1] == "trained_on" else "purpose"
    guess = nearest(name, list(known))
    step = f"Did you mean {guess!r}?" if guess else f"Describe it under [{word}s.{name}]."
    where = f"{path}, line {line_of(text, place)}"
    return SettingsError(f"{where}: there is no {word} {name!r}.", next_step=step)


def _flattened(prefix: str, table: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in table.items():
        name = f"{prefix}.{key}" if prefix else key
        rows += _flattened(name, value) if isinstance(value, Mapping) else [(name, value)]
    return rows


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples, so that the settings are frozen all the way down."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
