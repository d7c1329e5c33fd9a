"""Is there a lawful basis for every purpose a dataset is used for?

For each declared purpose: which basis of Art. 6 GDPR and, where the scan found health data or other
special categories, which condition of Art. 9(2). A basis of consent is measured: every subject of
the dataset is looked up in the table of consents, and the newest act for this purpose by now must be
a grant. Rows with an instant that cannot be read are counted. The other bases are only declared here,
and the facts say so.

Subjects are matched in memory; counts and row numbers leave, identifiers never do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from assay.compliance.datasets import open_dataset
from assay.compliance.interface import Scene
from assay.compliance.observing import of_each_dataset
from assay.data.interface import Table
from assay.data.tables import open_table
from assay.errors import AssayError, BadInput
from assay.law.catalogues import catalogue
from assay.settings import ConsentSettings, PurposeSettings
from assay.vocabulary import Facts, Json, Method, Observation, not_measured

KIND = "lawful_basis_register"
_FIRST_ROWS = 5


class LawfulBasis:
    """Looks at the purposes of every declared dataset."""

    kinds = (KIND,)

    def observe(self, scene: Scene) -> Iterator[Observation]:
        """One observation a dataset."""
        yield from of_each_dataset(scene, KIND, "readers.lawful_basis", Method.EXAMINE, _facts)


def _facts(scene: Scene, name: str) -> Facts:
    dataset = scene.settings.datasets[name]
    try:
        purposes = [
            _purpose(scene, name, purpose, scene.settings.purposes[purpose])
            for purpose in dataset.purposes
        ]
    except AssayError as error:
        return not_measured(error.message, error.next_step)
    return {"purposes": purposes, **_sensitive(scene, name)}


def _sensitive(scene: Scene, name: str) -> dict[str, Json]:
    """How many columns hold personal data and special categories; None when nobody looked."""
    columns = scene.labels.get(name, {}).get("columns")
    if not isinstance(columns, Mapping):
        return {"personal_columns": None, "special_category_columns": None}
    rows = [column for column in columns.values() if isinstance(column, Mapping)]
    personal = sum(column["category"] not in ("none", "business_confidential") for column in rows)
    special = sum(
        column["category"] == "health_data" or column["entity"] == "special_category"
        for column in rows
    )
    return {"personal_columns": personal, "special_category_columns": special}


def _purpose(scene: Scene, name: str, purpose: str, settings: PurposeSettings) -> Json:
    basis = _basis_id(settings.basis)
    consents = None
    if basis == "6.1.a" and settings.consent is not None:
        consents = _consents(scene, name, purpose, settings.consent)
    return {
        "purpose": purpose,
        "basis": basis,
        "declared": settings.basis,
        "condition": _condition_id(settings.special_category_condition),
        "consents": consents,
    }


def _basis_id(declared: str) -> str | None:
    """The article of a basis given by article or by name; None if it is no basis at all."""
    rows = catalogue("gdpr")["lawful_bases"]
    return next((r["id"] for r in rows if declared in (r["id"], r["name"])), None)


def _condition_id(declared: str) -> str | None:
    rows = catalogue("gdpr")["special_category_conditions"]
    return next((r["id"] for r in rows if declared in (r["id"], r["name"])), None)


def _consents(scene: Scene, name: str, purpose: str, settings: ConsentSettings) -> Json:
    subject_column = scene.settings.datasets[name].subject_column
    if not subject_column:
        raise BadInput(
            f"the dataset {name!r} has no subject_column, so nobody's consent can be looked up.",
            next_step=f"Name the column that says whose row it is in [datasets.{name}].",
        )
    ledger = _ledger(open_table(scene.settings.path(settings.source)), purpose, settings, scene.now)
    table = open_dataset(scene, name)
    subjects: set[str] = set()
    first: list[Json] = []
    row = uncovered = nameless = 0
    for batch in table.batches((_column(table, subject_column, name),)):
        for value in batch.column(0).to_pylist():
            subject = "" if value is None else str(value).strip()
            nameless += not subject
            if subject:
                subjects.add(subject)
            if subject not in ledger.live:
                uncovered += 1
                if len(first) < _FIRST_ROWS:
                    first.append(row)
            row += 1
    return {
        "ledger_rows": ledger.rows,
        "ledger_rows_unreadable": ledger.unreadable,
        "subjects": len(subjects),
        "with_live_grant": len(subjects & ledger.live),
        "withdrawn": len(subjects & ledger.withdrawn),
        "never_granted": len(subjects - ledger.live - ledger.withdrawn),
        "rows_without_subject": nameless,
        "rows_without_grant": uncovered,
        "first_rows": first,
    }


@dataclass(frozen=True, slots=True)
class _Ledger:
    """What the table of consents says of one purpose at one instant."""

    rows: int
    unreadable: int
    """Rows of the purpose with an instant that cannot be read, or without the begin of the grant."""
    live: frozenset[str]
    withdrawn: frozenset[str]


def _ledger(table: Table, purpose: str, settings: ConsentSettings, now: datetime) -> _Ledger:
    """Who has a live consent: whose newest act by now, grant or withdrawal, is a grant.

    A withdrawal counts above a grant of the same instant, and of an unreadable row nothing counts.
    """
    names = (
        settings.subject_column,
        settings.purpose_column,
        settings.granted_column,
        settings.withdrawn_column,
    )
    columns = tuple(_column(table, name, settings.source) for name in names)
    newest: dict[str, tuple[datetime, bool]] = {}
    rows = unreadable = 0
    for batch in table.batches(columns):
        for record in batch.to_pylist():
            rows += 1
            subject = str(record[settings.subject_column] or "").strip()
            if not subject or record[settings.purpose_column] != purpose:
                continue
            granted = _instant(record[settings.granted_column])
            ended = _instant(record[settings.withdrawn_column])
            if granted in (None, _UNREADABLE) or ended is _UNREADABLE:
                unreadable += 1
                continue
            for at, withdrawal in ((granted, False), (ended, True)):
                if isinstance(at, datetime) and at <= now:
                    newest[subject] = max(newest.get(subject, (at, withdrawal)), (at, withdrawal))
    ended_now = frozenset(subject for subject, (_, withdrawal) in newest.items() if withdrawal)
    return _Ledger(rows, unreadable, frozenset(newest) - ended_now, ended_now)


def _column(table: Table, wanted: str, where: str) -> str:
    if wanted not in table.schema.names:
        raise BadInput(
            f"{where} has no column {wanted!r}.", next_step="Correct its name in assay.toml."
        )
    return wanted


class _Unreadable:
    """The mark of a cell that holds something, but no instant."""


_UNREADABLE = _Unreadable()


def _instant(value: object) -> datetime | _Unreadable | None:
    """An instant or a date (its first second, UTC); None for an empty cell."""
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif value is None or not str(value).strip():
        return None
    else:
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            return _UNREADABLE
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


MEMBER = LawfulBasis()
