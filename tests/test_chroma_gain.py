"""The chroma gain, steady in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.chroma_gain import TIME_CONSTANT_S, GainSmoother, gained
from stream.frames import Chroma
from stream.smoothing import LONGEST_GAP_S

FRAME_NS = 40_000_000


def gain(seed: int, shape: tuple[int, int] = (6, 8)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, 4, shape).astype(np.float32)


def test_a_step_is_followed_with_the_time_constant():
    smoother = GainSmoother()
    smoother.push(np.ones((6, 8), np.float32), 0)
    steps = round(TIME_CONSTANT_S * 1e9 / 10_000_000)
    for number in range(1, steps + 1):
        given = smoother.push(np.full((6, 8), 2, np.float32), number * 10_000_000)
    assert given.dtype == np.float32 and given.shape == (6, 8)
    assert np.allclose(given, 1 + (1 - np.exp(-1)), atol=1e-4)


@given(st.lists(st.integers(0, 999), min_size=1, max_size=20), st.integers(0, round(LONGEST_GAP_S * 1e9)))
def test_it_stays_between_the_maps_given_and_leaves_them_alone(seeds: list[int], gap_ns: int):
    smoother, maps = GainSmoother(), [gain(seed) for seed in seeds]
    kept = []
    for number, one in enumerate(maps):
        one.flags.writeable = False
        kept.append(smoother.push(one, number * gap_ns))
        low, high = np.min(maps[: number + 1], axis=0), np.max(maps[: number + 1], axis=0)
        assert (kept[-1] >= low - 1e-5).all() and (kept[-1] <= high + 1e-5).all()
    # What was given out earlier is still the same: other threads may be using it.
    again = GainSmoother()
    assert all(
        np.array_equal(k, again.push(one, n * gap_ns)) for n, (k, one) in enumerate(zip(kept, maps, strict=True))
    )


def test_noise_is_damped():
    smoother = GainSmoother()
    given = np.array([smoother.push(gain(seed), seed * FRAME_NS) for seed in range(200)])
    raw = np.array([gain(seed) for seed in range(200)])
    assert np.abs(np.diff(given[20:], axis=0)).mean() < 0.2 * np.abs(np.diff(raw[20:], axis=0)).mean()


@pytest.mark.parametrize("gap_s", [LONGEST_GAP_S + 1e-3, -0.04])
def test_a_gap_and_time_that_goes_back_start_anew(gap_s: float):
    smoother = GainSmoother()
    smoother.push(gain(1), 10**18)
    assert np.array_equal(smoother.push(gain(2), 10**18 + round(gap_s * 1e9)), gain(2))


def test_another_size_starts_anew():
    smoother = GainSmoother()
    smoother.push(gain(1), 0)
    assert np.array_equal(smoother.push(gain(2, (7, 8)), FRAME_NS), gain(2, (7, 8)))
    assert not np.array_equal(smoother.push(gain(3, (7, 8)), 2 * FRAME_NS), gain(3, (7, 8)))


def test_gained_leaves_its_input_alone_and_grey_grey():
    cb, cr = np.full((12, 16), 148, np.uint8), np.full((12, 16), 128, np.uint8)
    for plane in (cb, cr):
        plane.flags.writeable = False
    out = gained(Chroma(cb, cr), np.full((3, 4), 1.5, np.float32))
    assert (out.cb == 158).all() and (out.cr == 128).all()
