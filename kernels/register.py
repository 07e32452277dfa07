"""Infrared onto the visible picture, and counts to 8 bit, in one pass over the output.

Geometry: a 3x3 matrix maps a visible pixel (x, y, 1) to an infrared pixel; pixel centres are at integer coordinates.
Positions are rounded to 1/256 pixel and the bilinear sum is exact in 32-bit integers, so CPU, GPU and reference agree
to the bit wherever they agree on the position. Shrinking by more than about 2 aliases, as any bilinear sampling does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int32, int64, njit, types, void
from numpy.typing import NDArray

from kernels.checks import check_lut, check_plane
from kernels.levels import apply_lut, line_of, on_line
from kernels.signatures import LUT, U8_OUT

f32, i32 = np.float32, np.int32
u8, u16, u32, u64 = np.uint8, np.uint16, np.uint32, np.uint64

Counts = NDArray[np.uint8] | NDArray[np.uint16]

_FLAT_U8 = types.Array(types.uint8, 1, "C", readonly=True)
_FLAT_U16 = types.Array(types.uint16, 1, "C", readonly=True)
_MATRIX = types.Array(types.float32, 2, "C", readonly=True)


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


_inverse_depth = njit(inverse_depth)
_fixed_position = njit(fixed_position)
_mix = njit(mix)
_round_16 = njit(round_16)


# CPU loops. ``flat`` is the infrared plane as one line of memory, rows ``pitch`` elements apart.


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
        inverse = _inverse_depth(xf, m20, row_w)
        a = _fixed_position((m00 * xf + row_u) * inverse, columns)
        b = _fixed_position((m10 * xf + row_v) * inverse, rows)
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
        left = _mix(u32(upper[x] & u32(0xFFFF)), u32(lower[x] & u32(0xFFFF)), weight_y[x])
        right = _mix(u32(upper[x] >> u32(16)), u32(lower[x] >> u32(16)), weight_y[x])
        counts[x] = u16(_round_16(_mix(left, right, weight_x[x])))


@njit
def _look_up(counts, offset, lut, slope, start, out, y):
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


_SIGNATURES = [void(flat, int64, int64, int64, _MATRIX, LUT, int32, int32, U8_OUT) for flat in (_FLAT_U8, _FLAT_U16)]


@njit(_SIGNATURES, nogil=True, cache=True, error_model="numpy")
def _sample_projective(flat, width, height, pitch, m, lut, slope, start, out):
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
        _look_up(counts, offset, lut, slope, start, out, y)


@njit(_SIGNATURES, nogil=True, cache=True, error_model="numpy")
def _sample_scaled(flat, width, height, pitch, m, lut, slope, start, out):
    """As ``_sample_projective``, to the bit, for maps that scale and shift only: rows first, then columns."""
    n = out.shape[1]
    column = np.empty(n, np.int32)
    weight = np.empty(n, np.uint32)
    line = np.empty(width, np.uint32)
    first, second = np.empty(n, np.uint32), np.empty(n, np.uint32)
    counts = np.empty(n, np.uint16)
    inverse = _inverse_depth(f32(0.0), f32(0.0), m[2, 2])
    last_i, last_j = i32(max(width - 2, 0)), i32(max(height - 2, 0))
    right = u64(min(width - 1, 1))
    below = pitch if height > 1 else 0
    for x in range(n):
        a = _fixed_position((m[0, 0] * f32(x) + m[0, 2]) * inverse, f32(width))
        i = min(a >> i32(8), last_i)
        column[x] = i if a >= 0 else i32(-1)
        weight[x] = u32(a - (i << i32(8)))
    for y in range(out.shape[0]):
        b = _fixed_position((m[1, 1] * f32(y) + m[1, 2]) * inverse, f32(height))
        if b < 0 or not inverse > f32(0.0):
            out[y, :] = 0
            continue
        j = min(b >> i32(8), last_j)
        fy = u32(b - (j << i32(8)))
        upper = flat[j * pitch : j * pitch + width]
        lower = flat[j * pitch + below : j * pitch + below + width]
        for i in range(width):
            line[i] = _mix(u32(upper[i]), u32(lower[i]), fy)
        if slope:
            # With a line only the gathering is done without vector code; a table makes one loop of all as fast.
            for x in range(n):
                k = column[x]
                k = u64(k if k > i32(0) else i32(0))
                first[x] = line[k]
                second[x] = line[k + right]
            for x in range(n):
                counts[x] = u16(_round_16(_mix(first[x], second[x], weight[x])))
            _look_up(counts, column, lut, slope, start, out, y)
            continue
        for x in range(n):
            if column[x] < 0:
                out[y, x] = 0
            else:
                k = u64(column[x])
                out[y, x] = lut[_round_16(_mix(line[k], line[k + right], weight[x]))]


def flat_rows(plane: Counts) -> tuple[NDArray[Any], int]:
    """A plane as one line of memory and the distance of its rows in elements; copies only if its rows have gaps."""
    item = plane.itemsize
    rows_fit = plane.shape[1] == 1 or plane.strides[1] == item
    pitch, rest = divmod(plane.strides[0], item)
    if plane.shape[0] == 1:
        pitch, rest = plane.shape[1], 0
    if not rows_fit or rest or pitch < plane.shape[1] or not plane.flags.aligned:
        plane = np.require(plane, requirements=["C", "A"])
        pitch = plane.shape[1]
    length = (plane.shape[0] - 1) * pitch + plane.shape[1]
    return np.lib.stride_tricks.as_strided(plane, (length,), (item,), writeable=False), pitch


def check_matrix(matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """The matrix as the kernels take it: float32 (3, 3). Raises ValueError unless it is (3, 3) and finite."""
    if np.shape(matrix) != (3, 3) or not np.all(np.isfinite(matrix)):
        raise ValueError(f"matrix must be 3x3 and finite, got {np.array2string(np.asarray(matrix), separator=',')!r}")
    return np.ascontiguousarray(matrix, dtype=np.float32)


def register_normalize(
    raw: Counts, matrix: NDArray[np.float64], lut: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """Write the infrared picture, seen from the visible camera and normalized by ``lut``, to ``out``.

    ``raw``: uint8 or uint16 (h, w), may be strided or read-only. ``matrix``: float64 (3, 3), visible pixel (x, y, 1) to
    infrared pixel. ``lut``: uint8[256] for uint8, uint8[65536] for uint16, applied to the rounded bilinear count.
    ``out``: uint8 (H, W); 0 where the map leaves the infrared picture (by more than half a pixel) or passes its
    horizon. Raises ValueError on other shapes and types.
    """
    check_plane("raw", raw, (np.uint8, np.uint16))
    check_plane("out", out, (np.uint8,))
    check_lut("lut", lut, 256 if raw.dtype == np.uint8 else 65536)
    m = check_matrix(matrix)
    if raw.shape == out.shape and np.array_equal(m, np.eye(3, dtype=np.float32)):
        apply_lut(raw, lut, out)
        return
    flat, pitch = flat_rows(raw)
    scales_only = m[0, 1] == m[1, 0] == m[2, 0] == m[2, 1] == 0
    sample = _sample_scaled if scales_only else _sample_projective
    slope, start = line_of(lut) or (0, 0)
    sample(flat, raw.shape[1], raw.shape[0], pitch, m, lut, slope, start, out)


def scale_matrix(source_size: tuple[int, int], target_size: tuple[int, int]) -> NDArray[np.float64]:
    """Matrix that scales a whole picture: target pixel to source pixel, as ``cv2.resize(..., INTER_LINEAR)`` does.

    Sizes are (width, height) in pixels, at least 1. The outer edges coincide: ``u = (x + 0.5) * w / W - 0.5``.
    Use it as ``matrix`` with the infrared size as source and the visible size as target. Float64 (3, 3).
    """
    if min(*source_size, *target_size) < 1:
        raise ValueError(f"sizes must be at least 1x1, got {source_size} and {target_size}")
    sx, sy = source_size[0] / target_size[0], source_size[1] / target_size[1]
    return np.array([[sx, 0.0, 0.5 * sx - 0.5], [0.0, sy, 0.5 * sy - 0.5], [0.0, 0.0, 1.0]])
