"""An event as the bytes of a log entry, and back.

An entry is the canonical JSON (RFC 8785) of an event, with `"v": 1` beside its fields. The bytes
that were hashed are the bytes that are stored; nothing is ever serialised again to verify it. An
entry is at most 65,535 bytes long, the limit of an entry bundle (c2sp.org/tlog-tiles): what is
larger is kept beside the log and cited by digest.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson

from assay.audit_log.event_ids import new_event_id
from assay.audit_log.event_types import severity_of
from assay.audit_log.interface import Prepared
from assay.audit_log.merkle import leaf_hash
from assay.canonical import canonical_bytes, digest, instant, parse_instant
from assay.errors import BadEvent, EntryTooLarge, LogDamaged, NaiveInstant, NotUnicode
from assay.vocabulary import Event, Exhibit, Facts, Severity, Target, TargetKind

ENTRY_BYTES_MAX = 65_535
CITES = b'"cites":[{'
"""What the bytes of every entry that cites something hold, since an entry is canonical JSON."""
_SEVERITY_WORDS = {severity: severity.word for severity in Severity}
DETAIL_TYPE = "application/vnd.assay.detail+json"


def new_event(
    type_: str,
    *,
    occurred_at: datetime,
    actor: str,
    action: str,
    target: Target,
    outcome: str = "success",
    severity: Severity | None = None,
    client_address: str | None = None,
    client_agent: str | None = None,
    detail: Facts | None = None,
    event_id: str | None = None,
) -> Event:
    """An event of a known type.

    Raises:
        UnknownEventType: there is no such type.
    """
    usual = severity_of(type_)
    return Event(
        id=event_id or new_event_id(),
        occurred_at=occurred_at,
        type=type_,
        severity=severity or usual,
        actor=actor,
        action=action,
        target=target,
        outcome=outcome,
        client_address=client_address,
        client_agent=client_agent,
        detail=detail or {},
    )


def entry_bytes(event: Event) -> bytes:
    """The entry of an event.

    Raises:
        NaiveInstant: the instant has no zone.
        NotUnicode: a text holds half a surrogate pair, as undecodable bytes leave it.
        EntryTooLarge: it would be longer than 65,535 bytes.
        BadEvent: the detail holds what JSON does not.
    """
    data = _entry_json(event)
    if len(data) > ENTRY_BYTES_MAX:
        raise EntryTooLarge(
            f"An event of type {event.type} is {len(data)} bytes long, more than an entry holds.",
            next_step="Keep the detail as evidence and cite its digest (`by_digest` does).",
        )
    return data


def prepare(event: Event) -> Prepared:
    """The event as it will be stored.

    Raises:
        BadEvent: as `entry_bytes`, or the type is not known.
    """
    severity_of(event.type)
    data = entry_bytes(event)
    return Prepared(event, data, leaf_hash(data))


def by_digest(event: Event) -> tuple[Event, Exhibit]:
    """The event with its detail kept beside the log, and what is kept."""
    data = canonical_bytes(event.detail)
    exhibit = Exhibit(digest(data), DETAIL_TYPE, data)
    return replace(event, detail={"cites": [citation(exhibit)]}), exhibit


def event_of(data: bytes) -> Event:
    """The event in an entry.

    Raises:
        LogDamaged: the bytes are not an entry.
    """
    try:
        row = orjson.loads(data)
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
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LogDamaged(f"An entry is not an event ({type(error).__name__}).") from error


def citation(exhibit: Exhibit) -> Facts:
    """How an event's `detail["cites"]` names bytes that are kept beside the log."""
    return {"digest": exhibit.digest, "media_type": exhibit.media_type}


def citations(data: bytes) -> list[tuple[str, str]]:
    """Digest and media type of everything that an entry cites, as text; nothing for what is no entry."""
    if CITES not in data:
        return []
    try:
        cites: Any = orjson.loads(data)["detail"].get("cites", [])
        return [(str(cite["digest"]), str(cite["media_type"])) for cite in cites]
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def _entry_json(event: Event) -> bytes:
    """The keys stand in their canonical order, and nothing here is a float."""
    target = event.target
    try:
        fields = {
            "action": event.action,
            "actor": event.actor,
            "client_address": event.client_address,
            "client_agent": event.client_agent,
            "detail": orjson.Fragment(canonical_bytes(event.detail)) if event.detail else {},
            "id": event.id,
            "occurred_at": _instant(event.occurred_at),
            "outcome": event.outcome,
            "severity": _SEVERITY_WORDS[event.severity],
            "target": {"digest": target.digest, "kind": target.kind, "name": target.name},
            "type": event.type,
            "v": 1,
        }
        return orjson.dumps(fields, option=orjson.OPT_UTC_Z)
    except (TypeError, ValueError, RecursionError) as error:
        if "surrogate" in f"{error}{error.__cause__}":
            raise NotUnicode(
                f"An event of type {event.type} holds text that is not Unicode.",
                next_step="Decode bytes as UTF-8 before you append them, or leave them out.",
            ) from error
        raise BadEvent(
            f"An event of type {event.type} holds a value that JSON does not, or too deep a one.",
            next_step="Give text, exact numbers, lists and objects.",
        ) from error


def _instant(moment: datetime) -> str | datetime:
    """The instant as text, or as it is where orjson writes the same text three times as fast."""
    if moment.tzinfo is UTC and moment.microsecond:
        return moment
    try:
        return instant(moment)
    except TypeError as error:
        raise NaiveInstant(
            "An event's instant has no zone.", next_step="Give it in UTC: datetime.now(UTC)."
        ) from error
    except OverflowError as error:
        raise BadEvent(
            "An event's instant lies outside the years 1 to 9999 in UTC.",
            next_step="Correct the clock that it came from.",
        ) from error
