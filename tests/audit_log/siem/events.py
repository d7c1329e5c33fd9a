"""Entries for the SIEM formats: one of every class, with and without what is optional."""

from __future__ import annotations

from datetime import timedelta

from assay.audit_log.entry import new_event
from assay.audit_log.sealing import SEALED
from assay.vocabulary import Event, Severity, Target, TargetKind
from tests.crypto.scenes import MIA, NOON

ORIGIN = "assay.local/log/0001020304050607"
TYPES = (
    "assessment",
    "compliance_violation",
    "configuration_change",
    "data_access",
    "error_event",
    "model_access",
    "model_deployment",
    "model_update",
    "note",
    "retention_applied",
    "security_alert",
    "subject_key_destroyed",
    "user_login",
)
"""The types that have a class of their own, and two that have none."""
_DATASET = Target(TargetKind.DATASET, "patients", "sha256:" + "ab" * 32)
_SYSTEM = Target(TargetKind.SYSTEM, "Clinic Zürich")
_SEALED = {
    "sealed": 1,
    "suite": "AES-256-GCM+HKDF-SHA-512",
    "subject": MIA,
    "salt": "AA==",
    "commitment": "AA==",
    "data": "AA==",
}


def examples() -> list[Event]:
    """One event of each of TYPES, and the cases that a mapping could lose."""
    events = [_event(number, type_) for number, type_ in enumerate(TYPES)]
    return [
        *events,
        _event(len(TYPES), "data_access", client_address="192.0.2.7", client_agent="curl/8.5"),
        _event(len(TYPES) + 1, "data_access", client_address="unix socket", outcome="denied"),
        _event(len(TYPES) + 2, "user_login", client_address="2001:DB8::1", outcome="failure"),
        _event(len(TYPES) + 3, "security_alert", outcome="partly", severity=Severity.LOW),
        _event(len(TYPES) + 4, "data_access", detail={SEALED: {"email": _SEALED}}),
        _event(len(TYPES) + 5, "note", detail={"lines": "a\nb\u2028c\r\n", "ratio": 0.1}),
    ]


def _event(
    number: int,
    type_: str,
    *,
    client_address: str | None = None,
    client_agent: str | None = None,
    outcome: str = "success",
    severity: Severity | None = None,
    detail: dict[str, object] | None = None,
) -> Event:
    return new_event(
        type_,
        occurred_at=NOON + timedelta(seconds=number, microseconds=number),
        actor="actor:000102030405060708090a0b0c0d0e0f",
        action=f"example {number}",
        target=_DATASET if number % 2 else _SYSTEM,
        outcome=outcome,
        severity=severity,
        client_address=client_address,
        client_agent=client_agent,
        detail=detail or {"rows": number},  # type: ignore[arg-type]
        event_id=f"00000000-0000-4000-8000-{number:012}",
    )
