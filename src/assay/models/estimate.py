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
    from assay.models.test_data import TestData

_BATCH_EXAMPLES_MAX = 128
_SECONDS_PER_TIMING = 0.1


def estimate_seconds(
    model: Model,
    data: TestData,
    members: Sequence[plugins.Member],
    depth: Depth,
    epsilons: Sequence[float],
) -> Mapping[str, float]:
    """Seconds that each member needs at most, by name; itself well under a second.

    An upper bound in that no example is taken to break: attacks on a weak model end far sooner.
    It does not know what else the machine will be doing.
    """
    batch = _batch_size(model, data)
    forward = _seconds(lambda: model.predict(data.x[:batch])) / batch
    gradient = _gradient_seconds(model, data, batch)
    seconds = {}
    for member in members:
        value = member.use()
        if isinstance(value, CorruptionMember):
            each = len(value.amounts[depth]) * (
                forward + _change_seconds(value, model, data, batch)
            )
        else:
            limits = [attack.limit for e in epsilons if (attack := value.at(depth, e)) is not None]
            each = sum(limit.forwards * forward + limit.gradients * gradient for limit in limits)
        seconds[member.name] = each * len(data.y)
    return seconds


def _batch_size(model: Model, data: TestData) -> int:
    """As many examples as fit the time, so that a slow model makes nobody wait."""
    model.predict(data.x[:1])
    one = _seconds(lambda: model.predict(data.x[:1]))
    fitting = int(_SECONDS_PER_TIMING / max(one, 1e-6))
    return max(1, min(fitting, _BATCH_EXAMPLES_MAX, len(data.y)))


def _gradient_seconds(model: Model, data: TestData, batch: int) -> float:
    if not gives_gradients(model):
        return 0.0
    from assay.models.networks import AskedNetwork, quiet

    with quiet(model.network):
        network = AskedNetwork(model.network, Meter(batch))
        x, y = network.tensor(data.x[:batch]), network.tensor(data.y[:batch])
        return _seconds(lambda: network.gradient(x, y, np.arange(batch))) / batch


def _change_seconds(member: CorruptionMember, model: Model, data: TestData, batch: int) -> float:
    units = to_units(model.domain, data.x[:batch])
    amount = max(max(amounts) for amounts in member.amounts.values())
    fixed = np.random.default_rng(0)
    # The first call may import the library that does the work.
    member.apply(units[:1], amount, fixed)
    return _seconds(lambda: member.apply(units, amount, fixed)) / batch


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
