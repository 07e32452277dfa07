"""The CPU kernels against their NumPy reference: any size, type, memory layout and map."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from math import floor
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import reference
from kernels.agc import histogram
from kernels.chroma import apply_chroma_gain, halve
from kernels.coverage import coverage_mask, fill_uncovered
from kernels.detail import GAIN, raise_detail
from kernels.level import PARTS, shift_by
from kernels.levels import (
    FULL_TO_LIMITED_CHROMA,
    FULL_TO_LIMITED_LUMA,
    IDENTITY,
    LIMITED_TO_FULL_CHROMA,
    LIMITED_TO_FULL_LUMA,
    apply_lut,
    line_of,
)
from kernels.matrix import to_bt601
from kernels.palette import PALETTES, colourise, palette_tables
from kernels.register import register_normalize, scale_matrix
from kernels.resize import axis_weights, resize
from kernels.steady import EDGE, SLOW, steady

sides = st.integers(1, 40)
shapes = st.tuples(sides, sides)
seeds = st.integers(0, 2**32 - 1)
layouts = st.sampled_from(["contiguous", "pitched", "read-only", "reversed", "transposed", "stepped"])
count_types = st.sampled_from([np.uint8, np.uint16])


def laid_out(values: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another memory layout."""
    h, w = values.shape
    if layout == "pitched":
        buffer = np.full((h, w + 13), 77, values.dtype)
        buffer[:, :w] = values
        return buffer[:, :w]
    if layout == "read-only":
        values = values.copy()
        values.flags.writeable = False
        return values
    if layout == "reversed":
        return np.ascontiguousarray(values[::-1])[::-1]
    if layout == "transposed":
        return np.ascontiguousarray(values.T).T
    if layout == "stepped":
        return np.repeat(values, 2, axis=1)[:, ::2]
    return values


def noise(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.uint8) -> np.ndarray:
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


@given(shapes, count_types, layouts, seeds)
def test_apply_lut_agrees(shape: tuple[int, int], dtype: Any, layout: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    source, lut = noise(rng, shape, dtype), rng.integers(0, 256, np.iinfo(dtype).max + 1, dtype=np.uint8)
    out = np.empty(shape, np.uint8)
    apply_lut(laid_out(source, layout), lut, out)
    assert np.array_equal(out, reference.apply_lut(source, lut))


LINES = {  # scale, and the level that goes to another one
    "limited to full luma": (LIMITED_TO_FULL_LUMA, Fraction(255, 219), 16, 0),
    "full to limited luma": (FULL_TO_LIMITED_LUMA, Fraction(219, 255), 0, 16),
    "limited to full chroma": (LIMITED_TO_FULL_CHROMA, Fraction(255, 224), 128, 128),
    "full to limited chroma": (FULL_TO_LIMITED_CHROMA, Fraction(224, 255), 128, 128),
    "identity": (IDENTITY, Fraction(1), 0, 0),
}


@pytest.mark.parametrize(("lut", "scale", "centre_in", "centre_out"), LINES.values(), ids=LINES.keys())
def test_tables_that_are_lines_are_exact_looked_up_and_reckoned(
    lut: np.ndarray, scale: Fraction, centre_in: int, centre_out: int
) -> None:
    """All inputs, rounded half up in whole numbers."""
    exact = [floor((v - centre_in) * scale + centre_out + Fraction(1, 2)) for v in range(256)]
    assert lut.tolist() == np.clip(exact, 0, 255).tolist() and not lut.flags.writeable
    levels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    looked_up, reckoned = np.empty_like(levels), np.empty_like(levels)
    assert line_of(lut) is not None and line_of(lut.copy()) is None
    apply_lut(levels, lut.copy(), looked_up)
    apply_lut(levels, lut, reckoned)
    assert np.array_equal(reckoned, looked_up) and np.array_equal(reckoned.ravel(), lut)


@given(shapes, layouts, seeds, st.sampled_from(sorted(LINES)))
def test_reckoned_tables_agree(shape: tuple[int, int], layout: str, seed: int, name: str) -> None:
    source, lut = noise(np.random.default_rng(seed), shape), LINES[name][0]
    out = np.empty(shape, np.uint8)
    apply_lut(laid_out(source, layout), lut, out)
    assert np.array_equal(out, reference.apply_lut(source, lut))


def test_apply_lut_writes_into_a_pitched_plane_and_nothing_beside_it() -> None:
    buffer = np.full((8, 16), 9, np.uint8)
    apply_lut(np.full((8, 10), 16, np.uint8), LIMITED_TO_FULL_LUMA, buffer[:, :10])
    assert np.all(buffer[:, :10] == 0) and np.all(buffer[:, 10:] == 9)


def test_levels_are_those_of_bt601() -> None:
    assert [int(LIMITED_TO_FULL_LUMA[v]) for v in (0, 16, 17, 126, 235, 255)] == [0, 0, 1, 128, 255, 255]
    assert [int(FULL_TO_LIMITED_LUMA[v]) for v in (0, 128, 255)] == [16, 126, 235]
    assert [int(LIMITED_TO_FULL_CHROMA[v]) for v in (16, 128, 240)] == [1, 128, 255]
    assert [int(FULL_TO_LIMITED_CHROMA[v]) for v in (0, 128, 255)] == [16, 128, 240]
    luma, chroma = np.arange(16, 236), np.arange(16, 241)
    assert np.array_equal(FULL_TO_LIMITED_LUMA[LIMITED_TO_FULL_LUMA[luma]], luma)
    assert np.array_equal(FULL_TO_LIMITED_CHROMA[LIMITED_TO_FULL_CHROMA[chroma]], chroma)


def small(limit: float) -> st.SearchStrategy[float]:
    return st.floats(-limit, limit)


maps = st.one_of(
    st.just(np.eye(3)),
    st.builds(scale_matrix, st.tuples(sides, sides), st.tuples(sides, sides)),
    st.builds(
        lambda a, b, c, d, e, f: np.array([[1 + a, b, e], [c, 1 + d, f], [0, 0, 1]]),
        *(small(0.8),) * 4,
        *(small(20),) * 2,
    ),
    # Strong perspective: the horizon may pass through the picture.
    st.builds(
        lambda a, b, e, f, g, h, i: np.array([[1 + a, b, e], [-b, 1 - a, f], [g, h, i]]),
        *(small(0.5),) * 2,
        *(small(10),) * 2,
        *(small(0.05),) * 2,
        small(2),
    ),
)


@given(shapes, shapes, count_types, layouts, maps, seeds)
def test_register_normalize_agrees_to_the_bit(
    shape: tuple[int, int], out_shape: tuple[int, int], dtype: Any, layout: str, matrix: np.ndarray, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    raw, lut = noise(rng, shape, dtype), rng.integers(0, 256, np.iinfo(dtype).max + 1, dtype=np.uint8)
    buffer = np.full((out_shape[0], out_shape[1] + 3), 99, np.uint8)
    register_normalize(laid_out(raw, layout), matrix, lut, buffer[:, :-3])
    assert np.array_equal(buffer[:, :-3], reference.register_normalize(raw, matrix, lut, out_shape))
    assert np.all(buffer[:, -3:] == 99)


@given(shapes, shapes, layouts, maps, seeds, st.sampled_from(sorted(LINES)))
def test_register_normalize_agrees_where_the_table_is_a_line(
    shape: tuple[int, int], out_shape: tuple[int, int], layout: str, matrix: np.ndarray, seed: int, name: str
) -> None:
    raw, lut = noise(np.random.default_rng(seed), shape), LINES[name][0]
    out = np.empty(out_shape, np.uint8)
    register_normalize(laid_out(raw, layout), matrix, lut, out)
    assert np.array_equal(out, reference.register_normalize(raw, matrix, lut, out_shape))


@given(shapes, count_types, seeds)
def test_identity_changes_nothing_but_the_levels(shape: tuple[int, int], dtype: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw, lut = noise(rng, shape, dtype), rng.integers(0, 256, np.iinfo(dtype).max + 1, dtype=np.uint8)
    fast, slow = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    register_normalize(raw, np.eye(3), lut, fast)
    # A perspective too small to matter takes the general loop.
    register_normalize(raw, np.array([[1, 0, 0], [0, 1, 0], [1e-30, 0, 1]]), lut, slow)
    assert np.array_equal(fast, lut[raw]) and np.array_equal(slow, lut[raw])


@pytest.mark.parametrize("target", [(640, 480), (333, 201), (1280, 720)])
def test_scaling_is_that_of_opencv(target: tuple[int, int]) -> None:
    raw = cv2.GaussianBlur(noise(np.random.default_rng(1), (256, 320)), (0, 0), 2)
    raw = cv2.normalize(raw, None, 0, 255, cv2.NORM_MINMAX)
    out = np.empty((target[1], target[0]), np.uint8)
    register_normalize(raw, scale_matrix((320, 256), target), np.arange(256, dtype=np.uint8), out)
    expected = cv2.resize(raw, target, interpolation=cv2.INTER_LINEAR)
    assert np.max(np.abs(out.astype(int) - expected)) <= 1


def test_a_homography_is_that_of_opencv() -> None:
    raw = cv2.GaussianBlur(noise(np.random.default_rng(2), (512, 640), np.uint16), (0, 0), 3)
    matrix = np.array([[0.9, 0.05, 12.3], [-0.04, 0.93, 20.7], [3e-5, -5e-5, 1]])
    lut = (np.arange(65536) >> 8).astype(np.uint8)
    out = np.empty((480, 640), np.uint8)
    register_normalize(raw, matrix, lut, out)
    warped = cv2.warpPerspective(raw, matrix, (640, 480), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    inside = cv2.warpPerspective(
        np.full_like(raw, 1000), matrix, (640, 480), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    inside = cv2.erode((inside == 1000).astype(np.uint8), np.ones((3, 3)), borderValue=0).astype(bool)
    assert inside.mean() > 0.8
    # OpenCV rounds positions to 1/32 pixel.
    assert np.max(np.abs(out.astype(int) - lut[warped])[inside]) <= 2


def test_half_a_pixel_outside_is_inside_and_more_is_black() -> None:
    raw, lut = np.full((4, 4), 7, np.uint8), np.arange(256, dtype=np.uint8)
    for shift, column in ((-0.5, [7, 7, 7, 7]), (-0.51, [0, 7, 7, 7]), (0.5, [7, 7, 7, 7]), (0.51, [7, 7, 7, 0])):
        out = np.empty((4, 4), np.uint8)
        register_normalize(raw, np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1]]), lut, out)
        assert out[0].tolist() == column, shift


@given(shapes, seeds, layouts)
def test_fill_uncovered_agrees(shape: tuple[int, int], seed: int, layout: str) -> None:
    rng = np.random.default_rng(seed)
    a, b, c = (noise(rng, shape) for _ in range(3))
    c.flat[0] = rng.choice([0, 255])
    out = np.empty(shape, np.uint8)
    fill_uncovered(laid_out(a, layout), laid_out(b, layout), laid_out(c, layout), out)
    assert np.array_equal(out, reference.fill_uncovered(a, b, c))
    assert np.array_equal(out[c == 0], b[c == 0]) and np.array_equal(out[c == 255], a[c == 255])


def test_fill_uncovered_is_right_for_every_input() -> None:
    a, c = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    for b in range(0, 256, 5):
        visible, out = np.full_like(a, b), np.empty_like(a)
        fill_uncovered(a, visible, c, out)
        assert np.array_equal(out, reference.fill_uncovered(a, visible, c))


def test_coverage_of_equal_pictures_is_full() -> None:
    assert np.all(coverage_mask(np.eye(3), (30, 40), (30, 40), 8) == 255)
    assert np.all(coverage_mask(scale_matrix((40, 30), (81, 55)), (30, 40), (55, 81), 8) == 255)


@given(maps, st.floats(0, 12))
def test_coverage_agrees(matrix: np.ndarray, feather_px: float) -> None:
    got = coverage_mask(matrix, (24, 32), (30, 40), feather_px).astype(int)
    # A border may pass a pixel by less than float64 resolves: one product or another then counts it as crossed.
    assert np.abs(got - reference.coverage_mask(matrix, (24, 32), (30, 40), feather_px)).max() <= 1


@given(maps, st.floats(0, 12))
def test_coverage_is_zero_exactly_outside(matrix: np.ndarray, feather_px: float) -> None:
    mask = coverage_mask(matrix, (24, 32), (30, 40), feather_px)
    reached = np.empty((30, 40), np.uint8)
    register_normalize(np.full((24, 32), 255, np.uint8), matrix, np.arange(256, dtype=np.uint8), reached)
    # The mask is made in float64 and the picture in float32: they may disagree on a border pixel.
    assert np.count_nonzero((mask > 0) & (reached == 0)) <= 4


def test_coverage_falls_smoothly_over_the_feather_and_only_where_the_border_shows() -> None:
    # Infrared covers visible columns 20..., all rows; two infrared pixels a visible one.
    matrix = np.array([[2.0, 0, -40], [0, 2, 0.5], [0, 0, 1]])
    mask = coverage_mask(matrix, (100, 200), (50, 100), 10)
    assert np.all(mask == mask[:1])
    row = mask[0].astype(int)
    assert np.all(row[:20] == 0) and np.all(row[31:] == 255)
    steps = np.diff(row[19:32])
    assert np.all(steps >= 0) and steps.max() <= 255 * 1.5 / 10 + 1


@given(shapes, shapes, seeds, layouts)
def test_chroma_gain_agrees(shape: tuple[int, int], gain_shape: tuple[int, int], seed: int, layout: str) -> None:
    rng = np.random.default_rng(seed)
    plane, gain = noise(rng, shape), rng.uniform(0, 4, gain_shape).astype(np.float32)
    out = np.empty(shape, np.uint8)
    apply_chroma_gain(laid_out(plane, layout), laid_out(gain, layout), out)
    assert np.array_equal(out, reference.apply_chroma_gain(plane, gain))


@given(shapes, seeds, layouts, st.booleans(), st.sampled_from(["bt709", "bt2020"]))
def test_to_bt601_agrees(shape: tuple[int, int], seed: int, layout: str, full: bool, matrix: str) -> None:
    rng = np.random.default_rng(seed)
    half = ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
    planes = [noise(rng, shape), noise(rng, half), noise(rng, half)]
    got = to_bt601(*(laid_out(plane, layout) for plane in planes), matrix, full=full)
    for plane, wanted in zip(got, reference.to_bt601(*planes, matrix, full=full), strict=True):
        assert np.abs(plane.astype(int) - wanted).max() <= 1


@given(shapes, seeds, layouts)
def test_raise_detail_agrees(shape: tuple[int, int], seed: int, layout: str) -> None:
    plane = noise(np.random.default_rng(seed), shape)
    out = np.empty(shape, np.uint16)
    raise_detail(laid_out(plane, layout), out)
    assert np.array_equal(out, reference.raise_detail(plane))


def test_detail_is_raised_and_what_is_flat_stays() -> None:
    levels = np.tile(np.arange(60, 188, dtype=np.uint8), (30, 1))
    levels[15, 64] += 40
    out = np.empty(levels.shape, np.uint16)
    raise_detail(levels, out)
    more = out / PARTS - levels
    assert more[15, 64] == pytest.approx(GAIN * 40 * 24 / 25, abs=0.01)
    assert (np.abs(more[:10, 2:-2]) < 0.01).all(), "a slope has no detail"


@given(shapes, seeds, layouts)
def test_steady_agrees(shape: tuple[int, int], seed: int, layout: str) -> None:
    rng = np.random.default_rng(seed)
    ir, vi, noise = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(3))
    last = (ir + noise % 3, np.roll(vi, 1, axis=1))
    levels, mean = (rng.integers(0, 255 * PARTS, shape, dtype=np.uint16, endpoint=True) for _ in range(2))
    mean //= np.uint16(rng.choice([1, 30]))  # Not edges alone.
    expected = reference.steady(levels, (ir, vi), last, 0.6, mean)
    out, parts = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    planes = [laid_out(plane, layout) for plane in (ir, vi, *last)]
    level = steady(levels, (planes[0], planes[1]), (planes[2], planes[3]), 0.6, mean, out, parts)
    assert all(np.array_equal(*planes) for planes in zip((mean, out, parts), expected, strict=True))
    assert level == pytest.approx(values_of(out, parts).mean(), abs=1e-9)


@given(shapes, seeds, st.floats(-20, 20), layouts)
def test_shift_by_agrees(shape: tuple[int, int], seed: int, shift: float, layout: str) -> None:
    rng = np.random.default_rng(seed)
    shown, parts = split(rng.uniform(0, 255, shape))
    out = laid_out(shown.copy(), layout)
    if layout == "read-only":
        out = out.copy()
    shift_by(shift, out, parts)
    assert np.array_equal(out, reference.shift_by(shift, shown, parts))


def values_of(out: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """The values, float64 0..255, of a picture and its parts of a level."""
    return out + parts / PARTS - 0.5


def as_levels(picture: np.ndarray) -> np.ndarray:
    """A picture of uint8 in 256ths of a grey level."""
    return picture.astype(np.uint16) * np.uint16(PARTS)


def split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values in 0..255 as a picture and its parts of a level."""
    both = np.floor(values * PARTS).astype(np.uint16) + np.uint16(PARTS // 2)
    return (both // PARTS).astype(np.uint8), (both % PARTS).astype(np.uint8)


def test_steady_holds_the_largest_changes() -> None:
    """Sums over 25 pixels of 255 levels each, up and down."""
    black, white = np.zeros((9, 40), np.uint8), np.full((9, 40), 255, np.uint8)
    for now, last in ((white, black), (black, white)):
        mean, out = np.full(black.shape, 128 * PARTS, np.uint16), np.empty_like(black)
        levels = as_levels(now)
        _, expected, _ = reference.steady(levels, (now, now), (last, last), 0.6, mean)
        steady(levels, (now, now), (last, last), 0.6, mean, out, np.empty_like(out))
        assert np.array_equal(out, expected) and np.array_equal(out, now)


def test_steady_calms_noise_where_nothing_moves_and_shows_at_once_what_does() -> None:
    rng = np.random.default_rng(0)
    ir = vi = np.full((40, 60), 100, np.uint8)
    mean = np.full(ir.shape, 100 * PARTS, np.uint16)
    out, parts, spread = np.empty_like(ir), np.empty_like(ir), []
    for _ in range(80):
        steady(as_levels(100 + rng.integers(-9, 10, ir.shape)), (ir, vi), (ir, vi), 0.3, mean, out, parts)
        spread.append(float(values_of(out, parts).std()))
    # What is kept, the mean's own noise, 20 %, of which the new picture is a part, and what its edges let pass.
    assert 0.36 < np.mean(spread[30:]) / np.std(np.arange(-9, 10)) < 0.42
    moved = vi.copy()
    moved[:, 30:] = 180
    steady(as_levels(moved), (ir, moved), (ir, vi), 0.3, mean, out, parts)
    assert (out[:, 32:] == 180).all() and (np.abs(out[:, :25].astype(int) - 100) <= 5).all()


@given(seeds, st.floats(0.001, 1))
def test_steady_keeps_a_share_of_slow_noise_and_of_fast_noise_alike(seed: int, kept: float) -> None:
    """What differs from the mean is made smaller by one factor, whatever its course in time, away from edges."""
    rng = np.random.default_rng(seed)
    fused, still = rng.integers(0, 256, (12, 20), dtype=np.uint8), np.full((12, 20), 90, np.uint8)
    mean = np.full(still.shape, rng.integers(0, 255 * PARTS), np.uint16)
    out, parts = np.empty_like(still), np.empty_like(still)
    steady(as_levels(fused), (still, still), (still, still), kept, mean, out, parts)
    levels = mean / PARTS
    # 1/256 is what mixing rounds by, 2.5/256 what shares in 65536ths do to a difference of 255 levels.
    np.testing.assert_allclose(values_of(out, parts) - levels, kept * (fused - levels), rtol=0, atol=3.5 / PARTS)


@pytest.mark.parametrize(("kept", "freed_by"), [(1.0, EDGE), (0.5, 2 * EDGE), (0.1, 10 * EDGE)])
def test_an_edge_keeps_more_of_what_changes(kept: float, freed_by: float) -> None:
    """By half of what frees it, it keeps half of what others lose."""
    still = np.full((12, 40), 90, np.uint8)
    mean = np.full((12, 40), 50 * PARTS, np.uint16)
    mean[:, 20:] += np.uint16(freed_by / 2 * PARTS)
    levels, out, parts = mean + np.uint16(20 * PARTS), np.empty_like(still), np.empty_like(still)
    steady(levels, (still, still), (still, still), kept, mean, out, parts)
    share = (values_of(out, parts) - mean / PARTS) / (levels / PARTS - mean / PARTS)
    np.testing.assert_allclose(share[:, 25:], kept, atol=0.01)
    np.testing.assert_allclose(share[:, 19:21], (1 + kept) / 2, atol=0.01)


@given(seeds, st.integers(0, 255), st.floats(0, 8))
def test_rounding_does_not_lead_the_mean_away(seed: int, level: int, sigma: float) -> None:
    """It stays within a tenth of a level of the mean reckoned without rounding, for any noise."""
    rng = np.random.default_rng(seed)
    still = np.full((8, 40), 90, np.uint8)
    mean, exact = np.full(still.shape, level * PARTS, np.uint16), np.full(still.shape, float(level))
    out, parts = np.empty_like(still), np.empty_like(still)
    for _ in range(60):
        fused = np.clip(np.rint(level + sigma * rng.standard_normal(still.shape)), 0, 255).astype(np.uint8)
        steady(as_levels(fused), (still, still), (still, still), 0.3, mean, out, parts)
        exact += SLOW * (fused - exact)
    assert abs((mean / PARTS - exact).mean()) < 0.05 and np.abs(mean / PARTS - exact).max() < 0.1


@given(st.integers(0, 255), st.floats(0, 1))
def test_a_picture_that_stays_is_shown_as_it_is(level: int, kept: float) -> None:
    still = np.full((5, 20), level, np.uint8)
    mean, out, parts = still * np.uint16(PARTS), np.empty_like(still), np.empty_like(still)
    for _ in range(20):
        shown = steady(as_levels(still), (still, still), (still, still), kept, mean, out, parts)
    assert np.array_equal(out, still) and shown == pytest.approx(level, abs=1.01 / PARTS)


def test_chroma_gain_of_one_changes_nothing_and_of_zero_takes_all_colour() -> None:
    plane = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for gain, expected in ((1.0, plane), (0.0, np.full_like(plane, 128))):
        out = np.empty_like(plane)
        apply_chroma_gain(plane, np.full((3, 5), gain, np.float32), out)
        assert np.array_equal(out, expected)


@given(shapes, seeds, layouts)
def test_halve_agrees(shape: tuple[int, int], seed: int, layout: str) -> None:
    plane = noise(np.random.default_rng(seed), shape)
    out = np.empty(((shape[0] + 1) // 2, (shape[1] + 1) // 2), np.uint8)
    halve(laid_out(plane, layout), out)
    assert np.array_equal(out, reference.halve(plane))


@given(shapes, seeds, layouts, st.sampled_from(PALETTES))
def test_colourise_agrees(shape: tuple[int, int], seed: int, layout: str, palette: str) -> None:
    luma = noise(np.random.default_rng(seed), shape)
    y, cb, cr = colourise(laid_out(luma, layout), palette)
    expected_y, expected_cb, expected_cr = reference.colourise(luma, palette)
    assert np.array_equal(y, expected_y)
    if cb is None or cr is None:
        assert palette in ("white-hot", "black-hot")
        assert np.all(expected_cb == 128) and np.all(expected_cr == 128)
    else:
        assert np.array_equal(cb, expected_cb) and np.array_equal(cr, expected_cr)


def test_palettes_are_those_of_opencv_back_in_rgb() -> None:
    for name in PALETTES:
        tables = palette_tables(name)
        ycrcb = np.stack([tables.y, tables.cr, tables.cb], axis=-1)[None]
        back = cv2.cvtColor(cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB), cv2.COLOR_RGB2YCrCb)
        # Colours outside RGB would come back changed.
        assert np.max(np.abs(back.astype(int) - ycrcb)) <= 2, name
    assert palette_tables("black-hot").y[0] == 255
    with pytest.raises(ValueError, match="unknown palette 'lava'; there are white-hot"):
        palette_tables("lava")


@given(shapes, shapes, seeds, layouts)
def test_resize_agrees(shape: tuple[int, int], out_shape: tuple[int, int], seed: int, layout: str) -> None:
    source = noise(np.random.default_rng(seed), shape)
    out = np.empty(out_shape, np.uint8)
    resize(laid_out(source, layout), out)
    assert np.max(np.abs(out.astype(int) - reference.resize(source, out_shape))) <= 1
    if shape == out_shape:
        assert np.array_equal(out, source)


@given(st.integers(1, 300), st.integers(1, 300))
def test_resize_weights_are_means_of_pixels_that_exist(source: int, target: int) -> None:
    first, weights = axis_weights(source, target)
    assert np.all(first >= 0) and np.all(first + weights.shape[1] <= source)
    assert np.all(weights >= 0) and np.allclose(weights.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("target", [(192, 144), (333, 100), (1280, 1000)])
def test_resize_is_that_of_opencv(target: tuple[int, int]) -> None:
    source = cv2.GaussianBlur(noise(np.random.default_rng(3), (480, 640)), (0, 0), 2)
    out = np.empty((target[1], target[0]), np.uint8)
    resize(source, out)
    way = cv2.INTER_AREA if target[0] < 640 else cv2.INTER_LINEAR
    assert np.max(np.abs(out.astype(int) - cv2.resize(source, target, interpolation=way))) <= 1


PLANE, TWO_LEVELS = np.zeros((4, 6), np.uint8), np.zeros(2, np.uint8)
TURNED = np.zeros((6, 4), np.uint8).T
LEVELS, TURNED_LEVELS = np.zeros((4, 6), np.uint16), np.zeros((6, 4), np.uint16).T


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: apply_lut(PLANE, TWO_LEVELS, PLANE.copy()), r"lut must be uint8 of shape \(256,\)"),
        (lambda: apply_lut(PLANE, LIMITED_TO_FULL_LUMA, np.zeros((4, 5), np.uint8)), r"out must have shape \(4, 6\)"),
        (lambda: apply_lut(PLANE.astype(np.int16), LIMITED_TO_FULL_LUMA, PLANE), "source must be uint8 or uint16"),
        (lambda: register_normalize(PLANE, np.eye(2), LIMITED_TO_FULL_LUMA, PLANE), "matrix must be 3x3 and finite"),
        (lambda: register_normalize(PLANE, np.eye(3) * np.nan, LIMITED_TO_FULL_LUMA, PLANE), "matrix must be 3x3"),
        (lambda: register_normalize(PLANE.astype(np.uint16), np.eye(3), LIMITED_TO_FULL_LUMA, PLANE), r"\(65536,\)"),
        (lambda: apply_chroma_gain(PLANE, np.ones((1, 1)), PLANE), "gain must be float32"),
        (lambda: halve(PLANE, PLANE), r"out must have shape \(2, 3\)"),
        (lambda: histogram(np.zeros((0, 5), np.uint8)), "raw must be a 2-D array with pixels"),
        (
            lambda: steady(LEVELS, (PLANE, PLANE), (PLANE, PLANE), 0.6, TURNED_LEVELS, PLANE.copy(), PLANE.copy()),
            "mean must be C-contiguous",
        ),
        (
            lambda: steady(TURNED_LEVELS, (PLANE, PLANE), (PLANE, PLANE), 0.6, LEVELS, PLANE.copy(), PLANE.copy()),
            "levels must be C-contiguous",
        ),
        (lambda: to_bt601(PLANE, PLANE, PLANE, "bt709", full=True), r"cb must have shape \(2, 3\)"),
        (lambda: raise_detail(PLANE, TURNED_LEVELS), "out must be C-contiguous"),
        (
            lambda: steady(LEVELS, (PLANE, PLANE), (PLANE, PLANE), 0.6, LEVELS.copy(), PLANE.copy(), TURNED),
            "parts must be C-contiguous",
        ),
        (lambda: shift_by(1.0, PLANE.copy(), TURNED), "parts must be C-contiguous"),
        (lambda: shift_by(1.0, PLANE.copy(), TURNED.T.copy()), r"parts must have shape \(4, 6\)"),
        (lambda: coverage_mask(np.eye(3), (4, 4), (4, 4), -1), "feather_px must not be negative"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_four_threads_at_once_agree() -> None:
    rng = np.random.default_rng(4)
    raw, lut = noise(rng, (200, 240), np.uint16), (np.arange(65536) >> 8).astype(np.uint8)
    visible, mask, gain = noise(rng, (180, 320)), noise(rng, (180, 320)), rng.random((12, 20)).astype(np.float32)
    matrix = np.array([[0.7, 0.02, 3], [-0.02, 1.05, 5], [1e-5, 2e-5, 1]])

    def all_kernels(_: int) -> list[np.ndarray]:
        registered, full, gained, filled = (np.empty((180, 320), np.uint8) for _ in range(4))
        small = np.empty((50, 90), np.uint8)
        register_normalize(raw, matrix, lut, registered)
        apply_lut(visible, LIMITED_TO_FULL_LUMA, full)
        fill_uncovered(registered, full, mask, filled)
        apply_chroma_gain(full, gain, gained)
        resize(filled, small)
        y, cb, cr = colourise(filled, "ironbow")
        assert cb is not None and cr is not None
        return [registered, full, gained, filled, small, y, cb, cr, histogram(raw)]

    expected = all_kernels(0)
    with ThreadPoolExecutor(4) as pool:
        for results in pool.map(all_kernels, range(200)):
            for got, want in zip(results, expected, strict=True):
                assert np.array_equal(got, want)


def test_the_cpu_path_compiles_nothing_at_a_second_start_and_loads_no_cuda() -> None:
    """This process has filled the cache: a fresh one must find every CPU kernel there."""
    script = """
import sys
from kernels import agc, chroma, coverage, detail, level, levels, matrix, palette, projected, resize, scaled, steady
from numba.core.dispatcher import Dispatcher
missed = []
for module in (agc, chroma, coverage, detail, level, levels, matrix, palette, projected, resize, scaled, steady):
    for name, value in vars(module).items():
        if isinstance(value, Dispatcher) and value.nopython_signatures and value.stats.cache_misses:
            missed.append(f"{module.__name__}.{name}")
samplers = [*vars(projected).values(), *vars(scaled).values()]
found = sum(isinstance(value, Dispatcher) and bool(value.stats.cache_hits) for value in samplers)
print(missed, found, "numba.cuda" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 2 False"
