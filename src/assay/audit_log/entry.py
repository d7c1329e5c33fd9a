"""An event as the bytes of a log entry, and back.

An entry is the canonical JSON (RFC 8785) of an event, with `"v": 1` beside its fields. The bytes
that were hashed are the bytes that are stored; nothing is ever serialised again to verify it. An
entry is at most 65,535 bytes long, the limit of an entry bundle (c2sp.org/tlog-tiles): what is
larger is kept beside the log and cited by digest.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from assay.canonical import canonical_bytes, parse_instant, to_json
from assay.errors import LogDamaged, LogError
from assay.vocabulary import Event, Exhibit, Facts, Severity, Target, TargetKind

ENTRY_BYTES_MAX = 65_535

SEVERITIES: Mapping[str, Severity] = {
    "assessment": Severity.LOW,
    "observation": Severity.LOW,
    "compliance_violation": Severity.HIGH,
    "data_access": Severity.HIGH,
    "error_event": Severity.MEDIUM,
    "model_access": Severity.HIGH,
    "note": Severity.LOW,
}
"""The event types and their severities unless the emitter says otherwise."""


def new_event(
    type_: str,
    *,
    occurred_at: datetime,
    actor: str,
    action: str,
    target: Target,
    outcome: str = "success",
    severity: Severity | None = None,
    client_agent: str | None = None,
    detail: Facts | None = None,
    event_id: str | None = None,
) -> Event:
    """An event of a known type.

    Raises:
        LogError: there is no such type.
    """
    if type_ not in SEVERITIES:
        known = ", ".join(sorted(SEVERITIES))
        raise LogError(f"There is no event type {type_!r}.", next_step=f"The types are: {known}.")
    return Event(
        id=event_id or str(uuid.uuid4()),
        occurred_at=occurred_at,
        type=type_,
        severity=severity or SEVERITIES[type_],
        actor=actor,
        action=action,
        target=target,
        outcome=outcome,
        client_agent=client_agent,
        detail=detail or {},
    )


def entry_bytes(event: Event) -> bytes:
    """The entry of an event.

    Raises:
        LogError: it would be longer than 65,535 bytes.
    """
    fields = to_json(event)
    assert isinstance(fields, dict)  # noqa: S101 - a dataclass becomes an object
    data = canonical_bytes({"v": 1, **fields})
    if len(data) > ENTRY_BYTES_MAX:
        raise LogError(
            f"An event of type {event.type} is {len(data)} bytes long, more than an entry holds.",
            next_step="Keep the detail as evidence and cite its digest.",
        )
    return data


def event_of(data: bytes) -> Event:
    """The event in an entry.

    Raises:
        LogDamaged: the bytes are not an entry.
    """
    try:
        row = json.loads(data)
        target = row["target"]
        return Event(
            id=row["id"],
            occurred_at=parse_instant(row["occurred_at"]),
            type=row["type"],
            severity=Severity[row["severity"].upper()],
            actor=row["actor"],
            action=row["action"],
            target=Target(TargetKind(target["kind"]), target["name"], target["digest"]),
            outcome=row["outcome"],
            client_address=row["client_address"],
            client_agent=row["client_agent"],
            detail=row["detail"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LogDamaged(f"An entry is not an event ({type(error).__name__}).") from error


def citation(exhibit: Exhibit) -> Facts:
    """How an event's `detail["cites"]` names bytes that are kept beside the log."""
    return {"digest": exhibit.digest, "media_type": exhibit.media_type}


def citations(data: bytes) -> list[tuple[str, str]]:
    """Digest and media type of everything that an entry cites; nothing for what is no entry."""
    try:
        cites: Any = json.loads(data)["detail"].get("cites", [])
        return [(cite["digest"], cite["media_type"]) for cite in cites]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
