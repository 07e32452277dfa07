"""As ``kernels.maps`` for big pictures: the student looks at half the width and height, its weights act on every pixel.

Where light falls and who is warm changes over many pixels; detail comes from the sources and not from the student. So
its gains can be had at half the resolution, for a quarter of the time, and be interpolated.
"""

from __future__ import annotations

import numpy as np
from numba import njit, void
from numpy.typing import NDArray

from kernels.blocks import ACROSS, FACTOR, MAP_PX, PIXELS, VALUES, halved_size
from kernels.checks import check_plane
from kernels.maps import BLOCKS_IN, BLOCKS_OUT, blended, check_blocks, gather_row, place_lines
from kernels.signatures import U8_IN, U8_OUT

f32, i32, u16 = np.float32, np.int32, np.uint16

STEP = 2 * MAP_PX
"""Pixels of the picture from one value of the maps to the next."""

SHARES = tuple(f32((x + 0.5) / STEP - 0.5) for x in range(STEP))
"""How far the centres of these pixels lie from that of a value, in steps: what its neighbour on that side counts."""


_halved_size = njit(halved_size)


@njit
def _halve_rows(plane, top, sums, line):
    """Means, in 0..1, of 2x2 pixels of two rows; beyond the picture its last row and its last column are repeated.

    ``sums``: uint16, one longer than a row.
    """
    bottom = min(top + 1, plane.shape[0] - 1)
    width = plane.shape[1]
    # Down and then across, each in a loop that LLVM turns into vector code, which it cannot do for both at once.
    for x in range(width):
        sums[x] = u16(u16(plane[top, x]) + u16(plane[bottom, x]))
    sums[width] = sums[width - 1]
    halved = _halved_size(width)
    for x in range(halved):
        line[x] = f32(i32(i32(sums[2 * x]) + i32(sums[2 * x + 1]))) * f32(0.25 / 255.0)
    for x in range(halved, line.shape[0]):
        line[x] = line[halved - 1]


@njit(void(U8_IN, U8_IN, BLOCKS_OUT), nogil=True, cache=True)
def _pack_lumas_halved(infrared, visible, out):
    lines = np.empty((2 * FACTOR, out.shape[1] * FACTOR), np.float32)
    sums = np.empty(infrared.shape[1] + 1, np.uint16)
    last = _halved_size(infrared.shape[0]) - 1
    for block_y in range(out.shape[0]):
        for sub_y in range(FACTOR):
            top = 2 * min(block_y * FACTOR + sub_y, last)
            _halve_rows(infrared, top, sums, lines[sub_y])
            _halve_rows(visible, top, sums, lines[FACTOR + sub_y])
        place_lines(lines, out, block_y)


@njit
def _spread(maps, row, columns, line, wide):
    """A row of the maps' values for a row of pixels, (3, STEP * columns), interpolated along it.

    ``line``: room for a row of values with one more at either end.
    """
    gather_row(maps, row, line[:, 1:-1])
    for k in range(3):
        line[k, 0], line[k, columns + 1] = line[k, 1], line[k, columns]
        for x in range(columns):
            left, here, right = line[k, x], line[k, x + 1], line[k, x + 2]
            # All are reckoned before one is written: LLVM, which cannot know that these arrays do not overlap, then
            # does so with vector code.
            first, second = here - SHARES[0] * (left - here), here - SHARES[1] * (left - here)
            third, fourth = here + SHARES[2] * (right - here), here + SHARES[3] * (right - here)
            wide[k, STEP * x] = first
            wide[k, STEP * x + 1] = second
            wide[k, STEP * x + 2] = third
            wide[k, STEP * x + 3] = fourth


@njit(void(BLOCKS_IN, U8_IN, U8_IN, U8_OUT), nogil=True, cache=True, error_model="numpy")
def _apply_maps_doubled(maps, infrared, visible, out):
    height, width = out.shape
    rows, columns = -(-height // STEP), -(-width // STEP)
    line = np.empty((3, maps.shape[1] * ACROSS + 2), np.float32)
    # A row of the maps and the one after it, each spread once; and the change from a row to the one after it: the
    # first half of a row's pixels lies towards the row before, the second half towards the one after.
    here, below = np.empty((3, STEP * columns), np.float32), np.empty((3, STEP * columns), np.float32)
    change = np.zeros((3, STEP * columns), np.float32)
    _spread(maps, 0, columns, line, here)
    for row in range(rows):
        _spread(maps, min(row + 1, rows - 1), columns, line, below)
        for sub_y in range(min(STEP, height - row * STEP)):
            y, share = row * STEP + sub_y, SHARES[sub_y]
            if sub_y == STEP // 2:
                for k in range(3):
                    for x in range(STEP * columns):
                        change[k, x] = below[k, x] - here[k, x]
            for x in range(width):
                of_infrared = here[0, x] + share * change[0, x]
                of_visible = here[1, x] + share * change[1, x]
                residual = here[2, x] + share * change[2, x]
                out[y, x] = blended(of_infrared, of_visible, residual, infrared[y, x], visible[y, x])
        here, below = below, here


def pack_lumas_halved(infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """As ``kernels.maps.pack_lumas``, of both lumas at half their width and height (means of 2x2 pixels).

    ``out`` covers at least ``halved_size`` of H and W in blocks of 4. Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_blocks("out", out, 2 * PIXELS, (halved_size(infrared.shape[0]), halved_size(infrared.shape[1])))
    _pack_lumas_halved(infrared, visible, out)


def apply_maps_doubled(
    maps: NDArray[np.float32], infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """As ``kernels.maps.apply_maps``, with the maps of lumas of half the width and height, interpolated bilinearly.

    ``maps`` cover at least ``halved_size`` of H and W in blocks of 4; what they hold beyond is not used.
    Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_plane("out", out, (np.uint8,), infrared.shape)
    check_blocks("maps", maps, 3 * VALUES, (halved_size(infrared.shape[0]), halved_size(infrared.shape[1])))
    _apply_maps_doubled(maps, infrared, visible, out)
