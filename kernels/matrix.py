"""From BT.709's luma and chroma to BT.601's, 8 bit 4:2:0, in the picture's own range.

Both make luma and colour differences of the same red, green and blue with other weights (ITU-R BT.709-6, BT.601-7), so
that one is a linear function of the other; what little differs between their primaries is left as it is.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, njit, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.signatures import U8_IN, U8_ROWS_OUT

f32, i16, i32, u8 = np.float32, np.int16, np.int32, np.uint8

LUMA_OF_CB, LUMA_OF_CR = 0.1016, 0.1961
"""Of blue = y + 1.8556 cb, red = y + 1.5748 cr, green = y - 0.1873 cb - 0.4681 cr, BT.601's 0.299 red + 0.587 green +
0.114 blue is y + 0.1016 cb + 0.1961 cr, where y goes from 0 to 1 and cb, cr from -1/2 to 1/2."""

CB_OF_CB, CB_OF_CR = (1.8556 - LUMA_OF_CB) / 1.772, -LUMA_OF_CR / 1.772
CR_OF_CB, CR_OF_CR = -LUMA_OF_CB / 1.402, (1.5748 - LUMA_OF_CR) / 1.402

LIMITED = 219 / 224
"""Levels of luma for one level of chroma in limited range; in full range 1."""


@njit
def _byte(value):
    """A value (float32) rounded half up to uint8, cut at both ends."""
    value = value + f32(0.5)
    value = value if value > f32(0.0) else f32(0.0)
    return u8(i32(value if value < f32(255.0) else f32(255.0)))


@njit
def _turn_chroma(cb, cr, j, luma_scale, out_cb, out_cr, more):
    """A row of chroma turned, and what it adds to luma, in ``more`` (int16), twice as wide."""
    for i in range(cb.shape[1]):
        b, r = f32(cb[j, i]) - f32(128.0), f32(cr[j, i]) - f32(128.0)
        out_cb[j, i] = _byte(f32(128.0) + (f32(CB_OF_CB) * b + f32(CB_OF_CR) * r))
        out_cr[j, i] = _byte(f32(128.0) + (f32(CR_OF_CB) * b + f32(CR_OF_CR) * r))
        added = luma_scale * (f32(LUMA_OF_CB) * b + f32(LUMA_OF_CR) * r)
        # Half up, as whole numbers are cut towards 0.
        more[2 * i] = i16(i32(added + f32(256.5)) - i32(256))
    for i in range(cb.shape[1]):
        more[2 * i + 1] = more[2 * i]


@njit(
    [void(U8_IN, U8_IN, U8_IN, boolean, U8_ROWS_OUT, U8_ROWS_OUT, U8_ROWS_OUT)],
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _bt709_to_bt601(luma, cb, cr, full, out, out_cb, out_cr):
    height, width = luma.shape
    luma_scale = f32(1.0) if full else f32(LIMITED)
    more = np.empty(2 * cb.shape[1], np.int16)
    for y in range(height):
        if y % 2 == 0:
            _turn_chroma(cb, cr, y // 2, luma_scale, out_cb, out_cr, more)
        for x in range(width):
            value = i16(i16(luma[y, x]) + more[x])
            value = value if value > i16(0) else i16(0)
            out[y, x] = u8(value if value < i16(255) else i16(255))


def bt709_to_bt601(
    luma: NDArray[np.uint8], cb: NDArray[np.uint8], cr: NDArray[np.uint8], *, full: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Luma, Cb and Cr by BT.601 of those by BT.709, new arrays.

    ``luma``: uint8 (H, W); ``cb``, ``cr``: uint8 (ceil(H/2), ceil(W/2)), each for the four pixels it covers. ``full``:
    whether they have full range (0..255), else limited. Raises ValueError on other shapes and types.
    """
    check_plane("luma", luma, (np.uint8,))
    shape = ((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2)
    for name, plane in (("cb", cb), ("cr", cr)):
        check_plane(name, plane, (np.uint8,), shape)
    out, out_cb, out_cr = np.empty(luma.shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    _bt709_to_bt601(luma, cb, cr, full, out, out_cb, out_cr)
    return out, out_cb, out_cr
