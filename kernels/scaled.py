"""Bilinear sampling through a map that scales and shifts only."""

from __future__ import annotations

import numpy as np
from numba import njit

from kernels.bilinear import SIGNATURES, fixed_position_jit, inverse_depth_jit, look_up, mix_jit, round_16_jit

f32, i32 = np.float32, np.int32
u16, u32, u64 = np.uint16, np.uint32, np.uint64


@njit(SIGNATURES, nogil=True, cache=True, error_model="numpy")
def sample_scaled(flat, width, height, pitch, m, lut, slope, start, out):
    """As ``kernels.projected.sample_projected``, to the bit: rows first, then columns."""
    n = out.shape[1]
    column = np.empty(n, np.int32)
    weight = np.empty(n, np.uint32)
    line = np.empty(width, np.uint32)
    first, second = np.empty(n, np.uint32), np.empty(n, np.uint32)
    counts = np.empty(n, np.uint16)
    inverse = inverse_depth_jit(f32(0.0), f32(0.0), m[2, 2])
    last_i, last_j = i32(max(width - 2, 0)), i32(max(height - 2, 0))
    right = u64(min(width - 1, 1))
    below = pitch if height > 1 else 0
    for x in range(n):
        a = fixed_position_jit((m[0, 0] * f32(x) + m[0, 2]) * inverse, f32(width))
        i = min(a >> i32(8), last_i)
        column[x] = i if a >= 0 else i32(-1)
        weight[x] = u32(a - (i << i32(8)))
    for y in range(out.shape[0]):
        b = fixed_position_jit((m[1, 1] * f32(y) + m[1, 2]) * inverse, f32(height))
        if b < 0 or not inverse > f32(0.0):
            out[y, :] = 0
            continue
        j = min(b >> i32(8), last_j)
        fy = u32(b - (j << i32(8)))
        upper = flat[j * pitch : j * pitch + width]
        lower = flat[j * pitch + below : j * pitch + below + width]
        for i in range(width):
            line[i] = mix_jit(u32(upper[i]), u32(lower[i]), fy)
        if slope:
            # With a line only the gathering is done without vector code; a table makes one loop of all as fast.
            for x in range(n):
                k = column[x]
                k = u64(k if k > i32(0) else i32(0))
                first[x] = line[k]
                second[x] = line[k + right]
            for x in range(n):
                counts[x] = u16(round_16_jit(mix_jit(first[x], second[x], weight[x])))
            look_up(counts, column, lut, slope, start, out, y)
            continue
        for x in range(n):
            if column[x] < 0:
                out[y, x] = 0
            else:
                k = u64(column[x])
                out[y, x] = lut[round_16_jit(mix_jit(line[k], line[k + right], weight[x]))]
