"""Confidence intervals for shares.

Wilson, E. B. (1927): Probable inference, the law of succession, and statistical inference. The
score interval keeps its coverage at shares near 0 and 1, where attacks and checks live.
"""

from __future__ import annotations

import math

from assay.vocabulary import Proportion

_Z_95 = 1.959963984540054


def wilson(successes: int, trials: int) -> Proportion:
    """The share and its two-sided 95 % Wilson score interval; 0 of 0 is [0, 1].

    Raises:
        ValueError: not 0 <= successes <= trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} of {trials} is not a share")
    if trials == 0:
        return Proportion(0, 0, 0.0, 1.0)
    z2 = _Z_95 * _Z_95
    share = successes / trials
    centre = share + z2 / (2 * trials)
    spread = _Z_95 * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    low = 0.0 if successes == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if successes == trials else min(1.0, (centre + spread) / scale)
    return Proportion(successes, trials, low, high)
