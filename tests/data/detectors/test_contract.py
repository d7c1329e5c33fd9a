"""The laws of the room of detectors, over every member."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from assay import plugins
from assay.data.detectors import detector_of, every_detector
from assay.data.headers import header_fit, header_words
from assay.data.interface import Detector
from assay.data.matching import Matches, TextValues, match, text_pattern, whole_pattern
from assay.errors import BadInput
from assay.law.catalogues import entity_policies

MEMBERS = plugins.members("detectors")
DETECTORS = [pytest.param(member.value, id=member.name) for member in MEMBERS]


def _matches(detector: Detector, value: str) -> Matches:
    # What cannot be told from content is judged as if its header fitted.
    text = TextValues(pa.array([value]))
    return match(text, detector, header_fits=not detector.content_alone)


def _examples(name: str) -> list[object]:
    return [
        pytest.param(member.value, value, id=f"{member.name}-{place}")
        for member in MEMBERS
        for place, value in enumerate(getattr(member.value, name))
    ]


def test_every_detector_can_be_used() -> None:
    assert [member.why_not for member in MEMBERS if not member.available] == []


def test_there_are_at_least_27_entities_each_found_by_one_detector() -> None:
    entities = [detector.entity for detector in every_detector()]
    assert len(entities) >= 27
    assert len(set(entities)) == len(entities)


@pytest.mark.parametrize(("detector", "value"), _examples("examples"))
def test_an_example_is_found(detector: Detector, value: str) -> None:
    assert len(_matches(detector, value).sound) == 1


@pytest.mark.parametrize(("detector", "value"), _examples("near_misses"))
def test_a_near_miss_is_not_found(detector: Detector, value: str) -> None:
    assert len(_matches(detector, value).sound) == 0


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_detector_has_a_policy_words_and_cases(detector: Detector) -> None:
    assert detector.entity in entity_policies()
    assert detector.noun
    assert detector.headers
    assert len(detector.examples) >= 2
    assert len(detector.near_misses) >= 3


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_file_is_named_as_its_entity_and_documents_it(member: plugins.Member) -> None:
    assert member.name == member.value.entity
    assert member.summary.endswith(".")


@pytest.mark.parametrize("detector", DETECTORS)
def test_every_own_header_fits(detector: Detector) -> None:
    for phrase in (*detector.headers, *detector.exact_headers):
        assert header_fit(header_words(phrase), detector) is not None, phrase


@pytest.mark.parametrize("detector", DETECTORS)
def test_patterns_are_read_alike_by_both_engines(detector: Detector) -> None:
    forms = (*detector.patterns, *detector.weak_patterns)
    pattern = whole_pattern(forms)
    assert pattern is not None
    values = [*detector.examples, *detector.near_misses]
    by_re2 = pc.match_substring_regex(pa.array(values), pattern.re2).to_pylist()
    assert by_re2 == [pattern.python.fullmatch(value) is not None for value in values]


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_cheap_bounds_change_no_result(detector: Detector) -> None:
    for form in (*detector.patterns, *detector.weak_patterns, *detector.in_text):
        compiled = re.compile(form, re.ASCII)
        for value in detector.examples:
            if compiled.fullmatch(value):
                assert detector.needs in value
                assert sum(character in "0123456789" for character in value) >= detector.min_digits


@pytest.mark.parametrize("detector", DETECTORS)
def test_empty_and_foreign_text_is_never_found(detector: Detector) -> None:
    for value in ("", "é", "日本語", "\u2028", "��", "-", "lorem ipsum dolor sit amet"):
        found = match(TextValues(pa.array([value])), detector, header_fits=False)
        assert len(found.in_text) == 0
        if detector.content_alone:
            assert len(found.sound) == 0


IN_TEXT = [
    ("email", "please write to ada@example.org, she knows"),
    ("ssn", "his number is 219-09-9999."),
    ("phone", "call (415) 555-2671 today"),
    ("iban", "pay to DE89 3704 0044 0532 0130 00 now"),
    ("credit_card", "card 4111 1111 1111 1111 was charged"),
    ("medical_record_number", "see MRN 0048213 for the scan"),
    ("person_name", "seen by Dr. Anna Weber in the morning"),
    ("date_of_birth", "the patient, born 29.02.1984, reports"),
    ("ip_address", "login from 203.0.113.77 failed"),
    ("street_address", "delivered to 12 Main Street yesterday"),
    ("password", "the password is hunter2secret and works"),
    ("private_key", "found -----BEGIN RSA PRIVATE KEY----- in the log"),
]


@pytest.mark.parametrize(("entity", "text"), IN_TEXT)
def test_it_is_found_inside_text(entity: str, text: str) -> None:
    found = match(TextValues(pa.array([text])), detector_of(entity), header_fits=False)
    assert len(found.in_text) == 1


NOT_IN_TEXT = [
    ("email", "the file logo@2x.png is missing"),
    ("ssn", "part 1219-09-99991 is out of stock"),
    ("phone", "order 123-456-7890 shipped"),
    ("credit_card", "uuid 4111-1111-1111-1112-4444 was refused"),
    ("iban", "reference DE88 3704 0044 0532 0130 00 fails its check"),
    ("ip_address", "Mozilla rv:1.9.6.20 and version 2.0.1"),
    ("person_name", "Dr. Martens boots in black"),
    ("password", "password=null and password: [redacted]"),
]


@pytest.mark.parametrize(("entity", "text"), NOT_IN_TEXT)
def test_a_decoy_inside_text_is_not_found(entity: str, text: str) -> None:
    found = match(TextValues(pa.array([text])), detector_of(entity), header_fits=False)
    assert len(found.in_text) == 0


def test_text_patterns_of_an_empty_tuple_are_none() -> None:
    assert text_pattern(()) is None
    assert whole_pattern(()) is None


def test_an_entity_that_nothing_finds_is_a_named_error() -> None:
    with pytest.raises(BadInput, match="No detector finds 'shoe_size'"):
        detector_of("shoe_size")
