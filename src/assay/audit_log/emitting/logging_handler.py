"""Between the audit log and Python's logging system, in both directions.

`AuditLogHandler` turns records of users' code into events. A message may hold personal data, so what
becomes an event is the template, and only where arguments were left out of it
(`logger.error("import of %s failed", name)` gives `import of %s failed`); a message without arguments
may be an f-string and is left out. The class of an exception is kept, its words are not.

`extra` says more, by these names, without personal data:

    audit_type      the event type, else `error_event` from ERROR on and `note` below
    audit_action    what was done, in place of the template
    audit_outcome   else `failure` from ERROR on and `success` below
    audit_detail    a mapping that is added to the detail

`forward` is the other direction: events of severity high and critical are said at once on the logger
`assay.audit`, whoever listens there, in types, counts and places: never the detail.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import local
from typing import Any

from assay.audit_log.caller import current_client, from_client, shown
from assay.audit_log.emitting.interface import LogSource, send
from assay.audit_log.entry import new_event
from assay.vocabulary import Event, Severity, Target

FORWARDED_TO = "assay.audit"
QUIET = ("assay", "apsw", "psycopg", "sqlalchemy")
"""Loggers that the log itself may use while it writes; what they say never becomes an event."""

_ACTION_LENGTH_MAX = 200
_LEVELS = {Severity.HIGH: logging.WARNING, Severity.CRITICAL: logging.CRITICAL}
_forwarded = logging.getLogger(FORWARDED_TO)
# Nobody who has not asked for it gets high events on standard error.
_forwarded.addHandler(logging.NullHandler())


class AuditLogHandler(logging.Handler):
    """Appends an event for every record at or above its level.

    `actor` is the keyed pseudonym of the service, used where no `client` around the call names one.
    With `durable` (the default) the event is on disk when the logging call returns. As everywhere in
    logging, a failure does not reach the caller: `handleError` says it on standard error.
    """

    def __init__(
        self,
        log: LogSource,
        *,
        actor: str,
        target: Target,
        level: int = logging.WARNING,
        durable: bool = True,
        quiet: Sequence[str] = QUIET,
    ) -> None:
        super().__init__(level)
        self._log = log
        self._actor = actor
        self._target = target
        self._durable = durable
        self._quiet = tuple(quiet)
        self._within = local()

    def handle(self, record: logging.LogRecord) -> bool:
        """Without the handler's lock: the log takes many callers at once, and groups their syncs."""
        wanted = self.filter(record)
        if wanted:
            # From Python 3.12 on a filter may give another record in place of this one.
            self.emit(wanted if isinstance(wanted, logging.LogRecord) else record)
        return bool(wanted)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the record's event, unless the log itself is who speaks."""
        if getattr(self._within, "emitting", False) or self._is_quiet(record.name):
            return
        self._within.emitting = True
        try:
            send(self._log, self._event(record), durable=self._durable)
        except Exception:  # noqa: BLE001 - a logging call never raises
            self.handleError(record)
        finally:
            self._within.emitting = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that an event is missing, without the message and its arguments."""
        if logging.raiseExceptions and sys.stderr:
            error = sys.exc_info()[0]
            sys.stderr.write(
                f"assay: an event of the logger {shown(record.name, _ACTION_LENGTH_MAX)} is missing"
                f" from the audit log ({error.__name__ if error else 'unknown error'}).\n"
            )

    def _event(self, record: logging.LogRecord) -> Event:
        failed = record.levelno >= logging.ERROR
        caller = current_client()
        event = new_event(
            getattr(record, "audit_type", "error_event" if failed else "note"),
            occurred_at=datetime.fromtimestamp(record.created, UTC),
            actor=caller.actor or self._actor,
            action=_action(record),
            target=self._target,
            outcome=getattr(record, "audit_outcome", "failure" if failed else "success"),
            detail=_detail(record),
        )
        return from_client(event, caller)

    def _is_quiet(self, name: str) -> bool:
        return any(name == quiet or name.startswith(f"{quiet}.") for quiet in self._quiet)


def forward(event: Event, index: int) -> None:
    """Say an event of severity high (as WARNING) or critical on the logger `assay.audit`.

    Whoever listens must not append to the log and wait: it is the log's writer that calls.
    The parts are attributes of the record too, for handlers that ask for them: `audit_type`,
    `audit_severity`, `audit_action`, `audit_outcome`, `audit_index`, `audit_event_id`.
    """
    level = _LEVELS.get(event.severity)
    if level is None:
        return
    action = shown(event.action, _ACTION_LENGTH_MAX)
    said = {
        "audit_type": event.type,
        "audit_severity": event.severity.word,
        "audit_action": action,
        "audit_outcome": shown(event.outcome, _ACTION_LENGTH_MAX),
        "audit_index": index,
        "audit_event_id": event.id,
    }
    parts = (event.type, event.severity.word, action, index)
    # The log's writer calls this: a stranger's handler that raises must not stop it.
    with suppress(Exception):
        _forwarded.log(level, "%s (%s): %s, entry %d", *parts, extra=said)


def _action(record: logging.LogRecord) -> str:
    said = getattr(record, "audit_action", None)
    if said is None and isinstance(record.msg, str) and record.args:
        said = record.msg
    return shown(str(said or f"log {record.levelname}"), _ACTION_LENGTH_MAX)


def _detail(record: logging.LogRecord) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "logger": record.name,
        "level": record.levelname,
        "place": f"{record.module}.{record.funcName}:{record.lineno}",
    }
    if record.exc_info and record.exc_info[0]:
        detail["error"] = record.exc_info[0].__name__
    return {**detail, **getattr(record, "audit_detail", {})}
