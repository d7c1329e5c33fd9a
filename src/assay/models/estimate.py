"""How long attacks and corruptions would take at most, from a small batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assay import plugins
from assay.models.domain import to_units
from assay.models.interface import CorruptionMember, Model, gives_gradients
from assay.models.meter import Meter
from assay.vocabulary import Depth

if TYPE_CHECKING:
    from assay.models.examples import TestData

_BATCH_EXAMPLES_MAX = 128
_SECONDS_FOR_TIMING = 0.4


def estimate_seconds(
    model: Model,
    data: TestData,
    members: Sequence[plugins.Member],
    depth: Depth,
    epsilons: Sequence[float],
) -> Mapping[str, float]:
    """Seconds that each member needs at most, by name; itself about a second.

    An upper bound in that no example is taken to break: attacks on a weak model end far sooner.
    It does not know what else the machine will be doing.
    """
    most = min(_BATCH_EXAMPLES_MAX, len(data.y))
    forward = _seconds_per_example(lambda count: model.predict(data.x[:count]), most)
    gradient = _gradient_seconds(model, data, most)
    seconds = {}
    for member in members:
        value = member.use()
        if isinstance(value, CorruptionMember):
            change = _change_seconds(value, model, data, most)
            each = len(value.amounts[depth]) * (forward + change)
        else:
            limits = [attack.limit for e in epsilons if (attack := value.at(depth, e)) is not None]
            each = sum(limit.forwards * forward + limit.gradients * gradient for limit in limits)
        seconds[member.name] = each * len(data.y)
    return seconds


def _gradient_seconds(model: Model, data: TestData, most: int) -> float:
    if not gives_gradients(model):
        return 0.0
    from assay.models.networks import AskedNetwork, quiet

    with quiet(model.network):
        network = AskedNetwork(model.network, Meter(most))
        x, y = network.tensor(data.x[:most]), network.tensor(data.y[:most])
        rows = np.arange(most)
        return _seconds_per_example(
            lambda count: network.gradient(x[:count], y[:count], rows[:count]), most
        )


def _change_seconds(member: CorruptionMember, model: Model, data: TestData, most: int) -> float:
    units = to_units(model.domain, data.x[:most])
    amount = max(max(amounts) for amounts in member.amounts.values())
    fixed = np.random.default_rng(0)
    return _seconds_per_example(lambda count: member.apply(units[:count], amount, fixed), most)


def _seconds_per_example(work: Callable[[int], object], most: int) -> float:
    """The best time over batches that double, until the time for it is up.

    The first call is not counted: it pays for what is loaded only once. A small batch pays for what
    a large one shares, above all where other work holds the processors, so that the batches grow
    until one is as large as an attack's, or a slow model has used up the time.
    """
    work(1)
    best, count, spent = float("inf"), 1, 0.0
    while True:
        started = time.perf_counter()
        work(count)
        took = time.perf_counter() - started
        best, spent = min(best, took / count), spent + took
        if count == most or spent > _SECONDS_FOR_TIMING:
            return best
        count = min(4 * count, most)
