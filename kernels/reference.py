"""The kernels once more in NumPy, whole arrays at a time: slow, short, and what the tests compare with.

Same rounding and the same arithmetic, float32 in the same order, so that results agree to the bit.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from kernels.detail import REACH as DETAIL_REACH
from kernels.level import ACROSS, DOWN, PARTS
from kernels.palette import palette_tables
from kernels.resize import axis_weights
from kernels.steady import AREA, MOVING, OF_MEAN, REACH, RESTING, RESTS, calming

_F = np.float32


def apply_lut(source: NDArray[np.uint8] | NDArray[np.uint16], lut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``kernels.levels.apply_lut``."""
    return lut[source]


def histogram(raw: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.int64]:
    """``kernels.agc.histogram``."""
    return np.bincount(raw.ravel(), minlength=256 if raw.dtype == np.uint8 else 65536).astype(np.int64)


def _fixed_position(u: NDArray[np.float32], size: int) -> NDArray[np.int32]:
    inside = (u >= _F(-0.5)) & (u <= _F(size) - _F(0.5))
    clamped = np.clip(u, _F(0), _F(size) - _F(1))
    return np.where(inside, (clamped * _F(256) + _F(0.5)).astype(np.int32), np.int32(-1))


def register_normalize(
    raw: NDArray[np.uint8] | NDArray[np.uint16],
    matrix: NDArray[np.float64],
    lut: NDArray[np.uint8],
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    """``kernels.register.register_normalize``; ``shape`` is that of the result."""
    m = np.asarray(matrix, dtype=np.float32)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    w = m[2, 0] * x + (m[2, 1] * y + m[2, 2])
    ahead = w > 0
    inverse = np.where(ahead, _F(1) / np.where(ahead, w, _F(1)), _F(0))
    a = _fixed_position((m[0, 0] * x + (m[0, 1] * y + m[0, 2])) * inverse, raw.shape[1])
    b = _fixed_position((m[1, 0] * x + (m[1, 1] * y + m[1, 2])) * inverse, raw.shape[0])
    inside = (a >= 0) & (b >= 0) & (inverse > 0)
    a, b = np.maximum(a, 0), np.maximum(b, 0)
    # A copy of the last row and column stands in for the neighbours that have no weight.
    counts = np.pad(raw, ((0, 1), (0, 1)), mode="edge").astype(np.uint64)
    i, j = a >> 8, b >> 8
    fx, fy = (a & 255).astype(np.uint64), (b & 255).astype(np.uint64)
    left = counts[j, i] * (256 - fy) + counts[j + 1, i] * fy
    right = counts[j, i + 1] * (256 - fy) + counts[j + 1, i + 1] * fy
    value = (left * (256 - fx) + right * fx + 32768) >> np.uint64(16)
    return np.where(inside, lut[value], np.uint8(0))


def fill_uncovered(
    infrared: NDArray[np.uint8], visible: NDArray[np.uint8], coverage: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """``kernels.coverage.fill_uncovered``."""
    c = coverage.astype(np.int64)
    # Sums of two products over 255 are never halfway between integers, so any rounding to nearest will do.
    return ((infrared * c + visible * (255 - c) + 127) // 255).astype(np.uint8)


def coverage_mask(
    matrix: NDArray[np.float64], infrared_shape: tuple[int, int], visible_shape: tuple[int, int], feather_px: float
) -> NDArray[np.uint8]:
    """``kernels.coverage.coverage_mask``."""
    m = matrix
    y, x = np.mgrid[0 : visible_shape[0], 0 : visible_shape[1]].astype(np.float64)
    w = m[2, 0] * x + m[2, 1] * y + m[2, 2]
    ahead = w > 1e-9 * np.abs(w).max()
    w = np.where(ahead, w, 1.0)
    mask = np.where(ahead, 1.0, 0.0)
    for axis, size in ((0, infrared_shape[1]), (1, infrared_shape[0])):
        position = (m[axis, 0] * x + m[axis, 1] * y + m[axis, 2]) / w
        gradient = np.hypot((m[axis, 0] - position * m[2, 0]) / w, (m[axis, 1] - position * m[2, 1]) / w)
        for distance in (position + 0.5, size - 0.5 - position):
            if np.all((distance >= 0) | ~ahead):
                continue
            t = np.clip(distance / (gradient * feather_px + 1e-9), 0.0, 1.0)
            mask *= t * t * (3.0 - 2.0 * t)
    return np.floor(mask * 255.0 + 0.5).astype(np.uint8)


def apply_chroma_gain(plane: NDArray[np.uint8], gain: NDArray[np.float32]) -> NDArray[np.uint8]:
    """``kernels.chroma.apply_chroma_gain``."""

    def along(gains: NDArray[np.float32], target: int) -> NDArray[np.float32]:
        size = len(gains)
        scale = _F(size) / _F(target)
        u = np.clip((np.arange(target, dtype=np.float32) + _F(0.5)) * scale - _F(0.5), _F(0), _F(size - 1))
        i = u.astype(np.int32)
        t = (u - i.astype(np.float32))[:, None]
        first, second = gains[i], gains[np.minimum(i + 1, size - 1)]
        return first + (second - first) * t

    full = along(along(gain.T, plane.shape[1]).T, plane.shape[0])
    value = (plane.astype(np.float32) - _F(128)) * full + _F(128)
    return (np.clip(value, _F(0), _F(255)) + _F(0.5)).astype(np.uint8)


def _part_of(value: NDArray[np.uint16], share: NDArray[np.uint16] | np.uint16) -> NDArray[np.uint16]:
    return ((value.astype(np.uint32) * share) >> 16).astype(np.uint16)


def _mixed(first: NDArray[np.uint16], second: NDArray[np.uint16], share: NDArray[np.uint16]) -> NDArray[np.uint16]:
    odd = share | np.uint16(1)
    return _part_of(first, odd) + _part_of(second, np.uint16(65535) - odd + np.uint16(1)) + np.uint16(1)


def raise_detail(plane: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """``kernels.detail.raise_detail``."""
    side, value = 2 * DETAIL_REACH + 1, plane.astype(np.int32)
    around = sliding_window_view(np.pad(value, DETAIL_REACH, mode="edge"), (side, side)).sum(axis=(2, 3))
    more = side * side * value - around
    return np.clip(value * PARTS + more - (more >> 3), 0, 255 * PARTS).astype(np.uint16)


def steady(
    levels: NDArray[np.uint16],
    sources: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    last_sources: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    kept: float,
    mean: NDArray[np.uint16],
) -> tuple[NDArray[np.uint16], NDArray[np.uint8], NDArray[np.uint8]]:
    """``kernels.steady.steady``: the new mean, and what is shown, rounded and its parts."""
    sums = []
    for now, last in zip(sources, last_sources, strict=True):
        change = np.pad(now.astype(np.int32) - last.astype(np.int32), REACH, mode="edge")
        sums.append(np.abs(sliding_window_view(change, (2 * REACH + 1,) * 2).sum(axis=(2, 3))))
    span = 2 * AREA * (MOVING - RESTING)
    left = np.clip(2 * AREA * MOVING - 2 * np.maximum(*sums), 0, span)
    rests = (left * (RESTS / span)).astype(np.uint16)
    wider = np.pad(mean.astype(np.int64), 1, mode="edge")
    edge = np.maximum(abs(wider[1:-1, 2:] - wider[1:-1, :-2]), abs(wider[2:, 1:-1] - wider[:-2, 1:-1]))
    calmed, most, freeing = (int(number) for number in calming(kept))
    spared = np.maximum(calmed - np.minimum(edge, most) * freeing // 65536 * 8, 0).astype(np.uint16)
    moved = _mixed(mean, levels, _part_of(rests, OF_MEAN))
    shown = _mixed(moved, levels, _part_of(rests, spared)) + np.uint16(PARTS // 2)
    return moved, (shown >> 8).astype(np.uint8), (shown & 255).astype(np.uint8)


def to_bt601(
    luma: NDArray[np.uint8], cb: NDArray[np.uint8], cr: NDArray[np.uint8], matrix: str, *, full: bool
) -> tuple[NDArray[np.uint8], ...]:
    """``kernels.matrix.to_bt601`` in float64 by way of red, green and blue; within 1 of the kernel, as luma gets
    a whole number there.
    """
    y_scale, c_scale, black = (255.0, 255.0, 0.0) if full else (219.0, 224.0, 16.0)
    # As if colours could be brighter than white or darker than black: the way back is the same then.
    b, r = ((plane.astype(np.float64) - 128) / c_scale for plane in (cb, cr))
    # As the standards print them: ITU-R BT.709-6 and BT.2020-2 give 1.5748 and 1.8556, 1.4746 and 1.8814.
    red_of_cr, blue_of_cb, green_of_cr, green_of_cb = {
        "bt709": (1.5748, 1.8556, -0.4681, -0.1873),
        "bt2020": (1.4746, 1.8814, -0.5714, -0.1646),
    }[matrix]
    green, red, blue = green_of_cb * b + green_of_cr * r, red_of_cr * r, blue_of_cb * b
    more = 0.299 * red + 0.587 * green + 0.114 * blue
    wide = more.repeat(2, axis=0).repeat(2, axis=1)[: luma.shape[0], : luma.shape[1]]
    planes = (luma - black) / y_scale + wide, (blue - more) / 1.772, (red - more) / 1.402
    scales = (y_scale, black), (c_scale, 128.0), (c_scale, 128.0)
    return tuple(
        np.floor(np.clip(plane * scale + zero, 0, 255) + 0.5).astype(np.uint8)
        for plane, (scale, zero) in zip(planes, scales, strict=True)
    )


def shift_by(shift: float, out: NDArray[np.uint8], parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``kernels.level.shift_by``."""
    y, x = np.mgrid[0 : out.shape[0], 0 : out.shape[1]]
    place = (x * int(ACROSS) + y * int(DOWN)) % 65536 // 256
    shifted = out.astype(np.int32) * PARTS + parts - PARTS // 2 + round(shift * PARTS)
    return ((np.clip(shifted, 0, 255 * PARTS) + place) // PARTS).astype(np.uint8)


def halve(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``kernels.chroma.halve``."""
    even = np.pad(plane, ((0, plane.shape[0] % 2), (0, plane.shape[1] % 2)), mode="edge").astype(np.int64)
    return ((even[::2, ::2] + even[::2, 1::2] + even[1::2, ::2] + even[1::2, 1::2] + 2) >> 2).astype(np.uint8)


def colourise(luma: NDArray[np.uint8], palette: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """``kernels.palette.colourise``, with chroma for grey palettes too."""
    tables = palette_tables(palette)
    return tables.y[luma], halve(tables.cb[luma]), halve(tables.cr[luma])


def resize(source: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """``kernels.resize.resize`` in float64; the kernel's float32 may round a value near a half the other way."""

    def matrix(size: int, target: int) -> NDArray[np.float64]:
        first, weights = axis_weights(size, target)
        full = np.zeros((target, size))
        for row, (start, row_weights) in enumerate(zip(first, weights, strict=True)):
            full[row, start : start + len(row_weights)] = row_weights
        return full

    value = matrix(source.shape[0], shape[0]) @ source @ matrix(source.shape[1], shape[1]).T
    return np.floor(np.clip(value, 0, 255) + 0.5).astype(np.uint8)
