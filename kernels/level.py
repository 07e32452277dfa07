"""A limit on jumps of brightness: the fused picture's mean follows what is fused no faster than the sources explain.

What a network says of a frame may change at once (smoke that thins, a lamp that comes into view), while the frame
hardly does. The mean of what is shown then goes to the new level in small steps, by a shift of the whole picture.
"""

from __future__ import annotations

import numpy as np
from numba import float32, float64, njit, uint64, void
from numpy.typing import NDArray

from kernels.checks import check_contiguous, check_plane
from kernels.signatures import F32_IN, F32_ROWS_IN, U8_IN, U8_OUT

f32, i32 = np.float32, np.int32

LARGEST_STEP = 0.4
"""Grey levels by which the mean may change from frame to frame beyond the larger change of the sources' means."""

LARGEST_SHIFT = 16.0
"""A picture that would have to be shifted further is another scene, and is shown nearly as it is."""

ACROSS, DOWN = f32(0.7548776662), f32(0.5698402910)
"""Steps of the pattern by which parts of a level are shared out: one over the plastic number, and over its square."""


class LevelLimiter:
    """The shift of each picture of a stream, from means of it and of its sources; all in grey levels."""

    def __init__(self) -> None:
        self._last: tuple[float, float, float] | None = None

    def push(self, fused: float, infrared: float, visible: float) -> float:
        """What to add to the next picture."""
        shift = 0.0
        if self._last is not None:
            shown, last_infrared, last_visible = self._last
            allowed = LARGEST_STEP + max(abs(infrared - last_infrared), abs(visible - last_visible))
            shift = min(max(fused, shown - allowed), shown + allowed) - fused
        shift = min(max(shift, -LARGEST_SHIFT), LARGEST_SHIFT)
        self._last = fused + shift, infrared, visible
        return shift


@njit([uint64(U8_IN)], nogil=True, cache=True)
def _sum(plane):
    total = np.uint64(0)
    for y in range(plane.shape[0]):
        row = np.uint32(0)
        for x in range(plane.shape[1]):
            row += plane[y, x]
        total += row
    return total


@njit([float64(F32_IN)], nogil=True, cache=True, fastmath=True)
def _sum_of_parts(state):
    total = np.float64(0.0)
    for y in range(state.shape[0]):
        row = f32(0.0)
        for x in range(state.shape[1]):
            row = f32(row + state[y, x])
        total += row
    return total


def mean_level(plane: NDArray[np.uint8] | NDArray[np.float32]) -> float:
    """Mean of a plane (H, W), uint8 or float32."""
    return float(_sum(plane) if plane.dtype == np.uint8 else _sum_of_parts(plane)) / plane.size


@njit([void(F32_ROWS_IN, float32, U8_OUT)], nogil=True, cache=True, error_model="numpy")
def _shifted(state, shift, out):
    for y in range(state.shape[0]):
        down = f32(y) * DOWN
        for x in range(state.shape[1]):
            value = state[y, x] + shift
            value = value if value > f32(0.0) else f32(0.0)
            value = value if value < f32(255.0) else f32(255.0)
            # Vector registers turn 32-bit integers into floats, but not 64-bit ones.
            place = f32(i32(x)) * ACROSS + down
            out[y, x] = np.uint8(i32(value + (place - f32(i32(place))) * f32(0.999)))


def shifted(state: NDArray[np.float32], shift: float, out: NDArray[np.uint8]) -> None:
    """``state`` (float32 (H, W), C-contiguous, 0..255) plus ``shift``, kept within 0..255, in ``out`` (uint8 (H, W)).

    Rounded up or down by place (a pattern that is even on all scales: Roberts, The Unreasonable Effectiveness of
    Quasirandom Sequences, 2018): a flat area could otherwise only be shifted by whole levels, which are jumps. Raises
    ValueError on other shapes and types.
    """
    check_plane("state", state, (np.float32,))
    check_contiguous("state", state)
    check_plane("out", out, (np.uint8,), state.shape)
    _shifted(state, f32(shift), out)
