"""The code that steers a video."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.prior import CODE_DIM
from models.steering import STEERING_TIME_CONSTANT_S, STRENGTH, Steering, steer_of, video_share


def code(value: float) -> np.ndarray:
    return np.full(CODE_DIM, value, np.float32)


def test_nothing_steers_the_first_frame_and_the_first_code_the_second():
    steering = Steering()
    assert steering.code is None and not steer_of(steering.code).any()
    steering.push(code(0.5), 0.1)
    steer = steer_of(steering.code)
    assert steer.shape == (CODE_DIM + 1,) and steer.dtype == np.float32
    assert (steer[:-1] == 0.5 * STRENGTH).all() and steer[-1] == 1


def test_a_new_start_forgets():
    steering = Steering()
    steering.push(code(-1), 0.1)
    steering.push(code(1), None)
    np.testing.assert_array_equal(steering.code, STRENGTH * code(1))


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20), st.floats(0, 1))
def test_it_stays_among_what_it_saw(values: list[float], share: float):
    steering = Steering()
    for value in values:
        steering.push(code(value), share)
    mean = steering.code / STRENGTH
    assert min(values) - 1e-5 <= mean.min() and mean.max() <= max(values) + 1e-5


@pytest.mark.parametrize("rate_hz", [9.0, 30.0])
def test_a_step_is_two_thirds_done_after_the_time_constant(rate_hz: float):
    steering = Steering()
    steering.push(code(0), None)
    for _ in range(round(rate_hz * STEERING_TIME_CONSTANT_S)):
        steering.push(code(1), video_share(rate_hz))
    np.testing.assert_allclose(steering.code / STRENGTH, 1 - np.exp(-1), atol=0.02)
