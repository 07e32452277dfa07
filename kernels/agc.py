"""Automatic gain control for thermal counts: from a histogram to a curve, smoothed in time, to a look-up table.

Pure functions. A curve is float32 (levels,), one grey value in 0..255 for each count, never falling; levels are 256 for
8-bit and 65536 for 16-bit counts. Dead pixels are left out by clipping a share of the pixels at both ends; counts that
no pixel has (the dead range around 14-bit data in 16 bits) cost nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numba import int64, njit, types, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.signatures import U8_IN, U16_IN

MAX_GAIN = {256: 4.0, 65536: 1.0}
"""Steepest slope of a curve, grey values per count, by number of levels.

Keeps the noise of a nearly uniform scene (fog, a wall) small: a microbolometer's noise is some counts of 14 bits. A
scene too flat to fill 0..255 within this slope is shown in the middle of the range.
"""

LINEAR_SHARE = 0.2
"""Share of a plateau curve's rise that is linear."""

SPARSE = 0.25
"""Share of the even density (that of a picture whose pixels are spread evenly over the counts it has) below which a
stretch of counts gets room in proportion to its pixels. A hot spot far from all else would otherwise take as much room
as the scene."""

EMPTY_ROOM = 0.002
"""Room of a stretch of counts that no pixel has, as a share of a full one's: gaps cost next to nothing."""

_LEVELS = 256
_NARROWEST_BIN = {256: 1, 65536: 8}
"""In counts. Some cameras give every fourth 16-bit count only: narrower bins would be empty or full by chance."""

_COUNTS = types.Array(int64, 1, "C")


@njit([void(plane, _COUNTS) for plane in (U8_IN, U16_IN)], nogil=True, cache=True)
def _histogram(raw, counts):
    for y in range(raw.shape[0]):
        for x in range(raw.shape[1]):
            counts[raw[y, x]] += 1


def histogram(raw: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.int64]:
    """How many pixels have each count: int64 (256,) for uint8, (65536,) for uint16. ``raw``: (H, W), may be strided.

    Raises ValueError on other shapes and types.
    """
    check_plane("raw", raw, (np.uint8, np.uint16))
    counts = np.zeros(256 if raw.dtype == np.uint8 else 65536, np.int64)
    _histogram(raw, counts)
    return counts


def linear_curve(hist: NDArray[np.int64], clip_percent: float, max_gain: float | None = None) -> NDArray[np.float32]:
    """Straight stretch: all but ``clip_percent`` of the pixels at each end fill 0..255.

    ``hist``: int64 (256,) or (65536,), not empty. ``max_gain``: grey values per count, None: ``MAX_GAIN``.
    Raises ValueError for an empty histogram, another length, or ``clip_percent`` outside 0..50 (50 excluded).
    """
    low, high = _used_range(_cumulative(hist), clip_percent)
    return _limited_curve(np.array([low, high], np.float64), np.ones(1), len(hist), max_gain)


def plateau_curve(
    hist: NDArray[np.int64], plateau: float, clip_percent: float, max_gain: float | None = None
) -> NDArray[np.float32]:
    """Plateau-limited histogram equalization.

    The method is that of V. E. Vickers, "Plateau equalization algorithm for real-time display of high-quality infrared
    imagery", Optical Engineering 35(7), 1996: the cumulative histogram, with each level counted for at most
    ``plateau``. A level here is 1/256 of the used range (without ``clip_percent`` of the pixels at each end, and with
    gaps and sparse stretches shortened, ``SPARSE``), and ``plateau`` is a share of all pixels: its effect depends
    neither on the bit depth nor on the spread of the counts. An even histogram has 1/256 = 0.004 in each level; at that
    plateau and below, the curve nears a straight line.
    ``LINEAR_SHARE`` of the rise is a straight line, so that sparse parts, a hot object's detail, keep some contrast.
    ``hist``, ``max_gain`` and errors as for ``linear_curve``; ``plateau`` in (0, 1].
    """
    if not 0 < plateau <= 1:
        raise ValueError(f"plateau must be above 0 and at most 1, got {plateau}")
    cumulative = _cumulative(hist)
    low, high = _used_range(cumulative, clip_percent)
    edges = _even_edges(cumulative, low, high + 1, _NARROWEST_BIN[len(hist)])
    bins = len(edges) - 1
    # Pixels below each edge. An edge inside a count's step takes that part of its pixels.
    count = np.minimum(edges.astype(np.int64), high)
    below = cumulative[count] + (edges - count) * hist[count]
    shares = np.minimum(np.diff(below) / cumulative[-1], plateau * _LEVELS / bins)
    shares = (1 - LINEAR_SHARE) * shares / shares.sum() + LINEAR_SHARE / bins
    # Count c fills [c, c + 1): its grey value is that at its middle.
    return _limited_curve(edges - 0.5, shares, len(hist), max_gain)


def _even_edges(cumulative: NDArray[np.int64], low: int, high: int, narrowest: int) -> NDArray[np.float64]:
    """Edges of up to 256 levels between two counts, float64, each with as much room as the others."""
    fine = np.append(np.arange(low, high, narrowest), high)
    density = np.diff(cumulative[fine]) / np.diff(fine)
    used = density > 0
    even = density[used].sum() / max(1, np.count_nonzero(used))
    room = np.diff(fine) * np.clip(density / (SPARSE * even), EMPTY_ROOM, 1.0)
    filled = np.concatenate([[0.0], np.cumsum(room)])
    bins = max(1, min(_LEVELS, int(filled[-1] / narrowest)))
    return np.interp(np.linspace(0, filled[-1], bins + 1), filled, fine)


def smooth_curve(
    previous: NDArray[np.float32] | None, current: NDArray[np.float32], dt_s: float, time_constant_s: float
) -> NDArray[np.float32]:
    """First-order low-pass of the curve in time: a hot object that enters does not pump the whole picture.

    ``dt_s``: time since ``previous``, seconds, negative counts as 0. ``time_constant_s``: after this time 63 % of a
    step is done; 0 switches smoothing off. ``previous`` None (the first frame) gives ``current``. Raises ValueError if
    the curves' lengths differ or the time constant is negative.
    """
    if time_constant_s < 0:
        raise ValueError(f"time_constant_s must not be negative, got {time_constant_s}")
    if previous is None or time_constant_s == 0:
        return current
    if previous.shape != current.shape:
        raise ValueError(f"curves must have one length, got {previous.shape} and {current.shape}")
    share = np.float32(-math.expm1(-max(dt_s, 0.0) / time_constant_s))
    return previous + (current - previous) * share


def curve_to_lut(curve: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The curve rounded half up and clipped to 0..255: uint8 (levels,)."""
    return np.clip(np.floor(curve + np.float32(0.5)), 0, 255).astype(np.uint8)


def _cumulative(hist: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels below each count, and in all: int64 (levels + 1,). Raises ValueError for a histogram of no use."""
    if len(hist) not in MAX_GAIN:
        raise ValueError(f"hist must have {' or '.join(map(str, MAX_GAIN))} levels, got {len(hist)}")
    cumulative = np.concatenate([[0], np.cumsum(hist)])
    if cumulative[-1] <= 0:
        raise ValueError("hist is empty: count at least one pixel")
    return cumulative


def _used_range(cumulative: NDArray[np.int64], clip_percent: float) -> tuple[int, int]:
    """Lowest and highest count left after ``clip_percent`` of the pixels is taken off each end."""
    if not 0 <= clip_percent < 50:
        raise ValueError(f"clip_percent must be at least 0 and below 50, got {clip_percent}")
    total = cumulative[-1]
    off = total * clip_percent / 100
    low = int(np.searchsorted(cumulative, off, side="right")) - 1
    high = int(np.searchsorted(cumulative, total - off, side="left")) - 1
    return low, max(low, high)


def _limited_curve(
    edges: NDArray[np.float64], shares: NDArray[np.float64], levels: int, max_gain: float | None
) -> NDArray[np.float32]:
    """Curve that rises by ``shares`` (all positive) of 255 between ``edges`` (counts), nowhere above ``max_gain``.

    What the limit takes from steep parts goes to the others in proportion, so that 0..255 is filled where it can be.
    """
    gain = MAX_GAIN[levels] if max_gain is None else max_gain
    if not gain > 0:
        raise ValueError(f"max_gain must be positive, got {gain}")
    limits = gain * np.diff(edges)
    rises = np.minimum(limits, shares * _fill_factor(limits, shares))
    values = np.concatenate([[0.0], np.cumsum(rises)])
    values += (255.0 - values[-1]) / 2
    values = np.clip(values, 0.0, 255.0)
    first, last = max(0, math.floor(edges[0])), min(levels - 1, math.ceil(edges[-1]))
    curve = np.empty(levels, np.float32)
    curve[:first] = values[0]
    curve[first : last + 1] = np.interp(np.arange(first, last + 1), edges, values)
    curve[last + 1 :] = values[-1]
    return curve


def _fill_factor(limits: NDArray[np.float64], shares: NDArray[np.float64]) -> float:
    """The k for which ``k * shares``, cut at ``limits``, sum to 255, or to all that the limits allow."""
    order = np.argsort(limits / shares)
    limits, shares = limits[order], shares[order]
    # A growing k cuts the parts in this order. With the first n cut, the free rest must give what is left of 255.
    cut = np.cumsum(limits) - limits
    free = np.cumsum(shares[::-1])[::-1]
    k = (255.0 - cut) / free
    fits = np.flatnonzero(k * shares <= limits)
    return float(k[fits[0]] if len(fits) else limits[-1] / shares[-1])
