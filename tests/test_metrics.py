"""Quality metrics: values known by hand, properties, and agreement with published figures on real pictures."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from metrics_support import SIDE_PX, picture

from training.baselines import BASELINES, average, laplacian_maximum
from training.images import picture_triples
from training.metrics import METRICS, Image, Scorer


def flat(level: int) -> Image:
    return np.full((SIDE_PX, SIDE_PX), level, np.uint8)


pictures = st.integers(0, 2**31).map(picture)


def every_level_once() -> Image:
    return np.arange(256, dtype=np.uint8).repeat(9).reshape(48, 48)


def checkerboard(low: int, high: int) -> Image:
    odd = np.indices((SIDE_PX, SIDE_PX)).sum(axis=0) % 2
    return np.where(odd == 1, high, low).astype(np.uint8)


def test_entropy_of_a_uniform_histogram_is_8_bits_and_of_a_flat_picture_0():
    assert METRICS["EN"](flat(3), flat(4), every_level_once()) == 8.0
    assert METRICS["EN"](flat(3), flat(4), flat(200)) == 0.0
    assert METRICS["EN"](flat(3), flat(4), checkerboard(0, 1)) == 1.0


def test_standard_deviation_of_two_levels_is_half_their_distance():
    assert METRICS["SD"](flat(0), flat(0), checkerboard(40, 100)) == 30.0


def test_spatial_frequency_of_a_checkerboard_is_sqrt_2_times_its_step():
    assert METRICS["SF"](flat(0), flat(0), checkerboard(40, 100)) == pytest.approx(60 * math.sqrt(2))


def test_gradient_of_a_ramp_is_its_slope_over_sqrt_2():
    ramp = np.tile(np.arange(0, 3 * SIDE_PX, 3, dtype=np.uint8), (SIDE_PX, 1))
    assert METRICS["AG"](flat(0), flat(0), ramp) == pytest.approx(3 / math.sqrt(2))
    assert METRICS["AG"](flat(0), flat(0), ramp.T.copy()) == pytest.approx(3 / math.sqrt(2))


def test_one_axis_each_counts_in_spatial_frequency():
    stripes = np.tile(np.array([0, 10], np.uint8), (SIDE_PX, SIDE_PX // 2))
    assert METRICS["SF"](flat(0), flat(0), stripes) == 10.0
    assert METRICS["SF"](flat(0), flat(0), stripes.T.copy()) == 10.0


@given(pictures, pictures)
@settings(max_examples=20)
def test_mutual_information_of_a_copy_is_its_entropy_plus_what_the_sources_share(ir, vi):
    shared = METRICS["MI"](ir, vi, ir) - METRICS["EN"](ir, vi, ir)
    assert METRICS["MI"](ir, vi, vi) == pytest.approx(METRICS["EN"](ir, vi, vi) + shared, abs=1e-9)
    assert -1e-9 <= shared <= min(METRICS["EN"](ir, vi, ir), METRICS["EN"](ir, vi, vi)) + 1e-9
    assert METRICS["MI"](ir, ir, ir) == pytest.approx(2 * METRICS["EN"](ir, ir, ir))


def test_mutual_information_of_independent_bits_is_0():
    rows = np.tile(np.array([[0], [255]], np.uint8), (SIDE_PX // 2, SIDE_PX))
    assert METRICS["MI"](rows, rows, rows.T.copy()) == pytest.approx(0.0, abs=1e-12)


def test_scd_of_a_plain_sum_is_2_and_of_a_copy_has_one_term_only():
    ir, vi = picture(1) // 3, picture(2) // 3
    assert METRICS["SCD"](ir, vi, ir + vi) == pytest.approx(2.0)
    difference = vi.astype(float) - ir
    expected = np.corrcoef(difference.ravel(), vi.ravel())[0, 1]
    assert METRICS["SCD"](ir, vi, vi) == pytest.approx(expected, abs=1e-12)


@given(pictures, pictures, pictures)
@settings(max_examples=20)
def test_scd_is_numpys_correlation(ir, vi, fused):
    assume(not np.array_equal(ir, fused) and not np.array_equal(vi, fused))
    a, b, f = (image.astype(float).ravel() for image in (ir, vi, fused))
    expected = np.corrcoef(f - b, a)[0, 1] + np.corrcoef(f - a, b)[0, 1]
    assert METRICS["SCD"](ir, vi, fused) == pytest.approx(expected, abs=1e-9)


@given(pictures)
@settings(max_examples=10)
def test_identical_pictures_have_ssim_1_and_vif_1_for_each_source(image):
    assert METRICS["SSIM"](image, image, image) == pytest.approx(2.0, abs=1e-12)
    assert METRICS["SSIM_L1"](image, image, image) == pytest.approx(2.0, abs=1e-9)
    assert METRICS["VIF"](image, image, image) == pytest.approx(2.0, abs=1e-9)


def test_ssim_of_two_flat_pictures_is_the_luminance_term_alone():
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert METRICS["SSIM"](flat(100), flat(100), flat(150)) == pytest.approx(2 * expected)


def test_qabf_of_a_copy_is_the_top_of_both_sigmoids():
    top = 0.9994 / (1 + math.exp(-15 * 0.5)) * 0.9879 / (1 + math.exp(-22 * 0.2))
    image = picture(5)
    assert METRICS["Qabf"](image, image, image) == pytest.approx(top, rel=1e-6)
    assert METRICS["Qabf_infrared"](image, flat(7)[:, :1].repeat(image.shape[1], 1), image) == pytest.approx(
        top, rel=1e-6
    )


def test_qabf_loses_edges_that_are_gone():
    # Even a flat picture has edges at its border, where Sobel sees 0 outside: black has none.
    assert METRICS["Qabf"](picture(5), picture(6), np.zeros_like(picture(5))) < 0.001


def test_raised_contrast_gives_vif_above_a_copy_and_blur_below():
    image = (picture(9) // 3 + 60).astype(np.uint8)
    stretched = ((image.astype(int) - 100) * 2 + 100).clip(0, 255).astype(np.uint8)
    blurred = ((image.astype(int) + np.roll(image, 1, 0) + np.roll(image, 1, 1)) // 3).astype(np.uint8)
    values = [METRICS["VIF"](image, image, fused) for fused in (blurred, image, stretched)]
    assert values[0] < values[1] - 0.1
    assert values[2] > values[1] + 0.1


def test_pictures_without_any_content_give_finite_values():
    for name, value in Scorer(flat(0), flat(9)).score(flat(9)).items():
        assert math.isfinite(value), name


@given(pictures, pictures, pictures)
@settings(max_examples=15)
def test_all_metrics_together_are_the_single_ones(ir, vi, fused):
    together = Scorer(ir, vi).score(fused)
    assert list(together) == list(METRICS)
    for name, metric in METRICS.items():
        assert together[name] == pytest.approx(metric(ir, vi, fused), rel=1e-6, abs=1e-9), name


@given(pictures, pictures, pictures)
@settings(max_examples=15)
def test_swapping_the_sources_changes_nothing_but_the_halves_of_qabf(ir, vi, fused):
    one, other = Scorer(ir, vi).score(fused), Scorer(vi, ir).score(fused)
    other["Qabf_infrared"], other["Qabf_visible"] = other["Qabf_visible"], other["Qabf_infrared"]
    for name, value in one.items():
        assert value == pytest.approx(other[name], rel=1e-6, abs=1e-9), name


@given(pictures, pictures, pictures)
@settings(max_examples=15)
def test_ranges(ir, vi, fused):
    limits = {"EN": (0, 8), "SD": (0, 127.5), "SF": (0, 361), "AG": (0, 255), "MI": (0, 16), "SCD": (-2, 2)}
    limits |= {"VIF": (0, math.inf), "SSIM": (-2, 2), "SSIM_L1": (-2, 2)}
    limits |= dict.fromkeys(("Qabf", "Qabf_infrared", "Qabf_visible"), (0, 0.976))
    values = Scorer(ir, vi).score(fused)
    for name, (low, high) in limits.items():
        assert low - 1e-9 <= values[name] <= high + 1e-9, name
    halves = sorted((values["Qabf_infrared"], values["Qabf_visible"]))
    assert halves[0] - 1e-6 <= values["Qabf"] <= halves[1] + 1e-6


@given(pictures, pictures, pictures)
@settings(max_examples=10)
def test_mirroring_all_three_changes_nothing(ir, vi, fused):
    # Not so VIF, which halves its scales from the upper left corner, nor Qabf, whose angles jump at the vertical.
    one, other = Scorer(ir, vi).score(fused), Scorer(ir[:, ::-1], vi[:, ::-1]).score(fused[:, ::-1])
    for name in set(METRICS) - {"VIF", "Qabf", "Qabf_infrared", "Qabf_visible"}:
        assert one[name] == pytest.approx(other[name], rel=1e-4, abs=1e-6), name


@given(pictures, st.permutations(range(256)))
@settings(max_examples=10)
def test_renaming_levels_keeps_entropy_and_information(fused, names):
    renamed = np.array(names, np.uint8)[fused]
    ir, vi = picture(3), picture(4)
    assert METRICS["EN"](ir, vi, renamed) == pytest.approx(METRICS["EN"](ir, vi, fused))
    assert METRICS["MI"](ir, vi, renamed) == pytest.approx(METRICS["MI"](ir, vi, fused))


@pytest.mark.parametrize("name", METRICS)
def test_unequal_sizes_and_other_types_are_refused(name):
    image = picture(1)
    with pytest.raises(ValueError, match="one size"):
        METRICS[name](image, image, image[:-1])
    with pytest.raises(ValueError, match="uint8"):
        METRICS[name](image, image, image.astype(np.float32))


def test_too_small_pictures_are_refused_where_a_window_would_not_fit():
    small = picture(1, (40, 60))
    with pytest.raises(ValueError, match="41x41"):
        METRICS["VIF"](small, small, small)
    assert METRICS["VIF"](*[picture(seed, (41, 41)) for seed in range(3)]) > 0
    with pytest.raises(ValueError, match="11x11"):
        METRICS["SSIM"](small[:10], small[:10], small[:10])


@given(pictures, pictures)
@settings(max_examples=10)
def test_baselines_of_one_picture_twice_give_it_back(ir, vi):
    for name, fuse in BASELINES.items():
        assert np.array_equal(fuse(ir, ir), ir), name
        assert fuse(ir, vi).dtype == np.uint8 and fuse(ir, vi).shape == ir.shape, name


def test_average_and_laplacian_by_hand():
    assert average(flat(10), flat(20))[0, 0] == 15
    detailed = checkerboard(90, 110)
    # Flat against checkerboard: all detail comes from the checkerboard, the base is the mean of 100 and 50.
    fused = laplacian_maximum(flat(50), detailed).astype(int)
    assert np.abs(fused[16:32, 16:32] - (detailed[16:32, 16:32].astype(int) - 25)).max() <= 1


@pytest.mark.data
def test_published_figures_on_roadscene(data_dir: Path):
    expected = json.loads((Path(__file__).parent / "expected_baselines.json").read_text())
    folder = data_dir / "roadscene" / "test"
    scores: dict[str, list[dict[str, float]]] = {"Max": [], "LapPyrMax": []}
    for triple in picture_triples(folder / "ir", folder / "vi", None, 1):
        scorer = Scorer(triple.infrared, triple.visible)
        for baseline, found in scores.items():
            found.append(scorer.score(BASELINES[baseline](triple.infrared, triple.visible)))
    for baseline, found in scores.items():
        assert len(found) == 35
        published = zip(expected["metrics"], expected["means"]["roadscene/test"][baseline], strict=True)
        for name, value in published:
            assert np.mean([score[name] for score in found]) == pytest.approx(value, rel=0.01), (baseline, name)
