"""Where the infrared picture reaches, and what stands in for it where it does not."""

from __future__ import annotations

import numpy as np
from numba import float64, njit, types, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.register import check_matrix
from kernels.signatures import U8_IN, U8_OUT

_MATRIX = types.Array(types.float64, 2, "C", readonly=True)


def blend(a, b, coverage):
    """``(a * coverage + b * (255 - coverage)) / 255``, rounded to nearest; all uint8.

    ``t / 255`` is taken as ``(t + (t >> 8)) >> 8``, exact for the range of ``t`` here (Blinn, "Three wrongs make a
    right", IEEE Computer Graphics and Applications 15(6), 1995); it fits 16 bits, which the CPU vectorizes best.
    """
    t = np.uint16(np.uint16(a) * np.uint16(coverage) + np.uint16(b) * np.uint16(255 - coverage) + np.uint16(128))
    return np.uint8(np.uint16(t + (t >> np.uint16(8))) >> np.uint16(8))


_blend = njit(blend)


@njit
def _share(distance, reach):
    """How much a border lets through at a distance inside it, 0..1; ``reach``: width of the feather."""
    if distance >= reach + 1e-9:
        return 1.0
    t = max(distance / (reach + 1e-9), 0.0)
    return t * t * (3.0 - 2.0 * t)


@njit
def _slope(m, axis, position, per_w):
    """Infrared pixels along an axis per visible pixel, where it is steepest: turns a distance into visible pixels."""
    across, down = (m[axis, 0] - position * m[2, 0]) * per_w, (m[axis, 1] - position * m[2, 1]) * per_w
    return np.sqrt(across * across + down * down)


@njit([void(_MATRIX, float64, float64, float64, U8_OUT)], nogil=True, cache=True, error_model="numpy")
def _coverage_mask(m, width, height, feather_px, out):
    rows, columns = out.shape
    # |w| is largest in a corner, as w is linear. Pixels within rounding of the horizon count as behind it: their
    # positions would be noise.
    largest, nearest = 0.0, np.inf
    for y in (0, rows - 1):
        for x in (0, columns - 1):
            w = m[2, 0] * x + m[2, 1] * y + m[2, 2]
            largest, nearest = max(largest, abs(w)), min(nearest, w)
    horizon = 1e-9 * largest
    # Each border is a line, and what is beyond it is farthest beyond it in a corner, unless that is behind the horizon.
    step_y, step_x = (max(rows - 1, 1), max(columns - 1, 1)) if nearest > horizon else (1, 1)
    left = right = top = bottom = False
    for y in range(0, rows, step_y):
        for x in range(0, columns, step_x):
            w = m[2, 0] * x + m[2, 1] * y + m[2, 2]
            if w > horizon:
                u = m[0, 0] * x + m[0, 1] * y + m[0, 2]
                v = m[1, 0] * x + m[1, 1] * y + m[1, 2]
                left |= u + 0.5 * w < 0
                right |= (width - 0.5) * w - u < 0
                top |= v + 0.5 * w < 0
                bottom |= (height - 0.5) * w - v < 0
    for y in range(rows):
        for x in range(columns):
            w = m[2, 0] * x + m[2, 1] * y + m[2, 2]
            if not w > horizon:
                out[y, x] = 0
                continue
            value, per_w = 1.0, 1.0 / w
            if left or right:
                u = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) * per_w
                reach = _slope(m, 0, u, per_w) * feather_px
                if left:
                    value *= _share(u + 0.5, reach)
                if right:
                    value *= _share(width - 0.5 - u, reach)
            if top or bottom:
                v = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) * per_w
                reach = _slope(m, 1, v, per_w) * feather_px
                if top:
                    value *= _share(v + 0.5, reach)
                if bottom:
                    value *= _share(height - 0.5 - v, reach)
            out[y, x] = np.uint8(np.floor(value * 255.0 + 0.5))


@njit([void(U8_IN, U8_IN, U8_IN, U8_OUT)], nogil=True, cache=True)
def _fill_uncovered(infrared, visible, coverage, out):
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            out[y, x] = _blend(infrared[y, x], visible[y, x], coverage[y, x])


def fill_uncovered(
    infrared: NDArray[np.uint8], visible: NDArray[np.uint8], coverage: NDArray[np.uint8], out: NDArray[np.uint8]
) -> None:
    """Write infrared where ``coverage`` is 255, visible where it is 0, and a blend between, to ``out``.

    With both inputs alike there, a fusion network falls back to visible without a seam. All uint8 (H, W); ``out`` may
    be ``infrared`` itself. Raises ValueError on other shapes and types.
    """
    for name, plane in (("infrared", infrared), ("visible", visible), ("coverage", coverage), ("out", out)):
        check_plane(name, plane, (np.uint8,), infrared.shape)
    _fill_uncovered(infrared, visible, coverage, out)


def coverage_mask(
    matrix: NDArray[np.float64],
    infrared_shape: tuple[int, int],
    visible_shape: tuple[int, int],
    feather_px: float,
) -> NDArray[np.uint8]:
    """How much of each visible pixel infrared is to be trusted for: 255 well inside its picture, 0 outside.

    ``matrix``: float64 (3, 3), visible pixel (x, y, 1) to infrared pixel. Shapes are (height, width). Within
    ``feather_px`` visible pixels of a border of the infrared picture the value falls from 255 to 0 by the smoothstep
    polynomial ``3 t^2 - 2 t^3``. A border that the visible picture does not cross is not feathered: there is nothing to
    hide, and two equal pictures give 255 everywhere. Returns uint8 (H, W). Raises ValueError if the matrix is not
    finite and 3x3 or ``feather_px`` is negative.
    """
    if not feather_px >= 0:
        raise ValueError(f"feather_px must not be negative, got {feather_px}")
    check_matrix(matrix)
    m = np.asarray(matrix, dtype=np.float64)
    if _reaches_corners(m, infrared_shape, visible_shape):
        return np.full(visible_shape, 255, np.uint8)
    out = np.empty(visible_shape, np.uint8)
    _coverage_mask(np.ascontiguousarray(m), float(infrared_shape[1]), float(infrared_shape[0]), float(feather_px), out)
    return out


def _reaches_corners(m: NDArray[np.float64], infrared_shape: tuple[int, int], visible_shape: tuple[int, int]) -> bool:
    """Whether infrared reaches all four corners of visible and lies ahead there: then it reaches all of it.

    (A homography keeps lines straight and a rectangle that does not cross its horizon convex.)
    """
    bottom, right = visible_shape[0] - 1.0, visible_shape[1] - 1.0
    u, v, w = m @ np.array([[0.0, right, 0.0, right], [0.0, 0.0, bottom, bottom], [1.0, 1.0, 1.0, 1.0]])
    if not (w > 1e-9 * np.abs(w).max()).all():
        return False
    x, y = u / w + 0.5, v / w + 0.5
    height, width = infrared_shape
    return bool(((x >= 0) & (x <= width) & (y >= 0) & (y <= height)).all())
