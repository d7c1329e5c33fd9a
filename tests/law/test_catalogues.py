"""The catalogues hang together: every id that one names, another has."""

from __future__ import annotations

import pytest

from assay.errors import BadInput
from assay.law.catalogues import (
    catalogue,
    check_specs,
    controls,
    entity_policies,
    level_named,
    level_policies,
    severity_weights,
    themes,
)
from assay.vocabulary import SecurityLevel, Severity

FRAMEWORKS = ("gdpr", "hipaa", "soc2", "iso27001")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_every_control_of_the_crosswalk_is_in_its_catalogue(framework: str) -> None:
    known = {control.id for control in controls(framework)}
    named = {c for spec in check_specs().values() for c in spec.controls.get(framework, ())}
    assert named <= known
    assert len(known) == catalogue(framework)["counts"]["entries"]


def test_every_check_has_a_known_theme_and_a_weight() -> None:
    assert len(check_specs()) == 61
    assert {spec.theme for spec in check_specs().values()} == set(themes())
    assert severity_weights()[Severity.CRITICAL] == 10


def test_every_level_has_a_policy_and_every_entity_a_level() -> None:
    assert set(level_policies()) == set(SecurityLevel)
    assert level_policies()[SecurityLevel.RESTRICTED].default_retention_days == 3650
    assert entity_policies()["api_key"].level is SecurityLevel.RESTRICTED
    assert level_policies()[SecurityLevel.INTERNAL].encryption_required


def test_an_unknown_level_or_catalogue_is_refused() -> None:
    with pytest.raises(BadInput, match="no security level 'secret'"):
        level_named("secret")
    with pytest.raises(BadInput, match="no catalogue called 'magna_carta'"):
        catalogue("magna_carta")
