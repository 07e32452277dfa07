"""The student's input and output: lumas to pixel-unshuffled features, and its maps to a fused luma.

The student's trunk works on blocks of ``FACTOR`` x ``FACTOR`` pixels with features last (NHWC), which is how CPU
engines hold them, so neither side is copied again. Feature order is that of ``torch.nn.functional.pixel_unshuffle``:
row by row within a block; infrared's pixels before visible's, and in the maps gain of infrared, gain of visible,
residual. The maps have one value for ``MAP_PX`` x ``MAP_PX`` pixels.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types, void
from numpy.typing import NDArray

from kernels.blocks import ACROSS, FACTOR, MAP_PX, PIXELS, VALUES
from kernels.checks import check_plane
from kernels.signatures import U8_IN, U8_OUT

f32 = np.float32

BLOCKS_OUT = types.Array(types.float32, 3, "C")
BLOCKS_IN = types.Array(types.float32, 3, "C", readonly=True)


@njit
def place_lines(lines, out, block_y):
    """A row of blocks from rows of pixels, (2 * FACTOR, columns): infrared's before visible's."""
    for block_x in range(out.shape[1]):
        x = block_x * FACTOR
        for row in range(2 * FACTOR):
            # All are read before one is written: LLVM, which cannot know that these arrays do not overlap, then moves
            # them as one vector.
            first, second, third, fourth = lines[row, x], lines[row, x + 1], lines[row, x + 2], lines[row, x + 3]
            out[block_y, block_x, row * FACTOR] = first
            out[block_y, block_x, row * FACTOR + 1] = second
            out[block_y, block_x, row * FACTOR + 2] = third
            out[block_y, block_x, row * FACTOR + 3] = fourth


@njit
def _scale_row(plane, y, line):
    """A row of pixels in 0..1; beyond the picture its last one is repeated."""
    width = plane.shape[1]
    for x in range(width):
        line[x] = f32(plane[y, x]) * f32(1.0 / 255.0)
    for x in range(width, line.shape[0]):
        line[x] = line[width - 1]


@njit(void(U8_IN, U8_IN, BLOCKS_OUT), nogil=True, cache=True)
def _pack_lumas(infrared, visible, out):
    lines = np.empty((2 * FACTOR, out.shape[1] * FACTOR), np.float32)
    for block_y in range(out.shape[0]):
        # First in lines, with vector code, then to where they belong.
        for sub_y in range(FACTOR):
            y = min(block_y * FACTOR + sub_y, infrared.shape[0] - 1)
            _scale_row(infrared, y, lines[sub_y])
            _scale_row(visible, y, lines[FACTOR + sub_y])
        place_lines(lines, out, block_y)


@njit
def gather_row(maps, row, line):
    """The maps' values for a row of squares of pixels, (3, columns), from their blocks; see ``blended``."""
    first = row % ACROSS * ACROSS
    for k in range(3):
        for block_x in range(maps.shape[1]):
            for across in range(ACROSS):
                line[k, block_x * ACROSS + across] = maps[row // ACROSS, block_x, k * VALUES + first + across]
    for x in range(line.shape[1]):
        line[2, x] = line[2, x] * f32(255.0) + f32(0.5)


@njit
def blended(of_infrared, of_visible, residual, infrared, visible):
    """A fused pixel, uint8: both gains (float32) applied to two pixels (uint8), plus the residual (float32).

    The residual is in grey levels, and has the half already that rounds.
    """
    value = of_infrared * f32(infrared) + of_visible * f32(visible) + residual
    return np.uint8(np.int32(min(max(value, f32(0.0)), f32(255.0))))


@njit(void(BLOCKS_IN, U8_IN, U8_IN, U8_OUT), nogil=True, cache=True, error_model="numpy")
def _apply_maps(maps, infrared, visible, out):
    height, width = out.shape
    line = np.empty((3, maps.shape[1] * ACROSS), np.float32)
    spread = np.empty((3, maps.shape[1] * FACTOR), np.float32)
    for y in range(height):
        if y % MAP_PX == 0:
            gather_row(maps, y // MAP_PX, line)
            for k in range(3):
                for x in range(line.shape[1]):
                    for again in range(MAP_PX):
                        spread[k, x * MAP_PX + again] = line[k, x]
        for x in range(width):
            out[y, x] = blended(spread[0, x], spread[1, x], spread[2, x], infrared[y, x], visible[y, x])


def pack_lumas(infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Write both lumas, scaled to 0..1, as the student's input.

    ``infrared``, ``visible``: uint8 (H, W). ``out``: float32 (h, w, 32), C-contiguous, covering at least H and W in
    blocks of 4; beyond the picture its edge pixels are repeated. Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_blocks("out", out, 2 * PIXELS, infrared.shape)
    _pack_lumas(infrared, visible, out)


def apply_maps(
    maps: NDArray[np.float32], infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """Write ``gain_infrared * infrared + gain_visible * visible + residual``, rounded and clipped to 0..255.

    ``maps``: float32 (h, w, 12), C-contiguous, covering at least H and W in blocks of 4; the residual counts in units
    of 255. Lumas and ``out``: uint8 (H, W). Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_plane("out", out, (np.uint8,), infrared.shape)
    check_blocks("maps", maps, 3 * VALUES, infrared.shape)
    _apply_maps(maps, infrared, visible, out)


def check_blocks(name: str, blocks: NDArray[np.float32], features: int, size: tuple[int, ...]) -> None:
    """Raise ValueError unless ``blocks`` are float32 (h, w, features), C-contiguous, and cover ``size``."""
    if blocks.dtype != np.float32 or blocks.ndim != 3 or blocks.shape[2] != features:
        raise ValueError(f"{name} must be float32 (h, w, {features}), got {blocks.dtype} {blocks.shape}")
    if not blocks.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous")
    if blocks.shape[0] * FACTOR < size[0] or blocks.shape[1] * FACTOR < size[1]:
        raise ValueError(f"{name} {blocks.shape} does not cover a picture of {size}")
