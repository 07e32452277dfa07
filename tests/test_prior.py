"""What is said of degradations: steady in time, and in words."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engines import KINDS
from stream.frames import Prior
from stream.prior import OFF_BELOW, ON_FROM, TIME_CONSTANT_S, PriorTracker, caption
from stream.smoothing import LONGEST_GAP_S, step_share

FRAME_NS = 40_000_000
START_NS = 1_700_000_000_000_000_000
scores = st.floats(0, 1)
times_ns = st.integers(0, 2**62)


def scored(**some: float) -> dict[str, float]:
    return dict.fromkeys(KINDS, 0.0) | some


def track(values: list[float], gap_ns: int = FRAME_NS) -> list[Prior]:
    """Priors of a stream in which only the score of smoke is not 0."""
    tracker = PriorTracker()
    return [tracker.push(scored(smoke=value), START_NS + number * gap_ns) for number, value in enumerate(values)]


def test_after_the_time_constant_63_percent_of_a_step_are_done():
    assert step_share(START_NS, START_NS + 300_000_000, 0.3) == pytest.approx(1 - 1 / math.e)
    assert step_share(START_NS, START_NS, 0.3) == 0


@given(times_ns, st.integers(0, round(LONGEST_GAP_S * 1e9)), st.integers(0, round(LONGEST_GAP_S * 1e9)))
def test_steps_add_up_however_time_is_cut(first: int, a: int, b: int):
    """Smoothing must not depend on the frame rate."""
    shares = [step_share(first, first + a, 2.0), step_share(first + a, first + a + b, 2.0)]
    left = math.prod(1 - share for share in shares if share is not None)
    assert left == pytest.approx(math.exp(-(a + b) / 2e9), abs=1e-9)


@pytest.mark.parametrize("gap_s", [LONGEST_GAP_S + 1e-3, -1e-9, -3600.0])
def test_a_gap_and_time_that_goes_back_start_anew(gap_s: float):
    gap_ns = round(gap_s * 1e9)
    assert step_share(START_NS, START_NS + gap_ns, 1.0) is None
    before, after = track([1.0, 0.45], gap_ns)
    assert before.present == ("smoke",)
    # Anew: neither the old score nor that it was there counts.
    assert after.scores["smoke"] == 0.45 and after.present == () and after.caption == "clear"


def test_the_first_frame_counts_as_it_is():
    assert step_share(None, 0, 1.0) is None
    (only,) = track([0.625])
    assert only.scores == scored(smoke=0.625) and only.present == ("smoke",)


def test_scores_follow_with_the_time_constant():
    frames = round(TIME_CONSTANT_S * 1e9 / FRAME_NS)
    priors = track([0.0] + [1.0] * frames)
    assert priors[-1].scores["smoke"] == pytest.approx(1 - 1 / math.e, abs=1e-3)


@given(st.lists(scores, min_size=1, max_size=60))
def test_scores_stay_between_those_given(values: list[float]):
    for number, prior in enumerate(track(values), 1):
        seen = values[:number]
        assert min(seen) - 5e-4 <= prior.scores["smoke"] <= max(seen) + 5e-4
        assert set(prior.scores) == set(KINDS)


@given(st.lists(scores, min_size=2, max_size=60), st.integers(0, 2_000_000_000))
def test_a_kind_changes_only_beyond_the_thresholds(values: list[float], gap_ns: int):
    for before, after in pairwise(track(values, gap_ns)):
        score = after.scores["smoke"]
        if "smoke" in after.present and "smoke" not in before.present:
            assert score >= ON_FROM - 5e-4
        if "smoke" in before.present and "smoke" not in after.present:
            assert score < OFF_BELOW + 5e-4


def test_scores_that_jitter_around_a_threshold_do_not_blink():
    for middle in (ON_FROM, OFF_BELOW, 0.5):
        priors = track([middle + 0.15 * (-1) ** number for number in range(200)])
        assert sum(a.present != b.present for a, b in pairwise(priors)) <= 1


def test_captions():
    assert caption(()) == "clear"
    assert caption({"stripes", "smoke"}) == "visible: smoke; infrared: stripes"
    assert caption(["dead_pixels", "infrared_noise"]) == "infrared: noise, dead pixels"
    assert caption(["low_light", "haze"]) == caption(["haze", "low_light"]) == "visible: haze, low light"


def test_every_kind_has_words_of_its_own():
    assert len({(kind.modality, kind.words) for kind in KINDS.values()}) == len(KINDS) == 12
    infrared = {"infrared_blur", "low_contrast", "infrared_noise", "stripes", "dead_pixels"}
    assert {name for name, kind in KINDS.items() if kind.modality == "infrared"} == infrared
    assert not any("_" in kind.words for kind in KINDS.values())


def test_what_is_present_is_what_the_caption_names():
    prior = PriorTracker().push(scored(stripes=0.9, rain=0.7, haze=0.59), 0)
    assert prior.present == ("rain", "stripes") and prior.caption == "visible: rain; infrared: stripes"
