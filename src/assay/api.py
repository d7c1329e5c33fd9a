"""The verbs that `import assay` offers, each a few lines over the parts.

They take what a person has at hand (a path, a data frame) and return values that show themselves in
a notebook.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.settings import Settings, read_settings

if TYPE_CHECKING:
    from assay.audit_log.interface import LogReader, Verification
    from assay.audit_log.log import AuditLog
    from assay.crypto.subject_keys import SubjectKeys
    from assay.data.interface import TableLabel
    from assay.vocabulary import Assessment, ControlValidation, Robustness


class _Silent:
    """A listener that says nothing."""

    def began(self, step: object, number: int, total: int) -> None:
        """Nothing."""

    def progressed(self, share: float) -> None:
        """Nothing."""

    def ended(self, step: object, *, reused: bool) -> None:
        """Nothing."""


def classify(source: Any, *, key: bytes | None = None, name: str = "frame") -> TableLabel:
    """What every column of a table holds, from header and all rows; no value is kept.

    `source` is a path, a pyarrow table, or anything with `__arrow_c_stream__` (pandas 3, Polars).
    `key` opens an encrypted Parquet file; `name` names a table that has no file.

    Raises:
        BadInput: the source cannot be read as a table.
        MissingExtra: pyarrow is not installed.
    """
    from assay.data.classify import classify_file, classify_table
    from assay.data.tables import ArrowTable
    from assay.errors import BadInput, MissingExtra

    if isinstance(source, str | Path):
        return classify_file(Path(source), key=key)
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtra("Classifying", extra="data", library="pyarrow") from error
    if not hasattr(source, "__arrow_c_stream__"):
        raise BadInput(
            f"A {type(source).__name__} is no table.", next_step="Give a path or a data frame."
        )
    return classify_table(ArrowTable(name, pa.table(source)))


def assess(
    settings: Path | str | Settings = Path(), *, depth: str = "quick", seed: int = 0
) -> Assessment:
    """The whole job on everything that assay.toml names; kept in the workspace's log.

    Raises:
        AssayError: wrong input, or it could not be finished.
    """
    from assay import main_job
    from assay.bootstrap import open_parts
    from assay.steps import plan
    from assay.vocabulary import Depth

    with open_parts(_settings(settings)) as parts:
        wanted = Depth(depth)
        planned = plan(parts, depth=wanted, seed=seed)
        return main_job.assess(parts, planned, depth=wanted, seed=seed, listener=_Silent())


def robustness(
    settings: Path | str | Settings = Path(),
    *,
    model: str | None = None,
    depth: str = "quick",
    seed: int = 0,
) -> tuple[Robustness, ...]:
    """How the models of assay.toml stand up to every attack and corruption that fits them.

    Raises:
        AssayError: wrong input, or it could not be finished.
    """
    from assay import main_job
    from assay.bootstrap import open_parts
    from assay.steps import Room, plan
    from assay.vocabulary import Depth

    with open_parts(_settings(settings)) as parts:
        wanted = Depth(depth)
        models = None if model is None else [model]
        rooms = frozenset({Room.MODELS})
        planned = plan(parts, depth=wanted, seed=seed, rooms=rooms, models=models)
        found = main_job.assess(
            parts, planned, depth=wanted, seed=seed, listener=_Silent(), checks=()
        )
    return found.robustness


def validate_controls(
    dataset: str, settings: Path | str | Settings = Path()
) -> tuple[ControlValidation, ...]:
    """Whether the controls that a dataset's level requires are really there, measured now.

    Nothing to validate is an empty tuple, which means not assessed and never "fine".

    Raises:
        BadInput: assay.toml names no such dataset.
        AssayError: it could not be measured at all.
    """
    from assay import main_job
    from assay.bootstrap import open_parts
    from assay.errors import BadInput
    from assay.steps import Room, plan
    from assay.vocabulary import Depth

    read = _settings(settings)
    if dataset not in read.datasets:
        raise BadInput(
            f"assay.toml names no dataset {dataset!r}.",
            next_step=f"It names: {', '.join(read.datasets) or 'none'}.",
        )
    with open_parts(read) as parts:
        rooms = frozenset({Room.DATA, Room.INSPECTIONS})
        planned = plan(parts, depth=Depth.QUICK, seed=0, rooms=rooms, lenient=True)
        checks = ["CHK-ENC-REST", "CHK-FILE-ACCESS", "CHK-AUDIT-INTEGRITY", "CHK-RETENTION"]
        found = main_job.assess(
            parts, planned, depth=Depth.QUICK, seed=0, listener=_Silent(), checks=checks
        )
    return tuple(v for v in found.validations if v.dataset == dataset)


def open_log(settings: Path | str | Settings = Path()) -> LogReader:
    """The workspace's audit log, for reading.

    Raises:
        LogError: there is none, or it cannot be read.
    """
    from assay.bootstrap import open_log_for_reading

    return open_log_for_reading(_settings(settings))


def open_log_to_append(settings: Path | str | Settings = Path()) -> AuditLog:
    """The workspace's audit log, for appending from your own code; close it when you are done.

    Raises:
        LogBusy: another process writes this log.
        LogError: it cannot be opened.
    """
    from assay.bootstrap import open_log_for_writing

    return open_log_for_writing(_settings(settings))


def open_subject_keys(settings: Path | str | Settings = Path()) -> SubjectKeys:
    """The workspace's keys for personal fields of events; close them when you are done.

    Raises:
        WrongKey: the keys that are there were wrapped under another key than the one given.
        KeyStoreError: the file cannot be used.
    """
    from assay import bootstrap

    return bootstrap.open_subject_keys(_settings(settings))


def verify_log(settings: Path | str | Settings = Path(), *retained: str) -> Verification:
    """Everything that does not hold in the workspace's log; `retained` are checkpoints kept elsewhere.

    Raises:
        LogError: there is none, or it cannot be read.
    """
    from assay.audit_log.opening import verify_log as verify
    from assay.bootstrap import log_place, read_verifier_key

    read = _settings(settings)
    return verify(log_place(read), read_verifier_key(read), retained)


def _settings(given: Path | str | Settings) -> Settings:
    return given if isinstance(given, Settings) else read_settings(Path(given))
