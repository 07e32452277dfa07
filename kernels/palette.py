"""Thermal palettes as look-up tables in YCbCr, so that a coloured picture never passes through RGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import njit, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.levels import apply_lut
from kernels.signatures import LUT, U8_IN, U8_OUT

# (position 0..255, red, green, blue): linear between the points.
_CONTROL_POINTS: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "white-hot": ((0, 0, 0, 0), (255, 255, 255, 255)),
    "black-hot": ((0, 255, 255, 255), (255, 0, 0, 0)),
    "ironbow": (
        (0, 0, 0, 0),
        (28, 24, 0, 90),
        (64, 100, 0, 150),
        (105, 178, 20, 130),
        (145, 225, 75, 40),
        (190, 248, 145, 0),
        (228, 255, 215, 60),
        (255, 255, 255, 235),
    ),
    "rainbow": (
        (0, 0, 0, 96),
        (42, 0, 60, 230),
        (85, 0, 190, 220),
        (128, 30, 200, 60),
        (170, 235, 225, 0),
        (212, 250, 110, 0),
        (255, 200, 0, 20),
    ),
    "arctic": (
        (0, 5, 15, 60),
        (70, 20, 90, 200),
        (125, 70, 190, 235),
        (150, 150, 160, 150),
        (190, 235, 140, 20),
        (230, 250, 195, 60),
        (255, 255, 250, 215),
    ),
}

PALETTES = tuple(_CONTROL_POINTS)
"""The names: white-hot, black-hot, ironbow, rainbow, arctic."""


@dataclass(frozen=True, slots=True)
class PaletteTables:
    """Full-range luma and chroma (uint8[256] each) of a palette, by infrared value; ``grey``: chroma is always 128."""

    y: NDArray[np.uint8]
    cb: NDArray[np.uint8]
    cr: NDArray[np.uint8]
    grey: bool


@cache
def palette_tables(name: str) -> PaletteTables:
    """Tables of a palette. RGB to YCbCr by ITU-R BT.601, full range (as in JFIF). Raises ValueError for other names."""
    if name not in _CONTROL_POINTS:
        raise ValueError(f"unknown palette {name!r}; there are {', '.join(PALETTES)}")
    points = np.array(_CONTROL_POINTS[name], dtype=np.float64)
    r, g, b = (np.interp(np.arange(256), points[:, 0], points[:, channel]) for channel in (1, 2, 3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    luma, cb, cr = (_rounded(values) for values in (y, 128 + (b - y) / 1.772, 128 + (r - y) / 1.402))
    return PaletteTables(luma, cb, cr, grey=bool(np.all(cb == 128) and np.all(cr == 128)))


def _rounded(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    table = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    table.flags.writeable = False
    return table


@njit([void(U8_IN, LUT, LUT, U8_OUT, U8_OUT)], nogil=True, cache=True)
def _halved_chroma(luma, lut_cb, lut_cr, cb, cr):
    last_y, last_x = luma.shape[0] - 1, luma.shape[1] - 1
    for y in range(cb.shape[0]):
        y1 = min(2 * y + 1, last_y)
        for x in range(cb.shape[1]):
            x1 = min(2 * x + 1, last_x)
            a, b, c, d = luma[2 * y, 2 * x], luma[2 * y, x1], luma[y1, 2 * x], luma[y1, x1]
            cb[y, x] = np.uint8((lut_cb[a] + lut_cb[b] + lut_cb[c] + lut_cb[d] + 2) >> 2)
            cr[y, x] = np.uint8((lut_cr[a] + lut_cr[b] + lut_cr[c] + lut_cr[d] + 2) >> 2)


def colourise(
    luma: NDArray[np.uint8], palette: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """An infrared picture in a palette's colours: luma (H, W), and Cb and Cr (ceil(H/2), ceil(W/2)), full range.

    ``luma``: uint8 (H, W), may be strided. Chroma is the mean of the colours of each 2x2 pixels, not the colour of
    their mean; it is None twice for grey palettes (white-hot, black-hot). New arrays, all uint8. Raises ValueError for
    an unknown palette and other types.
    """
    check_plane("luma", luma, (np.uint8,))
    tables = palette_tables(palette)
    height, width = luma.shape
    y = np.empty((height, width), np.uint8)
    apply_lut(luma, tables.y, y)
    if tables.grey:
        return y, None, None
    cb, cr = (np.empty(((height + 1) // 2, (width + 1) // 2), np.uint8) for _ in range(2))
    _halved_chroma(luma, tables.cb, tables.cr, cb, cr)
    return y, cb, cr
