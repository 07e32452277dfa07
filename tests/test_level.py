"""The limit on jumps of brightness."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.level import LARGEST_SHIFT, LARGEST_STEP, PARTS, LevelLimiter, mean_level, shift_by
from kernels.steady import Steadier

near = st.floats(100, 100 + LARGEST_SHIFT)


@given(st.lists(st.tuples(near, near, near), min_size=2, max_size=30))
def test_what_is_shown_changes_no_faster_than_the_sources_explain(frames: list[tuple[float, float, float]]):
    limiter = LevelLimiter()
    shown = [fused + limiter.push(fused, infrared, visible) for fused, infrared, visible in frames]
    for (before, after), (last, now) in zip(pairwise(shown), pairwise(frames), strict=True):
        explained = max(abs(now[1] - last[1]), abs(now[2] - last[2]))
        assert abs(after - before) <= explained + LARGEST_STEP + 1e-9


def test_a_step_is_reached_in_the_end_and_then_nothing_is_shifted():
    limiter = LevelLimiter()
    shifts = [limiter.push(level, 50, 60) for level in [100.0] * 3 + [110.0] * 40]
    assert shifts[2] == 0 and abs(shifts[3] + 10 - LARGEST_STEP) < 1e-9
    assert all(abs(a) >= abs(b) for a, b in pairwise(shifts[3:])) and shifts[-1] == 0


def test_another_scene_is_shown_nearly_as_it_is():
    limiter = LevelLimiter()
    limiter.push(100, 50, 60)
    shifts = [limiter.push(160, 50, 60) for _ in range(60)]
    assert shifts[0] == -LARGEST_SHIFT and shifts[-1] == 0


@given(st.integers(0, 2**32 - 1), st.floats(-20, 20))
def test_shifting_stays_within_grey_levels(seed: int, shift: float):
    values = np.random.default_rng(seed).integers(0, 255 * PARTS, (17, 23), endpoint=True)
    out, parts = (plane.astype(np.uint8) for plane in divmod(values + PARTS // 2, PARTS))
    shift_by(shift, out, parts)
    assert np.abs(out - np.clip(values / PARTS + shift, 0, 255)).max() <= 1 + 1 / PARTS
    assert abs(mean_level(out) - out.mean()) < 1e-9


@given(st.floats(0, 254), st.floats(0, 1))
def test_parts_of_a_level_are_shared_out_over_a_flat_area(level: float, shift: float):
    rounded, part = divmod(round((level + 0.5) * PARTS), PARTS)
    out, parts = np.full((64, 64), rounded, np.uint8), np.full((64, 64), part, np.uint8)
    shift_by(shift, out, parts)
    assert abs(out.mean() - level - shift) < 0.05


def test_a_steadied_video_does_not_jump_when_the_network_changes_its_mind():
    rng = np.random.default_rng(0)
    texture = rng.integers(60, 180, (64, 96)).astype(np.uint8)
    steadier = Steadier()
    means = []
    for frame in range(60):
        fused = (texture + (8 if frame >= 20 else 0) + rng.integers(-3, 4, texture.shape)).astype(np.uint8)
        means.append(steadier.push(fused, texture, texture).mean())
    assert max(abs(after - before) for before, after in pairwise(means)) <= LARGEST_STEP + 0.05
    assert abs(means[-1] - means[0] - 8) < 0.2
