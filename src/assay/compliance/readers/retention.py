"""Are there records past their retention? Counts the rows of every dataset whose time is over.

The period runs from a date in each row (`start_column`), by calendar months (`law/periods.py`); a
row is past when the day its period ended, plus the grace days, has come. Every row is read; rows
without a readable date, or with one that is yet to come, are counted apart, for nobody knows when
theirs ends. Numbers are no dates: whether they count seconds or days would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from assay.compliance.datasets import open_dataset
from assay.compliance.interface import Scene
from assay.compliance.observing import of_each_dataset
from assay.errors import AssayError
from assay.law.catalogues import level_named, level_policies
from assay.law.periods import latest_start_ended_by, parse_period
from assay.settings import RetentionSettings
from assay.vocabulary import Facts, Json, Method, Observation, not_measured

KIND = "retention_scan"
_FIRST_ROWS = 5


class Retention:
    """Counts rows past retention in every declared dataset."""

    kinds = (KIND,)

    def observe(self, scene: Scene) -> Iterator[Observation]:
        """One observation a dataset."""
        yield from of_each_dataset(scene, KIND, "readers.retention", Method.EXAMINE, _facts)


def _facts(scene: Scene, name: str) -> Facts:
    rule = scene.settings.datasets[name].retention
    if rule is None:
        return not_measured(_no_rule(scene, name), f"Add [datasets.{name}.retention].")
    try:
        return {
            "maximum": rule.maximum,
            "rule": rule.rule,
            "start_column": rule.start_column,
            "grace_days": rule.grace_days,
            "hold": _hold(scene, name),
            **_counts(scene, name, rule),
        }
    except AssayError as error:
        return not_measured(error.message, error.next_step)


def _no_rule(scene: Scene, name: str) -> str:
    level = scene.labels.get(name, {}).get("level")
    if not isinstance(level, str):
        return "no retention rule is declared for this dataset."
    days = level_policies()[level_named(level)].default_retention_days
    return (
        f"no retention rule is declared for this dataset; the default of its level ({level}) is "
        f"{days} days, but no column says when they begin."
    )


def _hold(scene: Scene, name: str) -> Json:
    hold = scene.settings.datasets[name].hold
    if hold is None or (hold.until is not None and hold.until < scene.now.date()):
        return None
    return {"ground": hold.ground, "until": None if hold.until is None else str(hold.until)}


def _counts(scene: Scene, name: str, rule: RetentionSettings) -> dict[str, Json]:
    table = open_dataset(scene, name)
    if rule.start_column not in table.schema.names:
        return dict(
            not_measured(
                f"the dataset has no column {rule.start_column!r}.",
                f"Correct start_column of [datasets.{name}.retention].",
            )
        )
    today = scene.now.date() - timedelta(days=rule.grace_days)
    boundary = latest_start_ended_by(today, parse_period(rule.maximum))
    rows = past = without_date = 0
    first: list[Json] = []
    for batch in table.batches((rule.start_column,)):
        for value in batch.column(0).to_pylist():
            day = _day(value)
            if day is None or day > scene.now.date():
                without_date += 1
            elif day <= boundary:
                past += 1
                if len(first) < _FIRST_ROWS:
                    first.append(rows)
            rows += 1
    return {
        "rows": rows,
        "past": past,
        "without_date": without_date,
        "first_rows": first,
        "latest_start_past": boundary.isoformat(),
    }


def _day(value: object) -> date | None:
    """The day of a date, an instant or an ISO 8601 text; None for anything else."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.strip()).date()
    except ValueError:
        return None


MEMBER = Retention()
