"""What assay.toml says, read once, frozen; paths absolute, units in names.

Environment variables override where the workspace and the records lie: ASSAY_WORKSPACE (a folder)
and ASSAY_STORE_URL (a database URL, whose password belongs in the environment and not in a file).
An error names the file, the line and, for an unknown key, the nearest valid one.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from assay._toml_places import line_of, nearest
from assay.errors import SettingsError, UnreadableFile

FILE_NAME = "assay.toml"
_SETTINGS_BYTES_MAX = 1_000_000

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Period = Annotated[str, StringConstraints(pattern=r"^P(\d{1,4}[YMWD]){1,4}$")]
Level = Literal["public", "internal", "confidential", "restricted"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Organisation(_Part):
    """Who we are."""

    name: str = Field(min_length=1, max_length=200)


class WorkspaceSettings(_Part):
    """Where assay keeps its log, records and keys."""

    folder: str = ".assay"


class StoreSettings(_Part):
    """Where the records lie; empty is SQLite in the workspace."""

    url: str = ""


class AccessSettings(_Part):
    """Which accounts may own, and which groups may read, confidential and restricted files.

    `me` stands for the account that runs assay.
    """

    owners: tuple[str, ...] = ("me",)
    groups: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


class RetentionSettings(_Part):
    """How long the rows of a dataset are kept, counted from a date in each row."""

    start_column: str
    maximum: Period
    grace_days: int = Field(default=7, ge=0, le=366)
    rule: str = ""
    """Where the period comes from: a rule of the retention catalogue, a contract, a policy."""


class HoldSettings(_Part):
    """A legal hold on a whole dataset: erasure stops, and so does a pass."""

    ground: str
    until: date | None = None


class ColumnSettings(_Part):
    """What a person knows better than the scan about a column, and why."""

    because: str = Field(min_length=1)
    entity: str | None = None
    level: Level | None = None


class DatasetSettings(_Part):
    """A table: where it is, what it is used for, how long it is kept."""

    source: str
    purposes: tuple[str, ...] = ()
    level: Level | None = None
    """Declared; the higher of this and what is found holds. Only a declaration makes it public."""
    subject_column: str = ""
    key_file: str = ""
    """The raw key of an encrypted Parquet file, 16, 24 or 32 bytes."""
    retention: RetentionSettings | None = None
    hold: HoldSettings | None = None
    columns: Mapping[str, ColumnSettings] = Field(default_factory=dict)


class ConsentSettings(_Part):
    """The table of consents that a basis of consent is measured against."""

    source: str
    subject_column: str = "subject"
    purpose_column: str = "purpose"
    granted_column: str = "granted_at"
    withdrawn_column: str = "withdrawn_at"


class PurposeSettings(_Part):
    """What data are used for, and on which basis of Art. 6 and condition of Art. 9 GDPR."""

    description: str = ""
    basis: str = ""
    special_category_condition: str = ""
    consent: ConsentSettings | None = None


class ModelSettings(_Part):
    """A model: where it is, how it is called, what it is tested with, and who can reach it."""

    source: str = ""
    library: str = ""
    factory: str = ""
    test_data: str = ""
    label: str = ""
    input: Literal["image", "tabular"] = "tabular"
    bounds: tuple[float, float] | None = None
    """Of every feature; without it a tabular model's bounds are those of its test data."""
    norm: Literal["linf"] = "linf"
    epsilons: tuple[float, ...] = (0.01, 0.03, 0.1)
    declared_epsilon: float | None = None
    """The budget that the model is to withstand; the largest epsilon unless said."""
    trained_on: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    exposure: Literal["public_anonymous", "public_account", "partners", "internal", "offline"] = (
        "internal"
    )
    level: Level | None = None
    show_examples: bool = False
    """Whether test images may be kept and shown in reports; say true only if they show nobody."""


class Settings(_Part):
    """All of assay.toml."""

    schema_: Literal[1] = Field(alias="schema")
    organisation: Organisation
    facts: Mapping[str, Any] = Field(default_factory=dict)
    workspace: WorkspaceSettings = WorkspaceSettings()
    store: StoreSettings = StoreSettings()
    access: AccessSettings | None = None
    purposes: Mapping[Name, PurposeSettings] = Field(default_factory=dict)
    datasets: Mapping[Name, DatasetSettings] = Field(default_factory=dict)
    models: Mapping[Name, ModelSettings] = Field(default_factory=dict)
    _folder: Path = Path()

    @property
    def folder(self) -> Path:
        """The folder that assay.toml lies in; every relative path starts here."""
        return self._folder

    @property
    def workspace_folder(self) -> Path:
        """Where the log, the records and the keys lie."""
        return self.path(os.environ.get("ASSAY_WORKSPACE") or self.workspace.folder)

    @property
    def store_url(self) -> str:
        """The database URL of the records."""
        default = f"sqlite:///{self.workspace_folder / 'records.sqlite'}"
        return os.environ.get("ASSAY_STORE_URL") or self.store.url or default

    def path(self, text: str) -> Path:
        """A path of assay.toml as an absolute one; links are not followed."""
        return Path(os.path.abspath(self._folder / Path(text).expanduser()))  # noqa: PTH100

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
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            f"{path} is not TOML: {error}.", next_step="Correct that line and run it again."
        ) from error
    try:
        settings = Settings.model_validate(_tuples(raw))
    except ValidationError as error:
        raise _settings_error(path, text, error) from error
    object.__setattr__(settings, "_folder", path.absolute().parent)
    _check_references(path, text, settings)
    return settings


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_SETTINGS_BYTES_MAX + 1)
        if len(raw) > _SETTINGS_BYTES_MAX:
            raise UnreadableFile(
                f"{path} is longer than a million bytes.", next_step="Is it the right file?"
            )
        return raw.decode()
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
        raise UnreadableFile(
            f"{path} is not UTF-8 (byte {error.start}).", next_step="Save it as UTF-8."
        ) from error


def _settings_error(path: Path, text: str, error: ValidationError) -> SettingsError:
    errors = error.errors()
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    place = [str(part) for part in first["loc"]]
    where = f"{path}, line {line_of(text, place)}"
    key = ".".join(place)
    if first["type"] == "extra_forbidden":
        known = _known_keys(place[:-1])
        guess = nearest(place[-1], known)
        step = f"Did you mean {guess!r}?" if guess else f"Known keys: {', '.join(sorted(known))}."
        return SettingsError(f"{where}: there is no key {key!r}.", next_step=step)
    if first["type"] == "missing":
        return SettingsError(f"{where}: {key!r} is missing.", next_step="Add it.")
    return SettingsError(f"{where}: {key!r}: {first['msg']}.", next_step="Correct the value.")


def _known_keys(table: list[str]) -> list[str]:
    """The keys that the table at this place may have."""
    part: Any = Settings
    for name in table:
        fields = getattr(part, "model_fields", None)
        if fields is None:
            continue
        field = next((f for n, f in fields.items() if name in (n, f.alias)), None)
        if field is None:
            continue
        part = _part_within(field.annotation)
    fields = getattr(part, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _part_within(annotation: Any) -> Any:
    """The settings class inside `X | None` or `Mapping[Name, X]`; the annotation if none is."""
    for inner in getattr(annotation, "__args__", ()):
        if isinstance(inner, type) and issubclass(inner, _Part):
            return inner
    return annotation


def _check_references(path: Path, text: str, settings: Settings) -> None:
    """Names that one part says of another must exist."""
    groups = (("datasets", settings.datasets), ("models", settings.models))
    for kind, parts in groups:
        for name, part in parts.items():
            for purpose in part.purposes:
                if purpose not in settings.purposes:
                    _unknown_name(path, text, [kind, name, "purposes"], purpose, settings.purposes)
    for name, model in settings.models.items():
        if not model.source and not model.factory:
            line = line_of(text, ["models", name])
            raise SettingsError(
                f"{path}, line {line}: the model {name!r} has neither source nor factory.",
                next_step="Give the file of its weights, or the function that predicts.",
            )


def _unknown_name(
    path: Path, text: str, place: list[str], name: str, known: Mapping[str, Any]
) -> None:
    guess = nearest(name, list(known))
    step = f"Did you mean {guess!r}?" if guess else f"Describe it under [purposes.{name}]."
    raise SettingsError(
        f"{path}, line {line_of(text, place)}: there is no purpose {name!r}.", next_step=step
    )


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
