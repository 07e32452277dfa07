"""Where a score has to lie for a kind of degradation to count as there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def best_threshold(clean: NDArray[np.float64], degraded: NDArray[np.float64], false_alarms: float) -> float:
    """The threshold with the best balanced accuracy of those that at most about ``false_alarms`` of ``clean`` reach.

    ``clean``, ``degraded``: scores, (n,) and (m,). Training teaches the order (worse pictures score higher), but how
    often a kind was drawn there decides where 0.5 lies; this decides anew.
    """
    floor = float(np.quantile(clean, 1 - false_alarms))
    candidates = np.unique(np.concatenate([[floor], degraded[degraded > floor]]))
    scores = [(degraded >= candidate).mean() - (clean >= candidate).mean() for candidate in candidates]
    best = float(candidates[int(np.argmax(scores))])
    # Half way down to the next lower score: not on the very edge of what was seen.
    below = np.concatenate([clean, degraded])
    below = below[below < best]
    return (best + float(below.max())) / 2 if len(below) else best
