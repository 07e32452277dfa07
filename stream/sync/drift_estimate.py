"""How fast the clocks of two streams run apart, from the time between them in many parts of long footage. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sync.motion import Views
from stream.sync.offset_estimate import LEAST_PEAK, MOST_RIVAL, OffsetEstimate, compare, highest

PIECES = 4
"""So many pieces of footage together say where the offset is: 10 s."""

REACH_S = 0.4
"""The offset of a part is looked for so far from that of the whole: 200 ppm for half an hour."""

LEAST_PARTS = 6
SUREST_PPM = 40.0
"""Drift is only told where twice its standard error is below this."""

PPM = 1e-6


@dataclass(frozen=True, slots=True)
class DriftEstimate:
    """``drift_ppm``: growth of the infrared offset with time, millionths; None where the footage cannot tell.

    ``error_ppm``: its standard error, infinite for too few parts. ``offset_s``: the offset at the first infrared
    frame where there is a drift, else that of the whole. ``parts``: of the footage that had their say.
    """

    drift_ppm: float | None
    error_ppm: float
    offset_s: float
    parts: int


def estimate_drift(infrared: Views, visible: Views, offset: OffsetEstimate) -> DriftEstimate:
    """The drift between two streams whose offset is known for the footage as a whole.

    Raises ValueError where the offset was refused, and for views of different sizes.
    """
    if not offset.accepted:
        raise ValueError(f"there is no offset to start from: {offset.reason}")
    compared = compare(infrared, visible, offset.offset_s, REACH_S)
    at_s, offsets_s = [], []
    if compared is not None:
        pieces, sign, span_s = compared
        for begin in range(0, len(pieces.middles_s), PIECES):
            part = slice(begin, begin + PIECES)
            peak = highest(pieces.lags_s, pieces.curve(span_s / 2, part), span_s)
            whole = len(pieces.middles_s[part]) == PIECES
            inside = abs(peak.lag_s - sign * offset.offset_s) < REACH_S - span_s
            if whole and inside and peak.height >= LEAST_PEAK and peak.rival <= MOST_RIVAL * peak.height:
                at_s.append(float(pieces.middles_s[part].mean()))
                offsets_s.append(sign * peak.lag_s)
    if len(at_s) < LEAST_PARTS:
        return DriftEstimate(None, np.inf, offset.offset_s, len(at_s))
    slope, level_s, error = fit_line(np.array(at_s), np.array(offsets_s))
    if 2 * error > SUREST_PPM * PPM:
        return DriftEstimate(None, error / PPM, offset.offset_s, len(at_s))
    first_s = float(infrared.times_s[0])
    return DriftEstimate(slope / PPM, error / PPM, level_s + slope * first_s, len(at_s))


def fit_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Slope, value at x = 0 and the slope's standard error; up to a quarter of the points may be anywhere.

    The line of H. Theil (1950) and P. K. Sen (1968): the median of the slopes between all points. ``x`` and ``y``
    float64 (N,), N at least 3, ``x`` all different.
    """
    i, j = np.triu_indices(len(x), 1)
    slope = float(np.median((y[j] - y[i]) / (x[j] - x[i])))
    rest = y - slope * x
    level = float(np.median(rest))
    # 1.4826: from the median deviation to the standard deviation of normal errors.
    spread = 1.4826 * float(np.median(np.abs(rest - level)))
    return slope, level, spread / float(np.sqrt(((x - x.mean()) ** 2).sum()))
