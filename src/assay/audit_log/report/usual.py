"""How improbable a count is, given an actor's own counts: a bound that errs on the high side.

The model. A day counts only if the actor did something on it, so leave, holidays and part-time work
teach nothing about how busy a busy day is. On such a day the first event makes it one, and the events
after the first follow a negative binomial law, whose mean has a factor for the weekday and whose shape
says by how much days differ beyond chance:

    z = count - 1 ~ NegativeBinomial(mean = m * factor(weekday), shape = r)

Neither m nor r is known. Both are integrated over a grid, weighted by the likelihood of the baseline,
flat in log m and log r, so that a short baseline gives a wide law. Each weekday factor is drawn towards
1 as if two average days had been seen beside the real ones, and the likelihood is weakened by the share
of the baseline that estimating the factors has used up.

The tail P(Z >= z) of each law is bounded by its first term times a geometric series, which is never
less than the tail. The result is therefore an upper bound within the model. That the model is good
enough for real rates of false alarms is measured, not assumed: docs/explanation/unusual-activity.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p, sqrt

_SHAPES = tuple(2.0**n for n in range(-1, 10))
_STEPS = range(-6, 7)
_STEP_WIDTH = 0.7  # standard errors; the grid reaches 4.2 of them on both sides
_AVERAGE_DAYS = 2.0


@dataclass(frozen=True, slots=True)
class Day:
    """A day on which something was done: its weekday, and how much (1 or more)."""

    weekday: int
    count: int


def usual(baseline: Sequence[Day], weekday: int) -> float:
    """The mean count of a day on which something was done, on this weekday.

    Raises:
        ValueError: there is no baseline, or a count in it is below 1.
    """
    return _mean(baseline) * _factors(baseline).get(weekday, 1.0)


def probability(baseline: Sequence[Day], day: Day) -> float:
    """At most so often would a day as busy as this one, or busier, come by chance.

    Raises:
        ValueError: there is no baseline, or a count is below 1.
    """
    _check([*baseline, day])
    factors = _factors(baseline)
    seen = Counter((factors[d.weekday], d.count - 1) for d in baseline)
    used = len(factors) - 1
    trust = max(len(baseline) - used, len(baseline) / 2) / len(baseline)
    return _predictive_tail(seen, trust, factors.get(day.weekday, 1.0), day.count - 1)


def _mean(baseline: Sequence[Day]) -> float:
    _check(baseline)
    return sum(day.count for day in baseline) / len(baseline)


def _check(days: Sequence[Day]) -> None:
    if not days or min(day.count for day in days) < 1:
        raise ValueError("a comparison needs days on which something was done")


def _factors(baseline: Sequence[Day]) -> dict[int, float]:
    """How busy each weekday that occurs is, as a multiple of the mean day."""
    total, days = Counter[int](), Counter[int]()
    for day in baseline:
        total[day.weekday] += day.count
        days[day.weekday] += 1
    mean = _mean(baseline)
    return {
        weekday: (total[weekday] / mean + _AVERAGE_DAYS) / (days[weekday] + _AVERAGE_DAYS)
        for weekday in sorted(days)
    }


def _predictive_tail(seen: Counter[tuple[float, int]], trust: float, today: float, z: int) -> float:
    """The tail of the mixture; `seen` counts pairs of weekday factor and z."""
    if z == 0:
        return 1.0
    exposure = sum(factor * n for (factor, _), n in seen.items())
    total = sum(z_seen * n for (_, z_seen), n in seen.items()) + 0.5
    days = seen.total()
    laws: list[tuple[float, float]] = []
    for shape in _SHAPES:
        error = sqrt(1 / total + 1 / (shape * days))
        constant = sum(n * _log_choose(z_seen, shape) for (_, z_seen), n in seen.items())
        for step in _STEPS:
            mean = total / exposure * exp(step * _STEP_WIDTH * error)
            fit = constant + sum(
                n * _log_powers(z_seen, mean * factor, shape)
                for (factor, z_seen), n in seen.items()
            )
            # The grid is finer where the error is smaller; its width is the weight of a point.
            laws.append((trust * fit + log(error), _log_tail(z, mean * today, shape)))
    best = max(weight for weight, _ in laws)
    weights = [exp(weight - best) for weight, _ in laws]
    tails = [exp(tail) for _, tail in laws]
    return sum(w * t for w, t in zip(weights, tails, strict=True)) / sum(weights)


def _log_tail(z: int, mean: float, shape: float) -> float:
    """The log of an upper bound of P(Z >= z), at most 0."""
    share = mean / (shape + mean)
    # Terms fall by (k + shape) / (k + 1) * share, which falls with k where shape > 1 and rises
    # towards share where shape < 1; so this is the largest from z on.
    ratio = max((z + shape) / (z + 1) * share, share)
    if ratio >= 1:
        return 0.0
    first = _log_choose(z, shape) + _log_powers(z, mean, shape)
    return min(0.0, first - log1p(-ratio))


def _log_choose(z: int, shape: float) -> float:
    return lgamma(z + shape) - lgamma(shape) - lgamma(z + 1)


def _log_powers(z: int, mean: float, shape: float) -> float:
    if mean <= 0:
        return 0.0 if z == 0 else -inf
    return -shape * log1p(mean / shape) + z * (log(mean) - log(shape + mean))
