"""Calibration files and the maps they stand for."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import logging

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.register import scale_matrix
from stream.calibration import (
    Calibration,
    calibrate_from_points,
    matrix_for,
)
from stream.calibration_file import load_calibration, save_calibration
from stream.clock import SystemClock
from stream.errors import CalibrationError
from stream.footage import Sample, pair_samples, read_footage
from stream.homography import apply, fit_homography

INFRARED, VISIBLE = (640, 512), (1920, 1080)


def true_map(seed: int) -> np.ndarray:
    """Visible -> infrared of a plausible pair of cameras: scale, a little rotation and perspective."""
    rng = np.random.default_rng(seed)
    angle, scale = rng.uniform(-0.1, 0.1), rng.uniform(0.3, 0.5)
    matrix = np.eye(3)
    matrix[:2, :2] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix[:2, 2] = rng.uniform(-80, 40, 2)
    matrix[2, :2] = rng.uniform(-5e-5, 5e-5, 2)
    return matrix


def point_pairs(matrix: np.ndarray, count: int, seed: int, noise_px: float = 0.0):
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        v = rng.uniform((0, 0), (1919, 1079))
        i = apply(matrix, v[None])[0] + rng.normal(0, noise_px, 2)
        if (i >= 0).all() and i[0] <= 639 and i[1] <= 511:
            found.append(((float(i[0]), float(i[1])), (float(v[0]), float(v[1]))))
    return found


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), count=st.integers(6, 20))
def test_exact_points_give_the_true_map(seed, count):
    truth = true_map(seed)
    calibration = calibrate_from_points(point_pairs(truth, count, seed), INFRARED, VISIBLE)
    grid = np.stack(np.meshgrid(np.linspace(0, 1919, 5), np.linspace(0, 1079, 5)), -1).reshape(-1, 2)
    np.testing.assert_allclose(apply(calibration.homography, grid), apply(truth, grid), atol=1e-3)
    assert calibration.residual_px < 1e-6
    assert calibration.method == "points"


def test_noisy_points_average_out_and_the_residual_tells_the_noise():
    truth = true_map(3)
    calibration = calibrate_from_points(point_pairs(truth, 200, 3, noise_px=1.5), INFRARED, VISIBLE)
    assert 1.7 < calibration.residual_px < 2.5  # 1.5 in x and in y
    centre = np.array([[960.0, 540.0]])
    assert np.linalg.norm(apply(calibration.homography, centre) - apply(truth, centre)) < 0.6


def test_normalization_makes_the_fit_independent_of_the_unit():
    points = point_pairs(true_map(4), 12, 4, noise_px=1.0)
    one = fit_homography(points)
    thousand = fit_homography([((i[0] * 1e3, i[1] * 1e3), (v[0] * 1e3, v[1] * 1e3)) for i, v in points])
    s = np.diag([1e3, 1e3, 1.0])
    back = np.linalg.inv(s) @ thousand @ s
    np.testing.assert_allclose(back / back[2, 2], one, rtol=1e-6, atol=1e-9)


def test_points_that_settle_nothing_are_refused():
    line = [((float(k), 100.0), (float(3 * k), 300.0)) for k in range(0, 400, 50)]
    with pytest.raises(CalibrationError, match="one line"):
        calibrate_from_points(line, INFRARED, VISIBLE)
    with pytest.raises(CalibrationError, match="one line"):
        calibrate_from_points([((5.0, 5.0), (9.0, 9.0))] * 4, INFRARED, VISIBLE)
    three_on_a_line = [((0.0, 0.0), (0.0, 0.0)), ((100.0, 0.0), (300.0, 0.0)), ((200.0, 0.0), (600.0, 0.0))]
    with pytest.raises(CalibrationError):
        calibrate_from_points([*three_on_a_line, ((100.0, 200.0), (300.0, 600.0))], INFRARED, VISIBLE)
    with pytest.raises(CalibrationError, match="at least 4 points, got 3"):
        calibrate_from_points(three_on_a_line, INFRARED, VISIBLE)


def test_a_mistaken_point_is_named():
    truth = true_map(5)
    spots = [(x, y) for y in (300.0, 540.0, 780.0) for x in (500.0, 700.0, 900.0, 1100.0)]
    points = [((float(i[0]), float(i[1])), v) for i, v in zip(apply(truth, np.array(spots)), spots, strict=True)]
    calibrate_from_points(points, INFRARED, VISIBLE)
    infrared, visible = points[5]
    wrong = [*points[:5], ((infrared[0] - 100.0, infrared[1] - 60.0), visible), *points[6:]]
    with pytest.raises(CalibrationError, match=r"point 6 the most"):
        calibrate_from_points(wrong, INFRARED, VISIBLE)
    with pytest.raises(CalibrationError, match=r"point 3: infrared \(900, 20\) is outside its 640x512"):
        calibrate_from_points([*points[:2], ((900.0, 20.0), visible), *points[3:]], INFRARED, VISIBLE)


def test_without_calibration_infrared_is_scaled_to_fit():
    matrix = matrix_for(None, INFRARED, VISIBLE)
    assert matrix.dtype == np.float64
    corners = np.array([[-0.5, -0.5], [1919.5, 1079.5]])
    np.testing.assert_allclose(apply(matrix, corners), [[-0.5, -0.5], [639.5, 511.5]])
    np.testing.assert_allclose(matrix, scale_matrix(INFRARED, VISIBLE))


@settings(max_examples=40)
@given(seed=st.integers(0, 1000), infrared_k=st.sampled_from([0.5, 1, 2]), visible_k=st.sampled_from([0.25, 0.5, 2]))
def test_other_sizes_of_the_same_aspect_keep_every_spot(seed, infrared_k, visible_k):
    calibration = Calibration(true_map(seed), INFRARED, VISIBLE, "points")
    infrared = (round(640 * infrared_k), round(512 * infrared_k))
    visible = (round(1920 * visible_k), round(1080 * visible_k))
    matrix = matrix_for(calibration, infrared, visible)
    spots = np.random.default_rng(seed).uniform(0, 1, (10, 2))  # shares of the picture, edge to edge
    at_calibration = (apply(calibration.homography, spots * VISIBLE - 0.5) + 0.5) / INFRARED
    now = (apply(matrix, spots * visible - 0.5) + 0.5) / infrared
    np.testing.assert_allclose(now, at_calibration, atol=1e-9)


def test_same_sizes_give_the_map_itself_and_another_aspect_is_refused():
    calibration = Calibration(true_map(1), INFRARED, VISIBLE, "points")
    np.testing.assert_allclose(matrix_for(calibration, INFRARED, VISIBLE), calibration.homography)
    matrix_for(calibration, INFRARED, (854, 480))
    with pytest.raises(CalibrationError, match=r"visible pictures of 1920x1080.*1440x1080"):
        matrix_for(calibration, INFRARED, (1440, 1080))
    with pytest.raises(CalibrationError, match=r"infrared pictures of 640x512.*640x480"):
        matrix_for(calibration, (640, 480), VISIBLE)


def test_saved_is_loaded_again(tmp_path):
    path = tmp_path / "calibration.yaml"
    made = Calibration(true_map(2) * 3.0, INFRARED, VISIBLE, "edges", 0.87, 0.5, datetime.date(2025, 3, 1), -41.5, 12.0)
    assert made.homography[2, 2] == 1.0
    save_calibration(path, made)
    read = load_calibration(path)
    np.testing.assert_array_equal(read.homography, made.homography)
    for key in ("infrared_size", "visible_size", "method", "score", "residual_px", "date"):
        assert getattr(read, key) == getattr(made, key), key
    assert (read.infrared_offset_ms, read.infrared_drift_ppm) == (-41.5, 12.0)
    with pytest.raises(CalibrationError, match="cannot write"):
        save_calibration(tmp_path / "absent" / "c.yaml", made)


def test_points_by_hand_with_whole_numbers(tmp_path, caplog):
    path = tmp_path / "hand.yaml"
    path.write_text(
        """
infrared_size: [640, 512]
visible_size: [1280, 1024]
points:
  - {infrared: [0, 0], visible: [0.5, 0.5]}
  - {infrared: [639, 0], visible: [1278.5, 0.5]}
  - {infrared: [0, 511], visible: [0.5, 1022.5]}
  - {infrared: [639, 511], visible: [1278.5, 1022.5]}
"""
    )
    with caplog.at_level(logging.INFO, "nightglass"):
        calibration = load_calibration(path)
    np.testing.assert_allclose(calibration.homography, scale_matrix((640, 512), (1280, 1024)), atol=1e-9)
    assert "4 points, residual 0.00" in caplog.text


def test_scale_rotation_and_shift(tmp_path):
    path = tmp_path / "simple.yaml"
    path.write_text(
        "infrared_size: [640, 512]\nvisible_size: [1920, 1080]\nscale: 2\nrotate_deg: 90\nshift_px: [100, -20]\n"
    )
    calibration = load_calibration(path)
    centre = (np.array(VISIBLE) - 1) / 2 + np.array([100, -20])
    middle = (np.array(INFRARED) - 1) / 2
    mapped = apply(calibration.homography, np.array([centre, centre + np.array([0, 2])]))
    np.testing.assert_allclose(mapped[0], middle, atol=1e-9)
    # Turned clockwise by a quarter: what infrared sees to the right lies below on the visible picture.
    np.testing.assert_allclose(mapped[1], middle + np.array([1, 0]), atol=1e-9)


GOOD = {"infrared_size": [640, 512], "visible_size": [1920, 1080], "scale": 2.0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scal": 1}, ["unknown key 'scal'", "scale"]),
        ({"scale": None}, ["exactly one of", "none of them"]),
        ({"homography": np.eye(3).tolist()}, ["homography and scale"]),
        ({"scale": -1}, ["'scale'", "greater than 0"]),
        ({"scale": "2"}, ["'scale'", "number"]),
        ({"infrared_size": [640]}, ["'infrared_size'", "at least 2"]),
        ({"infrared_size": [640.5, 512]}, ["'infrared_size.0'", "integer"]),
        ({"visible_size": None}, ["'visible_size'"]),
        ({"scale": None, "homography": [[1, 0, 0], [0, 1, 0]]}, ["'homography'", "at least 3"]),
        ({"scale": None, "homography": [[1, 0, 0], [0, 1, 0], [0, 0, float("nan")]]}, ["'homography.2.2'", "finite"]),
        ({"scale": None, "homography": np.zeros((3, 3)).tolist()}, ["folds or flattens"]),
        ({"scale": None, "homography": [[1.0, 0, 0], [0, 1, 0], [-0.001, 0, 1]]}, ["folds or flattens"]),
        ({"scale": None, "homography": np.eye(3).tolist(), "rotate_deg": 3}, ["belong to 'scale'"]),
        ({"scale": None, "points": [{"infrared": [0, 0], "visible": [0, 0]}]}, ["'points'", "at least 4"]),
        ({"scale": None, "points": [{"infrared": [0, 0], "visble": [0, 0]}] * 4}, ["'points.0.visble'", "visible"]),
        ({"score": 3}, ["'score'", "less than or equal to 1"]),
        ({"infrared_offset_confidence": 3}, ["'infrared_offset_confidence'", "less than or equal to 1"]),
        ({"infrared_drift_ppm": "fast"}, ["'infrared_drift_ppm'", "number"]),
        ({"date": "soon"}, ["'date'", "date"]),
    ],
)
def test_errors_name_file_and_key(tmp_path, change, said):
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in {**GOOD, **change}.items() if v is not None}))
    with pytest.raises(CalibrationError) as error:
        load_calibration(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert all(word in message for word in said), message


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1, 2", "not valid YAML"), ("- 1", "mapping of keys"), ("scale: 1\nscale: 2\n", "'scale' comes twice")],
)
def test_files_that_are_no_calibration(tmp_path, text, said):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(CalibrationError, match=said):
        load_calibration(path)
    with pytest.raises(CalibrationError, match="no such calibration file"):
        load_calibration(tmp_path / "absent.yaml")


def test_what_footage_gave_is_kept(tmp_path):
    path = tmp_path / "calibration.yaml"
    made = Calibration(true_map(2), INFRARED, VISIBLE, "structure", 0.9, frames=30, residuals_px=(0.4, 0.75))
    save_calibration(path, made)
    read = load_calibration(path)
    assert (read.frames, read.residuals_px) == (30, (0.4, 0.75))
    assert read.infrared_offset_ms is read.infrared_drift_ppm is read.infrared_offset_confidence is None
    save_calibration(path, dataclasses.replace(made, infrared_offset_ms=-812.5, infrared_offset_confidence=0.75))
    read = load_calibration(path)
    assert (read.infrared_offset_ms, read.infrared_drift_ppm, read.infrared_offset_confidence) == (-812.5, None, 0.75)


def sample(elapsed_s: float, name: str | None = None) -> Sample:
    return Sample(np.zeros((4, 4), np.uint8), elapsed_s, name)


def test_frames_are_paired_by_name_or_else_by_time():
    by_name = pair_samples([sample(0, "a.png"), sample(1, "b.png")], [sample(0, "b.jpg"), sample(1, "c.jpg")])
    assert [(one.name, other.name) for one, other in by_name] == [("b.png", "b.jpg")]
    assert len(pair_samples([sample(0, "left.png")], [sample(0, "right.png")])) == 1
    by_time = pair_samples([sample(0), sample(1.0), sample(9.0)], [sample(0.1), sample(0.9)])
    assert [(one.elapsed_s, other.elapsed_s) for one, other in by_time] == [(0, 0.1), (1.0, 0.9)]
    assert pair_samples([sample(0)], []) == []


def test_samples_are_spread_over_a_recording():
    footage = read_footage("sim:night-street?size=96x64&seconds=0.5&fps=20", "visible", SystemClock())
    samples = footage.samples
    assert len(samples) == 10
    assert all(later.elapsed_s > one.elapsed_s for one, later in itertools.pairwise(samples))
    assert samples[0].luma.dtype == np.uint8 and samples[0].luma.flags.owndata
    assert footage.capture_ns == [number * 50_000_000 for number in range(10)] and len(footage.thumbnails) == 10
