"""Opens the models that assay.toml names, and plans what to try on them and at what cost.

Everything heavy is imported here where it is used, so that an installation without the libraries of
the models room says so instead of failing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assay import plugins
from assay.canonical import digest_of, file_digest
from assay.errors import AssayError, BadInput, BadTestData, MissingExtra
from assay.models.interface import InputDomain, InputKind, Model, ModelDescription
from assay.settings import ModelSettings, Settings
from assay.step import Moment, Seen, Step, not_seen, step_key
from assay.vocabulary import Depth, Target, TargetKind

if TYPE_CHECKING:
    from assay.models.examples import TestData

_CODE_FILES_MAX = 2_000
_NO_PROJECT = frozenset({"site-packages", "node_modules", "__pycache__", "venv"})
EXAMPLES = {Depth.QUICK: 256, Depth.STANDARD: 1_000, Depth.FULL: 1_000_000_000}
"""How many test examples of a model a depth attacks at most."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A model that is open, with the examples to try it on."""

    name: str
    settings: ModelSettings
    model: Model
    data: TestData
    folder: Path

    @property
    def declared_epsilon(self) -> float:
        declared = self.settings.declared_epsilon
        return max(self.settings.epsilons) if declared is None else declared


def open_trial(base: Settings, name: str, settings: ModelSettings) -> Trial | Step:
    """The open model; a step that says why it is not measured where it cannot be.

    Raises:
        BadInput: as `open_to_try`.
    """
    target = Target(TargetKind.MODEL, name)
    if not settings.test_data:
        reason = BadInput(
            "no test data are declared.", next_step=f"Add test_data to [models.{name}]."
        )
        return _unmeasured_model(name, target, reason)
    try:
        return open_to_try(base, name, settings)
    except MissingExtra as error:
        return _unmeasured_model(name, target, error)


def open_to_try(base: Settings, name: str, settings: ModelSettings) -> Trial:
    """The open model with its test data, one of which it has answered.

    Raises:
        MissingExtra: a library is not installed.
        BadInput: the model or its test data cannot be used, or do not fit each other.
    """
    try:
        from assay.models import example_files, examples
        from assay.models.domain import domain_from_rows
        from assay.models.loading import open_model

        data = example_files.load(settings.test_data, label=settings.label, folder=base.folder)
        domain = _declared_domain(settings) or domain_from_rows(data.x, data.features)
        model = open_model(_description(base, name, settings, domain))
        examples.check_fit(data, model)
        _expect_room(name, domain)
    except ImportError as error:
        raise MissingExtra("Testing models", extra="ml", library=str(error.name)) from error
    return Trial(name, settings, model, data, base.folder)


def _expect_room(name: str, domain: InputDomain) -> None:
    """Where no feature can move no attack can break anything, and a number would be a lie."""
    if all(low >= high for low, high in zip(domain.lower, domain.upper, strict=True)):
        raise BadTestData(
            f"The test rows of {name} are all alike, so that their bounds leave no attack any room.",
            next_step=f"Give bounds in [models.{name}], or test data of different rows.",
        )


def _unmeasured_model(name: str, target: Target, error: AssayError) -> Step:
    def look(moment: Moment) -> Seen:
        return not_seen("robustness_run", "models", target, moment, error)

    return Step(f"{name}: robustness", target, None, 0.0, look)


def _declared_domain(settings: ModelSettings) -> InputDomain | None:
    """The domain that assay.toml declares; None where it is to be taken from the rows."""
    if settings.bounds is None and settings.input == "tabular":
        return None
    lower, upper = settings.bounds or (0.0, 1.0)
    return InputDomain(InputKind(settings.input), (lower,), (upper,))


def _description(
    base: Settings, name: str, settings: ModelSettings, domain: InputDomain
) -> ModelDescription:
    return ModelDescription(
        name=name,
        source=base.path(settings.source) if settings.source else None,
        factory=settings.factory,
        library=settings.library,
        domain=domain,
        python_path=base.folder,
    )


def examinations(trial: Trial, depth: Depth, seed: int) -> Iterator[Step]:
    from assay.models.examination import members_for
    from assay.models.examples import sample

    data = sample(trial.data, EXAMPLES[depth], seed)
    seconds = costs(trial, depth, seed)
    planned = members_for(trial.model, depth)
    for member in planned:
        yield _examination(trial, member, planned, data, depth, seed, seconds[member.name])


def _examination(
    trial: Trial,
    member: plugins.Member,
    planned: Sequence[plugins.Member],
    data: TestData,
    depth: Depth,
    seed: int,
    seconds: float,
) -> Step:
    settings = trial.settings

    def look(moment: Moment) -> Seen:
        from assay.models.examination import examine

        observation, exhibits = examine(
            trial.model,
            data,
            member,
            planned=planned,
            depth=depth,
            epsilons=settings.epsilons,
            declared_epsilon=trial.declared_epsilon,
            seed=seed,
            now=moment.now,
            show_examples=settings.show_examples,
            progress=moment.progress,
        )
        return Seen((observation,), exhibits)

    target = trial.model.target
    epsilons = [*settings.epsilons, trial.declared_epsilon]
    bounds = [trial.model.domain.lower, trial.model.domain.upper]
    code = _code_digest(trial)
    key = None
    if code is not None:
        key = step_key(
            f"examine {member.origin} {member.name} {settings.show_examples}",
            target.digest,
            [target.name, settings.factory, code, data.digest, settings.norm],
            {
                "epsilons": epsilons,
                "bounds": bounds,
                "depth": depth.value,
                "seed": seed,
                # A run names what was planned with it; under another plan it says something else.
                "planned": [f"{one.origin} {one.name}" for one in planned],
            },
        )
    return Step(f"{trial.name}: {member.name}", target, key, seconds, look)


def _code_digest(trial: Trial) -> str | None:
    """The digest of the code that a result depends on beside the weights; None if nobody can say.

    A model that is a function may read anything, so that its results are never used again. A network
    is built by the factory's module and whatever of the project that imports: all of the project's
    Python files count.
    """
    if not trial.settings.source:
        return None
    if not trial.settings.factory:
        return ""
    files = sorted(path for path in trial.folder.rglob("*.py") if not _is_elsewhere(path, trial))
    if len(files) > _CODE_FILES_MAX:
        return None
    return digest_of([[str(p.relative_to(trial.folder)), file_digest(p)] for p in files])


def _is_elsewhere(path: Path, trial: Trial) -> bool:
    """Whether a file lies in a hidden folder or in an environment, and is no code of the project."""
    parts = path.relative_to(trial.folder).parts[:-1]
    return any(part.startswith(".") or part in _NO_PROJECT for part in parts)


def costs(trial: Trial, depth: Depth, seed: int) -> Mapping[str, float]:
    from assay.models.estimate import estimate_seconds
    from assay.models.examination import members_for
    from assay.models.examples import sample

    data = sample(trial.data, EXAMPLES[depth], seed)
    members = members_for(trial.model, depth)
    epsilons = sorted({*trial.settings.epsilons, trial.declared_epsilon})
    return estimate_seconds(trial.model, data, members, depth, epsilons)


def left_out(trial: Trial, depth: Depth) -> Iterator[str]:
    examples = len(trial.data.y)
    if examples > EXAMPLES[depth]:
        yield (
            f"{trial.name}: {EXAMPLES[depth]} of {examples} test examples were tried at depth "
            f"{depth.value}; the rest are UNMEASURED."
        )
    if depth is not Depth.FULL:
        yield (
            f"{trial.name}: attacks ran with the budget of depth {depth.value}; what more steps, "
            "restarts and queries would break is UNMEASURED."
        )
