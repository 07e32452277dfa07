"""Degradations: their physics, their growth with strength, sampling, and the sentences."""

from __future__ import annotations

import re
import string
from itertools import combinations, pairwise, product
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from training.degradations import (
    KINDS,
    Degradation,
    apply,
    apply_with_transmission,
    sample_degradations,
    severity_vector,
)
from training.degradations.blur import disc_kernel, lag_kernel, motion_kernel
from training.degradations.fields import fractal, noise
from training.degradations.kinds import ALIKE, NEVER_TOGETHER
from training.degradations.phrases import ADVERBS, CLEAN, INFRARED_NAMES, PHRASES, VISIBLE_NAMES
from training.degradations.srgb import to_encoded, to_linear
from training.degradations.text import describe, level_of, neutral_sentence, wrong_sentence

Image = NDArray[np.float32]
STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
VISIBLE = [name for name, kind in KINDS.items() if kind.modality == "visible"]
INFRARED = [name for name, kind in KINDS.items() if kind.modality == "infrared"]


def scene(seed: int, height: int = 96, width: int = 128, channels: int = 0) -> Image:
    """Edges, texture and a gradient: what blur, noise and veils can all take something from."""
    rng = np.random.default_rng(seed)
    image = 0.35 + 0.12 * fractal(rng, height, width, 40, 5, 0.7, fields=channels or 1)
    for _ in range(6):
        y, x = rng.integers(height), rng.integers(width)
        image[:, y : y + height // 5, x : x + width // 8] += rng.uniform(-0.3, 0.4)
    image = np.clip(image, 0, 1).astype(np.float32)
    return np.ascontiguousarray(image.transpose(1, 2, 0)) if channels else image[0]


def read_grey(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert image is not None, path
    return image.astype(np.float32) / np.float32(255)


def psnr(a: Image, b: Image) -> float:
    return float(-10 * np.log10(max(float(np.mean((a - b) ** 2)), 1e-9)))


def degraded(name: str, image: Image, strength: float, seed: int) -> Image:
    return KINDS[name].function(image, strength, np.random.default_rng(seed))


# Each kind


@pytest.mark.parametrize("name", KINDS)
@given(
    height=st.integers(33, 90),
    width=st.integers(33, 90),
    strength=st.floats(0.01, 1.0),
    seed=st.integers(0, 1000),
    colour=st.booleans(),
)
@settings(max_examples=8)
def test_any_size_stays_an_image_and_is_repeatable(
    name: str, height: int, width: int, strength: float, seed: int, colour: bool
) -> None:
    image = scene(seed, height, width, 3 if colour and KINDS[name].modality == "visible" else 0)
    before = image.copy()
    out = degraded(name, image, strength, seed)
    assert out.shape == image.shape and out.dtype == np.float32
    assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1
    assert np.array_equal(image, before)
    assert np.array_equal(out, degraded(name, image, strength, seed))


@pytest.mark.parametrize("name", KINDS)
def test_quality_falls_with_strength(name: str) -> None:
    images = [scene(seed) for seed in range(8)]
    by_strength = [np.mean([psnr(x, degraded(name, x, s, i)) for i, x in enumerate(images)]) for s in STRENGTHS]
    assert all(later <= earlier + 0.02 for earlier, later in pairwise(by_strength))
    assert by_strength[0] - by_strength[-1] > 3
    assert by_strength[0] < 40, "the weakest drawn strength must be visible at all"


@pytest.mark.parametrize("name", KINDS)
def test_almost_no_strength_changes_almost_nothing(name: str) -> None:
    image = scene(3)
    assert psnr(image, degraded(name, image, 1e-4, 1)) > 38


@given(st.floats(0, 1))
def test_srgb_is_the_standard_curve_both_ways(value: float) -> None:
    encoded = np.full((2, 3), value, np.float32)
    expected = value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
    assert to_linear(encoded) == pytest.approx(np.full((2, 3), expected), abs=2e-6)
    assert to_encoded(to_linear(encoded)) == pytest.approx(encoded, abs=2e-5)


def test_fields_have_unit_spread_and_the_asked_feature_size() -> None:
    rng = np.random.default_rng(0)
    fields = noise(rng, 200, 300, 9.3, fields=20)
    assert abs(fields.mean()) < 0.05 and fields.std() == pytest.approx(1, abs=0.05)
    assert fractal(rng, 200, 300, 20, 4, 0.6, fields=20).std() == pytest.approx(1, abs=0.07)
    near = np.mean(fields[:, :, 4:] * fields[:, :, :-4])
    far = np.mean(fields[:, :, 40:] * fields[:, :, :-40])
    assert near > 0.7 and abs(far) < 0.1


@given(st.floats(0, 30), st.floats(0, 6.3))
def test_kernels_keep_brightness_and_have_their_width(length: float, angle: float) -> None:
    for kernel in (motion_kernel(length, angle), disc_kernel(length / 4), lag_kernel(length / 4, angle)):
        assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.min() >= 0
    kernel = motion_kernel(length, angle)
    radius = kernel.shape[0] // 2
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    along = x * np.cos(angle) + y * np.sin(angle)
    assert (kernel * along**2).sum() == pytest.approx(length**2 / 12, abs=0.3 + 0.02 * length**2)
    assert (kernel * (y * np.cos(angle) - x * np.sin(angle)) ** 2).sum() < 0.35


@pytest.mark.parametrize("name", ["haze", "smoke"])
@pytest.mark.parametrize("channels", [0, 3])
def test_transmission_is_what_reaches_the_camera(name: str, channels: int) -> None:
    """By Koschmieder, a change of the scene arrives multiplied by t, in linear light."""
    veil = KINDS[name].veil
    assert veil is not None
    one = np.clip(scene(5, channels=channels), 0.1, 0.7)
    other = one.copy()
    other[1::4, 1::4] += np.float32(0.2)
    out_one, t = veil(one, 0.6, np.random.default_rng(8))
    out_other, t_again = veil(other, 0.6, np.random.default_rng(8))
    assert np.array_equal(t, t_again) and t.shape == one.shape[:2] and t.min() >= 0 and t.max() <= 1
    passed = (to_linear(out_other) - to_linear(out_one))[1::4, 1::4] / (to_linear(other) - to_linear(one))[1::4, 1::4]
    green = passed[..., 1] if channels else passed
    assert green == pytest.approx(t[1::4, 1::4], abs=2e-3)
    if channels and name == "smoke":
        assert (passed[..., 2] <= passed[..., 0] + 2e-3).all(), "thin smoke scatters more blue than red"


def test_smoke_has_dense_cores_and_clear_parts() -> None:
    veil = KINDS["smoke"].veil
    assert veil is not None
    image = scene(1, 240, 320)
    maps = [veil(image, 1.0, np.random.default_rng(seed))[1] for seed in range(24)]
    assert all(t.min() == pytest.approx(np.exp(-4.2), rel=0.02) for t in maps)
    covered = np.array([(t < 0.4).mean() for t in maps])
    assert 0.15 < covered.mean() < 0.85 and covered.std() > 0.1
    assert np.mean([(t > 0.6).mean() for t in maps]) > 0.1
    steepest = max(float(np.abs(np.diff(t, axis=1)).max()) for t in maps)
    assert steepest < 0.35, "smoke has soft borders"


def test_haze_is_denser_towards_the_top() -> None:
    veil = KINDS["haze"].veil
    assert veil is not None
    maps = [veil(scene(1), 0.8, np.random.default_rng(seed))[1] for seed in range(20)]
    denser = [t[:24].mean() < t[-24:].mean() for t in maps]
    assert np.mean(denser) > 0.85
    rows = np.mean(maps, axis=(0, 2))
    assert rows[0] < 0.75 * rows[-1]


def test_a_veil_is_darker_in_a_dark_scene() -> None:
    bright, dark = np.full((64, 64), 0.5, np.float32), np.full((64, 64), 0.04, np.float32)
    for name in ("haze", "smoke"):
        assert degraded(name, dark, 1.0, 2).max() < 0.75 * degraded(name, bright, 1.0, 2).max()


def test_low_light_takes_two_to_five_stops() -> None:
    image = np.full((96, 96), 0.8, np.float32)
    linear = float(to_linear(image)[0, 0])
    for strength, stops in ((0.2, 5 * 0.2**0.6), (0.6, 5 * 0.6**0.6), (1.0, 5.0)):
        measured = [
            np.log2(linear / to_linear(degraded("low_light", image, strength, seed)).mean()) for seed in range(30)
        ]
        assert np.mean(measured) == pytest.approx(stops, rel=0.12)
    assert len(np.unique(np.rint(degraded("low_light", scene(1), 1.0, 1) * 255))) < 90


def test_over_exposure_clips_more_and_more() -> None:
    shares = [
        np.mean([(degraded("over_exposure", scene(i), s, i) > 0.999).mean() for i in range(5)]) for s in STRENGTHS
    ]
    assert shares == sorted(shares) and shares[-1] > 0.4


def test_stripes_run_along_lines_and_stay_in_place() -> None:
    flat = np.full((200, 160), 0.5, np.float32)
    correlations = []
    for seed in range(10):
        pattern = degraded("stripes", flat, 0.8, seed)
        pattern = pattern - cv2.GaussianBlur(pattern, (0, 0), 12)
        lines = pattern if pattern.mean(axis=0).std() > pattern.mean(axis=1).std() else pattern.T
        half = lines.shape[0] // 2
        correlations.append(np.corrcoef(lines[:half].mean(axis=0), lines[half:].mean(axis=0))[0, 1])
    assert min(correlations) > 0.9


def test_dead_pixels_are_few_and_stay_dead() -> None:
    image = np.full((120, 160), 0.5, np.float32)
    dead = [degraded("dead_pixels", image, strength, 4) != image for strength in STRENGTHS]
    for weaker, stronger in combinations(dead, 2):
        assert not (weaker & ~stronger).any()
    assert 0.006 < dead[-1].mean() < 0.02
    full = degraded("dead_pixels", image, 1.0, 4)
    assert (full > 0.75).any() and (full < 0.25).any()


def test_noise_has_its_spread_and_colour() -> None:
    grey = np.full((128, 128), 0.5, np.float32)
    for name, spread in (("visible_noise", 0.14), ("infrared_noise", 0.10)):
        assert degraded(name, grey, 0.5, 1).std() == pytest.approx(spread / 2, rel=0.08)
    colour = degraded("visible_noise", np.full((128, 128, 3), 0.5, np.float32), 0.5, 1)
    assert (colour[..., 0] - colour[..., 1]).std() > 0.02


# Pairs


def test_samples_have_the_asked_shares_and_only_sensible_pairs() -> None:
    rng = np.random.default_rng(0)
    samples = [sample_degradations(rng, none_share=0.25, double_share=0.3) for _ in range(3000)]
    counts = np.bincount([len(sample) for sample in samples], minlength=3) / 3000
    assert counts == pytest.approx([0.25, 0.45, 0.3], abs=0.04)
    assert {d.kind for sample in samples for d in sample} == set(KINDS)
    strengths = np.array([d.strength for sample in samples for d in sample])
    assert strengths.min() >= 0.2 and strengths.max() <= 1 and strengths.mean() == pytest.approx(0.6, abs=0.02)
    pairs = {frozenset(d.kind for d in sample) for sample in samples if len(sample) == 2}
    assert all(len(pair) == 2 for pair in pairs) and not pairs & NEVER_TOGETHER
    across = [pair for pair in pairs if len({KINDS[kind].modality for kind in pair}) == 2]
    assert len(across) == len(VISIBLE) * len(INFRARED) - 1


@pytest.mark.parametrize("shares", [(-0.1, 0.3), (0.8, 0.3), (0.1, -0.1)])
def test_impossible_shares_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="must be shares"):
        sample_degradations(np.random.default_rng(0), *shares)


@pytest.mark.parametrize(("kind", "strength"), [("fog", 0.5), ("smoke", 0.0), ("smoke", 1.01), ("smoke", float("nan"))])
def test_impossible_degradations_are_refused(kind: str, strength: float) -> None:
    with pytest.raises(ValueError, match=kind):
        Degradation(kind, strength)


@given(st.integers(0, 10_000))
def test_severity_vector_holds_each_strength_in_its_place(seed: int) -> None:
    sample = sample_degradations(np.random.default_rng(seed))
    vector = severity_vector(sample)
    assert vector.shape == (len(KINDS),) and vector.dtype == np.float32
    assert int((vector > 0).sum()) == len(sample)
    for degradation in sample:
        assert vector[list(KINDS).index(degradation.kind)] == np.float32(degradation.strength)


def test_only_the_named_camera_is_touched() -> None:
    infrared, visible = scene(1), scene(2, channels=3)
    for name, kind in KINDS.items():
        out_infrared, out_visible = apply(infrared, visible, (Degradation(name, 0.7),), np.random.default_rng(0))
        assert (out_infrared is infrared) == (kind.modality == "visible"), name
        assert (out_visible is visible) == (kind.modality == "infrared"), name


def test_pairs_are_applied_in_the_order_of_light() -> None:
    infrared, visible = scene(1), scene(2)
    pair = (Degradation("low_light", 0.5), Degradation("smoke", 0.9))
    results = [
        apply_with_transmission(infrared, visible, order, np.random.default_rng(3)) for order in (pair, pair[::-1])
    ]
    assert all(np.array_equal(one, other) for one, other in zip(*results, strict=True))
    _, out, transmission = results[0]
    core = transmission < 0.06
    assert core.any() and out[core].mean() < 0.5, "smoke at night is dark too"


def test_clean_pair_comes_back_itself_with_full_transmission() -> None:
    infrared, visible = scene(1), scene(2)
    same_infrared, same_visible, transmission = apply_with_transmission(infrared, visible, (), np.random.default_rng(0))
    assert same_infrared is infrared and same_visible is visible
    assert transmission.shape == infrared.shape and (transmission == 1).all()


@pytest.mark.parametrize(
    ("infrared", "visible"),
    [
        (np.zeros((8, 8), np.float32), np.zeros((8, 9), np.float32)),
        (np.zeros((8, 8, 1), np.float32), np.zeros((8, 8), np.float32)),
        (np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.float32)),
        (np.zeros((8, 8), np.float32), np.zeros((8, 8, 4), np.float32)),
    ],
)
def test_wrong_arrays_are_refused(infrared: NDArray[np.generic], visible: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="must be"):
        apply(infrared, visible, (), np.random.default_rng(0))  # type: ignore[arg-type]


# Sentences


def test_every_kind_has_enough_templates_that_fit() -> None:
    assert set(PHRASES) == set(KINDS)
    templates = [template for phrases in PHRASES.values() for template in phrases.templates]
    assert len(set(templates) | set(CLEAN)) == len(templates) + len(CLEAN)
    for name, phrases in PHRASES.items():
        camera = {"visible": "vi", "infrared": "ir"}[KINDS[name].modality]
        assert len(phrases.templates) >= 12
        for template in phrases.templates:
            slots = [slot for _, slot, _, _ in string.Formatter().parse(template) if slot]
            assert camera in slots and len(slots) == 2 and set(slots) & {"level", "adv"}, template
    assert len(set(CLEAN)) >= 12 and all("{vi}" in text and "{ir}" in text for text in CLEAN)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("level", range(4))
def test_every_kind_and_level_has_its_own_words(name: str, level: int) -> None:
    rng = np.random.default_rng(level)
    strength = (0.3, 0.5, 0.7, 0.9)[level]
    assert level_of(strength) == level
    sentences = {describe((Degradation(name, strength),), rng) for _ in range(150)}
    words = (*PHRASES[name].levels[level], *ADVERBS[level])
    cameras = VISIBLE_NAMES if KINDS[name].modality == "visible" else INFRARED_NAMES
    assert len(sentences) > 80
    for sentence in sentences:
        assert any(word in sentence.lower() for word in words), sentence
        assert any(camera in sentence.lower() for camera in cameras), sentence


def test_levels_do_not_share_words_and_kinds_do_not_share_sentences() -> None:
    for levels in (ADVERBS, *(phrases.levels for phrases in PHRASES.values())):
        words = [word for level in levels for word in level]
        assert len(words) == len(set(words))
    rng = np.random.default_rng(0)
    by_kind = {name: {describe((Degradation(name, 0.7),), rng) for _ in range(200)} for name in KINDS}
    for one, other in combinations(by_kind.values(), 2):
        assert not one & other
    clean = {describe((), rng) for _ in range(200)}
    assert len(clean) > 60 and not any(clean & sentences for sentences in by_kind.values())


@given(st.integers(0, 100_000), st.booleans())
@settings(max_examples=300)
def test_sentences_are_whole_and_repeatable(seed: int, wrong: bool) -> None:
    sample = sample_degradations(np.random.default_rng(seed))
    say = wrong_sentence if wrong else describe
    sentence = say(sample, np.random.default_rng(seed))
    assert sentence == say(sample, np.random.default_rng(seed))
    assert not re.search(r"[{}]|\s\s|\ba [aeiou]|,,|;;", sentence), sentence
    assert sentence[0].isupper() and sentence.endswith(".") and sentence.count(".") == 1


def kinds_named(sentence: str) -> set[str]:
    """Kinds one of whose filled templates is part of the sentence."""
    found = set()
    for name, phrases in PHRASES.items():
        cameras = VISIBLE_NAMES if KINDS[name].modality == "visible" else INFRARED_NAMES
        adjectives = [word for level in phrases.levels for word in level]
        adverbs = [word for level in ADVERBS for word in level]
        camera = "(?:" + "|".join(map(re.escape, cameras)) + ")"
        level, adverb = ("(?:" + "|".join(map(re.escape, words)) + ")" for words in (adjectives, adverbs))
        slots = {"vi": camera, "ir": camera, "level": level, "adv": adverb}
        if any(re.search(template.format(**slots), sentence, re.IGNORECASE) for template in phrases.templates):
            found.add(name)
    return found


def test_combinations_name_both_and_three_are_never_called_two() -> None:
    rng = np.random.default_rng(0)
    three = tuple(Degradation(kind, 0.9) for kind in ("haze", "rain", "stripes"))
    for _ in range(100):
        both = describe(three[1:], rng).lower()
        assert kinds_named(both) == {"rain", "stripes"}
        assert any(name in both for name in VISIBLE_NAMES) and any(name in both for name in INFRARED_NAMES)
        assert not re.search(r"\btwo\b", describe(three, rng).lower())


def test_descriptions_name_what_is_there_and_wrong_ones_do_not() -> None:
    rng = np.random.default_rng(5)
    for _ in range(150):
        sample = sample_degradations(rng)
        there = {degradation.kind for degradation in sample}
        assert kinds_named(describe(sample, rng)) == there
        named = kinds_named(wrong_sentence(sample, rng))
        assert not named & there
        assert not any(frozenset(pair) in ALIKE for pair in product(named, there))
        assert named or there
    assert kinds_named(neutral_sentence()) == set()


# Beside real footage


@pytest.mark.data
def test_real_column_noise_lies_within_the_drawn_range(data_dir: Path) -> None:
    folder = data_dir / "m3svd/clips/0114_1551"
    clean, noisy = (read_grey(folder / sub / "0000.webp") for sub in ("ir", "ir_noise"))
    flat = clean < 0.3
    columns = np.array([noisy[:240][flat[:240, x], x].mean() for x in range(clean.shape[1])])

    def spread(offsets: NDArray[np.float32]) -> float:
        return float(np.diff(offsets).std() / np.sqrt(2))

    ours = []
    for strength in (0.2, 1.0):
        drawn = [degraded("stripes", clean, strength, seed) for seed in range(10)]
        ours.append(np.median([spread((image - clean).mean(axis=0)) for image in drawn]))
    assert ours[0] < spread(columns) < ours[1]


@pytest.mark.data
def test_darkened_days_are_as_dark_as_real_nights(data_dir: Path) -> None:
    folder = data_dir / "msrs/train/vi"
    days, nights = (sorted(folder.glob(f"*{time}.*"))[::20] for time in "DN")
    night = np.median([read_grey(path).mean() for path in nights])
    images = [read_grey(path) for path in days]
    weak, strong = (np.median([degraded("low_light", image, s, 1).mean() for image in images]) for s in (0.2, 1.0))
    assert strong < night < weak
