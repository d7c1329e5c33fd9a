"""The threats of `law/threats.yaml` against every model, with what was measured of them.

The five core threats are listed for each model. A threat that a member of the room `threats` can
measure shows its likelihood with an interval; every other one is UNMEASURED, and ranks as if its
likelihood were 1, so that not having looked never lowers a risk. Impact is the level of the data that
the model was trained on. Frequencies and losses are not estimated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.compliance.interface import Threat
from assay.law.catalogues import catalogue
from assay.vocabulary import Evidence, Risk, SecurityLevel, Target


def risks(
    models: Sequence[Target],
    impacts: Mapping[str, SecurityLevel | None],
    evidence: Sequence[Evidence],
    measures: Sequence[Threat],
) -> tuple[Risk, ...]:
    """Every core threat to every model, the likeliest first, unmeasured ones as the likeliest."""
    by_id = {measure.id: measure for measure in measures}
    rows = [row for row in catalogue("threats")["threats"] if row["core"]]
    found = [
        _risk(row, model, impacts.get(model.name), evidence, by_id.get(row["id"]))
        for model in models
        for row in rows
    ]
    return tuple(sorted(found, key=_rank))


def _risk(
    row: Mapping[str, Any],
    model: Target,
    impact: SecurityLevel | None,
    evidence: Sequence[Evidence],
    measure: Threat | None,
) -> Risk:
    mine = [e for e in evidence if _is_of(model, e.observation.target)]
    likelihood = None if measure is None else measure.likelihood(model, mine)
    cited = tuple(e.digest for e in mine if e.observation.kind in row["measure"]["evidence"])
    titles = {m["id"]: m["title"] for m in catalogue("threats")["mitigations"]}
    return Risk(
        target=model,
        threat=row["id"],
        title=row["title"],
        likelihood=likelihood,
        impact=impact,
        measured_by=measure.measured_by if measure else row["measure"]["success"],
        references=(*row["owasp"], *row["atlas"][:2]),
        mitigations=tuple(
            titles[m["id"]] for m in row["mitigations"] if m["expected"] in ("strong", "partial")
        ),
        evidence=cited if likelihood is not None else (),
    )


def _is_of(model: Target, target: Target) -> bool:
    return (target.kind, target.name) == (model.kind, model.name)


def _rank(risk: Risk) -> tuple[float, str, str]:
    upper = 1.0 if risk.likelihood is None else risk.likelihood.high
    return (-upper, risk.target.name, risk.threat)
