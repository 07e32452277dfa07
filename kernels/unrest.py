"""How much calmer the fused picture must become: its unrest where both sources rest, measured against theirs.

A fused picture that sees further through haze or darkness also shows more of the sources' noise. How much more changes
from scene to scene; noise reduction that is right for smoke would blur the fine ripples of a lake.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from kernels.signatures import U8_IN

ROW_STEP = 3
"""Every so many-th row is looked at: enough for a mean over the picture."""

RESTING = 5
"""Largest change of a source's pixel, in grey levels, at which it may be noise."""

MEMORY = 0.05
"""Share of the newest frame in the running means: about 20 frames."""

CALMER = 0.92
"""The fused picture is to be a little calmer than its noisier source."""

STEEPNESS = 4
"""A recursive filter takes noise to sqrt(share / (2 - share)); drifting smoke, which it also has to calm, by less."""

SMALLEST_SHARE, LARGEST_SHARE = 0.1, 0.7

_SUMS = types.UniTuple(types.float64, 4)


@njit([_SUMS(U8_IN, U8_IN, U8_IN, U8_IN, U8_IN, U8_IN)], nogil=True, cache=True)
def _changes(fused, infrared, visible, last_fused, last_infrared, last_visible):
    of_fused, of_infrared, of_visible, count = np.zeros(4, np.int64)
    for y in range(0, fused.shape[0], ROW_STEP):
        for x in range(fused.shape[1]):
            ir = abs(np.int32(infrared[y, x]) - np.int32(last_infrared[y, x]))
            vi = abs(np.int32(visible[y, x]) - np.int32(last_visible[y, x]))
            rests = np.int32((ir <= RESTING) & (vi <= RESTING))
            of_fused += rests * abs(np.int32(fused[y, x]) - np.int32(last_fused[y, x]))
            of_infrared += rests * ir
            of_visible += rests * vi
            count += rests
    return float(of_fused), float(of_infrared), float(of_visible), float(count)


class UnrestMeter:
    """Follows the unrest of a stream's fused picture and sources, and says how slowly resting places may follow."""

    def __init__(self) -> None:
        self._last: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._means: NDArray[np.float64] | None = None

    def push(self, fused: NDArray[np.uint8], infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> float:
        """The share of a new picture that a resting place takes, 0.1..0.7, see ``share_for``.

        All uint8 (H, W), and kept until the next call: they must not be changed before.
        """
        now = (fused, infrared, visible)
        if self._last is not None and self._last[0].shape == fused.shape:
            *sums, count = _changes(*now, *self._last)
            if count:
                means = np.array(sums) / count
                self._means = means if self._means is None else self._means + MEMORY * (means - self._means)
        self._last = now
        return SMALLEST_SHARE if self._means is None else share_for(*self._means)


def share_for(fused: float, infrared: float, visible: float) -> float:
    """Share of a new picture in a resting place, from mean changes of all three in grey levels a frame.

    The larger, the less the fused picture changes beyond the less steady source; without any change it is largest.
    """
    if fused <= 0:
        return LARGEST_SHARE
    calm = min(1.0, CALMER * max(infrared, visible) / fused)
    return float(min(max(calm**STEEPNESS, SMALLEST_SHARE), LARGEST_SHARE))
