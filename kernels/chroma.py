"""Chroma planes: a low-resolution gain on them, and halving a plane to chroma resolution."""

from __future__ import annotations

import numpy as np
from numba import njit, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.signatures import F32_IN, U8_IN, U8_OUT

f32, i32 = np.float32, np.int32


# Scalar functions, shared with the GPU. (No min and max: in CUDA kernels Numba cannot compile them without a device.)


def upsampled_position(x, scale, size):
    """Centre of fine pixel ``x`` in coarse pixels (float32), clamped to the outermost centres of ``size`` pixels."""
    u = (f32(x) + f32(0.5)) * scale - f32(0.5)
    u = u if u > f32(0.0) else f32(0.0)
    return u if u < f32(size - 1) else f32(size - 1)


def lerp(a, b, t):
    """Linear interpolation, float32."""
    return a + (b - a) * t


def gained(c, gain):
    """Chroma value ``c`` (uint8, full range) with its distance from 128 multiplied by ``gain``, rounded, clipped."""
    value = (f32(c) - f32(128.0)) * gain + f32(128.0)
    value = value if value > f32(0.0) else f32(0.0)
    value = value if value < f32(255.0) else f32(255.0)
    return np.uint8(i32(value + f32(0.5)))


_upsampled_position = njit(upsampled_position)
_lerp = njit(lerp)
_gained = njit(gained)


@njit
def _enlarge_row(gain, j, left, weight, line, wide):
    """A row of gains, interpolated for every pixel of a row. ``line``: room for one more than there are columns."""
    columns = gain.shape[1]
    for i in range(columns):
        line[i] = gain[j, i]
    # So that the loop over pixels needs no condition at the right edge.
    line[columns] = line[columns - 1]
    for x in range(wide.shape[0]):
        i = left[x]
        wide[x] = _lerp(line[i], line[i + np.uint32(1)], weight[x])


@njit([void(U8_IN, F32_IN, U8_OUT)], nogil=True, cache=True, error_model="numpy")
def _apply_chroma_gain(plane, gain, out):
    height, width = plane.shape
    rows, columns = gain.shape
    scale_x, scale_y = f32(columns) / f32(width), f32(rows) / f32(height)
    left = np.empty(width, np.uint32)
    weight = np.empty(width, np.float32)
    for x in range(width):
        u = _upsampled_position(x, scale_x, columns)
        left[x] = np.uint32(i32(u))
        weight[x] = u - f32(i32(u))
    line = np.empty(columns + 1, np.float32)
    # The rows of gains around the row at hand: each is enlarged once, which is the part without vector code.
    above, below = np.empty(width, np.float32), np.empty(width, np.float32)
    _enlarge_row(gain, 0, left, weight, line, below)
    last = i32(-1)
    for y in range(height):
        v = _upsampled_position(y, scale_y, rows)
        j = i32(v)
        if j != last:
            if j == last + 1:
                above, below = below, above
            else:
                _enlarge_row(gain, j, left, weight, line, above)
            _enlarge_row(gain, min(j + 1, rows - 1), left, weight, line, below)
            last = j
        share = v - f32(j)
        for x in range(width):
            out[y, x] = _gained(plane[y, x], _lerp(above[x], below[x], share))


def apply_chroma_gain(plane: NDArray[np.uint8], gain: NDArray[np.float32], out: NDArray[np.uint8]) -> None:
    """Write ``128 + (plane - 128) * gain`` to ``out``, the gain bilinearly enlarged to the plane's size.

    ``plane``: uint8 (H, W), one full-range chroma plane, neutral at 128. ``gain``: float32 (h, w), any size and finite;
    outer edges coincide. ``out``: uint8 (H, W), rounded and clipped; may be ``plane`` itself. Raises ValueError on
    other shapes and types.
    """
    check_plane("plane", plane, (np.uint8,))
    check_plane("gain", gain, (np.float32,))
    check_plane("out", out, (np.uint8,), plane.shape)
    _apply_chroma_gain(plane, gain, out)


@njit([void(U8_IN, U8_OUT)], nogil=True, cache=True)
def _halve(plane, out):
    last_y, last_x = plane.shape[0] - 1, plane.shape[1] - 1
    for y in range(out.shape[0]):
        y1 = min(2 * y + 1, last_y)
        for x in range(out.shape[1]):
            x1 = min(2 * x + 1, last_x)
            total = plane[2 * y, 2 * x] + plane[2 * y, x1] + plane[y1, 2 * x] + plane[y1, x1]
            out[y, x] = np.uint8((total + 2) >> 2)


def halve(plane: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write the 2x2 means of ``plane`` (uint8, H x W), rounded half up, to ``out`` (uint8, ceil(H/2) x ceil(W/2)).

    An odd last row or column counts twice. Raises ValueError on other shapes and types.
    """
    check_plane("plane", plane, (np.uint8,))
    check_plane("out", out, (np.uint8,), ((plane.shape[0] + 1) // 2, (plane.shape[1] + 1) // 2))
    _halve(plane, out)
