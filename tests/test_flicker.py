"""Flicker: known values on made sequences, and what must not count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.flicker import WINDOW_FRAMES, FlickerMeter, FlickerReport

SHAPE = (40, 60)


def measure(infrared, visible, /, **fused) -> FlickerReport:
    meter = FlickerMeter()
    for frames in zip(infrared, visible, *fused.values(), strict=True):
        meter.add(frames[0], frames[1], dict(zip(fused, frames[2:], strict=True)))
    return meter.report()


def flat(level: int) -> np.ndarray:
    return np.full(SHAPE, level, np.uint8)


def noisy(seed: int, frames: int, deviation: float) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(100, deviation, SHAPE).round().clip(0, 255).astype(np.uint8) for _ in range(frames)]


def test_alternating_levels_over_still_sources():
    frames = 2 * WINDOW_FRAMES + 3
    still = [flat(50)] * frames
    report = measure(
        still, still, pumping=[flat(100 + 10 * (i % 2)) for i in range(frames)], steady=[flat(90)] * frames
    )
    assert (report.frames, report.windows, report.static_share) == (frames, 2, 1.0)
    pumping, steady = report.methods["pumping"], report.methods["steady"]
    assert (pumping.noise, pumping.excess, pumping.jump) == pytest.approx((5.0, 5.0, 10.0))
    assert (steady.noise, steady.excess, steady.jump) == (0.0, 0.0, 0.0)


def test_what_a_source_does_itself_is_not_the_fusions_flicker():
    still = [flat(50)] * WINDOW_FRAMES
    stepping = [flat(100 + 20 * (i % 2)) for i in range(WINDOW_FRAMES)]
    report = measure(stepping, still, copy=stepping)
    assert report.static_share == 0.0
    assert report.methods["copy"].noise is None and report.methods["copy"].excess is None
    assert report.methods["copy"].jump == 0.0


def test_camera_noise_is_static_and_movement_is_not():
    noise = noisy(1, WINDOW_FRAMES, 3.0)
    moving = [image.copy() for image in noisy(2, WINDOW_FRAMES, 1.0)]
    for i, image in enumerate(moving):
        image[:, 2 * i : 2 * i + 12] = 220
    assert measure(noise, noise, copy=noise).static_share > 0.9
    report = measure(noise, moving, copy=moving)
    swept = (2 * WINDOW_FRAMES + 12) / SHAPE[1]
    assert 1 - swept - 0.15 < report.static_share < 1 - swept + 0.1
    assert report.methods["copy"].noise == pytest.approx(report.visible_noise)
    assert report.methods["copy"].noise < 1.5


def test_noise_is_the_population_deviation_over_each_window():
    noise = noisy(3, WINDOW_FRAMES, 1.0)
    report = measure([flat(7)] * WINDOW_FRAMES, noise, copy=noise)
    assert report.static_share == 1.0
    assert report.visible_noise == pytest.approx(np.std(noise, axis=0).mean(), rel=1e-5)


@given(st.integers(0, 2**31), st.integers(2, 20), st.floats(0, 4))
@settings(max_examples=20)
def test_copies_never_exceed_the_sources(seed, frames, deviation):
    infrared, visible = noisy(seed, frames, deviation), noisy(seed + 1, frames, 1.0)
    report = measure(infrared, visible, infrared=infrared, visible=visible)
    for flicker in report.methods.values():
        assert flicker.jump <= 0
        assert (flicker.excess is None) == (report.static_share == 0)
        assert flicker.excess is None or flicker.excess <= 0


def test_shorter_than_a_window():
    report = measure([flat(1)], [flat(2)], copy=[flat(1)])
    assert report.windows == 0 and report.methods["copy"].noise is None and report.methods["copy"].jump is None


def test_a_change_of_size_or_methods_is_refused():
    meter = FlickerMeter()
    meter.add(flat(1), flat(2), {"a": flat(3)})
    with pytest.raises(ValueError, match="differs"):
        meter.add(flat(1), flat(2), {"b": flat(3)})
    with pytest.raises(ValueError, match="differs"):
        meter.add(flat(1)[:-1], flat(2)[:-1], {"a": flat(3)[:-1]})
