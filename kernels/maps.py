"""The student's input and output: lumas to pixel-unshuffled features, and its maps to a fused luma.

The student's trunk works on blocks of ``FACTOR`` x ``FACTOR`` pixels with features last (NHWC), which is how CPU
engines hold them, so neither side is copied again. Feature order is that of ``torch.nn.functional.pixel_unshuffle``:
row by row within a block; infrared's pixels before visible's, and in the maps gain of infrared, gain of visible,
residual.
"""

from __future__ import annotations

import numpy as np
from numba import njit, types, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.signatures import U8_IN, U8_OUT

FACTOR = 4
PIXELS = FACTOR * FACTOR

f32 = np.float32

BLOCKS_OUT = types.Array(types.float32, 3, "C")
BLOCKS_IN = types.Array(types.float32, 3, "C", readonly=True)


@njit(void(U8_IN, U8_IN, BLOCKS_OUT), nogil=True, cache=True)
def _pack_lumas(infrared, visible, out):
    height, width = infrared.shape
    blocks = out.shape[1]
    scale = f32(1.0 / 255.0)
    line = np.empty((2, blocks * FACTOR), np.float32)
    for row in range(out.shape[0] * FACTOR):
        y = min(row, height - 1)
        # First in a line, with vector code, then to where it belongs: half the time of one loop with its conditions.
        for x in range(width):
            line[0, x] = f32(infrared[y, x]) * scale
        for x in range(width):
            line[1, x] = f32(visible[y, x]) * scale
        for x in range(width, blocks * FACTOR):
            line[0, x], line[1, x] = line[0, width - 1], line[1, width - 1]
        block_y, first = row // FACTOR, (row % FACTOR) * FACTOR
        for block_x in range(blocks):
            for sub_x in range(FACTOR):
                x = block_x * FACTOR + sub_x
                out[block_y, block_x, first + sub_x] = line[0, x]
                out[block_y, block_x, PIXELS + first + sub_x] = line[1, x]


@njit(void(BLOCKS_IN, U8_IN, U8_IN, U8_OUT), nogil=True, cache=True, error_model="numpy")
def _apply_maps(maps, infrared, visible, out):
    height, width = out.shape
    blocks = maps.shape[1]
    line = np.empty(blocks * FACTOR, np.float32)
    padded_infrared = np.zeros(blocks * FACTOR, np.float32)
    padded_visible = np.zeros(blocks * FACTOR, np.float32)
    for y in range(height):
        block_y, first = y // FACTOR, (y % FACTOR) * FACTOR
        # Three loops without conditions, which LLVM turns into vector code; one loop that does it all is 4x slower.
        for x in range(width):
            padded_infrared[x] = f32(infrared[y, x])
            padded_visible[x] = f32(visible[y, x])
        for block_x in range(blocks):
            for sub_x in range(FACTOR):
                x, k = block_x * FACTOR + sub_x, first + sub_x
                line[x] = (
                    maps[block_y, block_x, k] * padded_infrared[x]
                    + maps[block_y, block_x, PIXELS + k] * padded_visible[x]
                    + maps[block_y, block_x, 2 * PIXELS + k] * f32(255.0)
                )
        for x in range(width):
            out[y, x] = np.uint8(np.int32(min(max(line[x] + f32(0.5), f32(0.0)), f32(255.0))))


def pack_lumas(infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Write both lumas, scaled to 0..1, as the student's input.

    ``infrared``, ``visible``: uint8 (H, W). ``out``: float32 (h, w, 32), C-contiguous, covering at least H and W in
    blocks of 4; beyond the picture its edge pixels are repeated. Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_blocks("out", out, 2, infrared.shape)
    _pack_lumas(infrared, visible, out)


def apply_maps(
    maps: NDArray[np.float32], infrared: NDArray[np.uint8], visible: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """Write ``gain_infrared * infrared + gain_visible * visible + residual``, rounded and clipped to 0..255.

    ``maps``: float32 (h, w, 48), C-contiguous, covering at least H and W in blocks of 4; the residual counts in units
    of 255. Lumas and ``out``: uint8 (H, W). Raises ValueError on other shapes and types.
    """
    check_plane("infrared", infrared, (np.uint8,))
    check_plane("visible", visible, (np.uint8,), infrared.shape)
    check_plane("out", out, (np.uint8,), infrared.shape)
    check_blocks("maps", maps, 3, infrared.shape)
    _apply_maps(maps, infrared, visible, out)


def check_blocks(name: str, blocks: NDArray[np.float32], images: int, size: tuple[int, ...]) -> None:
    """Raise ValueError unless ``blocks`` are float32, C-contiguous, of ``images`` pictures, and cover ``size``."""
    if blocks.dtype != np.float32 or blocks.ndim != 3 or blocks.shape[2] != images * PIXELS:
        raise ValueError(f"{name} must be float32 (h, w, {images * PIXELS}), got {blocks.dtype} {blocks.shape}")
    if not blocks.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous")
    if blocks.shape[0] * FACTOR < size[0] or blocks.shape[1] * FACTOR < size[1]:
        raise ValueError(f"{name} {blocks.shape} does not cover a picture of {size}")
