"""As ``kernels.maps`` for big pictures: the student looks at half the width and height, its weights act on every pixel.

Where light falls and who is warm changes over many pixels; detail comes from the sources and not from the student. So
its gains can be had at half the resolution, for a quarter of the time, and be interpolated.
"""

from __future__ import annotations

import numpy as np
from numba import njit, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.maps import BLOCKS_IN, BLOCKS_OUT, FACTOR, PIXELS, check_blocks
from kernels.signatures import U8_IN, U8_OUT

f32 = np.float32

NEAR, FAR = f32(0.75), f32(0.25)
"""Bilinear weights when each pixel becomes two by two: a quarter of a pixel from the centre of the nearer one."""


def halved_size(side_px: int) -> int:
    """Half a side, the last pixel of an odd one counting as a whole."""
    return (side_px + 1) // 2


_halved_size = njit(halved_size)


@njit
def _sum_rows(plane, top, line):
    """Sums of 2x2 pixels of two rows; beyond the picture its last row and its last column of them are repeated."""
    bottom = min(top + 1, plane.shape[0] - 1)
    width = plane.shape[1]
    whole = width // 2
    for x in range(whole):
        line[x] = f32(
            np.int32(plane[top, 2 * x])
            + np.int32(plane[top, 2 * x + 1])
            + np.int32(plane[bottom, 2 * x])
            + np.int32(plane[bottom, 2 * x + 1])
        )
    edge = (
        line[whole - 1] if width % 2 == 0 else f32(2.0) * (f32(plane[top, width - 1]) + f32(plane[bottom, width - 1]))
    )
    for x in range(whole, line.shape[0]):
        line[x] = edge


@njit(void(U8_IN, U8_IN, BLOCKS_OUT), nogil=True, cache=True)
def _pack_lumas_halved(infrared, visible, out):
    scale = f32(0.25 / 255.0)
    line = np.empty((2, out.shape[1] * FACTOR), np.float32)
    last = _halved_size(infrared.shape[0]) - 1
    for block_y in range(out.shape[0]):
        for sub_y in range(FACTOR):
            top = 2 * min(block_y * FACTOR + sub_y, last)
            _sum_rows(infrared, top, line[0])
            _sum_rows(visible, top, line[1])
            first = sub_y * FACTOR
            for block_x in range(out.shape[1]):
                for sub_x in range(FACTOR):
                    x = block_x * FACTOR + sub_x
                    out[block_y, block_x, first + sub_x] = line[0, x] * scale
                    out[block_y, block_x, PIXELS + first + sub_x] = line[1, x] * scale


@njit(void(BLOCKS_IN, U8_IN, U8_IN, U8_OUT), nogil=True, cache=True, error_model="numpy")
def _apply_maps_doubled(maps, infrared, visible, out):
    height, width = out.shape
    rows, columns = _halved_size(height), _halved_size(width)
    blocks = maps.shape[1]
    # One column more on either side, which repeats the outermost.
    line = np.empty((3, blocks * FACTOR + 2), np.float32)
    wide = np.empty((3, 2 * columns), np.float32)
    for y in range(height):
        row = y // 2
        other = min(max(row - 1 if y % 2 == 0 else row + 1, 0), rows - 1)
        block_y, first = row // FACTOR, (row % FACTOR) * FACTOR
        other_y, other_first = other // FACTOR, (other % FACTOR) * FACTOR
        for k in range(3):
            for block_x in range(blocks):
                for sub_x in range(FACTOR):
                    line[k, 1 + block_x * FACTOR + sub_x] = (
                        NEAR * maps[block_y, block_x, k * PIXELS + first + sub_x]
                        + FAR * maps[other_y, block_x, k * PIXELS + other_first + sub_x]
                    )
            line[k, 0], line[k, columns + 1] = line[k, 1], line[k, columns]
            for x in range(columns):
                wide[k, 2 * x] = NEAR * line[k, x + 1] + FAR * line[k, x]
                wide[k, 2 * x + 1] = NEAR * line[k, x + 1] + FAR * line[k, x + 2]
        for x in range(width):
            value = wide[0, x] * f32(infrared[y, x]) + wide[1, x] * f32(visible[y, x]) + wide[2, x] * f32(255.0)
            out[y, x] = np.uint8(np.int32(min(max(value + f32(0.5), f32(0.0)), f32(255.0))))


def pack_lumas_halved(infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """As ``kernels.maps.pack_lumas``, of both lumas at half their width and height (means of 2x2 pixels).

    ``out`` covers at least ``halved_size`` of H and W in blocks of 4. Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_blocks("out", out, 2, (halved_size(infrared.shape[0]), halved_size(infrared.shape[1])))
    _pack_lumas_halved(infrared, visible, out)


def apply_maps_doubled(
    maps: NDArray[np.float32], infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """As ``kernels.maps.apply_maps``, with maps of half the lumas' width and height, interpolated bilinearly.

    ``maps`` cover at least ``halved_size`` of H and W in blocks of 4; what they hold beyond is not used.
    Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_plane("out", out, (np.uint8,), infrared.shape)
    check_blocks("maps", maps, 3, (halved_size(infrared.shape[0]), halved_size(infrared.shape[1])))
    _apply_maps_doubled(maps, infrared, visible, out)
