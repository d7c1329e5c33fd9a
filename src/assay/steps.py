"""Which steps an assessment takes, what each will cost, and how each looks.

First every dataset is classified, then every model is attacked and corrupted by every member that
fits it, then every reader looks. A step that depends on nothing but digests, parameters, seed and
versions has a key under which its result is kept and used again; readers look at the world as it is
now and have none.

What cannot be measured here because a library is missing becomes an observation that says so.
Input that is wrong (a missing file, weights that do not fit, labels out of range) raises before the
first step, so that nobody waits for half an assessment; `assay check run`, which only judges, asks
for that as observations too (`lenient`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from assay import plugins
from assay.compliance.datasets import dataset_key, dataset_target, open_dataset
from assay.compliance.interface import Reader, Scene
from assay.compliance.judge import DECLARATION
from assay.data.classify import classify_table
from assay.data.interface import Override
from assay.data.observe import observe_classification
from assay.errors import AssayError, BadInput, CouldNotFinish, EmptyDataset, MissingExtra
from assay.law.catalogues import level_named
from assay.parts import Parts
from assay.settings import ColumnSettings, DatasetSettings
from assay.step import Moment, Seen, Step, not_seen, step_key
from assay.trials import costs, examinations, left_out, open_trial
from assay.vocabulary import Depth, Facts, Target, TargetKind

_CLASSIFY_BYTES_PER_SECOND = 2_000_000
_READER_SECONDS = 0.2
_CHECK_WRITER = "Check how the file was written."


class Room(Enum):
    """What an assessment can look at."""

    DATA = "data"
    MODELS = "models"
    INSPECTIONS = "inspections"


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in order, what this depth leaves out, and what deeper depths would take."""

    steps: tuple[Step, ...]
    unmeasured: tuple[str, ...]
    deeper_seconds: Mapping[Depth, float]


def plan(
    parts: Parts,
    *,
    depth: Depth,
    seed: int,
    rooms: frozenset[Room] = frozenset(Room),
    models: Sequence[str] | None = None,
    lenient: bool = False,
) -> Plan:
    """The steps of an assessment of everything that assay.toml names.

    `rooms` limits what is looked at, `models` which models are tried. The declarations are always
    read: they say what there is.

    Raises:
        BadInput: a dataset, a model or its test data cannot be used; not when `lenient`.
    """
    steps: list[Step] = []
    unmeasured: list[str] = []
    deeper = {d: 0.0 for d in Depth if _rank(d) > _rank(depth)}
    if Room.DATA in rooms:
        for name, dataset in parts.settings.datasets.items():
            steps.append(_classification(parts, name, dataset, lenient=lenient))
    for name, settings in parts.settings.models.items() if Room.MODELS in rooms else ():
        if models is not None and name not in models:
            continue
        trial = open_trial(parts.settings, name, settings)
        if isinstance(trial, Step):
            steps.append(trial)
            unmeasured.append(f"{name}: robustness was not measured.")
            continue
        steps += examinations(trial, depth, seed)
        unmeasured += left_out(trial, depth)
        for other in deeper:
            deeper[other] += sum(costs(trial, other, seed).values())
    steps += _readers(parts, rooms)
    return Plan(tuple(steps), tuple(unmeasured), deeper)


def _rank(depth: Depth) -> int:
    return list(Depth).index(depth)


def _classification(parts: Parts, name: str, dataset: DatasetSettings, *, lenient: bool) -> Step:
    scene = _scene(parts, parts.clock(), {})
    target = dataset_target(scene, name)
    path = parts.settings.path(dataset.source)
    problem: AssayError | None = None
    try:
        open_dataset(scene, name)
        dataset_key(scene, dataset)
    except MissingExtra as error:
        problem = error
    except BadInput as error:
        if not lenient:
            raise
        problem = error
    overrides = {column: _override(said) for column, said in dataset.columns.items()}

    def look(moment: Moment) -> Seen:
        if problem is not None:
            return not_seen("classification_labels", "data.classify", target, moment, problem)
        table = open_dataset(scene, name)
        label = classify_table(table, overrides=overrides, executor=parts.executor)
        if dataset_target(scene, name).digest != target.digest:
            raise CouldNotFinish(
                f"{path} was changed while it was read.",
                next_step="Run it again when nothing writes to it.",
            )
        if label.rows == 0:
            empty = EmptyDataset(f"{path} has columns but no rows.", next_step=_CHECK_WRITER)
            if not lenient:
                raise empty
            return not_seen("classification_labels", "data.classify", target, moment, empty)
        return Seen((observe_classification(target, label, moment.now),))

    size = path.stat().st_size if path.is_file() else 0
    members = [m.name for m in plugins.available("detectors")]
    decided = {column: str(override) for column, override in overrides.items()}
    key = None
    if problem is None:
        key = step_key("classify", target.digest, members, decided)
    return Step(f"{name}: classify", target, key, size / _CLASSIFY_BYTES_PER_SECOND, look)


def _override(said: ColumnSettings) -> Override:
    level = None if said.level is None else level_named(said.level)
    return Override(said.because, said.entity, level)


def _readers(parts: Parts, rooms: frozenset[Room]) -> Iterator[Step]:
    for member in plugins.available("readers"):
        reader: Reader = member.use()
        if Room.INSPECTIONS in rooms or DECLARATION in reader.kinds:
            target = Target(TargetKind.SYSTEM, parts.settings.organisation.name)
            look = _reading(parts, reader)
            yield Step(f"inspect: {member.name}", target, None, _READER_SECONDS, look)


def _reading(parts: Parts, reader: Reader) -> Callable[[Moment], Seen]:
    def look(moment: Moment) -> Seen:
        return Seen(tuple(reader.observe(_scene(parts, moment.now, moment.labels))))

    return look


def _scene(parts: Parts, now: datetime, labels: Mapping[str, Facts]) -> Scene:
    return Scene(
        settings=parts.settings,
        log_folder=parts.settings.workspace_folder,
        verifier_key=str(parts.log.signer.verifier),
        trust=str(parts.trust),
        now=now,
        labels=labels,
    )
