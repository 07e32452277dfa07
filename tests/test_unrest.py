"""How slowly resting places follow: as much as the fused picture's unrest asks for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.steady import Steadier
from kernels.unrest import LARGEST_SHARE, SMALLEST_SHARE, UnrestMeter, share_for

changes = st.floats(0, 50)


@given(changes, changes, changes)
def test_share_is_smaller_for_more_unrest(fused: float, infrared: float, visible: float):
    share = share_for(fused, infrared, visible)
    assert SMALLEST_SHARE <= share <= LARGEST_SHARE
    assert share_for(2 * fused, infrared, visible) <= share
    assert share_for(fused, infrared + 1, visible) >= share


def noisy(level: float, sigma: float, rng: np.random.Generator) -> np.ndarray:
    return np.rint(np.clip(level + sigma * rng.standard_normal((90, 120)), 0, 255)).astype(np.uint8)


@pytest.mark.parametrize(("sigma", "share"), [(0.8, LARGEST_SHARE), (6.0, SMALLEST_SHARE)])
def test_only_a_picture_that_is_noisier_than_its_sources_is_calmed_much(sigma: float, share: float):
    rng = np.random.default_rng(0)
    meter = UnrestMeter()
    for _ in range(40):
        given_share = meter.push(noisy(100, sigma, rng), noisy(90, 1.0, rng), noisy(120, 1.0, rng))
    assert given_share == pytest.approx(share, abs=0.01)


def test_what_moves_does_not_count():
    """A fused picture that changes only where a source moves has no unrest."""
    rng = np.random.default_rng(1)
    meter = UnrestMeter()
    for frame in range(40):
        visible = noisy(120, 1.0, rng)
        visible[:, frame : frame + 30] = 10
        fused = visible.copy()
        share = meter.push(fused, noisy(90, 1.0, rng), visible)
    assert share > 0.6


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_a_steadied_picture_is_no_noisier_than_its_sources(sigma: float):
    rng = np.random.default_rng(2)
    steadier = Steadier()
    shown = [
        steadier.push(noisy(100, sigma, rng), noisy(90, 1.0, rng), noisy(120, 1.0, rng)).astype(float)
        for _ in range(80)
    ]
    assert np.std(shown[40:], axis=0).mean() < 1.0
