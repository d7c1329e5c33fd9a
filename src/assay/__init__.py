"""assay: security and compliance for machine learning, by measurement.

    assay.assess("project/")                 the whole job: classify, attack, inspect, judge
    assay.classify("patients.parquet")       what every column holds, from all rows
    assay.robustness("project/")             accuracy under every attack and corruption that fits
    assay.validate_controls("patients", ...) are the controls that the data's level requires there?
    assay.open_log, assay.verify_log         the tamper-evident log that keeps all evidence

Values are frozen and show themselves in notebooks. Errors are `assay.AssayError` and its children
(`assay.errors`). The words are in `assay.vocabulary`. Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.api import (
        assess,
        classify,
        open_log,
        open_log_to_append,
        open_subject_keys,
        robustness,
        validate_controls,
        verify_log,
    )
    from assay.audit_log.caller import client
    from assay.audit_log.emitting.asgi import AuditMiddleware
    from assay.audit_log.emitting.audited import audited
    from assay.audit_log.emitting.logging_handler import AuditLogHandler
    from assay.audit_log.erasing import erase_subject
    from assay.audit_log.log import AuditLog
    from assay.audit_log.sealing import opened, sealed
    from assay.errors import AssayError, BadInput, CouldNotFinish
    from assay.settings import Settings, read_settings
    from assay.vocabulary import (
        Assessment,
        Basis,
        Evidence,
        Finding,
        Observation,
        Posture,
        Robustness,
        SecurityLevel,
        Severity,
        Status,
        Target,
    )

_PLACES = {
    "assay.api": (
        "assess",
        "classify",
        "open_log",
        "open_log_to_append",
        "open_subject_keys",
        "robustness",
        "validate_controls",
        "verify_log",
    ),
    "assay.audit_log.caller": ("client",),
    "assay.audit_log.emitting.asgi": ("AuditMiddleware",),
    "assay.audit_log.emitting.audited": ("audited",),
    "assay.audit_log.emitting.logging_handler": ("AuditLogHandler",),
    "assay.audit_log.erasing": ("erase_subject",),
    "assay.audit_log.log": ("AuditLog",),
    "assay.audit_log.sealing": ("opened", "sealed"),
    "assay.errors": ("AssayError", "BadInput", "CouldNotFinish"),
    "assay.settings": ("Settings", "read_settings"),
    "assay.vocabulary": (
        "Assessment",
        "Basis",
        "Evidence",
        "Finding",
        "Observation",
        "Posture",
        "Robustness",
        "SecurityLevel",
        "Severity",
        "Status",
        "Target",
    ),
}

__all__ = [
    "AssayError",
    "Assessment",
    "AuditLog",
    "AuditLogHandler",
    "AuditMiddleware",
    "BadInput",
    "Basis",
    "CouldNotFinish",
    "Evidence",
    "Finding",
    "Observation",
    "Posture",
    "Robustness",
    "SecurityLevel",
    "Settings",
    "Severity",
    "Status",
    "Target",
    "assess",
    "audited",
    "classify",
    "client",
    "erase_subject",
    "open_log",
    "open_log_to_append",
    "open_subject_keys",
    "opened",
    "read_settings",
    "robustness",
    "sealed",
    "validate_controls",
    "verify_log",
]


def __getattr__(name: str) -> Any:
    for place, names in _PLACES.items():
        if name in names:
            return getattr(import_module(place), name)
    raise AttributeError(f"module 'assay' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
