"""The tables of assay.toml as frozen values; what a key means stands below it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from assay._settings_values import Epsilon, Finite, Line, PathText, Period

Level = Literal["public", "internal", "confidential", "restricted"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Organisation(Part):
    """Who we are."""

    name: Line
    """As it stands in reports; 1 to 200 characters."""


class WorkspaceSettings(Part):
    """Where assay keeps its log, records and keys."""

    folder: PathText = ".assay"
    """ASSAY_WORKSPACE overrides it."""


class StoreSettings(Part):
    """Where the records lie; empty is SQLite in the workspace."""

    url: str = ""
    """ASSAY_STORE_URL overrides it."""


class AccessSettings(Part):
    """Which accounts may own, and which groups may read, confidential and restricted files.

    `me` stands for the account that runs assay.
    """

    owners: tuple[str, ...] = ("me",)
    """Account names."""
    groups: tuple[str, ...] = ()
    """Group names whose members may read."""
    readers: tuple[str, ...] = ()
    """Account names that may read."""


class RetentionSettings(Part):
    """How long the rows of a dataset are kept, counted from a date in each row."""

    start_column: str
    """The column with the date that the period counts from."""
    maximum: Period
    """ISO 8601, such as `P10Y`, `P18M` or `P30D`."""
    grace_days: int = Field(default=7, ge=0, le=366)
    """0 to 366; a row is past when the period and these days are over."""
    rule: str = ""
    """Where the period comes from: a rule of the retention catalogue, a contract, a policy."""


class HoldSettings(Part):
    """A legal hold on a whole dataset: erasure stops, and so does a pass."""

    ground: str
    """Why nothing may be erased."""
    until: date | None = None
    """The last day; open without it."""


class ColumnSettings(Part):
    """What a person knows better than the scan about a column, and why."""

    because: str = Field(min_length=1)
    """Why; it is kept with the label."""
    entity: str | None = None
    """An entity of `law/handling.yaml`, or `none`."""
    level: Level | None = None
    """The level of the column."""


class DatasetSettings(Part):
    """A table: where it is, what it is used for, how long it is kept."""

    source: PathText
    """A file of a kind that the room `sources` reads."""
    purposes: tuple[str, ...] = ()
    """Names under [purposes]; a dataset without one fails CHK-BASIS."""
    level: Level | None = None
    """Declared; the higher of this and what is found holds. Only a declaration makes it public."""
    subject_column: str = ""
    """The column that says whose row it is."""
    key_file: PathText = ""
    """The raw key of an encrypted Parquet file, 16, 24 or 32 bytes."""
    retention: RetentionSettings | None = None
    """Without it CHK-RETENTION is UNKNOWN."""
    hold: HoldSettings | None = None
    """Rows past retention are then UNKNOWN, not FAIL, until the hold is over."""
    columns: Mapping[str, ColumnSettings] = Field(default_factory=dict)
    """By column name."""


class ConsentSettings(Part):
    """The table of consents that a basis of consent is measured against."""

    source: PathText
    """A file of a kind that the room `sources` reads."""
    subject_column: str = "subject"
    """Whose consent it is, as in the dataset's subject column."""
    purpose_column: str = "purpose"
    """The purpose's name."""
    granted_column: str = "granted_at"
    """A date or an instant."""
    withdrawn_column: str = "withdrawn_at"
    """A date or an instant, or nothing."""


class PurposeSettings(Part):
    """What data are used for, and on which basis of Art. 6 and condition of Art. 9 GDPR."""

    description: str = ""
    """For people."""
    basis: str = ""
    """A basis of Art. 6 GDPR, by article (`6.1.a`) or name (`consent`)."""
    special_category_condition: str = ""
    """A condition of Art. 9(2) GDPR, by article (`9.2.a`) or name (`explicit consent`)."""
    consent: ConsentSettings | None = None
    """Without it a basis of consent is only declared, and UNKNOWN."""


class ModelSettings(Part):
    """A model: where it is, how it is called, what it is tested with, and who can reach it."""

    source: PathText = ""
    """The file of the model or of its weights."""
    library: str = ""
    """A member of the room `libraries`, where the file's ending does not say it."""
    factory: str = ""
    """`package.module:function` that builds the network or predicts. Importing it runs its code."""
    test_data: PathText = ""
    """`.npz` (x, y), a folder of images by class, CSV, Parquet, or a function."""
    label: str = ""
    """The column of the label in a CSV or Parquet file of test data."""
    input: Literal["image", "tabular"] = "tabular"
    """What an example is."""
    bounds: tuple[Finite, Finite] | None = None
    """Of every feature; without it a tabular model's bounds are those of its test data."""
    norm: Literal["linf"] = "linf"
    """What bounds an attack's changes."""
    epsilons: tuple[Epsilon, ...] = Field(default=(0.01, 0.03, 0.1), min_length=1, max_length=20)
    """The changes that are tried, as shares of each feature's range."""
    declared_epsilon: Epsilon | None = None
    """The budget that the model is to withstand; the largest epsilon unless said."""
    trained_on: tuple[str, ...] = ()
    """Names under [datasets]; their highest level is the impact of a threat."""
    purposes: tuple[str, ...] = ()
    """Names under [purposes]."""
    exposure: Literal["public_anonymous", "public_account", "partners", "internal", "offline"] = (
        "internal"
    )
    """Who can ask it; kept with the evidence."""
    level: Level | None = None
    """Of the model's file; decides which mode it may have."""
    show_examples: bool = False
    """Whether test images may be kept and shown in reports; say true only if they show nobody."""
