"""Bilinear sampling through a projective map. In a file of its own, as it takes seconds to compile the first time ever,
and many pairs of cameras need none.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from kernels.bilinear import SIGNATURES, fixed_position_jit, inverse_depth_jit, look_up, mix_jit, round_16_jit

f32, i32 = np.float32, np.int32
u16, u32, u64 = np.uint16, np.uint32, np.uint64


@njit
def _note_positions(m, y, width, height, pitch, offset, weight_x, weight_y):
    """Where a row's pixels lie in the infrared picture: the first of their four neighbours, -1 outside, and weights."""
    # The last column and row are reached with weight 256 from the one before, so that no read needs a clamp.
    last_i, last_j = i32(max(width - 2, 0)), i32(max(height - 2, 0))
    columns, rows, line = f32(width), f32(height), i32(pitch)
    m00, m10, m20 = m[0, 0], m[1, 0], m[2, 0]
    row_u = m[0, 1] * f32(y) + m[0, 2]
    row_v = m[1, 1] * f32(y) + m[1, 2]
    row_w = m[2, 1] * f32(y) + m[2, 2]
    # Each type is named, as Numba's own choice is 64 bits, of which half as many fit a vector register.
    for x in range(offset.shape[0]):
        xf = f32(i32(x))
        inverse = inverse_depth_jit(xf, m20, row_w)
        a = fixed_position_jit((m00 * xf + row_u) * inverse, columns)
        b = fixed_position_jit((m10 * xf + row_v) * inverse, rows)
        i, j = i32(a >> i32(8)), i32(b >> i32(8))
        i = i if i < last_i else last_i
        j = j if j < last_j else last_j
        k = i32(i32(j * line) + i)
        k = k if i32(a | b) >= i32(0) else i32(-1)
        offset[x] = k if inverse > f32(0.0) else i32(-1)
        weight_x[x] = u32(a - i32(i << i32(8)))
        weight_y[x] = u32(b - i32(j << i32(8)))


@njit
def _note_counts(counts, upper, lower, weight_x, weight_y):
    """Rounded counts between four neighbours; ``upper``, ``lower``: two of them in 32 bits, the right one above."""
    for x in range(counts.shape[0]):
        left = mix_jit(u32(upper[x] & u32(0xFFFF)), u32(lower[x] & u32(0xFFFF)), weight_y[x])
        right = mix_jit(u32(upper[x] >> u32(16)), u32(lower[x] >> u32(16)), weight_y[x])
        counts[x] = u16(round_16_jit(mix_jit(left, right, weight_x[x])))


@njit(SIGNATURES, nogil=True, cache=True, error_model="numpy")
def sample_projected(flat, width, height, pitch, m, lut, slope, start, out):
    n = out.shape[1]
    offset = np.empty(n, np.int32)
    weight_x, weight_y = np.empty(n, np.uint32), np.empty(n, np.uint32)
    upper, lower = np.empty(n, np.uint32), np.empty(n, np.uint32)
    counts = np.empty(n, np.uint16)
    right = u64(min(width - 1, 1))
    below = u64(pitch if height > 1 else 0)
    for y in range(out.shape[0]):
        # Only what gathers, and a table, is done without vector code.
        _note_positions(m, y, width, height, pitch, offset, weight_x, weight_y)
        for x in range(n):
            k = offset[x]
            k = u64(k if k > i32(0) else i32(0))
            upper[x] = u32(u32(flat[k]) | u32(u32(flat[k + right]) << u32(16)))
            lower[x] = u32(u32(flat[k + below]) | u32(u32(flat[k + below + right]) << u32(16)))
        _note_counts(counts, upper, lower, weight_x, weight_y)
        look_up(counts, offset, lut, slope, start, out, y)
