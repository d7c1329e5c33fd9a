"""The principles: what level data have, and whether the controls of that level are really there.

The policy of each level is `law/handling.yaml`. A required control is in place when a check measured
it: encryption by CHK-ENC-REST, access by CHK-FILE-ACCESS, audit by CHK-AUDIT-INTEGRITY, retention by
CHK-RETENTION. An empty set of validations is "not assessed", never "all fine".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.law.catalogues import LevelPolicy, level_named, level_policies
from assay.vocabulary import ControlValidation, Facts, Finding, SecurityLevel, Status, TargetKind

_CHECK_OF = {
    "encryption": "CHK-ENC-REST",
    "access": "CHK-FILE-ACCESS",
    "audit": "CHK-AUDIT-INTEGRITY",
    "retention": "CHK-RETENTION",
}


def effective_level(declared: str | None, label: Facts | None) -> SecurityLevel | None:
    """The level that holds for a dataset, None when nobody declared one and nobody looked.

    The higher of what is declared and what was found. PUBLIC only by declaration, and only where the
    scan found nothing sensitive.

    Raises:
        BadInput: an unknown level is declared.
    """
    said = None if declared is None else level_named(declared)
    if label is None:
        return said
    if said is SecurityLevel.PUBLIC and not _finds(label):
        return SecurityLevel.PUBLIC
    return max(found_level(label), said or SecurityLevel.PUBLIC)


def found_level(label: Facts) -> SecurityLevel:
    """The highest level of any column in the facts of a classification, at least INTERNAL."""
    levels = [level_named(str(column["level"])) for column in _columns(label)]
    return max([SecurityLevel.INTERNAL, *levels])


def _finds(label: Facts) -> bool:
    """Whether any column holds something, whatever level a person gave it."""
    return any(column["category"] != "none" or column.get("rare") for column in _columns(label))


def _columns(label: Facts) -> list[Mapping[str, Any]]:
    columns = label.get("columns", {})
    rows = columns.values() if isinstance(columns, Mapping) else ()
    return [column for column in rows if isinstance(column, Mapping)]


def policy_of(level: SecurityLevel | str) -> LevelPolicy:
    """How data of a level are handled.

    Raises:
        BadInput: there is no such level.
    """
    return level_policies()[level_named(level) if isinstance(level, str) else level]


def validate_controls(
    dataset: str, level: SecurityLevel, findings: Sequence[Finding], *, files: Sequence[str] = ()
) -> tuple[ControlValidation, ...]:
    """For each control that the level requires or not: is it really there?

    `files` are the dataset's own as the access finding shows them, its key among them: a fault of
    access in another file does not fail this dataset's. Without them every fault counts.
    """
    policy = policy_of(level)
    required = {
        "encryption": policy.encryption_required,
        "access": level > SecurityLevel.PUBLIC,
        "audit": policy.audit_required,
        "retention": True,
    }
    return tuple(
        _validation(dataset, level, control, required[control], findings, files)
        for control in _CHECK_OF
    )


def _validation(
    dataset: str,
    level: SecurityLevel,
    control: str,
    required: bool,
    findings: Sequence[Finding],
    files: Sequence[str],
) -> ControlValidation:
    check = _CHECK_OF[control]
    found = next((f for f in findings if f.check == check and _bears_on(f, dataset)), None)
    if not required:
        status, because = Status.NOT_APPLICABLE, f"not required of {level.word} data"
    elif found is None:
        status, because = Status.NOT_ASSESSED, f"{check} did not run"
    elif control == "access" and found.status is Status.FAIL and files:
        status, because = _access(found, files)
    else:
        status, because = found.status, found.statement
    evidence = found.evidence if found else ()
    return ControlValidation(dataset, level, control, required, status, because, evidence)


def _access(found: Finding, files: Sequence[str]) -> tuple[Status, str]:
    """What a failing access finding says of one dataset: its own files, and the folders above."""
    own = [
        f"{place.place} {place.detail}"
        for place in found.locations
        if place.place in files or place.detail.startswith("is a folder above")
    ]
    if own:
        return Status.FAIL, "; ".join(own) + "."
    return Status.PASS, "The faults that were found are in other files."


def _bears_on(finding: Finding, dataset: str) -> bool:
    kind, name = finding.target.kind, finding.target.name
    return kind is TargetKind.SYSTEM or (kind is TargetKind.DATASET and name == dataset)
