"""From BT.709's or BT.2020's luma and chroma to BT.601's, 8 bit 4:2:0, in the picture's own range.

All make luma and colour differences of the same red, green and blue with other weights (ITU-R BT.709-6, BT.2020-2,
BT.601-7), so that one is a linear function of the other; what differs between their primaries is left as it is. That is
little between BT.709 and BT.601; BT.2020's pictures stay somewhat pale.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, njit, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.signatures import F32_LINE, U8_IN, U8_ROWS_OUT

f32, i16, i32, u8 = np.float32, np.int16, np.int32, np.uint8

RED_AND_BLUE = {"bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""What luma has of red and of blue, the rest of green, by matrix. BT.2020: its non-constant luminance."""


def _weights(red: float, blue: float) -> NDArray[np.float32]:
    """What BT.601's luma, Cb and Cr have of cb and cr, float32 (6,): luma's cb, luma's cr, Cb's cb, ...

    Of blue = y + 2 (1 - ``blue``) cb, red = y + 2 (1 - ``red``) cr and the green that is left, 0.299 red + 0.587 green
    + 0.114 blue is y plus something of cb and cr, where y goes from 0 to 1 and cb, cr from -1/2 to 1/2.
    """
    blue_of_cb, red_of_cr = 2 * (1 - blue), 2 * (1 - red)
    green = 1 - red - blue
    luma_of_cb = 0.114 * blue_of_cb - 0.587 * blue_of_cb * blue / green
    luma_of_cr = 0.299 * red_of_cr - 0.587 * red_of_cr * red / green
    cb = (blue_of_cb - luma_of_cb) / 1.772, -luma_of_cr / 1.772
    cr = -luma_of_cb / 1.402, (red_of_cr - luma_of_cr) / 1.402
    return np.array([luma_of_cb, luma_of_cr, *cb, *cr], np.float32)


_WEIGHTS = {name: _weights(*shares) for name, shares in RED_AND_BLUE.items()}

LIMITED = 219 / 224
"""Levels of luma for one level of chroma in limited range; in full range 1."""


@njit
def _byte(value):
    """A value (float32) rounded half up to uint8, cut at both ends."""
    value = value + f32(0.5)
    value = value if value > f32(0.0) else f32(0.0)
    return u8(i32(value if value < f32(255.0) else f32(255.0)))


@njit
def _turn_chroma(cb, cr, j, weights, luma_scale, out_cb, out_cr, more):
    """A row of chroma turned, and what it adds to luma, in ``more`` (int16), twice as wide."""
    luma_of_cb, luma_of_cr, cb_of_cb, cb_of_cr, cr_of_cb, cr_of_cr = weights
    for i in range(cb.shape[1]):
        b, r = f32(cb[j, i]) - f32(128.0), f32(cr[j, i]) - f32(128.0)
        out_cb[j, i] = _byte(f32(128.0) + (cb_of_cb * b + cb_of_cr * r))
        out_cr[j, i] = _byte(f32(128.0) + (cr_of_cb * b + cr_of_cr * r))
        added = luma_scale * (luma_of_cb * b + luma_of_cr * r)
        # Half up, as whole numbers are cut towards 0.
        more[2 * i] = i16(i32(added + f32(256.5)) - i32(256))
    for i in range(cb.shape[1]):
        more[2 * i + 1] = more[2 * i]


@njit(
    [void(U8_IN, U8_IN, U8_IN, F32_LINE, boolean, U8_ROWS_OUT, U8_ROWS_OUT, U8_ROWS_OUT)],
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _to_bt601(luma, cb, cr, weights, full, out, out_cb, out_cr):
    height, width = luma.shape
    # Six numbers, not an array: the compiler then keeps them in registers.
    six = weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]
    luma_scale = f32(1.0) if full else f32(LIMITED)
    more = np.empty(2 * cb.shape[1], np.int16)
    for y in range(height):
        if y % 2 == 0:
            _turn_chroma(cb, cr, y // 2, six, luma_scale, out_cb, out_cr, more)
        for x in range(width):
            value = i16(i16(luma[y, x]) + more[x])
            value = value if value > i16(0) else i16(0)
            out[y, x] = u8(value if value < i16(255) else i16(255))


def to_bt601(
    luma: NDArray[np.uint8], cb: NDArray[np.uint8], cr: NDArray[np.uint8], matrix: str, *, full: bool
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Luma, Cb and Cr by BT.601 of those by ``matrix``, a key of ``RED_AND_BLUE``; new arrays.

    ``luma``: uint8 (H, W); ``cb``, ``cr``: uint8 (ceil(H/2), ceil(W/2)), each for the four pixels it covers. ``full``:
    whether they have full range (0..255), else limited. Raises ValueError on other shapes and types.
    """
    check_plane("luma", luma, (np.uint8,))
    shape = ((luma.shape[0] + 1) // 2, (luma.shape[1] + 1) // 2)
    for name, plane in (("cb", cb), ("cr", cr)):
        check_plane(name, plane, (np.uint8,), shape)
    out, out_cb, out_cr = np.empty(luma.shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    _to_bt601(luma, cb, cr, _WEIGHTS[matrix], full, out, out_cb, out_cr)
    return out, out_cb, out_cr
