"""How much calmer the fused picture must become: its unrest where both sources rest, measured against theirs.

A fused picture that sees further through haze or darkness also shows more of the sources' noise and of thin smoke's
drift. How much more changes from scene to scene; noise reduction that is right for smoke would blur the fine ripples of
a lake. So what is shown is measured, and how much of it is kept is set by that.
"""

from __future__ import annotations

import numpy as np
from numba import float64, njit, types, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.signatures import U8_IN, U8_ROWS_OUT

i32 = np.int32

STEP = 4
"""Every so many-th pixel in each direction is looked at: enough for a mean over the picture."""

WINDOW_FRAMES = 8
"""Frames over which the deviation of each pixel is taken, as in ``training.flicker``."""

STATIC_RANGE = 9
"""Grey levels that a source's pixel may span in a window where it still counts as resting: noise, and slow drift."""

ENOUGH = 50
"""Resting pixels without which a window says nothing."""

CALMER = 0.975
"""The fused picture is to be a little calmer than its less steady source."""

URGENCY = 1.3
"""Power by which less is kept: edges keep more than they are told to, and unrest that grows is to be caught up with."""

FIRST_KEPT, LEAST_KEPT = 0.5, 0.05
"""What is kept at first, and at least, of a picture's difference to the mean of those before it."""

Plane = NDArray[np.uint8]


class UnrestMeter:
    """Follows the unrest of a stream's shown picture and of its sources, and says how much of it may stay.

    ``kept``: how much of its difference to the mean a resting place keeps, 0.05..1, see ``kernels.steady``.
    """

    def __init__(self) -> None:
        self.kept = FIRST_KEPT
        self._window = np.empty((WINDOW_FRAMES, 3, 0, 0), np.uint8)
        self._frames = 0

    def push(self, shown: Plane, infrared: Plane, visible: Plane) -> None:
        """Note a picture as it is shown, and its sources, all uint8 (H, W); they may be changed afterwards.

        Raises ValueError on other types and on planes of different sizes.
        """
        height, width = (-(-side // STEP) for side in shown.shape)
        if self._window.shape[2:] != (height, width):
            self._window, self._frames = np.empty((WINDOW_FRAMES, 3, height, width), np.uint8), 0
        for plane, samples in zip((shown, infrared, visible), self._window[self._frames], strict=True):
            check_plane("plane", plane, (np.uint8,), shown.shape)
            _sample(plane, samples)
        self._frames += 1
        if self._frames == WINDOW_FRAMES:
            self.kept = next_kept(self.kept, *unrest(self._window))
            self._frames = 0


@njit([void(U8_IN, U8_ROWS_OUT)], nogil=True, cache=True)
def _sample(plane, samples):
    # Not by NumPy, which would hold Python's lock meanwhile.
    for y in range(samples.shape[0]):
        for x in range(samples.shape[1]):
            samples[y, x] = plane[y * STEP, x * STEP]


def unrest(window: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean deviation where both sources rest, in grey levels: of what is shown, and of the less steady source.

    ``window``: uint8 (frames, 3, h, w), C-contiguous, what is shown first. Both are 0 where hardly anything rests.
    """
    resting, shown, infrared, visible = _deviations(window)
    if resting < ENOUGH:
        return 0.0, 0.0
    return shown / resting, max(infrared, visible) / resting


@njit(fastmath={"reassoc", "nsz"})
def _sum_of_deviations(rests, total, square, frames):
    """Of a row's resting pixels, times the number of frames. In any order, so that LLVM turns it into vector code."""
    line = np.float32(0.0)
    for x in range(rests.shape[0]):
        # Times the number of frames, the variance is a whole number, so nothing is lost in a difference.
        variance = i32(i32(frames * square[x]) - i32(total[x] * total[x]))
        line += np.float32(rests[x]) * np.sqrt(np.float32(variance))
    return line


@njit(
    [types.UniTuple(float64, 4)(types.Array(types.uint8, 4, "C", readonly=True))],
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _deviations(window):
    """Pixels where both sources rest, and the sums over them of three standard deviations."""
    frames, _, height, width = window.shape
    low, high = np.empty(width, np.uint8), np.empty(width, np.uint8)
    rests = np.empty(width, np.uint8)
    total, square = np.empty(width, np.int32), np.empty(width, np.int32)
    sums = np.zeros(3)
    resting = 0
    for y in range(height):
        rests[:] = 1
        for plane in range(1, 3):
            low[:], high[:] = 255, 0
            for t in range(frames):
                for x in range(width):
                    value = window[t, plane, y, x]
                    low[x] = value if value < low[x] else low[x]
                    high[x] = value if value > high[x] else high[x]
            for x in range(width):
                rests[x] &= np.uint8(np.uint8(high[x] - low[x]) <= np.uint8(STATIC_RANGE))
        for x in range(width):
            resting += rests[x]
        for plane in range(3):
            total[:], square[:] = 0, 0
            for t in range(frames):
                for x in range(width):
                    value = i32(window[t, plane, y, x])
                    total[x] = i32(total[x] + value)
                    square[x] = i32(square[x] + i32(value * value))
            sums[plane] += _sum_of_deviations(rests, total, square, i32(frames))
    return np.float64(resting), sums[0] / frames, sums[1] / frames, sums[2] / frames


def next_kept(kept: float, shown: float, source: float) -> float:
    """What the next window keeps, from what this one kept and the mean deviations of what was shown and of the sources.

    Less where what is shown is less calm than it is to be, more where it is calmer than it need be.
    """
    if shown <= 0 or source <= 0:
        return kept
    factor = CALMER * source / shown
    factor = min(max(factor**URGENCY if factor < 1 else factor, 0.5), 1.5)
    return min(max(kept * factor, LEAST_KEPT), 1.0)
