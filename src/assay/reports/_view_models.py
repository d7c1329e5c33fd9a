"""What a report says of each model: the worst case, every curve in numbers, pictures beside it.

Pictures come from `robustness_run` observations: facts `shown` name an original and an adversarial
example by digest, and the exhibits hold the bytes. Only PNG and JPEG are embedded, for a picture of
another type could carry more than a picture.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from assay.reports import _facts as facts
from assay.reports import _words as words
from assay.reports._links import Link, Links
from assay.reports._plots import Panel
from assay.vocabulary import (
    Assessment,
    Curve,
    Evidence,
    Exhibit,
    Facts,
    Observation,
    Robustness,
    Target,
    TargetKind,
)

_KIND = "robustness_run"
_PICTURES = frozenset({"image/png", "image/jpeg"})
_SHOWN_MAX = 8
"""Pairs of pictures per observation; a page for people needs no more."""

Draw = Callable[[Robustness], tuple[Panel, ...]]


@dataclass(frozen=True, slots=True)
class Picture:
    """An embedded picture; `source` is a data URI, empty when the exhibit is not at hand."""

    source: str
    description: str


@dataclass(frozen=True, slots=True)
class Pair:
    """An example and what an attack made of it, with the model's answers."""

    label: str
    predicted: str
    adversarial_predicted: str
    amount: str
    original: Picture
    adversarial: Picture


@dataclass(frozen=True, slots=True)
class Shown:
    """The pairs of one observation. `left_out` counts those beyond the limit."""

    source: str
    pairs: tuple[Pair, ...]
    left_out: int
    evidence: Link


@dataclass(frozen=True, slots=True)
class CurveRows:
    """A curve for the table of numbers."""

    curve: Curve
    parameters: str
    evidence: Link


@dataclass(frozen=True, slots=True)
class Plot:
    """A panel as a data URI with its description."""

    title: str
    source: str
    description: str
    wide: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What attacks and corruptions did to a model, in figures and numbers."""

    robustness: Robustness
    plots: tuple[Plot, ...]
    curves: tuple[CurveRows, ...]


@dataclass(frozen=True, slots=True)
class ModelView:
    """Everything of one model; `measured` None means that it was not attacked."""

    anchor: str
    target: Target
    measured: Measured | None
    why_not: tuple[str, ...]
    shown: tuple[Shown, ...]


def model_views(assessment: Assessment, links: Links, draw: Draw) -> tuple[ModelView, ...]:
    """Every attacked model in the order given, then those that are only named elsewhere."""
    measured = {r.model: _measured(r, links, draw) for r in assessment.robustness}
    targets = (*measured, *_only_named(assessment, {target.name for target in measured}))
    views = []
    for position, target in enumerate(targets, start=1):
        about = [e for e in assessment.evidence if _is_about(e.observation, target)]
        view = ModelView(
            anchor=f"model-{position}",
            target=target,
            measured=measured.get(target),
            why_not=tuple(why for e in about if (why := facts.why_not_measured(e.observation))),
            shown=_all_shown(about, assessment.exhibits, links),
        )
        views.append(view)
    return tuple(views)


def _only_named(assessment: Assessment, attacked: set[str]) -> tuple[Target, ...]:
    """Models that evidence, findings or risks name and no attack reached, one by name."""
    named = [e.observation.target for e in assessment.evidence]
    named += [f.target for f in assessment.findings] + [r.target for r in assessment.risks]
    models = sorted({t for t in named if t.kind is TargetKind.MODEL}, key=_target_key)
    return tuple({t.name: t for t in models if t.name not in attacked}.values())


def _measured(result: Robustness, links: Links, draw: Draw) -> Measured:
    return Measured(
        robustness=result,
        plots=tuple(_plot(panel) for panel in draw(result)),
        curves=tuple(_curve(curve, links) for curve in result.curves),
    )


def _is_about(observation: Observation, target: Target) -> bool:
    seen = observation.target
    same = seen.kind is TargetKind.MODEL and seen.name == target.name
    return observation.kind == _KIND and same and seen.digest in (None, target.digest)


def _curve(curve: Curve, links: Links) -> CurveRows:
    told = (f"{words.phrase(k)} {facts.text(curve.parameters, k)}" for k in _plain(curve))
    return CurveRows(curve, ", ".join(told), links.to(curve.evidence))


def _plain(curve: Curve) -> Iterator[str]:
    return (key for key in sorted(curve.parameters) if facts.text(curve.parameters, key))


def _plot(panel: Panel) -> Plot:
    source = _data_uri("image/svg+xml", panel.svg)
    return Plot(panel.title, source, panel.description, panel.wide)


def _all_shown(
    about: Iterable[Evidence], exhibits: Iterable[Exhibit], links: Links
) -> tuple[Shown, ...]:
    by_digest = {exhibit.digest: exhibit for exhibit in exhibits}
    groups = (_shown(e.observation, by_digest, links.to(e.digest)) for e in about)
    return tuple(group for group in groups if group.pairs)


def _shown(observation: Observation, exhibits: Mapping[str, Exhibit], link: Link) -> Shown:
    listed = facts.mappings(observation.facts, "shown")
    pairs = tuple(_pair(row, exhibits) for row in listed[:_SHOWN_MAX])
    return Shown(observation.source.removeprefix("models."), pairs, len(listed) - len(pairs), link)


def _pair(row: Facts, exhibits: Mapping[str, Exhibit]) -> Pair:
    label, before, after = (
        facts.text(row, key) or "not told"
        for key in ("label", "predicted", "adversarial_predicted")
    )
    amount = facts.quantity(row, "amount")
    original = f"Example of class {label}, answered {before}"
    adversarial = f"The same example after the attack, answered {after}"
    return Pair(
        label=label,
        predicted=before,
        adversarial_predicted=after,
        amount="" if amount is None else words.number(amount),
        original=_picture(facts.text(row, "original"), original, exhibits),
        adversarial=_picture(facts.text(row, "adversarial"), adversarial, exhibits),
    )


def _picture(digest: str, description: str, exhibits: Mapping[str, Exhibit]) -> Picture:
    exhibit = exhibits.get(digest)
    if exhibit is None or exhibit.media_type not in _PICTURES:
        return Picture("", description)
    return Picture(_data_uri(exhibit.media_type, exhibit.data), description)


def _data_uri(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _target_key(target: Target) -> tuple[str, str]:
    return (target.name, target.digest or "")
