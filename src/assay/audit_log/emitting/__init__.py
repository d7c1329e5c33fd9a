"""How users' own code puts events into the log.

    audited            a decorator and a `with` block: one event a call
    AuditLogHandler    records of Python's logging become events; `forward` is the other direction
    AuditMiddleware    one event for each HTTP request and each WebSocket, for any ASGI application
    client             says who calls, for everything that is emitted inside it
    deliver            takes events that were committed with a record's change from the outbox to the log

Users reach them through `assay`.
"""

from __future__ import annotations

from assay.audit_log.caller import ClientContext, client, current_client, from_client
from assay.audit_log.emitting.asgi import AuditMiddleware
from assay.audit_log.emitting.audited import Audited, Recording, audited
from assay.audit_log.emitting.delivery import Delivery, deliver
from assay.audit_log.emitting.interface import EventLog, OnLogFailure
from assay.audit_log.emitting.logging_handler import AuditLogHandler, forward

__all__ = [
    "AuditLogHandler",
    "AuditMiddleware",
    "Audited",
    "ClientContext",
    "Delivery",
    "EventLog",
    "OnLogFailure",
    "Recording",
    "audited",
    "client",
    "current_client",
    "deliver",
    "forward",
    "from_client",
]
