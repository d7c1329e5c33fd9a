"""What a classification saw, as an observation: types, places and counts, never a value.

Evidence kind `classification_labels`. The facts hold the labels of all columns in the form of
`assay data classify --json`, and what they were made with, so that they can be judged again.
"""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version

from assay.data.classify import table_as_json
from assay.data.detectors import every_detector
from assay.data.interface import TableLabel
from assay.vocabulary import Method, Observation, Target

SOURCE = "data.classify"
SOURCE_VERSION = 1


def observe_classification(target: Target, label: TableLabel, now: datetime) -> Observation:
    """The labels of a table's columns as an observation of the dataset, made `now`."""
    return Observation(
        kind="classification_labels",
        source=SOURCE,
        source_version=SOURCE_VERSION,
        method=Method.TEST,
        target=target,
        facts={
            "table": label.table,
            "level": label.level.word,
            **table_as_json(label),
            "rows_scanned": "all",
            "detectors": [detector.entity for detector in every_detector()],
            "engine": {"name": "re2 in arrow", "pyarrow": version("pyarrow")},
        },
        observed_at=now,
    )
