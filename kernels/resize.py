"""Resizing 8-bit planes: bilinear when growing, area averaging when shrinking, each axis on its own."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit, void
from numpy.typing import NDArray

from kernels.checks import check_plane
from kernels.signatures import F32_TABLE, I32_LINE, U8_IN, U8_OUT

f32, i32, u32 = np.float32, np.int32, np.uint32


@lru_cache(maxsize=64)
def axis_weights(source: int, target: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """First source index (int32, (target,)) and weights (float32, (target, taps)) of every target pixel of an axis.

    Weights of a pixel sum to 1. Growing: the two neighbours of ``(x + 0.5) * source / target - 0.5``, clamped to the
    ends. Shrinking: the share of each source pixel that the target pixel covers (as ``cv2.INTER_AREA``).
    """
    if min(source, target) < 1:
        raise ValueError(f"sizes must be at least 1, got {source} and {target}")
    scale = source / target
    x = np.arange(target, dtype=np.float64)
    if target >= source:
        position = np.clip((x + 0.5) * scale - 0.5, 0, source - 1)
        first = np.minimum(position.astype(np.int32), max(source - 2, 0))
        fraction = position - first
        weights = np.stack([1 - fraction, fraction], axis=1) if source > 1 else np.ones((target, 1))
    else:
        taps = min(int(np.ceil(scale)) + 1, source)
        first = np.minimum(np.floor(x * scale).astype(np.int32), source - taps)
        index = first[:, None] + np.arange(taps)
        covered = np.minimum(index + 1, ((x + 1) * scale)[:, None]) - np.maximum(index, (x * scale)[:, None])
        weights = np.clip(covered, 0, None)
        weights /= weights.sum(axis=1, keepdims=True)
    tables = first.astype(np.int32), np.ascontiguousarray(weights, dtype=np.float32)
    for table in tables:
        table.flags.writeable = False
    return tables


@njit([void(U8_IN, I32_LINE, F32_TABLE, I32_LINE, F32_TABLE, U8_OUT)], nogil=True, cache=True)
def _resize(source, first_y, weights_y, first_x, weights_x, out):
    width = source.shape[1]
    line = np.empty(width, np.float32)
    for y in range(out.shape[0]):
        line[:] = f32(0.0)
        for k in range(weights_y.shape[1]):
            weight = weights_y[y, k]
            row = source[first_y[y] + k]
            for x in range(width):
                line[x] += f32(row[x]) * weight
        for x in range(out.shape[1]):
            start = u32(first_x[x])
            total = f32(0.5)
            for k in range(weights_x.shape[1]):
                total += line[start + u32(k)] * weights_x[x, k]
            out[y, x] = np.uint8(i32(min(total, f32(255.0))))


def resize(source: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write ``source`` (uint8, h x w, may be strided) resized to the size of ``out`` (uint8, H x W), rounded half up.

    Outer edges coincide. Raises ValueError on other shapes and types.
    """
    check_plane("source", source, (np.uint8,))
    check_plane("out", out, (np.uint8,))
    first_y, weights_y = axis_weights(source.shape[0], out.shape[0])
    first_x, weights_x = axis_weights(source.shape[1], out.shape[1])
    _resize(source, first_y, weights_y, first_x, weights_x, out)
