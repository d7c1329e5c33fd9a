"""Records become events without their words; grave events are said on a logger without their detail."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from assay.audit_log.caller import client
from assay.audit_log.emitting.logging_handler import AuditLogHandler, forward
from assay.audit_log.entry import new_event
from assay.vocabulary import Event, Severity
from tests.audit_log.emitting.fakes import ACTOR, CLINIC, NOON, MemoryLog, MemoryTicket, full_disk

SECRET = "Adelheid Quastenberg"


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


@pytest.fixture
def logger(log: MemoryLog) -> Iterator[logging.Logger]:
    """A logger of users' code whose records go to the audit log alone."""
    made = logging.Logger("clinic.imports", logging.DEBUG)
    made.addHandler(AuditLogHandler(log, actor=ACTOR, target=CLINIC, level=logging.INFO))
    yield made
    made.handlers.clear()


def test_a_record_becomes_an_event_with_its_template_only(
    logger: logging.Logger, log: MemoryLog
) -> None:
    logger.error("import of %s failed", SECRET)
    event = log.event
    assert (event.type, event.action, event.outcome) == (
        "error_event",
        "import of %s failed",
        "failure",
    )
    assert (event.actor, event.target) == (ACTOR, CLINIC)
    assert event.detail["logger"] == "clinic.imports"
    assert str(event.detail["place"]).startswith("test_logging_handler.test_a_record_becomes")
    assert SECRET.encode() not in next(iter(log.entries.values()))
    assert log.tickets[0].waited


def test_a_message_without_arguments_is_left_out(logger: logging.Logger, log: MemoryLog) -> None:
    logger.warning(f"{SECRET} was here")
    assert (log.event.type, log.event.action) == ("note", "log WARNING")
    assert log.event.outcome == "success"
    assert SECRET.encode() not in next(iter(log.entries.values()))


def test_a_message_that_is_no_text_is_left_out(logger: logging.Logger, log: MemoryLog) -> None:
    logger.warning({"name": SECRET})
    assert log.event.action == "log WARNING"
    assert SECRET.encode() not in next(iter(log.entries.values()))


def test_the_class_of_an_exception_is_kept_and_not_its_words(
    logger: logging.Logger, log: MemoryLog
) -> None:
    try:
        raise KeyError(SECRET)
    except KeyError:
        logger.exception("reading %s", "x")
    assert log.event.detail["error"] == "KeyError"
    assert SECRET.encode() not in next(iter(log.entries.values()))


def test_extra_says_what_the_event_is(logger: logging.Logger, log: MemoryLog) -> None:
    extra = {
        "audit_type": "user_login",
        "audit_action": "log in",
        "audit_outcome": "denied",
        "audit_detail": {"factor": "totp"},
    }
    logger.info("%s tried", SECRET, extra=extra)
    event = log.event
    said = (event.type, event.severity, event.action, event.outcome, event.detail["factor"])
    assert said == ("user_login", Severity.MEDIUM, "log in", "denied", "totp")


def test_the_caller_comes_from_the_context(logger: logging.Logger, log: MemoryLog) -> None:
    with client(address="192.0.2.7", agent="curl/8", actor="actor:7"):
        logger.warning("x")
    event = log.event
    assert (event.actor, event.client_address, event.client_agent) == (
        "actor:7",
        "192.0.2.7",
        "curl/8",
    )


def test_records_below_the_level_are_no_events(logger: logging.Logger, log: MemoryLog) -> None:
    logger.debug("x")
    assert log.events == []


def test_a_filter_decides(logger: logging.Logger, log: MemoryLog) -> None:
    logger.handlers[0].addFilter(lambda record: record.levelno >= logging.ERROR)
    logger.warning("x")
    assert log.events == []


@pytest.mark.parametrize("name", ["assay", "assay.audit", "psycopg.pool", "sqlalchemy.engine"])
def test_what_the_log_itself_uses_is_never_an_event(name: str, log: MemoryLog) -> None:
    handler = AuditLogHandler(log, actor=ACTOR, target=CLINIC)
    handler.handle(logging.makeLogRecord({"name": name, "levelno": logging.ERROR, "msg": "x"}))
    assert log.events == []
    handler.handle(logging.makeLogRecord({"name": "assayer", "levelno": logging.ERROR, "msg": "x"}))
    assert len(log.events) == 1


def test_a_log_that_logs_does_not_recurse(logger: logging.Logger) -> None:
    class TalkingLog(MemoryLog):
        def append(self, event: Event) -> MemoryTicket:
            logger.error("appending %s", event.id)
            return super().append(event)

    talking = TalkingLog()
    logger.handlers[:] = [AuditLogHandler(talking, actor=ACTOR, target=CLINIC)]
    logger.error("once %d", 1)
    assert talking.event.action == "once %d"


@pytest.mark.parametrize("way", ["refuses", "loses"])
def test_a_failure_is_said_on_standard_error_without_the_message(
    way: str, logger: logging.Logger, log: MemoryLog, capsys: pytest.CaptureFixture[str]
) -> None:
    setattr(log, way, full_disk())
    logger.error("import of %s failed", SECRET)
    said = capsys.readouterr().err
    missing = (
        "assay: an event of the logger clinic.imports is missing from the audit log (DiskFull)."
    )
    assert said.strip() == missing


@pytest.mark.parametrize(
    "extra",
    [{"audit_type": "no_such_type"}, {"audit_detail": 7}, {"audit_detail": {"x": "\ud800"}}],
    ids=["unknown type", "detail is no mapping", "not Unicode"],
)
def test_a_record_that_is_no_event_does_not_raise(
    extra: dict[str, Any],
    logger: logging.Logger,
    log: MemoryLog,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger.error("x", extra=extra)
    assert "is missing from the audit log" in capsys.readouterr().err
    logger.error("the next %s", "one")
    assert log.event.action == "the next %s"


def event(severity: Severity) -> Event:
    """An event of this severity, with something in its detail that nobody else may see."""
    made = new_event(
        "security_alert",
        occurred_at=NOON,
        actor=ACTOR,
        action="many failed\nlog-ins",
        target=CLINIC,
        detail={"person": SECRET},
    )
    return replace(made, severity=severity)


@pytest.mark.parametrize(
    ("severity", "level"), [(Severity.HIGH, "WARNING"), (Severity.CRITICAL, "CRITICAL")]
)
def test_a_grave_event_is_said_at_once_without_its_detail(
    severity: Severity, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    forward(event(severity), 17)
    [record] = caplog.records
    assert (record.name, record.levelname) == ("assay.audit", level)
    said = f"security_alert ({severity.word}): many failed�log-ins, entry 17"
    assert record.getMessage() == said
    assert (record.audit_index, record.audit_type) == (17, "security_alert")
    assert SECRET not in str(record.__dict__)
    assert ACTOR not in str(record.__dict__)


@pytest.mark.parametrize("severity", [Severity.LOW, Severity.MEDIUM])
def test_other_events_are_not_said(severity: Severity, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        forward(event(severity), 17)
    assert caplog.records == []


def test_a_listener_that_raises_does_not_stop_the_writer() -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError

    broken = Broken()
    listened = logging.getLogger("assay.audit")
    listened.addHandler(broken)
    try:
        forward(event(Severity.CRITICAL), 17)
    finally:
        listened.removeHandler(broken)


def test_nobody_who_has_not_asked_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    import subprocess
    import sys

    program = (
        "from assay.audit_log.emitting.logging_handler import forward\n"
        "from tests.audit_log.emitting.test_logging_handler import event, Severity\n"
        "forward(event(Severity.CRITICAL), 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
