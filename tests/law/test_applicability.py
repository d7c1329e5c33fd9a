"""Which law applies follows from declared facts; what was not declared is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from assay.errors import SettingsError
from assay.law.applicability import applicability, check_facts

CLINIC = {
    "org.roles": ("controller", "covered_entity"),
    "org.establishments": ("DE",),
    "data.kinds": ("personal", "phi"),
}


@pytest.mark.parametrize(
    ("framework", "facts", "answer", "rule"),
    [
        ("gdpr", CLINIC, "yes", "established"),
        ("hipaa", CLINIC, "yes", "covered-entity"),
        ("gdpr", {"data.kinds": ("none",)}, "no", "no-personal-data"),
        ("hipaa", {**CLINIC, "org.roles": ("controller",)}, "no", "otherwise"),
        ("gdpr", {**CLINIC, "org.household_only": True}, "no", "household"),
        ("iso27001", {"org.commitments": ("iso27001_certificate",)}, "yes", "chosen"),
        ("soc2", {"org.commitments": (), "org.roles": ("controller",)}, "no", "otherwise"),
    ],
)
def test_the_first_true_rule_decides(
    framework: str, facts: dict[str, Any], answer: str, rule: str
) -> None:
    found = applicability(framework, facts)
    assert (found.answer, found.rule) == (answer, rule)


def test_undeclared_facts_that_decide_are_named() -> None:
    found = applicability("gdpr", {"data.kinds": ("personal",), "org.roles": ("controller",)})
    assert found.answer == "undetermined"
    assert found.missing_facts == (
        "org.establishments",
        "org.offers_to_people_in",
        "org.monitors_people_in",
    )


def test_an_undeclared_fact_that_cannot_decide_is_not_asked_for() -> None:
    """Not a controller or processor: where people are does not matter any more."""
    found = applicability("gdpr", {"data.kinds": ("personal",), "org.roles": ("covered_entity",)})
    assert (found.answer, found.missing_facts) == ("no", ())


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"org.role": ("controller",)}, "no fact 'org.role'"),
        ({"org.roles": ("emperor",)}, "cannot be 'emperor'"),
        ({"org.roles": "controller"}, "is to be a set"),
        ({"org.household_only": "no"}, "is to be a boolean"),
        ({"processing.dpia_triggers": True}, "is to be a number"),
    ],
)
def test_facts_that_cannot_be_are_refused(facts: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_facts(facts)
