"""Figures of robust accuracy as SVG, drawn by matplotlib.

One wide panel per norm with a line per attack, and one small panel per corruption, so that a page
can set them side by side or one below the other. Lines differ by marker and dashes as well as by
colour; whiskers are 95 % intervals. The same curves give the same bytes: a fixed salt for
identifiers, no date, no version, no metadata. Text stays text.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import cycle
from typing import TYPE_CHECKING, Any

from assay.reports import _words as words
from assay.vocabulary import Curve, CurvePoint, Proportion, Robustness

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#1b2430"
_MUTED = "#55606e"
_GRID = "#dde2e8"
_COLOURS = ("#0b5394", "#b4450a", "#1b7a4b", "#7b3f98", "#8a6d00", "#a8326b")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 2)), (0, (6, 2, 2, 2)), (0, (10, 3)))
_WIDE_INCHES = (5.6, 4.6)
_SMALL_INCHES = (3.2, 2.5)
_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "assay",
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "legend.frameon": False,
    "text.parse_math": False,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, slots=True)
class Panel:
    """A drawing, its title, and its content in words for those who do not see it."""

    title: str
    svg: bytes
    description: str
    wide: bool


def available() -> bool:
    """Whether matplotlib is installed; it comes with `assay[report]`."""
    return find_spec("matplotlib") is not None


def panels(result: Robustness) -> tuple[Panel, ...]:
    """A panel per norm of the attacks, then one per corruption; none without curves."""
    return (*_attack_panels(result), *_corruption_panels(result))


def _attack_panels(result: Robustness) -> Iterator[Panel]:
    attacks = [curve for curve in result.curves if curve.family == "attack" and curve.points]
    for norm in sorted({curve.norm for curve in attacks}):
        curves = [curve for curve in attacks if curve.norm == norm]
        title = f"Accuracy under attack, norm {norm}"
        started = [_from_clean(curve, result.clean) for curve in curves]
        yield _panel(title, curves, started, result.clean, wide=True)


def _corruption_panels(result: Robustness) -> Iterator[Panel]:
    for curve in result.curves:
        if curve.family == "corruption" and curve.points:
            title = f"Accuracy under {words.phrase(curve.member)}"
            yield _panel(title, [curve], [_sorted(curve)], result.clean, wide=False)


def _panel(
    title: str,
    curves: Sequence[Curve],
    lines: Sequence[Sequence[CurvePoint]],
    clean: Proportion,
    *,
    wide: bool,
) -> Panel:
    from matplotlib import style as styles
    from matplotlib.figure import Figure

    with styles.context(["default", _SETTINGS]):  # whatever the user's matplotlibrc says
        figure = Figure(figsize=_WIDE_INCHES if wide else _SMALL_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for curve, points, style in zip(curves, lines, _styles(), strict=False):
            _draw_line(axes, words.phrase(curve.member), points, style)
        _dress(axes, curves[0].unit, clean, wide=wide)
        if wide:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncol=3)
        svg = _svg(figure)
    return Panel(title, svg, _description(title, curves), wide)


def _styles() -> Iterator[tuple[str, str, Any]]:
    return zip(cycle(_COLOURS), cycle(_MARKERS), cycle(_DASHES), strict=False)


def _draw_line(
    axes: Axes, name: str, points: Sequence[CurvePoint], style: tuple[str, str, Any]
) -> None:
    colour, marker, dashes = style
    shares = [100 * point.robust.share for point in points]
    below = [s - 100 * p.robust.low for s, p in zip(shares, points, strict=True)]
    above = [100 * p.robust.high - s for s, p in zip(shares, points, strict=True)]
    axes.errorbar(
        [point.amount for point in points],
        shares,
        yerr=[[max(0.0, gap) for gap in below], [max(0.0, gap) for gap in above]],
        label=name,
        color=colour,
        marker=marker,
        markersize=5,
        linestyle=dashes,
        linewidth=1.6,
        elinewidth=1,
        capsize=3,
    )


def _dress(axes: Axes, unit: str, clean: Proportion, *, wide: bool) -> None:
    if clean.trials:
        label = "clean, no attack" if wide else "clean"
        axes.axhline(100 * clean.share, color=_MUTED, linewidth=1, linestyle=":", label=label)
    axes.set_ylim(-2, 102)
    axes.set_yticks(range(0, 101, 20 if wide else 25))
    axes.locator_params(axis="x", nbins=6)
    axes.xaxis.set_major_formatter(lambda amount, _: words.number(amount))
    axes.set_xlabel(unit)
    axes.set_ylabel("robust accuracy, %" if wide else "accuracy, %")


def _from_clean(curve: Curve, clean: Proportion) -> list[CurvePoint]:
    """The points from the clean accuracy on: an attack of epsilon 0 changes nothing."""
    points = _sorted(curve)
    same_examples = bool(points) and points[0].robust.trials == clean.trials
    if same_examples and points[0].amount > 0:
        return [CurvePoint(0.0, clean), *points]
    return points


def _sorted(curve: Curve) -> list[CurvePoint]:
    """The points that were measured, by amount."""
    measured = (point for point in curve.points if point.robust.trials)
    return sorted(measured, key=lambda point: point.amount)


def _description(title: str, curves: Sequence[Curve]) -> str:
    lines = (line for curve in curves if (line := _in_words(curve)))
    return f"{title}. " + " ".join(lines)


def _in_words(curve: Curve) -> str:
    points = _sorted(curve)
    if not points:
        return ""
    last = points[-1]
    at = f"{words.number(last.amount)} {curve.unit}"
    return f"{words.phrase(curve.member)}: {words.share(last.robust)} at {at}."


def _svg(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata=_NO_METADATA)
    return stream.getvalue()
