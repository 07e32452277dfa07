"""The map in use, and the smooth way to another one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.calibration import Calibration
from stream.errors import CalibrationError
from stream.homography import apply, similarity
from stream.registration import GLIDE_S, Glide, Registration

SIZE = (64, 48)
CORNERS = np.array([[0, 0], [63, 0], [0, 47], [63, 47.0]])
PERIOD_NS = 33_333_333

maps = st.builds(
    lambda scale, turn_deg, x, y: similarity(SIZE, SIZE, scale, turn_deg, (x, y)),
    st.floats(0.7, 1.5),
    st.floats(-15, 15),
    st.floats(-20, 20),
    st.floats(-20, 20),
)


@settings(max_examples=50)
@given(start=maps, end=maps, began_ns=st.integers(-(10**18), 10**18))
def test_corners_go_straight_from_one_map_to_the_other_and_never_jump(start, end, began_ns):
    glide = Glide(start, end, SIZE, began_ns)
    times_ns = [began_ns + n * PERIOD_NS for n in range(round(GLIDE_S * 30) + 3)]
    places = np.array([apply(glide.at(now_ns), CORNERS) for now_ns in times_ns])
    whole = places[-1] - places[0]
    np.testing.assert_allclose(places[0], apply(start, CORNERS), atol=1e-6)
    np.testing.assert_allclose(places[-1], apply(end, CORNERS), atol=1e-9)
    lengths = np.linalg.norm(whole, axis=1)
    steps = np.linalg.norm(np.diff(places, axis=0), axis=2)
    assert (steps <= 1.5 * lengths / (GLIDE_S * 30) + 1e-6).all(), "faster than the steepest of a smooth step"
    # On the straight line: what goes forth is all of the way.
    np.testing.assert_allclose(steps.sum(axis=0), lengths, atol=1e-5)


@settings(max_examples=30)
@given(start=maps, end=maps, away_ns=st.integers(1, 10**18))
def test_outside_its_second_a_glide_is_at_its_end(start, end, away_ns):
    glide = Glide(start, end, SIZE, 5)
    for now_ns in (5 - away_ns, 5 + round(GLIDE_S * 1e9) + away_ns):
        assert glide.done(now_ns) and glide.at(now_ns) is end


def test_a_picture_turned_upside_down_jumps_rather_than_folds():
    start = similarity(SIZE, SIZE, 1, 0, (0, 0))
    end = similarity(SIZE, SIZE, 1, 180, (0, 0))
    assert Glide(start, end, SIZE, 0).at(round(GLIDE_S * 5e8)) is end


def calibration(shift_px: float, size=SIZE) -> Calibration:
    return Calibration(similarity(size, size, 1, 0, (shift_px, 0)), size, size, "points")


def test_the_map_moves_within_a_second_and_says_when_it_has_settled():
    registration = Registration(None)
    assert registration.settled is None
    np.testing.assert_allclose(registration.at(SIZE, SIZE, 0).matrix, np.eye(3))
    assert registration.at(SIZE, SIZE, 0).coverage is None and registration.settled is not None
    registration.move_to(calibration(10), PERIOD_NS)
    shifts, covered = [], []
    for frame in range(1, 35):
        placing = registration.at(SIZE, SIZE, frame * PERIOD_NS)
        shifts.append(placing.matrix[0, 2])
        covered.append(255 if placing.coverage is None else int(placing.coverage[24, 3]))
        assert (registration.settled is None) == (frame < 32)
    assert shifts[0] == pytest.approx(0, abs=1e-6) and shifts[-1] == pytest.approx(-10)
    assert max(a - b for a, b in pairwise(shifts)) < 0.6
    assert covered[0] == 255 and covered[-1] == 0, "what infrared no longer reaches goes with the map"


def test_another_move_begins_where_the_first_one_has_come_to():
    registration = Registration(None)
    registration.at(SIZE, SIZE, 0)
    registration.move_to(calibration(10), 0)
    half = registration.at(SIZE, SIZE, 500_000_000).matrix[0, 2]
    registration.move_to(calibration(-10), 500_000_000)
    assert registration.at(SIZE, SIZE, 500_000_000).matrix[0, 2] == pytest.approx(half, abs=1e-6) == -5
    assert registration.at(SIZE, SIZE, 1_500_000_001).matrix[0, 2] == pytest.approx(10)


def test_before_the_first_frame_there_is_nothing_to_move_from():
    registration = Registration(None)
    registration.move_to(calibration(10), 0)
    assert registration.at(SIZE, SIZE, 0).matrix[0, 2] == pytest.approx(-10)


def test_a_map_for_pictures_of_another_aspect_is_refused_and_changes_nothing():
    registration = Registration(None)
    registration.at(SIZE, SIZE, 0)
    with pytest.raises(CalibrationError, match="aspect"):
        registration.move_to(calibration(5, (90, 48)), 0)
    np.testing.assert_allclose(registration.at((64, 48), (128, 96), 1).matrix, np.diag([0.5, 0.5, 1]), atol=0.26)
