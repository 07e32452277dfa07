"""The CUDA kernels against the NumPy reference. Run by test_kernels_gpu.py in a process of its own.

The simulator must be chosen before Numba is loaded, and it is slow: one Python thread a pixel. Hence few, small cases.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import gpu, reference
from kernels.register import scale_matrix

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
if SIMULATED:
    gpu.BLOCK = (4, 4)
FEW = settings(max_examples=8 if SIMULATED else 50)

sides = st.integers(1, 11) if SIMULATED else st.integers(1, 200)
shapes = st.tuples(sides, sides)
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.uint8, np.uint16])
pitches = st.sampled_from([0, 5])


def on_device(values: np.ndarray, gap: int = 0) -> Any:
    """A copy on the device, its rows ``gap`` elements apart."""
    if gap == 0:
        return gpu.cuda.to_device(np.ascontiguousarray(values))
    padded = np.zeros((values.shape[0], values.shape[1] + gap), values.dtype)
    padded[:, : values.shape[1]] = values
    return gpu.cuda.to_device(padded)[:, : values.shape[1]]


def noise(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.uint8) -> np.ndarray:
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@FEW
@given(shapes, dtypes, pitches, seeds)
def test_apply_lut_agrees(shape: tuple[int, int], dtype: Any, gap: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, lut = noise(rng, shape, dtype), rng.integers(0, 256, np.iinfo(dtype).max + 1, dtype=np.uint8)
    out = on_device(np.zeros(shape, np.uint8))
    gpu.apply_lut(on_device(source, gap), on_device(lut), out)
    assert np.array_equal(out.copy_to_host(), reference.apply_lut(source, lut))


small = st.floats(-0.5, 0.5)
maps = st.one_of(
    st.just(np.eye(3)),
    st.builds(scale_matrix, shapes, shapes),
    st.builds(
        lambda a, b, e, f, g, h: np.array([[1 + a, b, 8 * e], [-b, 1 - a, 8 * f], [g / 10, h / 10, 1]]), *(small,) * 6
    ),
)


@FEW
@given(shapes, shapes, dtypes, pitches, maps, seeds)
def test_register_normalize_agrees(
    shape: tuple[int, int], out_shape: tuple[int, int], dtype: Any, gap: int, matrix: np.ndarray, seed: int
) -> None:
    # A straight ramp of counts: what a position rounded the other way changes stays within one grey value.
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    raw, lut = noise(rng, shape, dtype), (np.arange(top + 1) * 255 // top).astype(np.uint8)
    out = on_device(np.full(out_shape, 99, np.uint8))
    gpu.register_normalize(on_device(raw, gap), on_device(matrix.astype(np.float32)), on_device(lut), out)
    difference = np.abs(out.copy_to_host().astype(int) - reference.register_normalize(raw, matrix, lut, out_shape))
    if SIMULATED:
        assert difference.max() == 0
    else:
        # At the border of the infrared picture (and at the horizon) rounding decides between a count and black.
        assert np.mean(difference > 2) <= 0.01 + 1 / difference.size


@FEW
@given(shapes, dtypes, seeds)
def test_histogram_agrees(shape: tuple[int, int], dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = noise(rng, shape, dtype) // 50 * 50
    # Clearing 65536 counts would take the simulator a minute.
    levels = 256 if SIMULATED else np.iinfo(dtype).max + 1
    raw = np.minimum(raw, levels - 1)
    counts = on_device(np.full(levels, 7, np.uint32))
    gpu.histogram(on_device(raw), counts)
    assert np.array_equal(counts.copy_to_host(), np.bincount(raw.ravel(), minlength=levels))


@FEW
@given(shapes, pitches, seeds)
def test_fill_uncovered_agrees(shape: tuple[int, int], gap: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = (noise(rng, shape) for _ in range(3))
    out = on_device(np.zeros(shape, np.uint8))
    gpu.fill_uncovered(on_device(a, gap), on_device(b), on_device(c, gap), out)
    assert np.array_equal(out.copy_to_host(), reference.fill_uncovered(a, b, c))


@FEW
@given(shapes, shapes, pitches, seeds)
def test_chroma_gain_agrees(shape: tuple[int, int], gain_shape: tuple[int, int], gap: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane, gain = noise(rng, shape), rng.uniform(0, 4, gain_shape).astype(np.float32)
    out = on_device(np.zeros(shape, np.uint8))
    gpu.apply_chroma_gain(on_device(plane, gap), on_device(gain), out)
    difference = np.abs(out.copy_to_host().astype(int) - reference.apply_chroma_gain(plane, gain))
    assert difference.max() <= (0 if SIMULATED else 1)


@FEW
@given(shapes, pitches, seeds)
def test_raise_detail_agrees(shape: tuple[int, int], gap: int, seed: int) -> None:
    plane = noise(np.random.default_rng(seed), shape)
    out = on_device(np.zeros(shape, np.uint16))
    gpu.raise_detail(on_device(plane, gap), out)
    assert np.array_equal(out.copy_to_host(), reference.raise_detail(plane))


@FEW
@given(shapes, pitches, seeds)
def test_steady_agrees(shape: tuple[int, int], gap: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ir, vi = (noise(rng, shape) for _ in range(2))
    last = (ir + noise(rng, shape) % 3, noise(rng, shape))
    levels, mean = (rng.integers(0, 255 * 256, shape, dtype=np.uint16, endpoint=True) for _ in range(2))
    mean //= np.uint16(rng.choice([1, 30]))  # Not edges alone.
    expected = reference.steady(levels, (ir, vi), last, 0.6, mean)
    room = on_device(np.zeros(shape, np.uint16))
    planes = [on_device(mean), *(on_device(np.zeros(shape, np.uint8)) for _ in range(2))]
    now, before = (on_device(ir, gap), on_device(vi)), (on_device(last[0]), on_device(last[1], gap))
    gpu.steady(on_device(levels, gap), now, before, 0.6, planes[0], room, *planes[1:])
    assert all(np.array_equal(plane.copy_to_host(), want) for plane, want in zip(planes, expected, strict=True))
