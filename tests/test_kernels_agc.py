"""Gain control: curves that rise, fill the range, ignore dead pixels, and leave noise alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import reference
from kernels.agc import MAX_GAIN, curve_to_lut, histogram, linear_curve, plateau_curve, smooth_curve

CURVES = {
    "linear": lambda hist: linear_curve(hist, 0.5),
    "plateau": lambda hist: plateau_curve(hist, 0.02, 0.5),
}
curves = pytest.mark.parametrize("make", CURVES.values(), ids=CURVES.keys())


@st.composite
def histograms(draw: st.DrawFn) -> np.ndarray:
    """Histograms of up to a few clusters of counts, with combs and outliers."""
    levels = draw(st.sampled_from([256, 65536]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([1, 40, levels / 8]))
    clusters = draw(st.integers(1, 4))
    parts = [rng.normal(rng.uniform(0, levels), rng.uniform(0, spread), rng.integers(1, 500)) for _ in range(clusters)]
    counts = np.clip(np.concatenate(parts), 0, levels - 1).astype(np.int64)
    counts -= counts % draw(st.sampled_from([1, 4]))
    return np.bincount(counts, minlength=levels)


@given(st.sampled_from([np.uint8, np.uint16]), st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_histogram_agrees(dtype: type, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, np.iinfo(dtype).max, (height, width + 5), dtype=dtype, endpoint=True)[:, :width]
    counts = histogram(raw)
    assert counts.dtype == np.int64 and np.array_equal(counts, reference.histogram(raw))


@given(histograms(), st.sampled_from(["linear", "plateau"]))
def test_curves_rise_within_the_range_and_no_steeper_than_allowed(hist: np.ndarray, kind: str) -> None:
    curve = CURVES[kind](hist)
    assert curve.dtype == np.float32 and curve.shape == hist.shape
    steps = np.diff(curve)
    assert np.all(steps >= 0) and steps.max() <= MAX_GAIN[len(hist)] * 1.001
    assert curve.min() >= 0 and curve.max() <= 255
    assert curve.min() + curve.max() == pytest.approx(255, abs=max(3, 2 * MAX_GAIN[len(hist)]))


@curves
def test_a_wide_scene_fills_the_range(make) -> None:
    rng = np.random.default_rng(0)
    raw = np.clip(rng.normal(8000, 300, (200, 200)), 0, 65535).astype(np.uint16)
    lut = curve_to_lut(make(histogram(raw)))
    shown = lut[raw]
    assert shown.min() == 0 and shown.max() == 255
    assert np.all(lut[:5000] == 0) and np.all(lut[12000:] == 255)


@curves
def test_dead_pixels_change_nothing_to_speak_of(make) -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(8000, 300, (200, 200)).astype(np.uint16)
    broken = raw.copy()
    broken.flat[rng.choice(raw.size, 60, replace=False)] = rng.choice([0, 65535], 60)
    difference = curve_to_lut(make(histogram(raw)))[raw].astype(int) - curve_to_lut(make(histogram(broken)))[raw]
    assert np.max(np.abs(difference)) <= 8


@curves
def test_a_uniform_scene_stays_calm_and_in_the_middle(make) -> None:
    noise = np.random.default_rng(2).normal(8000, 3, (200, 200)).astype(np.uint16)
    shown = curve_to_lut(make(histogram(noise)))[noise].astype(float)
    assert shown.std() <= 3.5 and abs(shown.mean() - 127.5) < 4
    flat = np.full((20, 20), 8000, np.uint16)
    assert abs(int(curve_to_lut(make(histogram(flat)))[8000]) - 128) <= 1


def test_equalization_gives_crowded_counts_more_room_than_a_straight_line() -> None:
    rng = np.random.default_rng(3)
    # A cool wall with some structure, and a hot object far above that takes 3 % of the picture.
    raw = np.concatenate([rng.normal(5000, 100, 97_000), rng.normal(9000, 100, 3000)]).astype(np.uint16)[None]
    hist = histogram(raw)
    room = {name: float(make(hist)[5200] - make(hist)[4800]) for name, make in CURVES.items()}
    assert room["plateau"] > 3 * room["linear"]
    # A low plateau nears the straight line, a high one full equalization.
    low, middle, high = (float(np.diff(plateau_curve(hist, p, 0.5)[[4800, 5200]])[0]) for p in (0.001, 0.003, 1.0))
    assert low < middle < high


def test_a_hot_spot_far_above_the_scene_hardly_changes_the_rest() -> None:
    rng = np.random.default_rng(4)
    scene = np.clip(rng.normal(7000, 150, (240, 320)), 0, 65535).astype(np.uint16)
    hot = scene.copy()
    hot[100:124, 100:132] += 5000  # 1 % of the pixels, more than are clipped
    rest = np.ones(scene.shape, bool)
    rest[100:124, 100:132] = False
    means = []
    for raw in (scene, hot):
        shown = curve_to_lut(plateau_curve(histogram(raw), 0.01, 0.5))[raw]
        means.append(float(shown[rest].mean()))
    assert shown[~rest].min() > 250
    assert abs(means[1] / means[0] - 1) < 0.05


def test_eight_bit_pictures_that_use_the_range_pass_the_straight_line_unchanged() -> None:
    hist = np.ones(256, np.int64)
    assert np.array_equal(curve_to_lut(linear_curve(hist, 0)), np.arange(256))
    assert np.max(np.abs(plateau_curve(hist, 0.02, 0) - np.arange(256))) <= 1


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0.01, 5))
def test_smoothing_depends_on_time_not_on_the_number_of_frames(
    first_s: float, second_s: float, constant_s: float
) -> None:
    old, new = np.linspace(0, 255, 256, dtype=np.float32), np.linspace(255, 0, 256, dtype=np.float32)
    at_once = smooth_curve(old, new, first_s + second_s, constant_s)
    in_two = smooth_curve(smooth_curve(old, new, first_s, constant_s), new, second_s, constant_s)
    assert np.allclose(at_once, in_two, atol=0.01)


def test_smoothing_ends() -> None:
    old, new = np.zeros(256, np.float32), np.full(256, 100, np.float32)
    assert smooth_curve(None, new, 1, 1) is new
    assert smooth_curve(old, new, 0.04, 0) is new
    assert np.all(smooth_curve(old, new, -1, 0.5) == 0)
    assert smooth_curve(old, new, 0.5, 0.5)[0] == pytest.approx(63.2, abs=0.1)
    with pytest.raises(ValueError, match="one length"):
        smooth_curve(np.zeros(65536, np.float32), new, 1, 1)


def test_wrong_arguments_are_named() -> None:
    hist = np.ones(256, np.int64)
    for call, message in (
        (lambda: linear_curve(np.zeros(256, np.int64), 0), "hist is empty"),
        (lambda: linear_curve(np.ones(100, np.int64), 0), "256 or 65536 levels"),
        (lambda: linear_curve(hist, 50), "clip_percent"),
        (lambda: plateau_curve(hist, 0, 0), "plateau must be above 0"),
        (lambda: linear_curve(hist, 0, max_gain=0), "max_gain must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.data
def test_real_16_bit_frames_come_out_with_full_range_and_detail(data_dir: Path) -> None:
    files = sorted((data_dir / "raw16").glob("*.png"))
    assert len(files) >= 5
    for file in files:
        raw = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
        hist = histogram(raw)
        shown = curve_to_lut(plateau_curve(hist, 0.02, 0.5))[raw]
        assert shown.min() == 0 and shown.max() == 255, file.name
        assert shown.std() > 35, file.name
        # No more than the clipped share is lost in black and in white.
        assert np.mean(shown == 0) < 0.02 and np.mean(shown == 255) < 0.02, file.name
