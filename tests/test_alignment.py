"""Spatial calibration from footage: its parts, known warps of drawn scenes in two modalities, and refusals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from drawn_scenes import drawn_scene, seen
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.alignment.candidates import MANY_FRAMES, QUICK, THOROUGH, candidates, effort_for
from stream.alignment.estimate import FINISH, LEVELS, RESERVED, estimate, settle, trust_of
from stream.alignment.footage import Footage
from stream.alignment.overlay import overlay
from stream.alignment.parameters import jacobian, near_identity, unlikely_part
from stream.alignment.refine import CAREFUL, Weighing, fit
from stream.alignment.score import ACCEPT, Trust, evidence, judge
from stream.alignment.search import centred, search
from stream.alignment.structure import inside, structure_map
from stream.alignment.telling import most_telling
from stream.alignment.windows import WindowField, values_at, window_field
from stream.homography import apply

INFRARED, VISIBLE = (320, 256), (480, 270)


def cameras(scale: float, rotation_deg: float, shift=(0.0, 0.0)):
    """Scene -> infrared, scene -> visible and visible -> infrared pixel; both see only what is drawn."""
    to_visible = centred(0.75, 0.0, (0.0, 0.0), (800, 1000), VISIBLE[::-1])
    between = centred(scale * INFRARED[0] / VISIBLE[0], rotation_deg, shift, VISIBLE[::-1], INFRARED[::-1])
    between[2, :2] = (4e-5, -3e-5)
    return between @ to_visible, to_visible, between


@pytest.mark.parametrize(
    ("scale", "rotation_deg", "shift"), [(1.0, 0.0, (0.0, 0.0)), (1.35, -5.0, (20.0, -12.0)), (0.85, 4.0, (-15.0, 8.0))]
)
def test_a_known_map_is_found(scale, rotation_deg, shift):
    infrared, visible = drawn_scene(3)
    to_infrared, to_visible, truth = cameras(scale, rotation_deg, shift)
    found = estimate([seen(infrared, to_infrared, INFRARED, 1)], [seen(visible, to_visible, VISIBLE, 2)])
    grid = np.stack(np.meshgrid(np.linspace(130, 350, 5), np.linspace(70, 200, 5)), -1).reshape(-1, 2)
    misses = np.linalg.norm(apply(found.homography, grid) - apply(truth, grid), axis=1)
    assert found.accepted and found.reason == "" and found.score >= ACCEPT
    assert misses.mean() < 1.0, misses
    assert found.frames == 1 and found.residuals_px == ()


def test_pictures_that_do_not_belong_together_are_refused_with_advice():
    to_infrared, to_visible, _ = cameras(1.1, 2.0)
    infrared, visible = drawn_scene(11)[0], drawn_scene(12)[1]
    found = estimate([seen(infrared, to_infrared, INFRARED, 1)], [seen(visible, to_visible, VISIBLE, 2)])
    assert not found.accepted and found.score < ACCEPT
    assert "--points" in found.reason and found.residuals_px == ()


def test_an_empty_picture_is_refused():
    _, visible = drawn_scene(4)
    _, to_visible, _ = cameras(1.0, 0.0)
    blank = np.full(INFRARED[::-1], 77, np.uint8)
    found = estimate([blank], [seen(visible, to_visible, VISIBLE, 2)])
    assert not found.accepted and found.reason


@pytest.mark.parametrize(
    ("infrared", "visible", "said"),
    [
        ([], [], "as many"),
        ([np.zeros((40, 50), np.uint8)], [], "as many"),
        ([np.zeros((40, 50), np.uint16)], [np.zeros((40, 50), np.uint8)], "infrared frames must be uint8"),
        ([np.zeros((40, 50), np.uint8)] * 2, [np.zeros((40, 50), np.uint8), np.zeros((4, 5), np.uint8)], "visible"),
    ],
)
def test_unusable_frames(infrared, visible, said):
    with pytest.raises(ValueError, match=said):
        estimate(infrared, visible)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_structure_does_not_know_bright_from_dark(seed):
    picture = np.random.default_rng(seed).uniform(0, 255, (40, 60)).astype(np.float32)
    np.testing.assert_allclose(structure_map(picture), structure_map(255 - picture), atol=1e-3)


def test_structure_tells_directions_apart():
    rows, columns = np.indices((60, 80), dtype=np.float32)
    across = structure_map(np.where(columns < 40, 50, 180).astype(np.float32))[30, 39]
    down = structure_map(np.where(rows < 30, 50, 180).astype(np.float32))[29, 40]
    assert across.real > 0.5 and abs(across.imag) < 0.05
    assert down.real < -0.5 and abs(down.imag) < 0.05
    assert np.abs(structure_map(np.full((60, 80), 99, np.float32))).max() < 1e-3


def test_inside_keeps_away_from_the_moved_pictures_border_only():
    assert inside((40, 30), np.eye(3), (40, 30)).all()
    shifted = inside((40, 30), np.array([[1, 0, 10.0], [0, 1, 0], [0, 0, 1]]), (40, 30), margin_px=3)
    assert not shifted[:, :13].any() and shifted[:, 13:].all()


def field_of(centres, surfaces) -> WindowField:
    return WindowField(np.asarray(centres, dtype=np.float64), surfaces.astype(np.float32), 160.0)


def grid_centres():
    return np.stack(np.meshgrid(np.arange(30.0, 300, 40), np.arange(30.0, 240, 40)), -1).reshape(-1, 2)


@settings(max_examples=30)
@given(parameter=st.integers(0, 7), size=st.floats(-1e-4, 1e-4))
def test_the_jacobian_is_that_of_the_map(parameter, size):
    field = field_of(grid_centres(), np.zeros((42, 3, 3)))
    parameters = np.zeros(8)
    parameters[parameter] = size
    moved = apply(near_identity(parameters, field), field.centres) - field.centres
    np.testing.assert_allclose(moved, jacobian(field) @ parameters, atol=1e-4)


@settings(max_examples=30)
@given(scale=st.floats(0.3, 2), rotation_deg=st.floats(-10, 10), x=st.floats(-40, 40))
def test_a_similarity_has_nothing_unlikely(scale, rotation_deg, x):
    field = field_of(grid_centres(), np.zeros((42, 3, 3)))
    similar = centred(scale, rotation_deg, (x, -x), (270, 480), (256, 320))
    np.testing.assert_allclose(unlikely_part(similar, field), 0, atol=1e-9)
    parameters = np.array([0, 0, 0, 0, 0.01, -0.02, 0.015, 0.01])
    # The map back is what windows move by: made with the parameters, it has them.
    had = unlikely_part(np.linalg.inv(near_identity(parameters, field)), field)
    np.testing.assert_allclose(had, parameters, atol=1e-3)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000))
def test_the_fit_finds_a_map_among_windows_of_which_some_err(seed):
    rng = np.random.default_rng(seed)
    centres = grid_centres()
    blank = field_of(centres, np.zeros((42, 3, 3)))
    truth = np.array([*rng.uniform(-0.01, 0.01, 2), *rng.uniform(-0.01, 0.01, 2), 0, 0, *rng.uniform(-0.005, 0.005, 2)])
    places = apply(near_identity(truth, blank), centres) - centres
    places[rng.choice(42, 10, replace=False)] = rng.uniform(-10, 10, (10, 2))
    axis = np.arange(-12, 13)
    dx, dy = axis[None, None, :] - places[:, 0, None, None], axis[None, :, None] - places[:, 1, None, None]
    surfaces = 0.5 * np.exp(-0.5 * (dx**2 + dy**2) / 1.5**2) + rng.normal(0, 0.03, (42, 25, 25))
    found = fit(field_of(centres, surfaces), np.zeros(8), (6.0, 3.0, 1.5))
    misses = apply(near_identity(found, blank), centres) - apply(near_identity(truth, blank), centres)
    assert np.linalg.norm(misses, axis=1).mean() < 0.6


def test_evidence_is_about_nothing_for_noise_and_much_for_peaks():
    rng = np.random.default_rng(1)
    surfaces = rng.normal(0, 0.1, (42, 25, 25))
    seen_by_chance, rarity = evidence(field_of(grid_centres(), surfaces), np.zeros((42, 2)))
    assert abs(seen_by_chance) < 3 and 0.5 < rarity < 1.6
    surfaces[:, 12, 12] = 1.0
    sure, _ = evidence(field_of(grid_centres(), surfaces), np.zeros((42, 2)))
    assert sure > 15
    assert evidence(field_of(np.zeros((0, 2)), np.zeros((0, 25, 25))), np.zeros((0, 2))) == (0.0, 0.0)


def test_values_between_pixels():
    surface = np.arange(25.0).reshape(1, 5, 5)
    field = field_of([[0.0, 0.0]], surface)
    assert values_at(field, np.array([[0.0, 0.0]]))[0] == pytest.approx(12)
    assert values_at(field, np.array([[0.5, 1.0]]))[0] == pytest.approx(17.5)
    assert values_at(field, np.array([[99.0, 99.0]]))[0] == pytest.approx(24, abs=1e-4)


def test_windows_see_a_shift():
    infrared, visible = (picture[:256, :320].astype(np.float32) for picture in drawn_scene(5))
    shift = np.array([[1, 0, 4.0], [0, 1, -3.0], [0, 0, 1]])
    field = window_field([structure_map(infrared)], [visible], shift, 64, 8, 32)
    total = field.surfaces.mean(axis=0)
    y, x = np.unravel_index(np.argmax(total), total.shape)
    assert (x - 8, y - 8) == (4, -3)
    far = np.array([[1, 0, 5000.0], [0, 1, 0], [0, 0, 1]])
    assert len(window_field([structure_map(infrared)], [visible], far, 64, 8, 32).centres) == 0


def test_the_search_has_the_right_place_first():
    infrared, visible = drawn_scene(6, size=(96, 76))
    found = search([infrared.astype(np.float32)], [visible.astype(np.float32)], 3)
    assert len(found) <= 3
    assert all(a.strength >= b.strength for a, b in itertools.pairwise(found))
    corners = np.array([[0, 0], [95, 0], [0, 75], [95, 75.0]])
    assert np.linalg.norm(apply(found[0].homography, corners) - corners, axis=1).mean() < 6


def test_few_frames_are_looked_at_more_finely_from_more_starts():
    assert effort_for(1) is THOROUGH and effort_for(MANY_FRAMES - 1) is THOROUGH
    assert effort_for(MANY_FRAMES) is QUICK and effort_for(30) is QUICK
    infrared, visible = drawn_scene(3)
    to_infrared, to_visible, truth = cameras(1.2, -4.0, (15.0, -10.0))
    # As at night: the noise is as strong as what is there.
    dim = [seen(infrared, to_infrared, INFRARED, 1, 60.0)], [seen(visible, to_visible, VISIBLE, 2, 60.0)]
    found = candidates(Footage(*dim), THOROUGH)
    grid = np.stack(np.meshgrid(np.linspace(130, 350, 5), np.linspace(70, 200, 5)), -1).reshape(-1, 2)
    assert np.linalg.norm(apply(found[0], grid) - apply(truth, grid), axis=1).mean() < 8
    assert QUICK.candidates < len(found) == THOROUGH.candidates


def test_a_map_that_stands_out_at_one_resolution_only_is_believed_half():
    infrared, visible = drawn_scene(8)
    to_infrared, to_visible, truth = cameras(1.0, 0.0)
    footage = Footage([seen(infrared, to_infrared, INFRARED, 1)], [seen(visible, to_visible, VISIBLE, 2)])
    settled = settle(footage, truth, LEVELS[-1], [0])
    both, one = (trust_of(settled, LEVELS[-1], before) for before in (settled.evidence, 0.0))
    assert both.evidence == pytest.approx(settled.evidence) and one.evidence == pytest.approx(settled.evidence / 2)
    assert both.split_px == one.split_px


def test_what_unrelated_pictures_reach_by_chance_is_refused_and_little_more_is_accepted():
    # The most that any of the mixed-up pairs behind docs/alignment.md has reached is 5.64.
    assert judge(Trust(5.65, 2.0, 0.0, 60))[1] and judge(Trust(5.9, 2.0, 0.0, 60))[1]
    assert not judge(Trust(6.1, 2.0, 0.0, 60))[1]
    assert judge(Trust(6.1, 2.0, 1.0, 60))[1]


@settings(max_examples=50)
@given(evidence=st.floats(-5, 30), split=st.floats(0, 50), windows=st.integers(0, 60))
def test_the_score_and_the_reason_go_together(evidence, split, windows):
    score, reason = judge(Trust(evidence, 1.0, split, windows))
    assert 0 <= score <= 1 and (score >= ACCEPT) == (reason == "")
    more, _ = judge(Trust(evidence + 1, 1.0, split, windows))
    assert more >= score
    assert judge(Trust(evidence, 1.0, float("inf"), windows))[0] == 0


def test_the_overlay_is_a_picture_of_both():
    infrared, visible = drawn_scene(7)
    to_infrared, to_visible, between = cameras(1.2, 0.0)
    picture = overlay(seen(infrared, to_infrared, INFRARED, 1), seen(visible, to_visible, VISIBLE, 2), between)
    assert picture.shape == (256, 640) and picture.dtype == np.uint8
    assert (picture[:, 320:] == 255).mean() > 0.005


def test_frames_are_taken_where_each_shows_something_else():
    left, right, both_weakly, nothing = [1.0, 0.0], [0.0, 1.0], [0.3, 0.3], [0.0, 0.0]
    strengths = [np.array(one) for one in (nothing, left, left, both_weakly, nothing, right)]
    assert most_telling(strengths, 2) in ([1, 5], [2, 5])
    assert most_telling(strengths, 99) == [0, 1, 2, 3, 4, 5]


def test_frames_that_show_the_same_are_taken_far_apart():
    assert most_telling([np.ones(4)] * 9, 3) == [0, 4, 8]


def test_of_footage_in_smoke_the_clear_frames_are_taken():
    infrared, visible = drawn_scene(5)
    to_infrared, to_visible, _ = cameras(1.0, 0.0)
    clear = seen(visible, to_visible, VISIBLE, 2)
    smoke = np.full_like(clear, 140)
    frames = [clear if number in (3, 11) else smoke for number in range(16)]
    footage = Footage([seen(infrared, to_infrared, INFRARED, 1)] * 16, frames)
    assert set(footage.telling(2)) == {3, 11}


def test_one_clear_frame_in_smoke_is_enough_for_the_map():
    infrared, visible = drawn_scene(6)
    to_infrared, to_visible, truth = cameras(1.1, -2.0)
    rng = np.random.default_rng(1)
    smoke = [rng.normal(140, 2, VISIBLE[::-1]).clip(0, 255).astype(np.uint8) for _ in range(30)]
    smoke[13] = seen(visible, to_visible, VISIBLE, 2)
    found = estimate([seen(infrared, to_infrared, INFRARED, 1)] * 30, smoke)
    grid = np.stack(np.meshgrid(np.linspace(130, 350, 5), np.linspace(70, 200, 5)), -1).reshape(-1, 2)
    assert found.accepted
    assert np.linalg.norm(apply(found.homography, grid) - apply(truth, grid), axis=1).mean() < 1.0


def test_a_loosened_prior_leaves_more_of_a_true_perspective():
    centres = np.stack(np.meshgrid(np.arange(40, 600, 60.0), np.arange(40, 480, 60.0)), -1).reshape(-1, 2)
    empty = np.zeros((len(centres), 33, 33), np.float32)
    true = np.array([0, 0, 0, 0, 0, 0, 0.025, 0.0])
    frame = WindowField(centres, empty, 320.0)
    places = apply(near_identity(true, frame), centres) - centres
    axis = np.arange(-16, 17)
    dx, dy = axis[None, None, :] - places[:, 0, None, None], axis[None, :, None] - places[:, 1, None, None]
    # Broad peaks, as of poor structure.
    field = WindowField(centres, np.exp(-(dx**2 + dy**2) / 200).astype(np.float32), 320.0, overlap=4.0)
    careful = fit(field, np.zeros(8), (6.0, 3.0), weighing=CAREFUL)
    loosened = fit(field, np.zeros(8), (6.0, 3.0), weighing=Weighing(CAREFUL.sharpness, CAREFUL.place_variance_px, 3.0))
    assert abs(loosened[6] - true[6]) < 0.7 * abs(careful[6] - true[6])


def fits_of_parallax(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What many frames and few frames make of things at several distances."""
    rng = np.random.default_rng(seed)
    centres = np.stack(np.meshgrid(np.arange(40, 600, 60.0), np.arange(40, 480, 60.0)), -1).reshape(-1, 2)
    # Things at several distances: every window is right by itself, and no map is right for all.
    places = rng.normal(0, 3, (len(centres), 2))
    axis = np.arange(-16, 17)
    dx, dy = axis[None, None, :] - places[:, 0, None, None], axis[None, :, None] - places[:, 1, None, None]
    surfaces = np.exp(-(dx**2 + dy**2) / 50).astype(np.float32)
    field = WindowField(centres, surfaces, 320.0, overlap=4.0)
    return fit(field, np.zeros(8), (6.0, 3.0), weighing=CAREFUL), fit(field, np.zeros(8), (6.0, 3.0), weighing=RESERVED)


def perspective_left(careful: np.ndarray, reserved: np.ndarray) -> float:
    return float(np.linalg.norm(reserved[4:]) / np.linalg.norm(careful[4:]))


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_few_frames_make_less_perspective_of_parallax(seed):
    careful, reserved = fits_of_parallax(seed)
    assert perspective_left(careful, reserved) < 1
    np.testing.assert_allclose(reserved[:4], careful[:4], atol=2e-3)


def test_few_frames_make_a_quarter_less_perspective_of_parallax_mostly():
    assert np.median([perspective_left(*fits_of_parallax(seed)) for seed in range(20)]) < 0.8


def test_few_frames_are_finished_by_the_best_place_of_a_window_not_by_what_is_near_the_start():
    centres = np.stack(np.meshgrid(np.arange(40, 600, 60.0), np.arange(40, 480, 60.0)), -1).reshape(-1, 2)
    axis = np.arange(-8, 9)
    dx, dy = axis[None, None, :] - 2.0, axis[None, :, None]
    # A narrow peak where the windows belong, on a broad rise where they are.
    peak = np.exp(-(dx**2 + dy**2) / 4) + 0.7 * np.exp(-((dx + 4) ** 2 + dy**2) / 60)
    field = WindowField(centres, np.repeat(peak, len(centres), axis=0).astype(np.float32), 320.0, overlap=4.0)
    careful, reserved = (fit(field, np.zeros(8), FINISH.sigmas_px, weighing=one) for one in (CAREFUL, RESERVED))
    errors_px = [abs(320 * one[0] - 2.0) for one in (careful, reserved)]
    assert errors_px[1] < 0.5 * errors_px[0], errors_px
    assert errors_px[1] < 0.3
