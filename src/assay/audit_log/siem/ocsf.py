"""OCSF 1.6.0, the Open Cybersecurity Schema Framework, one event a line.

Source: schema.ocsf.io, version 1.6.0. The version is in every line (`metadata.version`), because the
meaning of attributes shifts between minor versions (`metadata.uid` and `actor.app_name`, for two).

The class follows from the event's type; a type without a class of its own is a Base Event. What OCSF
has an attribute for is there; the target, the client and the detail as the entry has them are in
`unmapped`, so that the entry can be made again. OCSF counts time in milliseconds: the microseconds are
in `metadata.original_time`. Neither the release of assay nor the instant of the export is in a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, NamedTuple

from assay.audit_log.siem.interface import LoggedEvent, SiemFormat
from assay.canonical import instant, parse_instant, to_json
from assay.vocabulary import Event, Json, Severity, Target, TargetKind

VERSION = "1.6.0"
NOT_RECORDED = "not recorded"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SEVERITY_IDS = {
    Severity.LOW: 2,
    Severity.MEDIUM: 3,
    Severity.HIGH: 4,
    Severity.CRITICAL: 5,
}
_SEVERITIES = {number: severity for severity, number in _SEVERITY_IDS.items()}
_SUCCESS, _FAILURE, _OTHER = (1, "Success"), (2, "Failure"), (99, "Other")
_STATUSES = {
    "success": _SUCCESS,
    "failure": _FAILURE,
    "failed": _FAILURE,
    "error": _FAILURE,
    "denied": _FAILURE,
}
_SHA_256 = 3


class _Class(NamedTuple):
    uid: int
    caption: str
    category: str
    profiles: tuple[str, ...] = ("host",)
    """Optional attributes that the class is used with; `host` brings `actor`."""


class _Activity(NamedTuple):
    of: _Class
    id: int
    caption: str


_BASE = _Class(0, "Base Event", "Uncategorized")
_API = _Class(6003, "API Activity", "Application Activity", ())
_AUTHENTICATION = _Class(3002, "Authentication", "Identity & Access Management", ())
_DETECTION = _Class(2004, "Detection Finding", "Findings")
_COMPLIANCE = _Class(2003, "Compliance Finding", "Findings")
_ERROR = _Class(6008, "Application Error", "Application Activity")

_ACTIVITIES = {
    "data_access": _Activity(_API, 2, "Read"),
    "model_access": _Activity(_API, 2, "Read"),
    "model_update": _Activity(_API, 3, "Update"),
    "model_deployment": _Activity(_API, 99, "Deploy"),
    "configuration_change": _Activity(_API, 3, "Update"),
    "retention_applied": _Activity(_API, 4, "Delete"),
    "subject_key_destroyed": _Activity(_API, 4, "Delete"),
    "user_login": _Activity(_AUTHENTICATION, 1, "Logon"),
    "security_alert": _Activity(_DETECTION, 1, "Create"),
    "compliance_violation": _Activity(_COMPLIANCE, 1, "Create"),
    "error_event": _Activity(_ERROR, 1, "General Error"),
}


def _of_event(logged: LoggedEvent) -> Mapping[str, Json]:
    event = logged.event
    activity = _ACTIVITIES.get(event.type, _Activity(_BASE, 99, event.type))
    status_id, status = _STATUSES.get(event.outcome, _OTHER)
    return {
        "activity_id": activity.id,
        "activity_name": activity.caption,
        "actor": _actor(event),
        "category_name": activity.of.category,
        "category_uid": activity.of.uid // 1000,
        "class_name": activity.of.caption,
        "class_uid": activity.of.uid,
        "message": event.action,
        "metadata": _metadata(logged, activity.of),
        "raw_data_hash": {
            "algorithm": "SHA-256",
            "algorithm_id": _SHA_256,
            "value": logged.digest.removeprefix("sha256:"),
        },
        "severity": event.severity.name.capitalize(),
        "severity_id": _SEVERITY_IDS[event.severity],
        "status": status,
        "status_detail": event.outcome,
        "status_id": status_id,
        "time": (event.occurred_at - _EPOCH) // timedelta(milliseconds=1),
        "type_name": f"{activity.of.caption}: {activity.caption}",
        "type_uid": activity.of.uid * 100 + activity.id,
        "unmapped": {
            "client_address": event.client_address,
            "client_agent": event.client_agent,
            "detail": to_json(event.detail),
            "target": to_json(event.target),
        },
        **_of_class(event, activity.of),
    }


def _of_class(event: Event, used: _Class) -> Mapping[str, Json]:
    """The attributes that only some classes have."""
    if used is _API:
        return {
            "api": {"operation": event.action},
            "resources": [_resource(event.target)],
            "src_endpoint": _endpoint(event.client_address),
        }
    if used is _AUTHENTICATION:
        return {
            "service": {"name": event.target.name},
            "src_endpoint": _endpoint(event.client_address),
            "user": {"uid": event.actor},
        }
    if used is _DETECTION:
        return {"finding_info": _finding(event), "is_alert": True, **_resources(event)}
    if used is _COMPLIANCE:
        compliance: Json = {"status": "Fail", "status_id": 3}
        return {"compliance": compliance, "finding_info": _finding(event), **_resources(event)}
    return {}


def _metadata(logged: LoggedEvent, used: _Class) -> Mapping[str, Json]:
    return {
        "event_code": logged.event.type,
        "log_name": logged.origin,
        "original_time": instant(logged.event.occurred_at),
        "product": {"name": "assay", "vendor_name": "assay"},
        "profiles": list(used.profiles),
        "sequence": logged.index,
        "uid": logged.event.id,
        "version": VERSION,
    }


def _actor(event: Event) -> Mapping[str, Json]:
    user: Mapping[str, Json] = {"user": {"uid": event.actor}}
    return user if event.client_agent is None else {**user, "app_name": event.client_agent}


def _endpoint(address: str | None) -> Mapping[str, Json]:
    """The classes that have an endpoint want a name of it even where nobody knows it."""
    if address is None:
        return {"name": NOT_RECORDED}
    try:
        return {"ip": str(ip_address(address))}
    except ValueError:
        return {"name": address}


def _resources(event: Event) -> Mapping[str, Json]:
    return {"resources": [_resource(event.target)]}


def _resource(target: Target) -> Mapping[str, Json]:
    named: Mapping[str, Json] = {"name": target.name, "type": target.kind.value}
    return named if target.digest is None else {**named, "uid": target.digest}


def _finding(event: Event) -> Mapping[str, Json]:
    return {"title": event.action, "uid": event.id}


def _to_event(line: Any) -> LoggedEvent:
    metadata, rest = line["metadata"], line["unmapped"]
    target = rest["target"]
    event = Event(
        id=metadata["uid"],
        occurred_at=parse_instant(metadata["original_time"]),
        type=metadata["event_code"],
        severity=_SEVERITIES[line["severity_id"]],
        actor=line["actor"]["user"]["uid"],
        action=line["message"],
        target=Target(TargetKind(target["kind"]), target["name"], target["digest"]),
        outcome=line["status_detail"],
        client_address=rest["client_address"],
        client_agent=rest["client_agent"],
        detail=rest["detail"],
    )
    digest = f"sha256:{line['raw_data_hash']['value']}"
    return LoggedEvent(event, metadata["sequence"], metadata["log_name"], digest)


MEMBER = SiemFormat(
    name="ocsf",
    title="OCSF",
    version=VERSION,
    media_type="application/x-ndjson",
    of_event=_of_event,
    to_event=_to_event,
)
