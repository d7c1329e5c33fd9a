"""What every SIEM format owes: nothing lost, nothing rounded, nothing added by the clock."""

from __future__ import annotations

import json
from datetime import UTC
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit_log import siem
from assay.audit_log.entry import entry_bytes
from assay.audit_log.event_types import own
from assay.audit_log.siem.interface import SiemFormat, lines, logged_event
from assay.canonical import canonical_bytes, digest
from assay.errors import BadInput, LogDamaged
from assay.vocabulary import Event, Severity, Target, TargetKind
from tests.audit_log.siem.events import ORIGIN, TYPES, examples

GOLDEN = Path(__file__).parent / "golden"
FORMATS: list[SiemFormat] = [
    import_module(f"{siem.__name__}.{info.name}").MEMBER
    for info in iter_modules(siem.__path__)
    if info.name != "interface"
]
every_format = pytest.mark.parametrize("siem_format", FORMATS, ids=lambda f: f.name)

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
DETAIL = st.dictionaries(
    TEXT,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
EVENTS = st.builds(
    Event,
    id=TEXT,
    occurred_at=st.datetimes(timezones=st.just(UTC), allow_imaginary=False),
    type=st.sampled_from(TYPES) | TEXT,
    severity=st.sampled_from(Severity),
    actor=TEXT,
    action=TEXT,
    target=st.builds(Target, st.sampled_from(TargetKind), TEXT, st.none() | TEXT),
    outcome=st.sampled_from(["success", "failure"]) | TEXT,
    client_address=st.none() | TEXT | st.ip_addresses().map(str),
    client_agent=st.none() | TEXT,
    detail=DETAIL,
)


def written(siem_format: SiemFormat) -> list[bytes]:
    entries = enumerate(map(entry_bytes, examples()))
    return list(lines(siem_format, entries, ORIGIN))


def test_there_are_members() -> None:
    assert {siem_format.name for siem_format in FORMATS} >= {"ocsf", "cloudevents"}


@every_format
def test_golden(siem_format: SiemFormat) -> None:
    golden = (GOLDEN / f"{siem_format.name}.jsonl").read_bytes()
    assert b"".join(written(siem_format)).decode() == golden.decode()


@every_format
@given(event=EVENTS, index=st.integers(0, 2**53 - 1), origin=TEXT)
def test_the_entry_can_be_made_again(
    siem_format: SiemFormat, event: Event, index: int, origin: str
) -> None:
    entry = entry_bytes(event)
    line = siem_format.line(logged_event(index, entry, origin))
    found = siem_format.read(line)

    assert entry_bytes(found.event) == entry
    assert found == logged_event(index, entry, origin)
    assert found.digest == digest(entry)


@every_format
def test_every_entry_is_one_line(siem_format: SiemFormat) -> None:
    for line in written(siem_format):
        assert line.count(b"\n") == 1
        assert line.endswith(b"}\n")


@every_format
def test_every_known_type_has_a_line(siem_format: SiemFormat) -> None:
    for one in own():
        event = Event(**{**_fields(examples()[0]), "type": one.name, "severity": one.severity})
        line = siem_format.line(logged_event(0, entry_bytes(event), ORIGIN))
        assert siem_format.read(line).event == event


@every_format
def test_another_order_of_keys_is_read(siem_format: SiemFormat) -> None:
    for line in written(siem_format):
        turned = dict(reversed(json.loads(line).items()))
        assert siem_format.read(json.dumps(turned, indent=1).encode()) == siem_format.read(line)


@every_format
def test_no_changed_value_is_taken_for_the_entrys(siem_format: SiemFormat) -> None:
    """Wherever in the line. Only where the entry is kept is the line's own word: the log proves it."""
    for line in written(siem_format)[-6:]:
        kept = siem_format.read(line)
        for changed in _with_one_change(json.loads(line)):
            try:
                found = siem_format.read(canonical_bytes(changed))
            except BadInput:
                continue
            assert (found.event, found.digest) == (kept.event, kept.digest)
            assert (found.index, found.origin) != (kept.index, kept.origin)


@every_format
@pytest.mark.parametrize(
    "line", [b"", b"{}", b"[]", b"null", b"7", b"not JSON", b'{"data":{}}', b"\xff\xfe"]
)
def test_what_is_no_line_of_the_format_is_refused(siem_format: SiemFormat, line: bytes) -> None:
    with pytest.raises(BadInput, match=siem_format.title):
        siem_format.read(line)


def test_formats_do_not_read_each_others_lines() -> None:
    for siem_format in FORMATS:
        for other in FORMATS:
            if other is not siem_format:
                with pytest.raises(BadInput):
                    siem_format.read(written(other)[0])


@every_format
def test_bytes_that_are_no_entry_are_named(siem_format: SiemFormat) -> None:
    with pytest.raises(LogDamaged):
        list(lines(siem_format, [(0, b"{}")], ORIGIN))


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in Event.__dataclass_fields__}


def _with_one_change(value: Any) -> list[Any]:
    """The value with each of its leaves changed, one at a time."""
    if isinstance(value, dict):
        return [
            {**value, key: changed} for key in value for changed in _with_one_change(value[key])
        ]
    if isinstance(value, list):
        return [
            [*value[:at], changed, *value[at + 1 :]]
            for at in range(len(value))
            for changed in _with_one_change(value[at])
        ]
    if isinstance(value, bool) or value is None:
        return [not value]
    return [value + 1] if isinstance(value, int | float) else [value + "x", ""] if value else ["x"]
