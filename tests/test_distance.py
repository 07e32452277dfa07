"""Maps of several distances: what they give between and beyond, the file, and a running live that goes over to one."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from cli_support import nightglass
from clips import read_clip
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from live_support import SIM, LiveRun, free_port

from stream.alignment.apart import ApartEstimator
from stream.alignment.session import Search
from stream.alignment.watch import AlignmentWatch
from stream.calibrate import Target
from stream.calibration import Calibration, matrix_for, of_distances
from stream.calibration_file import load_calibration, save_calibration, save_settings
from stream.clock import SystemClock
from stream.config import AlignmentConfig, NormalizeConfig, parse_config
from stream.distance import MOST_M, limits_m, map_at
from stream.errors import CalibrationError, ConfigError, UsageError
from stream.homography import apply, corner_pixels, corners_apart_px, fit_homography, similarity
from stream.pipeline.commands import LiveCommands
from stream.pipeline.monitor import AlignmentMonitor
from stream.pipeline.setup import calibration_of
from stream.pipeline.timekeeper import Refreshed
from stream.refound import refound
from stream.registration import GLIDE_S, Registration
from stream.trim import NO_TRIM, Trim
from stream.trim_keys import COARSE_PER_M, FINE_PER_M, TrimKeys
from stream.viewer_trim import TrimByKeys

INFRARED, VISIBLE = (640, 512), (1280, 720)
K_INFRARED = np.array([[600, 0, 319.5], [0, 600, 255.5], [0, 0, 1.0]])
K_VISIBLE = np.array([[900, 0, 639.5], [0, 900, 359.5], [0, 0, 1.0]])


def turned(across: float, down: float, about: float) -> np.ndarray:
    """A rotation by three small angles, radians."""
    (ca, sa), (cd, sd), (cz, sz) = ((np.cos(a), np.sin(a)) for a in (across, down, about))
    return (
        np.array([[ca, 0, sa], [0, 1, 0], [-sa, 0, ca]])
        @ np.array([[1, 0, 0], [0, cd, -sd], [0, sd, cd]])
        @ np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1.0]])
    )


class Rig:
    """Two cameras: points in metres in the visible camera's frame, seen by either."""

    def __init__(self, turn=(0.0, 0.0, 0.0), apart_m=(0.1, 0.0, 0.0), tilt=(0.0, 0.0)) -> None:
        self.turn, self.apart_m = turned(*turn), np.array(apart_m)
        self.normal = np.array([*tilt, 1.0])

    def on_plane(self, pixels: np.ndarray, distance_m: float) -> np.ndarray:
        """The points of the plane normal . X = distance that visible pixels show, (N, 3)."""
        rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(K_VISIBLE).T
        return rays * (distance_m / (rays @ self.normal))[:, None]

    def infrared(self, points_m: np.ndarray) -> np.ndarray:
        """Where infrared sees them: by projection, without any homography."""
        seen = (points_m @ self.turn.T + self.apart_m) @ K_INFRARED.T
        return seen[:, :2] / seen[:, 2:]

    def map(self, distance_m: float, noise_px: float = 0.0, seed: int = 0) -> np.ndarray:
        """As a person measures it: from points on that plane."""
        x, y = np.meshgrid(np.linspace(20, 1260, 6), np.linspace(20, 700, 5))
        pixels = np.column_stack([x.ravel(), y.ravel()])
        seen = self.infrared(self.on_plane(pixels, distance_m))
        seen += np.random.default_rng(seed).normal(0, noise_px, seen.shape) if noise_px else 0
        matrix = fit_homography([(tuple(i), tuple(v)) for i, v in zip(seen.tolist(), pixels.tolist(), strict=True)])
        assert matrix is not None
        return matrix

    def calibration(self, distance_m: float) -> Calibration:
        return Calibration(self.map(distance_m), INFRARED, VISIBLE, "points", distance_m=distance_m)

    def of(self, *distances_m: float) -> Calibration:
        return of_distances([self.calibration(one_m) for one_m in distances_m])


angles = st.floats(-0.05, 0.05)
rigs = st.builds(
    Rig,
    st.tuples(angles, angles, angles),
    st.tuples(st.floats(-0.3, 0.3), st.floats(-0.3, 0.3), st.floats(-0.2, 0.2)),
    st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)),
)
RIG = Rig((0.01, -0.02, 0.01), (0.12, 0.03, -0.05))
PIXELS = np.array([[100.0, 80], [900, 120], [640, 360], [200, 650], [1200, 600]])


@settings(max_examples=150)
@given(rig=rigs, near_m=st.floats(2, 10), ratio=st.floats(1.2, 20), share=st.floats(0, 1))
def test_two_maps_give_that_of_any_distance_between_exactly(rig, near_m, ratio, share):
    """Also where the cameras lie one behind the other, and for planes that are tilted alike."""
    far_m = near_m * ratio
    distance_m = 1 / (share / near_m + (1 - share) / far_m)
    got = rig.of(near_m, far_m).at_distance(distance_m)
    np.testing.assert_allclose(apply(got.homography, PIXELS), rig.infrared(rig.on_plane(PIXELS, distance_m)), atol=0.02)
    assert got.distance_m == pytest.approx(distance_m)


@settings(max_examples=60)
@given(rig=rigs, beyond=st.floats(0, 1))
def test_beyond_the_outermost_maps_it_goes_on_exactly_as_far_as_the_limits(rig, beyond):
    near_m, far_m = 4.0, 10.0
    both = rig.of(near_m, 6.0, far_m)
    limits = both.limits_m
    assert limits == (pytest.approx(2.5), MOST_M)
    for distance_m in (1 / (0.25 + beyond * 0.15), 10 / max(1e-4, 1 - beyond)):
        got = both.at_distance(distance_m).homography
        np.testing.assert_allclose(apply(got, PIXELS), rig.infrared(rig.on_plane(PIXELS, distance_m)), atol=0.1)
    assert both.at_distance(0.5).distance_m == limits[0] and both.at_distance(1e9).distance_m == MOST_M
    points_of_infinity = rig.on_plane(PIXELS, 1e7)
    np.testing.assert_allclose(
        apply(both.at_distance(1e9).homography, PIXELS), rig.infrared(points_of_infinity), atol=0.1
    )


def test_maps_that_lie_close_together_do_not_reach_infinity():
    assert limits_m([4.0, 5.0]) == (pytest.approx(1 / 0.3), pytest.approx(1 / 0.15))
    assert limits_m([4.0, 8.0])[1] == MOST_M
    assert limits_m([4.0]) == (4.0, 4.0)
    assert RIG.of(4, 5).reach() == "the maps reach from 3.33 m to 6.67 m"


def test_errors_of_the_measured_maps_are_not_made_worse_between_them():
    errors_px = []
    for seed in range(40):
        maps = [RIG.map(4.0, 1.0, seed), RIG.map(20.0, 1.0, 1000 + seed)]
        own = corners_apart_px(maps[0], RIG.map(4.0), VISIBLE)
        between = corners_apart_px(map_at([4.0, 20.0], maps, 7.0), RIG.map(7.0), VISIBLE)
        errors_px.append((own, between))
    own, between = np.median(errors_px, axis=0)
    assert 0.3 < between < own * 1.1


def test_at_a_map_s_own_distance_it_is_that_map_and_joins_on_without_a_jump():
    maps = [RIG.map(4.0, 1.0, 1), RIG.map(8.0, 1.0, 2), RIG.map(20.0, 1.0, 3)]
    distances_m = [4.0, 8.0, 20.0]
    for distance_m, one in zip(distances_m, maps, strict=True):
        for close_m in (distance_m * (1 - 1e-9), distance_m, distance_m * (1 + 1e-9)):
            assert corners_apart_px(map_at(distances_m, maps, close_m), one, VISIBLE) < 1e-3


def test_linear_in_the_distance_itself_would_be_far_off():
    """The reason for 1/d: these are the pixels that it is about."""
    near, far, truth = RIG.map(4), RIG.map(20), RIG.map(8)
    share = (8 - 4) / (20 - 4)
    assert corners_apart_px((1 - share) * near + share * far, truth, VISIBLE) > 4
    assert corners_apart_px(map_at([4, 20], [near, far], 8), truth, VISIBLE) < 1e-6


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: RIG.of(4, 4.01), "4 and 4.01 m count as of one distance"),
        (lambda: RIG.calibration(-1), "over 0 and at most 100000 metres, got -1"),
        (lambda: RIG.calibration(4).at_distance(8), "calibrate --distance-m D --add"),
        (lambda: RIG.of(4, 8).at_distance(float("nan")), "over 0 metres"),
        (lambda: RIG.of(4, 8).at_distance(0), "over 0 metres"),
        (lambda: Calibration(np.eye(3), VISIBLE, VISIBLE, "points").with_map(RIG.calibration(4)), "distance that each"),
        (lambda: RIG.of(4, 8).with_map(Calibration(np.eye(3), (640, 480), VISIBLE, "x", distance_m=3)), "aspect"),
    ],
)
def test_what_is_refused(make, said):
    with pytest.raises(CalibrationError, match=said):
        make()


def test_another_map_is_added_or_takes_the_place_of_one_of_the_same_distance():
    trim = Trim(3, 1)
    both = RIG.calibration(8).with_trim(trim).with_offset(40.0, 0.5).with_map(RIG.calibration(4))
    assert [one.distance_m for one in both.maps] == [4, 8] and both.distance_m == 8
    assert (both.trim, both.infrared_offset_ms) == (trim, 40.0) and both.maps[1].trim == NO_TRIM
    far = both.with_map(RIG.calibration(30))
    assert far.distance_m == 30, "the farthest, as none was chosen"
    assert both.at_distance(5).with_map(RIG.calibration(30)).distance_m == 5
    other = Rig((0, 0, 0))
    replaced = far.with_map(other.calibration(8.02))
    assert [one.distance_m for one in replaced.maps] == [4, 8.02, 30]
    np.testing.assert_allclose(replaced.maps[1].homography, other.calibration(8.02).homography)
    # Made at half the size: the same spots.
    half = Calibration(np.diag([2.0, 2.0, 1.0]), INFRARED, (320, 180), "points", residual_px=1, distance_m=2)
    small = RIG.of(4, 8).with_map(half).maps[0]
    assert small.visible_size == VISIBLE and small.residual_px == 1
    np.testing.assert_allclose(small.homography[0, 0], 0.5)


@settings(max_examples=25)
@given(
    distances_m=st.lists(st.floats(0.5, 500), min_size=1, max_size=5),
    chosen_m=st.floats(0.5, 500),
    offset_ms=st.one_of(st.none(), st.floats(-2500, 2500)),
)
def test_a_file_of_several_maps_is_read_as_it_was_written(tmp_path_factory, distances_m, chosen_m, offset_ms):
    ordered = sorted(distances_m)
    assume(all(far > 1.02 * near for near, far in pairwise(ordered)))
    path = tmp_path_factory.mktemp("maps") / "calibration.yaml"
    made = RIG.of(*distances_m)
    if made.maps:
        made = made.at_distance(chosen_m)
    made = made.with_trim(Trim(2, -1))
    if offset_ms is not None:
        made = made.with_offset(offset_ms, 0.5)
    save_calibration(path, made)
    read = load_calibration(path)
    assert [one.distance_m for one in read.maps] == [one.distance_m for one in made.maps]
    assert (read.distance_m, read.trim, read.infrared_offset_ms) == (made.distance_m, made.trim, offset_ms)
    np.testing.assert_allclose(read.homography, made.homography, rtol=1e-12)
    assert ("maps" in yaml.safe_load(path.read_text())) == (len(distances_m) > 1)


SEVERAL = """# Two cameras on a pole
infrared_size: [640, 512]
visible_size: [1280, 720]
maps:
- {distance_m: 4, scale: 2.0, shift_px: [30, 0]}  # at the gate
- {distance_m: 20, scale: 2.0}
"""


def several(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "calibration.yaml"
    path.write_text(SEVERAL + more)
    return path


def test_by_hand_each_map_has_a_form_of_its_own_and_the_farthest_holds(tmp_path, caplog):
    read = load_calibration(several(tmp_path))
    assert read.distance_m == 20 and [one.method for one in read.maps] == ["by hand"] * 2
    np.testing.assert_allclose(matrix_for(read, INFRARED, VISIBLE), similarity(INFRARED, VISIBLE, 2.0, 0, (0, 0)))
    # Half-way in 1/d: half of the shift.
    middle = load_calibration(several(tmp_path, f"distance_m: {1 / 0.15}\n"))
    np.testing.assert_allclose(middle.homography, similarity(INFRARED, VISIBLE, 2.0, 0, (15, 0)), atol=1e-9)
    assert not caplog.records
    assert load_calibration(several(tmp_path, "distance_m: 1\n")).distance_m == pytest.approx(1 / 0.45)
    assert "distance_m 1, but the maps reach from 2.22 m to infinity" in caplog.text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("distance_m: 4, ", "", ["key 'maps.0.distance_m' is required"]),
        ("distance_m: 4,", "distance_m: 0,", ["'maps.0.distance_m'", "greater than 0"]),
        ("distance_m: 4,", "distance_m: 20,", ["20 and 20 m count as of one distance"]),
        ("distance_m: 4,", "distance: 4,", ["unknown key 'maps.0.distance'", "distance_m"]),
        ("scale: 2.0, shift_px", "shift_px", ["'maps.0'", "exactly one of 'homography', 'points' and 'scale'"]),
        ("maps:", "scale: 2.0\nmaps:", ["scale and maps"]),
        ("maps:", "score: 0.9\nmaps:", ["'score' belongs to one map"]),
        ("# Two", "distance_m: far\n#", ["'distance_m'", "number"]),
        ("# Two", "distance_m: 1.0e+9\n#", ["'distance_m'", "100000"]),
        ("maps:", "rotate_deg: 2\nmaps:", ["belong to 'scale'"]),
    ],
)
def test_errors_of_the_file_name_the_key(tmp_path, old, new, said):
    assert SEVERAL.count(old) == 1
    path = tmp_path / "bad.yaml"
    path.write_text(SEVERAL.replace(old, new))
    with pytest.raises(CalibrationError) as error:
        load_calibration(path)
    assert str(error.value).startswith(f"{path}: ") and all(word in str(error.value) for word in said), error.value


def test_saving_settings_leaves_the_rest_of_the_file_as_it_is(tmp_path):
    path = several(tmp_path, "infrared_drift_ppm: 12.0\n")
    whole = load_calibration(path)
    save_settings(path, whole)
    assert path.read_text() == SEVERAL + "infrared_drift_ppm: 12.0\n"
    save_settings(path, whole.at_distance(5).with_offset(-300.0, 0.8).with_trim(Trim(1, 2)))
    assert path.read_text() == SEVERAL + (
        "infrared_drift_ppm: 12.0\ndistance_m: 5\ninfrared_offset_ms: -300.0\ninfrared_offset_confidence: 0.8\n"
        "trim: {scale: 1.0, shift_px: [1, 2]}\n"
    )
    read = load_calibration(path)
    assert (read.distance_m, read.infrared_offset_ms, read.infrared_drift_ppm, read.trim) == (5, -300, 12, Trim(1, 2))
    save_settings(path, read.at_distance(20))
    assert "distance_m: 5" not in path.read_text() and load_calibration(path).distance_m == 20


def configured(path: Path, distance_m: float | None) -> Calibration | None:
    registration = {"calibration": str(path)} | ({} if distance_m is None else {"distance_m": distance_m})
    return calibration_of(parse_config({"registration": registration}, "test"))


def test_the_configuration_chooses_before_the_file_does(tmp_path, caplog):
    path = several(tmp_path, "distance_m: 5\n")
    assert configured(path, None).distance_m == 5
    assert configured(path, 8).distance_m == 8
    assert not caplog.records
    assert configured(path, 0.1).distance_m == pytest.approx(1 / 0.45)
    assert "registration.distance_m is 0.1, but the maps reach from 2.22 m to infinity" in caplog.text


def test_a_distance_without_maps_to_choose_from(tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text("infrared_size: [640, 512]\nvisible_size: [1280, 720]\nscale: 2.0\n")
    with pytest.raises(CalibrationError, match=r"one\.yaml: registration\.distance_m is 8, but .* has one map"):
        configured(path, 8)
    path.write_text(path.read_text() + "distance_m: 20\n")
    assert configured(path, 8).distance_m == 20, "the first of several to come holds everywhere"
    with pytest.raises(ConfigError, match=r"'registration'.*'distance_m' chooses among the maps of a calibration"):
        parse_config({"registration": {"distance_m": 8}}, "test")
    with pytest.raises(ConfigError, match=r"'registration\.distance_m'.*greater than 0"):
        parse_config({"registration": {"calibration": "x", "distance_m": 0}}, "test")


def test_the_map_glides_to_another_distance():
    registration = Registration(RIG.of(4, 20))
    start = registration.at(INFRARED, VISIBLE, 0).matrix
    registration.distance_to(6, 0)
    places = [
        apply(registration.at(INFRARED, VISIBLE, round(k * GLIDE_S * 1e8)).matrix, corner_pixels(VISIBLE))
        for k in range(12)
    ]
    steps = np.linalg.norm(np.diff(places, axis=0), axis=2).max(axis=1)
    whole = corners_apart_px(start, RIG.map(6), VISIBLE)
    assert whole > 5 and 0 < steps.max() < 0.2 * whole
    np.testing.assert_allclose(places[-1], apply(RIG.map(6), corner_pixels(VISIBLE)), atol=0.01)
    assert registration.calibration.is_meant, "chosen for a distance: meant to lie beside what is farther away"
    with pytest.raises(CalibrationError, match="without a calibration"):
        Registration(None).distance_to(3, 0)


# What a map that was found says of all maps.


def found_map(matrix: np.ndarray) -> Calibration:
    return Calibration(matrix, INFRARED, VISIBLE, "structure", score=0.9)


def apart(one: Calibration, rig: Rig, distance_m: float) -> float:
    return corners_apart_px(one.at_distance(distance_m).homography, rig.map(distance_m), VISIBLE)


def test_a_knocked_infrared_camera_moves_all_maps_exactly():
    present = RIG.of(4, 20).at_distance(7).with_offset(40.0, 0.5).with_trim(Trim(2, 0))
    knock = K_INFRARED @ turned(0.004, 0.03, 0.02) @ np.linalg.inv(K_INFRARED)
    after = refound(present, found_map(knock @ RIG.map(7)))
    assert after.distance_m == 7 and after.trim == NO_TRIM and after.infrared_offset_ms == 40.0
    assert corners_apart_px(after.homography, knock @ RIG.map(7), VISIBLE) < 1e-6
    for distance_m in (4, 11, 20):
        truth = knock @ RIG.map(distance_m)
        assert corners_apart_px(after.at_distance(distance_m).homography, truth, VISIBLE) < 0.01
        assert corners_apart_px(present.at_distance(distance_m).homography, truth, VISIBLE) > 10


@pytest.mark.parametrize("trim", [NO_TRIM, Trim(4, -3)])
def test_a_scene_at_another_distance_is_another_distance_and_not_a_knock(trim):
    present = RIG.of(4, 20).with_trim(trim)
    seen = RIG.map(5) @ trim.undone(VISIBLE)
    after = refound(present, found_map(seen))
    assert after.distance_m == pytest.approx(5, rel=0.02)
    assert corners_apart_px(after.homography, seen, VISIBLE) < 1e-6
    for distance_m in (4, 20):
        truth = RIG.map(distance_m) @ trim.undone(VISIBLE)
        assert corners_apart_px(after.at_distance(distance_m).homography, truth, VISIBLE) < 0.5


def test_a_little_correction_leaves_the_distance_and_one_map_is_replaced():
    nudge = np.array([[1, 0, 1.5], [0, 1, 1], [0, 0, 1.0]])
    after = refound(RIG.of(4, 20).at_distance(7), found_map(nudge @ RIG.map(7)))
    assert after.distance_m == 7 and apart(after, RIG, 4) == pytest.approx(np.hypot(1.5, 1), abs=0.1)
    found = found_map(np.eye(3))
    assert refound(None, found) is found and refound(RIG.calibration(4), found) is found
    with pytest.raises(CalibrationError, match="aspect"):
        refound(RIG.of(4, 20), Calibration(np.eye(3), (640, 480), VISIBLE, "structure"))


class OneSearch:
    """Stands for a session whose scene told nothing for long, and whose search then finds a map."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.watch = AlignmentWatch()
        self._found = Search(matrix, INFRARED, VISIBLE, 0.9, "", corners_apart_px(matrix, RIG.map(4), VISIBLE))

    def search(self, estimator) -> Search:
        return self._found


@pytest.mark.parametrize(
    ("present", "matrix", "knocked"),
    [
        (RIG.of(4, 20).at_distance(4), RIG.map(20), False),
        (RIG.of(4, 20).at_distance(4), similarity(INFRARED, VISIBLE, 2.0, 0, (0, 60)), True),
        (RIG.calibration(4), RIG.map(20), True),
        (None, RIG.map(20), True),
    ],
)
@pytest.mark.parametrize("asked", [False, True])
def test_a_scene_at_another_distance_than_the_chosen_one_is_no_knock_but_may_be_asked_for(
    present, matrix, knocked, asked
):
    monitor = AlignmentMonitor(AlignmentConfig(), NormalizeConfig(), SystemClock())
    monitor._estimator = ApartEstimator()
    session = OneSearch(matrix)
    monitor._search(session, asked, present)
    assert (session.watch.state == "knocked") == (knocked and not asked) == bool(monitor._counts["knocks"])
    assert (monitor.take_calibration() is not None) == asked


# Commands and keys.


def commands_of(path: Path, refreshed: Refreshed | None = None) -> LiveCommands:
    return LiveCommands(load_calibration(path), path, lambda: True, lambda: refreshed)


def test_the_distance_is_set_by_command_within_reach_and_saved_with_the_offset(tmp_path):
    path = several(tmp_path, "infrared_offset_ms: 10.0\n")
    one = commands_of(path, Refreshed(-312.5, 0.8))
    assert one.handle({"command": "trim"})["distance_m"] == 20 and one.take_distance_m() is None
    assert one.handle({"command": "trim", "distance_m": 1})["distance_m"] == pytest.approx(1 / 0.45)
    assert one.take_distance_m() == pytest.approx(1 / 0.45) and one.take_distance_m() is None
    assert load_calibration(path).distance_m == 20
    answer = one.handle({"command": "trim", "distance_m": 8, "shift_x_px": 3, "save": True})
    assert (answer["distance_m"], answer["saved"], answer["infrared_offset_ms"]) == (8, str(path), -312.5)
    assert one.take_trim() == Trim(3) and one.take_distance_m() == 8
    read = load_calibration(path)
    assert (read.distance_m, read.trim) == (8, Trim(3))
    assert (read.infrared_offset_ms, read.infrared_offset_confidence) == (-312.5, 0.8)


def test_what_live_has_not_changed_stays_as_it_is_in_a_file_edited_meanwhile(tmp_path):
    path = several(tmp_path)
    one = commands_of(path)
    path.write_text(SEVERAL + "infrared_offset_ms: 77.0\n")
    assert one.handle({"command": "trim", "shift_x_px": 3, "save": True})["infrared_offset_ms"] is None
    assert load_calibration(path).infrared_offset_ms == 77.0


def test_a_found_map_is_saved_with_all_maps_the_distance_and_the_refreshed_offset(tmp_path):
    path = several(tmp_path, "infrared_offset_ms: 10.0\ninfrared_drift_ppm: 3.0\n")
    registration, one = Registration(load_calibration(path)), commands_of(path, Refreshed(-5.0, 0.6))
    registration.at(INFRARED, VISIBLE, 0)
    down = similarity(INFRARED, VISIBLE, 2.0, 0, (0, 40))
    one.handle({"command": "trim", "shift_x_px": 3})
    one.found(registration.found(found_map(down), 0))
    assert one.take_trim() is None
    one.handle({"command": "trim", "distance_m": 4, "save": True})
    read = load_calibration(path)
    assert [each.method for each in read.maps] == ["moved along"] * 2 and read.trim == NO_TRIM
    assert (read.infrared_offset_ms, read.infrared_drift_ppm, read.distance_m) == (-5.0, 3.0, 4)
    np.testing.assert_allclose(read.homography, similarity(INFRARED, VISIBLE, 2.0, 0, (30, 40)), atol=1e-9)


@pytest.mark.parametrize(
    ("value", "said"),
    [("8", "'distance_m' must be a number"), (True, "must be a number"), (0, "over 0 metres"), (-3, "over 0 metres")],
)
def test_distances_that_are_refused_change_nothing(tmp_path, value, said):
    one = commands_of(several(tmp_path))
    with pytest.raises((UsageError, CalibrationError), match=said):
        one.handle({"command": "trim", "shift_x_px": 5, "distance_m": value})
    assert one.take_trim() is None and one.take_distance_m() is None
    alone = LiveCommands(RIG.calibration(4), None, lambda: True, lambda: None)
    with pytest.raises(CalibrationError, match="--add"):
        alone.handle({"command": "trim", "distance_m": 5})
    with pytest.raises(CalibrationError, match=r"registration\.calibration"):
        LiveCommands(None, None, lambda: True, lambda: None).handle({"command": "trim", "distance_m": 5})


@pytest.mark.parametrize(
    ("keys", "per_m"),
    [("n", 0.1 + FINE_PER_M), ("M", 0.1 - FINE_PER_M), ("nnmm", 0.1), ("fn", 0.1 + COARSE_PER_M), ("fmmm", 1 / MOST_M)],
)
def test_keys_bring_the_map_nearer_and_farther(keys, per_m):
    state = {"trim": {"shift_x_px": 1.0, "shift_y_px": 0.0, "scale": 1.0}, "distance_m": 10.0, "saved": None}

    def live(command):
        state.update({key: value for key, value in command.items() if key == "distance_m"})
        return state

    window = TrimByKeys("tcp://127.0.0.1:1", live)
    window.press(keys)
    assert 1 / state["distance_m"] == pytest.approx(per_m)
    assert f"{state['distance_m']:.4g} m" in window.text and state["trim"]["shift_x_px"] == 1


def test_keys_where_there_is_one_map_say_so():
    with pytest.raises(CalibrationError, match="no maps of several distances"):
        TrimKeys().command("n", NO_TRIM)
    window = TrimByKeys("tcp://127.0.0.1:1", lambda command: {"trim": {}, "distance_m": "near"})
    window.press("n")
    assert "no trim" in window.text


# The command line, with real pictures.

LIVE_MAPS = """infrared_size: [128, 96]
visible_size: [128, 96]
maps:
- {distance_m: 4, scale: 1.0, shift_px: [12, 0]}
- {distance_m: 20, scale: 1.0}
"""


def test_a_running_live_goes_over_to_another_distance_and_keeps_it(tmp_path: Path):
    path = tmp_path / "calibration.yaml"
    path.write_text(LIVE_MAPS)
    control = f"tcp://127.0.0.1:{free_port()}"
    more = {
        "control": {"endpoint": control},
        "registration": {"calibration": str(path), "distance_m": 20},
        "alignment": {"monitor_s": None},
        "outputs": {"record": {"path": "out.mkv", "preset": "ultrafast", "crf": 12}},
        "compose": {"mode": "infrared"},
    }
    with LiveRun(tmp_path, {"url": SIM}, {"url": SIM}, **more) as run:
        run.until(lambda one: one["degraded"] == "none", 5)
        said = nightglass("trim", "--endpoint", control)
        assert said.out.strip() == "shift 0, 0 pixels, scale 1, distance 20 m", said.err
        done = nightglass("trim", "--endpoint", control, "--distance-m", "5", "--save")
        assert done.out.strip() == f"shift 0, 0 pixels, scale 1, distance 5 m; saved in {path}", done.err
        began_ns = run.until(lambda one: True)[-1]["capture_ns"]
        run.until(lambda one: one["capture_ns"] > began_ns + 1.5e9)
        run.finish()
    assert path.read_text() == LIVE_MAPS + "distance_m: 5.0\n"
    shown = read_clip(tmp_path / "out.mkv")[0]
    assert moved_right_px(shown[0], shown[4]) == 0 and moved_right_px(shown[0], shown[-1]) == 9


def moved_right_px(before: np.ndarray, after: np.ndarray) -> int:
    """By how much the middle of a picture lies farther to the right in another."""
    middle = before[:, 40:88].astype(int)
    return min(range(-20, 21), key=lambda x: float(np.abs(after[:, 40 + x : 88 + x] - middle).mean()))


def test_an_added_map_brings_its_time_offset_or_leaves_the_one_that_is_there(tmp_path):
    target = Target(several(tmp_path, "infrared_offset_ms: 10.0\ntrim: {shift_px: [2, 0]}\n"), 9.0, add=True)
    lines = target.save(RIG.calibration(1), target.present())
    assert lines[0].startswith("maps of 4, 9, 20 m; the maps reach from 2.22 m to infinity; in use")
    assert "a trim" in lines[1], "made for one map, perhaps against parallax"
    assert load_calibration(target.path).infrared_offset_ms == 10.0
    target.save(RIG.calibration(1).with_offset(-70.0, 0.5), target.present())
    read = load_calibration(target.path)
    assert (read.infrared_offset_ms, read.trim, len(read.maps)) == (-70.0, Trim(2, 0), 3)
    with pytest.raises(CalibrationError, match="several distances already"):
        target.save(read, None)


def points_file(path: Path, shift_px: float) -> Path:
    spots = [(x, y) for x in (20.0, 100.0) for y in (10.0, 80.0)]
    points = [{"infrared": [x, y], "visible": [x + shift_px, y]} for x, y in spots]
    path.write_text(yaml.safe_dump({"infrared_size": [128, 96], "visible_size": [128, 96], "points": points}))
    return path


def test_calibrate_adds_a_distance_replaces_one_and_refuses_what_it_cannot(tmp_path: Path):
    output = tmp_path / "calibration.yaml"

    def calibrate(shift_px: float, *more: str):
        points = points_file(tmp_path / "points.yaml", shift_px)
        inputs = ("--infrared", SIM, "--visible", SIM, "--points", str(points), "--output", str(output))
        return nightglass("calibrate", *inputs, *more)

    assert calibrate(0.0).code == 0
    refused = calibrate(5.0, "--add", "--distance-m", "4")
    assert refused.code != 0 and "not known at which distance" in refused.error
    refused = calibrate(5.0, "--add")
    assert refused.code == 2 and "--distance-m" in refused.error
    assert calibrate(0.0, "--distance-m", "20").code == 0
    assert load_calibration(output).distance_m == 20 and not load_calibration(output).maps
    done = calibrate(5.0, "--distance-m", "4", "--add")
    assert done.code == 0, done.err
    assert "maps of 4, 20 m; the maps reach from 2.22 m to infinity; in use" in done.out
    assert calibrate(7.0, "--distance-m", "4", "--add").code == 0
    both = load_calibration(output)
    assert [(one.distance_m, round(one.homography[0, 2])) for one in both.maps] == [(4, -7), (20, 0)]
    assert both.distance_m == 20 and both.at_distance(1 / 0.15).homography[0, 2] == pytest.approx(-3.5)
    assert calibrate(1.0, "--distance-m", "9").code == 0 and not load_calibration(output).maps, "without --add: anew"
    refused = nightglass("calibrate", "--infrared", SIM, "--visible", SIM, "--output", str(tmp_path / "none.yaml"),
                         "--distance-m", "4", "--add")  # fmt: skip
    assert refused.code != 0 and "no such calibration file" in refused.error
