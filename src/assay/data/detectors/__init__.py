"""The room of detectors: one file is one type of sensitive data, found by being there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from assay import plugins
from assay.data.interface import Detector
from assay.errors import BadInput
from assay.law.catalogues import EntityPolicy, entity_policies


@cache
def every_detector() -> tuple[Detector, ...]:
    """All detectors that can be used, by name.

    Raises:
        BadInput: one finds an entity that has no entry in `law/handling.yaml`.
    """
    found = tuple(member.value for member in plugins.available("detectors"))
    for detector in found:
        if detector.entity not in entity_policies() and detector.policy is None:
            raise BadInput(
                f"The detector of {detector.entity!r} has no category and level.",
                next_step="Give it a policy, or remove the package that brings it.",
            )
    return found


@cache
def policies() -> Mapping[str, EntityPolicy]:
    """Category, level and masking of every entity: the catalogue's, and those that detectors bring.

    The catalogue's word stands above a detector's.
    """
    brought = {d.entity: d.policy for d in every_detector() if d.policy is not None}
    return {**brought, **entity_policies()}


def detector_of(entity: str) -> Detector:
    """The detector of an entity.

    Raises:
        BadInput: none finds it.
    """
    for detector in every_detector():
        if detector.entity == entity:
            return detector
    known = ", ".join(detector.entity for detector in every_detector())
    raise BadInput(f"No detector finds {entity!r}.", next_step=f"There are: {known}.")
