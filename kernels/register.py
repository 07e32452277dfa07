"""Infrared onto the visible picture, and counts to 8 bit, in one pass over the output.

Geometry: a 3x3 matrix maps a visible pixel (x, y, 1) to an infrared pixel; pixel centres are at integer coordinates.
Sampling is bilinear (``kernels.bilinear``): shrinking by more than about 2 aliases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.checks import check_lut, check_plane
from kernels.levels import apply_lut, line_of

Counts = NDArray[np.uint8] | NDArray[np.uint16]

_SAME_PLACE = np.eye(3, dtype=np.float32)


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
    if np.shape(matrix) != (3, 3) or not np.isfinite(matrix).all():
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
    if raw.shape == out.shape and (m == _SAME_PLACE).all():
        apply_lut(raw, lut, out)
        return
    flat, pitch = flat_rows(raw)
    scales_only = m[0, 1] == m[1, 0] == m[2, 0] == m[2, 1] == 0
    # Not at the top: only what is needed is loaded.
    if scales_only:
        from kernels.scaled import sample_scaled as sample
    else:
        from kernels.projected import sample_projected as sample
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
