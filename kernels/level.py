"""A limit on jumps of brightness: the fused picture's mean follows what is fused no faster than the sources explain.

What a network says of a frame may change at once (smoke that thins, a lamp that comes into view), while the frame
hardly does. The mean of what is shown then goes to the new level in small steps, by a shift of the whole picture.
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint16, uint64, void
from numpy.typing import NDArray

from kernels.checks import check_contiguous, check_plane
from kernels.signatures import U8_IN, U8_OUT, U8_ROWS_IN

u16 = np.uint16

LARGEST_STEP = 0.4
"""Grey levels by which the mean may change from frame to frame beyond the larger change of the sources' means."""

LARGEST_SHIFT = 16.0
"""A picture that would have to be shifted further is another scene, and is shown nearly as it is."""

PARTS = 256
"""Of a grey level, which a byte counts: a value of 0..255 is ``out + parts / 256 - 1/2``, ``out`` the value rounded."""

ACROSS, DOWN = u16(round(0.7548776662 * 65536)), u16(round(0.5698402910 * 65536))
"""Steps, in 65536ths, of the pattern by which parts of a level are shared out: one over the plastic number, and over
its square."""


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
            # The type is named again, as Numba's own choice is 64 bits, of which half as many fit a vector register.
            row = np.uint32(row + plane[y, x])
        total += row
    return total


def mean_level(plane: NDArray[np.uint8]) -> float:
    """Mean of a plane, uint8 (H, W)."""
    return int(_sum(plane)) / plane.size


@njit([void(uint16, uint16, uint16, U8_OUT, U8_ROWS_IN)], nogil=True, cache=True)
def _shift_by(shift, lowest, highest, out, parts):
    # 16 bits hold all of it: what the shift would lead beyond is clipped before, and the shift may wrap around.
    line = np.empty(out.shape[1], np.uint16)
    for y in range(out.shape[0]):
        down = u16(u16(y) * DOWN)
        for x in range(out.shape[1]):
            line[x] = u16(u16(u16(out[y, x]) << u16(8)) + u16(parts[y, x]))
        for x in range(out.shape[1]):
            value = line[x] if line[x] > lowest else lowest
            value = value if value < highest else highest
            place = u16(u16(x) * ACROSS + down)
            line[x] = u16(u16(value + shift) + u16(place >> u16(8)))
        for x in range(out.shape[1]):
            out[y, x] = np.uint8(line[x] >> u16(8))


def shift_by(shift: float, out: NDArray[np.uint8], parts: NDArray[np.uint8]) -> None:
    """Add ``shift`` (grey levels, -127..127) to a picture (both planes uint8 (H, W), see ``PARTS``), within 0..255.

    ``out`` is changed; ``parts``, C-contiguous, are not. Each pixel is now rounded up or down by its place (a pattern
    that is even on all scales: Roberts, The Unreasonable Effectiveness of Quasirandom Sequences, 2018): a flat area
    could otherwise only be shifted by whole levels, which are jumps. Raises ValueError on other shapes and types.
    """
    check_plane("out", out, (np.uint8,))
    check_plane("parts", parts, (np.uint8,), out.shape)
    check_contiguous("parts", parts)
    # A value plus half a level is what both planes hold; without that half, and shifted, it is to be 0..255 levels.
    step = round(shift * PARTS) - PARTS // 2
    _shift_by(u16(step % 65536), u16(max(-step, 0)), u16(min(255 * PARTS - step, 65535)), out, parts)
