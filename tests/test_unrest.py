"""How much of its unrest a resting place keeps: as much as the sources have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from kernels.steady import Steadier
from kernels.unrest import FIRST_KEPT, LEAST_KEPT, STATIC_RANGE, UnrestMeter, next_kept
from kernels.unrest import unrest as measured

unrest = st.floats(0, 50)
shares = st.floats(LEAST_KEPT, 1)


@given(shares, unrest, unrest)
def test_less_is_kept_where_what_is_shown_is_less_calm(kept: float, shown: float, source: float):
    new = next_kept(kept, shown, source)
    assert LEAST_KEPT <= new <= 1
    if shown > source > 0:
        assert new < kept or new == LEAST_KEPT
    if 0 < shown < 0.9 * source:
        assert new > kept or new == 1


def noisy(level: float, sigma: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.rint(np.clip(level + sigma * rng.standard_normal((120, 160)), 0, 255)).astype(np.uint8)


def steadied(sigma: float, frames: int = 160) -> tuple[Steadier, list[NDArray[np.uint8]]]:
    """A fused picture with noise of ``sigma`` made of sources with noise of 1 level."""
    rng = np.random.default_rng(2)
    steadier = Steadier()
    return steadier, [
        steadier.push(noisy(100, sigma, rng), noisy(90, 1.0, rng), noisy(120, 1.0, rng)) for _ in range(frames)
    ]


@pytest.mark.parametrize("sigma", [1.3, 2.0, 3.0])
def test_a_steadied_picture_is_as_calm_as_its_sources_and_not_much_calmer(sigma: float):
    _, shown = steadied(sigma)
    # The deviation in a window of eight frames, as it is measured; rounding keeps it from falling below.
    windows = np.stack(shown[80:160]).reshape(10, 8, *shown[0].shape).astype(np.float32)
    assert 0.75 < windows.std(axis=1).mean() / np.sqrt(7 / 8) < 1.03


def test_a_picture_that_is_calm_anyway_is_left_as_it_is():
    steadier, _ = steadied(0.7)
    assert steadier._unrest.kept == 1


def test_what_moves_does_not_count():
    rng = np.random.default_rng(1)
    meter = UnrestMeter()
    for frame in range(64):
        visible = noisy(120, 1.0, rng)
        visible[:, frame : frame + 40] = 10 + 3 * frame
        meter.push(visible // 2 + 60, noisy(90, 1.0, rng), visible)
    assert meter.kept > FIRST_KEPT


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(8, 30), st.integers(8, 30))
def test_unrest_is_the_mean_deviation_of_resting_pixels(seed: int, frames: int, height: int, width: int):
    rng = np.random.default_rng(seed)
    window = (100 + 3 * rng.standard_normal((frames, 3, height, width)) * rng.random((height, width))).astype(np.uint8)
    spans = window[:, 1:].max(axis=0) - window[:, 1:].min(axis=0)
    resting = (spans <= STATIC_RANGE).all(axis=0)
    shown, source = measured(window)
    if resting.sum() < 50:
        assert (shown, source) == (0, 0)
    else:
        deviations = window[:, :, resting].astype(np.float64).std(axis=0).mean(axis=-1)
        np.testing.assert_allclose((shown, source), (deviations[0], deviations[1:].max()), rtol=1e-5, atol=1e-6)


def test_a_window_in_which_nothing_rests_says_nothing():
    rng = np.random.default_rng(1)
    meter = UnrestMeter()
    for _ in range(32):
        meter.push(*(rng.integers(0, 256, (120, 160), np.uint8) for _ in range(3)))
    assert meter.kept == FIRST_KEPT


def test_a_meter_refuses_planes_of_different_sizes_and_begins_a_window_anew_with_another_size():
    meter, plane = UnrestMeter(), np.zeros((120, 160), np.uint8)
    with pytest.raises(ValueError, match="must have shape"):
        meter.push(plane, plane[1:], plane)
    for size in (plane, plane[:77, :99]):
        for _ in range(5):
            meter.push(size, size, size)
    assert meter.kept == FIRST_KEPT


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 90))
def test_a_meter_looks_at_every_fourth_pixel_of_every_fourth_row(seed: int, height: int, width: int):
    rng = np.random.default_rng(seed)
    meter = UnrestMeter()
    window = (100 + 2 * rng.standard_normal((8, 3, height, width + 3))).astype(np.uint8)[..., :width]
    for shown, infrared, visible in window:
        meter.push(shown, infrared, visible)
    assert meter.kept == next_kept(FIRST_KEPT, *measured(np.ascontiguousarray(window[..., ::4, ::4])))
