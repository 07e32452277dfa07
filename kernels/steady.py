"""Temporal noise reduction: where both sources rest, the fused picture keeps close to its mean; where one moves, it is
shown as it is.

The mean is a first-order recursive filter with a motion-dependent coefficient, as in surveillance cameras (Dubois and
Sabri, Noise Reduction in Image Sequences Using Motion-Compensated Temporal Filtering, IEEE Trans. Commun. 32, 1984,
without the motion compensation). It is not shown itself: what a picture differs from it is made smaller by a factor,
fast noise and slow alike, where a filter that calms slow noise as much would wipe out all that is fast. Motion is
looked for in the sources and not in the fused picture, whose noise may be amplified.
"""

from __future__ import annotations

import numpy as np
from numba import float32, njit, void
from numpy.typing import NDArray

from kernels.checks import check_contiguous, check_plane
from kernels.level import LevelLimiter, mean_level, shifted
from kernels.signatures import F32_ROWS_OUT, U8_IN, U8_OUT
from kernels.unrest import UnrestMeter

f32, i16, i32 = np.float32, np.int16, np.int32

REACH = 2
"""Motion is judged by the mean change over (2 * 2 + 1)^2 pixels, in which noise averages out."""

AREA = (2 * REACH + 1) ** 2
RESTING = f32(1.5)
MOVING = f32(4.0)
"""Change of the 5x5 mean, in grey levels, up to which a place rests, and from which it moves."""
SLOW = f32(0.08)
"""Share of the new picture that a resting place's mean takes: a memory of about 12 frames."""


# Scalar functions, shared with the GPU. (No min and max: in CUDA kernels Numba cannot compile them without a device.)


def moving(infrared, visible):
    """How much a place moves, float32 0 (rests) to 1, from the sums (int32) of both sources' changes over 25 pixels."""
    infrared = infrared if infrared > 0 else -infrared
    visible = visible if visible > 0 else -visible
    most = f32(infrared if infrared > visible else visible) / f32(AREA)
    t = (most - RESTING) / (MOVING - RESTING)
    t = t if t > f32(0.0) else f32(0.0)
    return t if t < f32(1.0) else f32(1.0)


def part_of(resting, t):
    """A share (float32) that is ``resting`` for a place that rests, and 1 for one that moves."""
    return resting + (f32(1.0) - resting) * t


def followed(mean, fused, part):
    """The mean (float32) moved by ``part`` towards the fused value (uint8)."""
    return mean + part * (f32(fused) - mean)


def rounded(shown):
    """Grey level (uint8) of a value in 0..255."""
    return np.uint8(i32(shown + f32(0.5)))


_moving = njit(moving)
_part_of = njit(part_of)
_followed = njit(followed)
_rounded = njit(rounded)


@njit
def _add_changes(sums, now, last, row):
    """Add a row's changes (this frame less the last one) to the column sums, ``REACH`` wider on either side."""
    for x in range(now.shape[1]):
        sums[x + REACH] += i16(now[row, x]) - i16(last[row, x])


@njit
def _move_down(sums, now, last, above, below):
    """Column sums a row further down: row ``below`` comes in, row ``above`` goes out, the edges are repeated."""
    width = now.shape[1]
    for x in range(width):
        comes = i16(now[below, x]) - i16(last[below, x])
        goes = i16(now[above, x]) - i16(last[above, x])
        sums[x + REACH] += i16(comes - goes)
    for k in range(REACH):
        sums[k] = sums[REACH]
        sums[width + REACH + k] = sums[width + REACH - 1]


@njit(
    [void(U8_IN, U8_IN, U8_IN, U8_IN, U8_IN, float32, F32_ROWS_OUT, F32_ROWS_OUT, U8_OUT)],
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _steady(fused, infrared, visible, last_infrared, last_visible, kept, mean, shown, out):
    height, width = fused.shape
    # 16 bits hold 25 changes of up to 255, and twice as many of them fit a vector register as of 32 bits.
    ir = np.zeros(width + 2 * REACH, np.int16)
    vi = np.zeros(width + 2 * REACH, np.int16)
    t = np.empty(width, np.float32)
    for k in range(-REACH - 1, REACH):
        row = min(max(k, 0), height - 1)
        _add_changes(ir, infrared, last_infrared, row)
        _add_changes(vi, visible, last_visible, row)
    for y in range(height):
        above, below = min(max(y - REACH - 1, 0), height - 1), min(y + REACH, height - 1)
        _move_down(ir, infrared, last_infrared, above, below)
        _move_down(vi, visible, last_visible, above, below)
        # Three loops, which LLVM turns into vector code; one loop that does it all is 5x slower.
        for x in range(width):
            a = ir[x] + ir[x + 1] + ir[x + 2] + ir[x + 3] + ir[x + 4]
            b = vi[x] + vi[x + 1] + vi[x + 2] + vi[x + 3] + vi[x + 4]
            t[x] = _moving(i32(a), i32(b))
        for x in range(width):
            mean[y, x] = _followed(mean[y, x], fused[y, x], _part_of(SLOW, t[x]))
            shown[y, x] = _followed(mean[y, x], fused[y, x], _part_of(kept, t[x]))
        for x in range(width):
            out[y, x] = _rounded(shown[y, x])


def steady(
    fused: NDArray[np.uint8],
    sources: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    last_sources: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    kept: float,
    mean: NDArray[np.float32],
    shown: NDArray[np.float32],
    out: NDArray[np.uint8],
) -> None:
    """Move ``mean`` towards ``fused``, and write what is between the two to ``shown`` and, rounded, to ``out``.

    ``fused``: uint8 (H, W). ``sources``, ``last_sources``: infrared and visible of this frame and of the one before,
    uint8 (H, W). ``kept``: how much of its difference to the mean a place keeps where both rest, 0..1. ``mean``,
    ``shown``: float32 (H, W), C-contiguous, 0..255; the mean is changed, and at first the first fused picture. ``out``:
    uint8 (H, W), may be ``fused``. Raises ValueError on other shapes and types.
    """
    check_plane("fused", fused, (np.uint8,))
    for name, plane in zip(("infrared", "visible"), sources, strict=True):
        check_plane(name, plane, (np.uint8,), fused.shape)
    for name, plane in zip(("last infrared", "last visible"), last_sources, strict=True):
        check_plane(name, plane, (np.uint8,), fused.shape)
    for name, floats in (("mean", mean), ("shown", shown)):
        check_plane(name, floats, (np.float32,), fused.shape)
        check_contiguous(name, floats)
    check_plane("out", out, (np.uint8,), fused.shape)
    _steady(fused, *sources, *last_sources, f32(kept), mean, shown, out)


class Steadier:
    """``steady`` over the frames of a stream, which come in their order, without jumps of brightness."""

    def __init__(self) -> None:
        self._mean: NDArray[np.float32] | None = None
        self._shown = np.empty((0, 0), np.float32)
        self._last: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._level = LevelLimiter()
        self._unrest = UnrestMeter()

    def push(
        self, fused: NDArray[np.uint8], infrared: NDArray[np.uint8], visible: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """The steadied picture, uint8 (H, W), as all three given. It starts anew with a picture of another size.

        The sources are kept until the next frame: they must not be changed before.
        """
        if self._mean is None or self._last is None or self._mean.shape != fused.shape:
            self._mean = fused.astype(np.float32, order="C")
            self._shown = self._mean.copy()
            self._level, self._unrest = LevelLimiter(), UnrestMeter()
            out = fused.copy()
        else:
            out = np.empty_like(fused)
            steady(fused, (infrared, visible), self._last, self._unrest.kept, self._mean, self._shown, out)
        self._last = (infrared, visible)
        shift = self._level.push(mean_level(self._shown), mean_level(infrared), mean_level(visible))
        if shift:
            shifted(self._shown, shift, out)
        self._unrest.push(out, infrared, visible)
        return out
