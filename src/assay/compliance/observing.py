"""How a reader's look becomes observations: one of each declared dataset, or one of the system."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from assay.compliance.datasets import dataset_target
from assay.compliance.interface import Scene
from assay.vocabulary import Facts, Method, Observation, Target, TargetKind


def of_each_dataset(
    scene: Scene, kind: str, source: str, method: Method, look: Callable[[Scene, str], Facts]
) -> Iterator[Observation]:
    """What `look` sees of every dataset that assay.toml names, in its order."""
    for name in scene.settings.datasets:
        target = dataset_target(scene, name)
        yield Observation(kind, source, 1, method, target, look(scene, name), scene.now)


def of_the_system(
    scene: Scene, kind: str, source: str, method: Method, facts: Facts
) -> Observation:
    """These facts as an observation of the whole system."""
    target = Target(TargetKind.SYSTEM, scene.settings.organisation.name)
    return Observation(kind, source, 1, method, target, facts, scene.now)
