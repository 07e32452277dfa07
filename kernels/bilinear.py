"""Bilinear sampling of a plane of counts: the arithmetic that the CPU's loops and the GPU's kernels share.

Positions are rounded to 1/256 pixel and the bilinear sum is exact in 32-bit integers, so CPU, GPU and reference agree
to the bit wherever they agree on the position.
"""

from __future__ import annotations

import numpy as np
from numba import int32, int64, njit, types, void

from kernels.levels import on_line
from kernels.signatures import LUT, U8_OUT

f32, i32 = np.float32, np.int32
u8, u16, u32 = np.uint8, np.uint16, np.uint32

_FLAT_U8 = types.Array(types.uint8, 1, "C", readonly=True)
_FLAT_U16 = types.Array(types.uint16, 1, "C", readonly=True)
_MATRIX = types.Array(types.float32, 2, "C", readonly=True)

SIGNATURES = [void(flat, int64, int64, int64, _MATRIX, LUT, int32, int32, U8_OUT) for flat in (_FLAT_U8, _FLAT_U16)]
"""Of what samples a plane: ``flat``, the plane as one line of memory; its width, height and pitch (elements between the
starts of its rows); the matrix; a table of grey levels, and the line that gives the same (slope 0: there is none); the
result.
"""


# Scalar functions, shared with the GPU. (No min and max: in CUDA kernels Numba cannot compile them without a device.)


def inverse_depth(x, m20, row_w):
    """1 / w of the projected point (float32); 0 where it lies on or behind the horizon (w <= 0)."""
    w = m20 * x + row_w
    ahead = w > f32(0.0)
    inverse = f32(1.0) / (w if ahead else f32(1.0))
    return inverse if ahead else f32(0.0)


def fixed_position(u, size):
    """Position ``u`` (float32, pixels) as int32 in 1/256 pixel, 0..256*(size-1); -1 outside the picture.

    Up to half a pixel beyond the outermost centres is inside, and clamped.
    """
    inside = (u >= f32(-0.5)) & (u <= size - f32(0.5))
    clamped = u if u > f32(0.0) else f32(0.0)
    clamped = clamped if clamped < size - f32(1.0) else size - f32(1.0)
    return i32(clamped * f32(256.0) + f32(0.5)) if inside else i32(-1)


def mix(a, b, weight):
    """``a * (256 - weight) + b * weight``: linear interpolation times 256, exact. uint32, ``weight`` in 0..256."""
    return u32(u32(a * u32(u32(256) - weight)) + u32(b * weight))


def round_16(value):
    """``value / 65536``, rounded half up. uint32, at most 65535 * 65536."""
    return u32(u32(value + u32(32768)) >> u32(16))


inverse_depth_jit = njit(inverse_depth)
fixed_position_jit = njit(fixed_position)
mix_jit = njit(mix)
round_16_jit = njit(round_16)


@njit
def look_up(counts, offset, lut, slope, start, out, y):
    """A row of the result from its counts, by the table or, where it has a slope, by the line; 0 outside."""
    if slope:
        for x in range(counts.shape[0]):
            level = on_line(counts[x], slope, start)
            out[y, x] = level if offset[x] >= i32(0) else u8(0)
    else:
        for x in range(counts.shape[0]):
            counts[x] = lut[counts[x]]
        for x in range(counts.shape[0]):
            out[y, x] = u8(counts[x]) if offset[x] >= i32(0) else u8(0)
