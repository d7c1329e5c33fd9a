"""Types of events: assay's own, those that are registered, those that packages bring."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from assay.audit_log import event_types
from assay.audit_log.entry import new_event
from assay.audit_log.event_types import EventType, known, own, register, severity_of
from assay.errors import BadInput, UnknownEventType
from assay.vocabulary import Severity
from tests.audit_log.emitting.fakes import ACTOR, CLINIC, NOON

SEVERITIES = {
    "model_access": Severity.HIGH,
    "data_access": Severity.HIGH,
    "model_deployment": Severity.HIGH,
    "model_update": Severity.MEDIUM,
    "user_login": Severity.MEDIUM,
    "configuration_change": Severity.HIGH,
    "error_event": Severity.MEDIUM,
    "security_alert": Severity.CRITICAL,
}


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(event_types, "_registered", dict(event_types._registered))
    event_types._take_entry_points.cache_clear()
    yield
    event_types._take_entry_points.cache_clear()


@pytest.mark.parametrize(("name", "severity"), SEVERITIES.items(), ids=list(SEVERITIES))
def test_the_severities_are_those_of_the_specification(name: str, severity: Severity) -> None:
    assert severity_of(name) is severity


def test_every_type_says_what_it_is_and_who_emits_it() -> None:
    names = [one.name for one in own()]
    assert names == sorted(set(names))
    assert [one.name for one in own() if not one.words.endswith(".") or not one.emitters] == []


def test_a_registered_type_can_be_used() -> None:
    one = register("invoice_paid", Severity.LOW, "An invoice was paid.")
    assert one in known()
    assert one not in own()
    event = new_event("invoice_paid", occurred_at=NOON, actor=ACTOR, action="pay", target=CLINIC)
    assert event.severity is Severity.LOW


def test_registering_again_changes_nothing() -> None:
    first = register("invoice_paid", Severity.LOW, "An invoice was paid.")
    assert register("invoice_paid", Severity.LOW, "Other words.") is first


@pytest.mark.parametrize("name", ["invoice_paid", "security_alert"])
def test_a_type_has_one_severity_for_good(name: str) -> None:
    if name == "invoice_paid":
        register(name, Severity.LOW, "An invoice was paid.")
    with pytest.raises(BadInput, match=f"{name} is there already, with severity"):
        register(name, Severity.MEDIUM, "An invoice was paid.")


@pytest.mark.parametrize(
    "name", ["", "Note", "a b", "a__b", "_a", "a_", "1a", "a-b", "ä", "a\n", "x" * 65]
)
def test_what_cannot_name_a_type_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot name an event type"):
        register(name, Severity.LOW, "Words.")


@pytest.mark.parametrize("words", ["", "two\nlines", "x" * 401], ids=["none", "lines", "long"])
def test_words_that_no_table_holds_are_refused(words: str) -> None:
    with pytest.raises(BadInput, match="words of the event type"):
        register("invoice_paid", Severity.LOW, words)


def test_an_unknown_type_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownEventType, match=r"'data_acess'.*data_access, error_event"):
        severity_of("data_acess")
    with pytest.raises(UnknownEventType) as caught:
        severity_of("x" * 10_000)
    assert len(str(caught.value)) < 1_000


PAID = EventType("invoice_paid", Severity.LOW, "An invoice was paid.")
SENT = EventType("invoice_sent", Severity.LOW, "An invoice was sent.")
MANY = (PAID, SENT)
CLASH = EventType("note", Severity.CRITICAL, "Not what a note is.")
WRONG = "invoice_paid"


def _installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    points = [EntryPoint(n, f"{__name__}:{n}", event_types.ENTRY_POINTS) for n in names]

    def found(**wanted: Any) -> list[EntryPoint]:
        assert wanted == {"group": "assay.event_types"}
        return points

    monkeypatch.setattr(event_types, "entry_points", found)


@pytest.mark.parametrize("name", ["PAID", "MANY"])
def test_an_installed_package_brings_types(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, name)
    assert severity_of("invoice_paid") is Severity.LOW
    assert PAID in known()


@pytest.mark.parametrize("bad", ["WRONG", "CLASH", "NOT_THERE"])
def test_a_broken_package_takes_nothing_else_down(
    bad: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _installed(monkeypatch, bad, "PAID")
    with caplog.at_level(logging.WARNING, "assay.event_types"):
        assert severity_of("invoice_paid") is Severity.LOW
    assert f":{bad} cannot be used" in caplog.text
    assert severity_of("note") is Severity.LOW


def test_a_known_type_does_not_look_for_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(**_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(event_types, "entry_points", never)
    assert severity_of("note") is Severity.LOW
