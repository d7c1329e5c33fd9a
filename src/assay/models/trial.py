"""What happened to each example while one attack or corruption ran, and the facts of that.

The facts hold one bit for each example and amount, whether it survived, so that worst cases over
several members can be counted later without the data. The budget is the member's own: every
example is seen once more, unchanged, by whoever runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from assay.intervals import wilson
from assay.models.clean import CleanLook, weighted_metrics
from assay.models.exhibits import drawable, picture
from assay.models.interface import Model
from assay.models.meter import Meter
from assay.vocabulary import Exhibit, Facts, Json

if TYPE_CHECKING:
    import numpy.typing as npt

    from assay.models.examples import TestData
    from assay.models.interface import Floats, Mask

PAIRS_SHOWN_MAX = 6


@dataclass(slots=True)
class Trial:
    """The examples while a member runs over its amounts."""

    model: Model
    data: TestData
    clean: CleanLook
    survivors: dict[float, Mask] = field(default_factory=dict)
    meter: Meter = field(init=False)
    found: Floats = field(init=False)
    """The first changed example that the model got wrong."""
    found_label: npt.NDArray[np.int64] = field(init=False)
    found_amount: npt.NDArray[np.float64] = field(init=False)
    """NaN where none was found."""

    def __post_init__(self) -> None:
        self.meter = Meter(len(self.data.y))
        self.found = self.data.x.copy()
        self.found_label = self.clean.predicted.copy()
        self.found_amount = np.full(len(self.data.y), np.nan)

    def confirm(self, rows: npt.NDArray[np.int64], changed: Floats, amount: float) -> Mask:
        """Which of the changed examples the model gets wrong; the first find of each is kept."""
        if not len(rows):
            return np.zeros(0, dtype=bool)
        self.meter.forward(rows)
        labels = self.model.predict(changed).argmax(axis=1)
        broken: Mask = labels != self.data.y[rows]
        new = broken & np.isnan(self.found_amount[rows])
        self.found[rows[new]] = changed[new]
        self.found_label[rows[new]] = labels[new]
        self.found_amount[rows[new]] = amount
        return broken


def measured(trial: Trial) -> Facts:
    """Counts, intervals, masks, digests and the true budget, as facts."""
    data, clean, meter = trial.data, trial.clean, trial.meter
    examples = len(data.y)
    return {
        "examples": examples,
        "examples_digest": data.digest,
        "test_data_digest": data.source_digest,
        "test_data": data.name,
        "clean": {
            **_share(clean.right),
            "mask": _hex(clean.right),
            "metrics": weighted_metrics(data.y, clean.predicted),
        },
        "points": [
            {"amount": amount, "robust": _share(survivors), "mask": _hex(survivors)}
            for amount, survivors in trial.survivors.items()
        ],
        "budget": {
            "forwards": int(meter.forwards.sum()),
            "gradients": int(meter.gradients.sum()),
            "forwards_per_example": float(meter.forwards.mean()),
            "gradients_per_example": float(meter.gradients.mean()),
        },
    }


def _share(mask: Mask) -> Facts:
    share = wilson(int(mask.sum()), len(mask))
    return {
        "successes": share.successes,
        "trials": share.trials,
        "low": share.low,
        "high": share.high,
    }


def _hex(mask: Mask) -> str:
    """One bit for each example, the first in the highest bit, zeros after the last."""
    return np.packbits(mask).tobytes().hex()


def show(trial: Trial) -> tuple[list[Json], tuple[Exhibit, ...]]:
    """Facts and pictures of up to six examples that broke, before and after; images only."""
    if not drawable(trial.data.x):
        return [], ()
    domain, data = trial.model.domain, trial.data
    shown: list[Json] = []
    exhibits: dict[str, Exhibit] = {}
    for row in _rows_to_show(trial):
        before, after = picture(domain, data.x[row]), picture(domain, trial.found[row])
        exhibits |= {before.digest: before, after.digest: after}
        shown.append(
            {
                "label": int(data.y[row]),
                "predicted": int(trial.clean.predicted[row]),
                "adversarial_predicted": int(trial.found_label[row]),
                "amount": float(trial.found_amount[row]),
                "original": before.digest,
                "adversarial": after.digest,
            }
        )
    return shown, tuple(exhibits.values())


def _rows_to_show(trial: Trial) -> Iterator[int]:
    """Broken rows, one of each label before a second of any; data are often sorted by label."""
    broken = np.flatnonzero(~np.isnan(trial.found_amount))
    seen: dict[int, int] = {}
    turn = []
    for row in broken:
        label = int(trial.data.y[row])
        seen[label] = seen.get(label, 0) + 1
        turn.append(seen[label])
    for index in np.argsort(turn, kind="stable")[:PAIRS_SHOWN_MAX]:
        yield int(broken[index])
