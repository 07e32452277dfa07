"""The kernels on a CUDA device: the same scalar functions, one thread a pixel. Import it only where CUDA is wanted.

Arrays are device arrays: Numba's, or any with ``__cuda_array_interface__`` (CuPy, torch), C-contiguous or strided.
Launches are asynchronous on ``stream`` (0: the default one; ``cuda.external_stream(pointer)`` for CuPy's or torch's).
For capture in a CUDA graph, convert arrays once with ``cuda.as_cuda_array(array, sync=False)`` and launch once before,
so that nothing is compiled or synchronized during capture. Without a device ``NUMBA_ENABLE_CUDASIM=1`` runs them all.

Results equal the CPU's up to rounding: the device's compiler joins a multiplication and an addition into one
instruction, which can move a position by 1/256 pixel and a gained chroma value by 1.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numba import njit, types

from kernels import bilinear, chroma, coverage, detail
from kernels import steady as steadying
from kernels.steady import OF_MEAN, REACH, calming

f32, i16, i32 = np.float32, np.int16, np.int32
u8, u16, u32 = np.uint8, np.uint16, np.uint32

DeviceArray = Any
"""A device array; Numba has no type to name it by."""

BLOCK = (32, 8)
"""Threads in a block, across and down. (The simulator wants few: each is a Python thread.)"""

# As Any: Numba's modules have type hints that know nothing of kernels and of settings.
cuda: Any = import_module("numba.cuda")
config: Any = import_module("numba.core.config")


def _inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A scalar function for use in kernels: inlined, because device functions cannot be compiled without a device.

    The simulator runs it as it is.
    """
    return function if config.ENABLE_CUDASIM else njit(function, inline="always")


_inverse_depth = _inlined(bilinear.inverse_depth)
_fixed_position = _inlined(bilinear.fixed_position)
_mix = _inlined(bilinear.mix)
_round_16 = _inlined(bilinear.round_16)
_blend = _inlined(coverage.blend)
_upsampled_position = _inlined(chroma.upsampled_position)
_lerp = _inlined(chroma.lerp)
_gained = _inlined(chroma.gained)
_resting = _inlined(steadying.resting)
_part_of = _inlined(steadying.part_of)
_odd = _inlined(steadying.odd)
_left_of = _inlined(steadying.left_of)
_edge = _inlined(steadying.edge)
_spared = _inlined(steadying.spared)
_raised = _inlined(detail.raised)


def _clamped(i, size):
    """The nearest index that lies within."""
    i = i if i > 0 else 0
    return i if i < size else size - 1


_within = _inlined(_clamped)


def _apply_lut(source, lut, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x] = lut[source[y, x]]


def _register_normalize(raw, m, lut, out):
    x, y = cuda.grid(2)
    if y >= out.shape[0] or x >= out.shape[1]:
        return
    xf, yf = f32(x), f32(y)
    inverse = _inverse_depth(xf, m[2, 0], m[2, 1] * yf + m[2, 2])
    a = _fixed_position((m[0, 0] * xf + (m[0, 1] * yf + m[0, 2])) * inverse, f32(raw.shape[1]))
    b = _fixed_position((m[1, 0] * xf + (m[1, 1] * yf + m[1, 2])) * inverse, f32(raw.shape[0]))
    if a < 0 or b < 0 or not inverse > f32(0.0):
        out[y, x] = 0
        return
    i, j = a >> 8, b >> 8
    right = i + 1 if i + 1 < raw.shape[1] else i
    below = j + 1 if j + 1 < raw.shape[0] else j
    fx, fy = u32(a & 255), u32(b & 255)
    left = _mix(u32(raw[j, i]), u32(raw[below, i]), fy)
    right_ = _mix(u32(raw[j, right]), u32(raw[below, right]), fy)
    out[y, x] = lut[_round_16(_mix(left, right_, fx))]


def _clear(counts):
    i = cuda.grid(1)
    if i < counts.shape[0]:
        counts[i] = 0


def _histogram(raw, counts):
    x, y = cuda.grid(2)
    if y < raw.shape[0] and x < raw.shape[1]:
        cuda.atomic.add(counts, raw[y, x], u32(1))


def _fill_uncovered(infrared, visible, mask, out):
    x, y = cuda.grid(2)
    if y < out.shape[0] and x < out.shape[1]:
        out[y, x] = _blend(infrared[y, x], visible[y, x], mask[y, x])


def _apply_chroma_gain(plane, gain, out):
    x, y = cuda.grid(2)
    if y >= out.shape[0] or x >= out.shape[1]:
        return
    rows, columns = gain.shape
    u = _upsampled_position(x, f32(columns) / f32(out.shape[1]), columns)
    v = _upsampled_position(y, f32(rows) / f32(out.shape[0]), rows)
    i, j = i32(u), i32(v)
    right = i + 1 if i + 1 < columns else i
    below = j + 1 if j + 1 < rows else j
    tx, ty = u - f32(i), v - f32(j)
    first = _lerp(gain[j, i], gain[j, right], tx)
    second = _lerp(gain[below, i], gain[below, right], tx)
    out[y, x] = _gained(plane[y, x], _lerp(first, second, ty))


def _raise_detail(plane, out):
    x, y = cuda.grid(2)
    height, width = out.shape
    if y >= height or x >= width:
        return
    around = i32(0)
    for dy in range(-detail.REACH, detail.REACH + 1):
        j = _within(y + dy, height)
        for dx in range(-detail.REACH, detail.REACH + 1):
            around += i32(plane[j, _within(x + dx, width)])
    out[y, x] = _raised(plane[y, x], i16(around))


def _note_edges(mean, most, edges):
    x, y = cuda.grid(2)
    height, width = edges.shape
    if y < height and x < width:
        left, right = mean[y, _within(x - 1, width)], mean[y, _within(x + 1, width)]
        above, below = mean[_within(y - 1, height), x], mean[_within(y + 1, height), x]
        edges[y, x] = _edge(left, right, above, below, most)


def _steady(levels, infrared, visible, last_infrared, last_visible, edges, calmed, freeing, mean, out, parts):
    x, y = cuda.grid(2)
    height, width = out.shape
    if y >= height or x >= width:
        return
    ir, vi = i32(0), i32(0)
    for dy in range(-REACH, REACH + 1):
        j = _within(y + dy, height)
        for dx in range(-REACH, REACH + 1):
            i = _within(x + dx, width)
            ir += i32(infrared[j, i]) - i32(last_infrared[j, i])
            vi += i32(visible[j, i]) - i32(last_visible[j, i])
    rests = _resting(i16(ir), i16(vi))
    now = levels[y, x]
    share = _odd(_part_of(rests, OF_MEAN))
    moved = u16(_part_of(mean[y, x], share) + _part_of(now, _left_of(share)) + u16(1))
    mean[y, x] = moved
    share = _odd(_part_of(rests, _spared(calmed, _part_of(edges[y, x], freeing))))
    value = u16(_part_of(moved, share) + _part_of(now, _left_of(share)) + u16(1 + 128))
    out[y, x] = u8(value >> u16(8))
    parts[y, x] = u8(value & u16(255))


_U8, _U16, _F32 = (types.Array(t, 2, "C") for t in (types.uint8, types.uint16, types.float32))
_LUT = types.Array(types.uint8, 1, "C")
_COUNTS = types.Array(types.uint32, 1, "C")

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "apply_lut": (_apply_lut, (_U8, _LUT, _U8)),
    "apply_lut_u16": (_apply_lut, (_U16, _LUT, _U8)),
    "register_normalize": (_register_normalize, (_U8, _F32, _LUT, _U8)),
    "register_normalize_u16": (_register_normalize, (_U16, _F32, _LUT, _U8)),
    "clear": (_clear, (_COUNTS,)),
    "histogram": (_histogram, (_U8, _COUNTS)),
    "histogram_u16": (_histogram, (_U16, _COUNTS)),
    "fill_uncovered": (_fill_uncovered, (_U8, _U8, _U8, _U8)),
    "apply_chroma_gain": (_apply_chroma_gain, (_U8, _F32, _U8)),
    "raise_detail": (_raise_detail, (_U8, _U16)),
    "note_edges": (_note_edges, (_U16, types.uint16, _U16)),
    "steady": (_steady, (_U16, _U8, _U8, _U8, _U8, _U16, types.uint16, types.uint16, _U16, _U8, _U8)),
}

_apply_lut_kernel = cuda.jit(_apply_lut)
_register_normalize_kernel = cuda.jit(_register_normalize)
_clear_kernel = cuda.jit(_clear)
_histogram_kernel = cuda.jit(_histogram)
_fill_uncovered_kernel = cuda.jit(_fill_uncovered)
_apply_chroma_gain_kernel = cuda.jit(_apply_chroma_gain)
_raise_detail_kernel = cuda.jit(_raise_detail)
_note_edges_kernel = cuda.jit(_note_edges)
_steady_kernel = cuda.jit(_steady)


def _grid(shape: tuple[int, ...]) -> tuple[int, int]:
    return -(-shape[1] // BLOCK[0]), -(-shape[0] // BLOCK[1])


def apply_lut(source: DeviceArray, lut: DeviceArray, out: DeviceArray, stream: Any = 0) -> None:
    """``lut[source]`` to ``out``: uint8 or uint16 (H, W), uint8[256 or 65536], uint8 (H, W), on the device."""
    _apply_lut_kernel[_grid(out.shape), BLOCK, stream](source, lut, out)


def register_normalize(
    raw: DeviceArray, matrix: DeviceArray, lut: DeviceArray, out: DeviceArray, stream: Any = 0
) -> None:
    """As ``kernels.register.register_normalize``, on the device. ``matrix``: **float32** (3, 3), on the device too."""
    _register_normalize_kernel[_grid(out.shape), BLOCK, stream](raw, matrix, lut, out)


def histogram(raw: DeviceArray, counts: DeviceArray, stream: Any = 0) -> None:
    """Pixels by count, to ``counts`` (uint32, 256 or 65536; cleared first). ``raw``: uint8 or uint16 (H, W)."""
    threads = BLOCK[0] * BLOCK[1]
    _clear_kernel[-(-counts.shape[0] // threads), threads, stream](counts)
    _histogram_kernel[_grid(raw.shape), BLOCK, stream](raw, counts)


def fill_uncovered(
    infrared: DeviceArray, visible: DeviceArray, mask: DeviceArray, out: DeviceArray, stream: Any = 0
) -> None:
    """As ``kernels.coverage.fill_uncovered``, on the device; all uint8 (H, W)."""
    _fill_uncovered_kernel[_grid(out.shape), BLOCK, stream](infrared, visible, mask, out)


def apply_chroma_gain(plane: DeviceArray, gain: DeviceArray, out: DeviceArray, stream: Any = 0) -> None:
    """As ``kernels.chroma.apply_chroma_gain``, on the device: uint8 (H, W), float32 (h, w), uint8 (H, W)."""
    _apply_chroma_gain_kernel[_grid(out.shape), BLOCK, stream](plane, gain, out)


def raise_detail(plane: DeviceArray, out: DeviceArray, stream: Any = 0) -> None:
    """As ``kernels.detail.raise_detail``, on the device: uint8 (H, W), uint16 (H, W)."""
    _raise_detail_kernel[_grid(out.shape), BLOCK, stream](plane, out)


def steady(
    levels: DeviceArray,
    sources: tuple[DeviceArray, DeviceArray],
    last_sources: tuple[DeviceArray, DeviceArray],
    kept: float,
    mean: DeviceArray,
    edges: DeviceArray,
    out: DeviceArray,
    parts: DeviceArray,
    stream: Any = 0,
) -> None:
    """As ``kernels.steady.steady``, on the device and without giving back a mean.

    All uint8 (H, W), but uint16 ``levels``, ``mean`` and ``edges``, which is room to work in.
    """
    calmed, most, freeing = calming(kept)
    _note_edges_kernel[_grid(out.shape), BLOCK, stream](mean, most, edges)
    planes = *sources, *last_sources, edges
    _steady_kernel[_grid(out.shape), BLOCK, stream](levels, *planes, calmed, freeing, mean, out, parts)


def compile_all_to_ptx(compute_capability: tuple[int, int] = (7, 5)) -> dict[str, str]:
    """PTX of every kernel, by name, for a device of that compute capability; none need be there.

    Needs NVVM from the CUDA toolkit (Numba raises its ``NvvmSupportError`` where it is missing) and no simulator.
    """
    return {
        name: cuda.compile_ptx(function, signature, cc=compute_capability)[0]
        for name, (function, signature) in _SIGNATURES.items()
    }
