"""``python -m training report``: its suite, its figures and its folder, on small synthetic pictures."""

from __future__ import annotations

import dataclasses
import json
import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import write_clip
from metrics_support import picture

from models.engines.base import FusionResult
from training.__main__ import main
from training.agreement import psnr_db, ssim
from training.colour import ChromaError, chroma_error, chroma_of, rgb_of, with_gain
from training.degradations import KINDS, Degradation
from training.full_report import run_passes
from training.fusers import RIVALS, STUDENT, TEACHER, EngineFuser
from training.gains import gain_over_best, retention
from training.images import InputError, luma_of_rgb
from training.metrics import METRICS, Image
from training.people import contrast, kept_contrast, warm_blobs
from training.prior_scores import ScoreRow, accuracy, false_alarms, smoke_score
from training.ranks import RANKED_METRICS, likeness, mean_ranks, ranks
from training.reporting import chroma, clean, degraded, told
from training.reporting.findings import ChromaRow, Look, Part, Row, means, shared, write_rows
from training.reporting.looks import choose, look_at, sheet_of
from training.reporting.markdown import figure, percent, table
from training.reporting.peers import disagreement, read_peers
from training.reporting.setup import CLIP_SET, DEGRADED_CLIPS, PICTURE_SETS, VIDEO_SET, Setup
from training.reporting.summary import markdown, summarize
from training.reporting.work import ordered_map
from training.suites import STRENGTHS, Shown, cases, clean_pair, degrade, is_dark, seed_of

SHAPE = (48, 64)
NOT_WHEN_DARK = frozenset(("low_light", "over_exposure"))


def colours(seed: int) -> Image:
    return np.dstack([picture(seed + number, SHAPE) for number in range(3)])


def pair(key: str = "set/a") -> Shown:
    return clean_pair(key, picture(7, SHAPE), colours(1))


# The suite


def test_seeds_are_the_same_everywhere():
    assert seed_of(0, "msrs/test/00055D", "haze", "0.300") == 0xA7A551E5E0B24096  # by sha256sum
    assert seed_of(0, "a") != seed_of(1, "a") != seed_of(1, "b")


def test_cases_leave_out_what_a_dark_picture_cannot_have():
    bright, dark = cases(False, NOT_WHEN_DARK), cases(True, NOT_WHEN_DARK)
    assert len(bright) == len(KINDS) * len(STRENGTHS) and len(dark) == len(bright) - 2 * len(STRENGTHS)
    assert not NOT_WHEN_DARK & {case.kind for case in dark}
    assert is_dark(np.full(SHAPE, 44, np.uint8), 45) and not is_dark(np.full(SHAPE, 45, np.uint8), 45)


@pytest.mark.parametrize("kind", KINDS)
def test_degraded_pairs_are_reproducible_and_touch_one_camera(kind: str):
    clean, case = pair(), Degradation(kind, 0.6)
    shown = degrade(clean, case)
    again, other = degrade(clean, case), degrade(pair("set/b"), case)
    assert shown.colour is not None and clean.colour is not None and other.colour is not None
    np.testing.assert_array_equal(shown.infrared, again.infrared)
    np.testing.assert_array_equal(shown.visible, again.visible)
    np.testing.assert_array_equal(shown.visible, luma_of_rgb(shown.colour))
    infrared = KINDS[kind].modality == "infrared"
    assert np.array_equal(shown.colour, clean.colour) == infrared
    assert np.array_equal(shown.infrared, clean.infrared) != infrared
    assert shown.done == (case,) and shown.key != other.key
    for one in (other, degrade(clean, case, seed=1)):
        same = np.array_equal(shown.infrared, one.infrared) and np.array_equal(shown.visible, one.visible)
        assert not same or "blur" in kind  # of defocus, nothing is drawn but that it is defocus


def test_unfit_pairs_are_refused():
    with pytest.raises(InputError, match="set/a"):
        clean_pair("set/a", picture(0, (48, 60)), colours(1))
    with pytest.raises(ValueError, match="no colours"):
        degrade(Shown("a", picture(0), picture(1)), Degradation("haze", 0.3))


# Ranks, gains


def test_ties_share_the_better_rank():
    assert ranks({"a": 1.0, "b": 3.0, "c": 3.00001, "d": 2.0}) == {"a": 4, "b": 1, "c": 1, "d": 3}
    both = mean_ranks({"a": {"x": 1, "y": 2}, "b": {"x": 2, "y": 2}}, ("x", "y"))
    assert both == {"a": 1.5, "b": 1.0}
    assert likeness(dict.fromkeys(METRICS, 0.5)) == 1.5


def test_gain_is_over_the_best_by_that_metric():
    found = {"student": {"VIF": 0.9, "SSIM": 1.0}, "a": {"VIF": 0.6, "SSIM": 1.25}, "b": {"VIF": 0.5, "SSIM": 0.1}}
    gain = gain_over_best(found, "student", ["a", "b"], "VIF")
    assert (gain.best, gain.gain) == ("a", pytest.approx(0.5))
    assert gain_over_best(found, "student", ["a", "b"], "SSIM").gain == pytest.approx(-0.2)
    with pytest.raises(ValueError, match="nothing to be relative to"):
        gain_over_best({"student": {"VIF": 1}, "a": {"VIF": 0}}, "student", ["a"], "VIF")


def test_retention_leaves_out_what_has_no_ratio():
    kept = retention({"a": 1.0, "b": 3.0, "c": 1.0}, {"a": 2.0, "b": 4.0, "c": -0.1}, ("a", "b", "c"))
    assert kept == {"a": 0.5, "b": 0.75, "mean": 0.625}
    with pytest.raises(ValueError, match="no metric above 0"):
        retention({"a": 1.0}, {"a": 0.0}, ("a",))


# Likeness of two pictures, colours


def test_agreement_of_pictures():
    first = np.full(SHAPE, 100, np.uint8)
    assert psnr_db(first, first) == math.inf and ssim(picture(1), picture(1)) == pytest.approx(1)
    assert psnr_db(first, first + 2) == pytest.approx(20 * math.log10(255 / 2))
    assert psnr_db(first + 2, first) == psnr_db(first, first + 2)
    assert ssim(picture(1), picture(2)) < 0.5
    with pytest.raises(ValueError, match="one size"):
        ssim(picture(1), picture(1, SHAPE))


def test_chroma_errors_by_hand():
    grey = np.full(SHAPE, 128, np.uint8)
    error = chroma_error((grey + 8, grey), (grey, grey))
    assert (error.mean, error.rms) == (4, 8)
    assert chroma_error((grey - 3, grey + 4), (grey, grey)).rms == pytest.approx(5)


def test_a_right_gain_brings_colours_back():
    truth = (np.full(SHAPE, 168, np.uint8), np.full(SHAPE, 108, np.uint8))
    pale = with_gain(truth, np.full((6, 8), 0.5, np.float32))
    assert (pale[0][0, 0], pale[1][0, 0]) == (148, 118)
    assert chroma_error(with_gain(pale, np.full((6, 8), 2, np.float32)), truth).mean == 0
    assert chroma_error(pale, truth).mean == 15
    rgb = rgb_of(np.full(SHAPE, 120, np.uint8), truth)
    assert np.abs(np.array(chroma_of(rgb), int) - np.array(truth, int)).max() <= 1


# People


def night() -> Image:
    image = np.full((120, 160), 20, np.uint8)
    image[30:60, 40:50] = 220  # a person
    image[30:60, 57:65] = 200  # another one, within the ring of the first
    image[80:90, 100:140] = 230  # wide: a car
    image[5:8, 5:8] = 255  # too small
    return image


def test_upright_warm_blobs_are_found():
    blobs = warm_blobs(night())
    assert [int(blob.inside.sum()) for blob in blobs] == [300, 240]
    assert not blobs[0].ring[40, 60] and blobs[0].ring[40, 30] and not blobs[0].ring[40, 38]
    assert contrast(night(), blobs[0]) == 200
    assert warm_blobs(np.full((120, 160), 90, np.uint8)) == []
    cold = (night() // 4).astype(np.uint8)
    assert warm_blobs(cold) == []


def test_kept_contrast_is_relative_to_infrared():
    infrared = night()
    kept = kept_contrast(infrared, {"same": infrared, "half": infrared // 2, "inverse": 255 - infrared})
    assert [blob["same"] for blob in kept] == [1, 1] and [blob["inverse"] for blob in kept] == [1, 1]
    assert [blob["half"] for blob in kept] == pytest.approx([0.5, 0.5])


# Scores


def scored(kind: str = "", strength: float = 0.6, dark: bool = False, **scores: float) -> ScoreRow:
    return ScoreRow("set", "a", dark, kind, strength if kind else 0.0, dict.fromkeys(KINDS, 0.1) | scores)


def test_balanced_accuracy_by_hand():
    rows = [
        scored("haze", haze=0.5),
        scored("haze", haze=0.49),
        scored("haze", strength=0.2),  # too weak to count
        scored("smoke", haze=0.9),  # alike: no mistake
        scored("stripes", haze=0.9),
        scored("rain"),
        scored(),
        scored(haze=0.7),
    ]
    found = accuracy(rows, "haze")
    assert (found.positives, found.negatives, found.found, found.passed) == (2, 4, 0.5, 0.5)
    assert found.balanced == 0.5
    nobody = accuracy(rows, "low_light")
    assert nobody.found is None and nobody.balanced is None and nobody.passed == 1


def test_dark_pictures_do_not_count_for_what_night_brings():
    rows = [
        scored(dark=True, low_light=0.9),
        scored("rain", dark=True, low_light=0.9),
        scored("low_light", low_light=1),
    ]
    assert accuracy(rows, "low_light").negatives == 0
    assert accuracy([*rows, scored("rain", low_light=0.9)], "low_light").passed == 0
    assert accuracy(rows, "haze").negatives == 3


def test_false_alarms_by_hand():
    rows = [
        scored(),
        scored(rain=0.6),
        scored(dark=True, low_light=0.9),
        scored(dark=True, haze=0.9),
        scored("rain", rain=1),
    ]
    alarms = false_alarms(rows)
    assert (alarms.pictures, alarms.dark_pictures, alarms.any) == (4, 2, 0.5)
    assert (alarms.by_kind["rain"], alarms.by_kind["haze"], alarms.by_kind["low_light"]) == (0.25, 0.25, 0)
    assert alarms.mean == pytest.approx(0.5 / len(KINDS))
    assert alarms.when_dark == {"over_exposure": 0, "low_light": 0.5, "visible_noise": 0}
    assert false_alarms([]).any is None
    assert smoke_score({"haze": 0.2, "smoke": 0.4}) == 0.4


# Rows and sections


def row(method: str, value: float, name: str = "a", kind: str = "", strength: float = 0.0, part: Part = "clean") -> Row:
    return Row(part, "set", name, kind, strength, method, dict.fromkeys(METRICS, value))


def test_means_and_what_is_shared(tmp_path: Path):
    rows = [row("student", 1.0), row("student", 3.0, "b"), row("teacher", 4.0, "b")]
    assert means(rows)["student"]["VIF"] == 2
    assert means(shared(rows, "teacher"))["student"]["VIF"] == 3 and shared(rows, "nobody") == []
    write_rows(tmp_path / "a.csv", rows)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 4 and lines[2].startswith("clean,set,b,,0,student,3,")


def peers_file(folder: Path, average: float = 1.0) -> Path:
    metrics = [*RANKED_METRICS, "SSIM_L1"]
    data = {"set": {"Average": [average] * 10, "Known": [2.5] * 10, "Copy-visible": [9.0] * 10}}
    path = folder / "peers.json"
    path.write_text(json.dumps({"about": {"metrics": metrics}, "means": data}))
    return path


def test_clean_section_ranks_student_and_peers_only(tmp_path: Path):
    rows = [row(STUDENT, 2.0), row("Average", 1.0), row("Copy-infrared", 5.0), row(TEACHER, 4.0)]
    one = clean.summarize(rows, read_peers(peers_file(tmp_path)))["set"]
    assert one["mean_ranks"] == {"Known": 1, STUDENT: 2, "Average": 3}
    assert one["peers"] == "used" and one["likeness"][STUDENT] == 6
    assert one["teacher"]["retention"]["mean"] == 0.5 and one["teacher"]["pictures"] == 1
    text = "\n".join(clean.write({"set": one}))
    assert text.index("| Known |") < text.index("| **student** |") < text.index("| Copy-infrared |")


def test_peers_of_other_pictures_are_refused(tmp_path: Path):
    rows = [row(STUDENT, 2.0), row("Average", 1.0)]
    summary = clean.summarize(rows, read_peers(peers_file(tmp_path, average=1.02)))
    assert summary["set"]["peers"] == "refused" and "Known" not in summary["set"]["means"]
    assert "are left out" in "\n".join(clean.write(summary))
    assert clean.summarize(rows, None)["set"]["peers"] == "none"
    assert disagreement({"Known": dict.fromkeys(METRICS, 1.0)}, means(rows)) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"about": {"metrics": ["EN"]}, "means": {}}',
        '{"about": {"metrics": ["EN"]}, "means": {"s": {"a": [1, 2]}}}',
    ],
)
def test_a_bad_peers_file_is_named(tmp_path: Path, text: str):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError, match=r"p\.json"):
        read_peers(tmp_path / "p.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_peers(tmp_path / "none.json")


def degraded_rows() -> list[Row]:
    rows = []
    for kind, student in (("haze", 1.5), ("rain", 0.5)):
        for strength in (0.3, 0.9):
            made = {STUDENT: student, "Average": 0.2, "Max": 1.0, "LapPyrMax": 0.4}
            rows += [row(name, value, "a", kind, strength, "degraded") for name, value in made.items()]
    return rows


def test_degraded_section_by_hand():
    summary = degraded.summarize(degraded_rows())
    assert summary["kinds"]["haze"]["gains"]["VIF"] == {"student": 1.5, "best": "Max", "baseline": 1.0, "gain": 0.5}
    assert summary["mean_gain"] == {"VIF": 0, "Qabf": 0, "SSIM": 0, "both": 0}
    assert summary["pairs"] == 4 and summary["pictures"] == 1 and list(summary["by_strength"]) == ["0.3", "0.9"]
    assert "retention" not in summary and told.summarize(degraded_rows()) == {}


def test_retention_compares_the_same_pairs():
    rows = [*degraded_rows(), row(TEACHER, 1.0, "a", "rain", 0.3, "degraded")]
    summary = degraded.summarize(rows)
    assert summary["retention"]["mean"] == pytest.approx(0.5) and summary["teacher_pairs"] == 1
    assert summary["kinds"]["rain"]["teacher"][TEACHER]["VIF"] == 1 and "teacher" not in summary["kinds"]["haze"]
    assert "Student and teacher" in "\n".join(degraded.write(summary, {}))


def test_chroma_section_groups_by_camera():
    def chroma_row(kind: str, gained: float, left: float) -> ChromaRow:
        return ChromaRow("set", "a", kind, 0.6 if kind else 0, ChromaError(gained, gained), ChromaError(left, left))

    errors = {"haze": (2, 4), "stripes": (1, 0), "dead_pixels": (3, 0), "": (1, 0)}
    summary = chroma.summarize([chroma_row(kind, *both) for kind, both in errors.items()])
    assert list(summary) == ["haze", chroma.INFRARED, chroma.CLEAN]
    assert summary["haze"]["change"] == -0.5
    assert summary[chroma.INFRARED]["gained"] == 2 and summary[chroma.INFRARED]["change"] is None


def test_figures_as_people_read_them():
    assert [figure(value) for value in (43.504, 6.7, 0.7, -0.05, 1234.5, 0.0, None, math.inf)] == [
        "43.50", "6.700", "0.700", "-0.050", "1234", "0.000", "-", "inf",
    ]  # fmt: skip
    assert percent(0.123, True) == "+12.3 %" and percent(None) == "-"
    assert table(["a", "b"], [["x", "1"]]).splitlines() == ["| a | b |", "|---|--:|", "| x | 1 |"]


# Contact sheets, threads


def test_sheets_show_what_there_is_and_choose_evenly():
    shown = pair()
    look = look_at("s", "label", shown, {STUDENT: shown.visible, "Max": shown.infrared, "Average": shown.visible})
    assert list(look.cells) == ["infrared", "visible", "Max", STUDENT]
    grey = look_at("s", "label", shown, {STUDENT: shown.visible}, np.zeros((6, 8), np.float32)).cells[STUDENT]
    assert np.ptp(grey.astype(int), axis=2).max() <= 1 < np.ptp(look.cells[STUDENT].astype(int), axis=2).max()
    looks = [dataclasses.replace(look, label=str(number)) for number in range(11)]
    assert [one.label for one in choose(looks, 3)] == ["0", "5", "10"] and choose([]) == []
    of_kinds = [Look("s", f"{number}{kind}", kind, look.cells) for number in range(2) for kind in ("rain", "haze")]
    assert [one.kind for one in choose(of_kinds)] == ["haze", "rain"]
    narrow = Look("s", "x", "", {"infrared": look.cells["infrared"]})
    assert sheet_of([look, narrow]).shape == (2 * (20 + 192), 4 * (256 + 3), 3)
    with pytest.raises(ValueError, match="at least one row"):
        sheet_of([])


def test_results_come_in_the_order_of_the_items():
    assert list(ordered_map(lambda item: item * item, list(range(20)), 4, "squares")) == [n * n for n in range(20)]

    def fail(item: int) -> int:
        raise InputError(f"item {item}")

    with pytest.raises(InputError, match="item 0"):
        list(ordered_map(fail, [0, 1], 1, "failures"))


class Counting:
    """An engine in miniature that notices how many use it at once."""

    name, precision, model, parallel = "test", "fp32", "tiny", 2

    def __init__(self) -> None:
        self.lock, self.inside, self.most = threading.Lock(), 0, 0

    def fuse(self, infrared: Image, visible: Image, code: object = None) -> FusionResult:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        time.sleep(0.02)
        with self.lock:
            self.inside -= 1
        return FusionResult(np.maximum(infrared, visible))

    def close(self) -> None:
        """Nothing to release."""


def test_an_engine_is_asked_by_as_many_at_once_as_it_takes():
    engine, shown = Counting(), pair()
    fuser = EngineFuser(engine)
    fused = list(ordered_map(lambda _: fuser.fuse(shown).luma, list(range(8)), 4, "pairs"))
    assert engine.most == 2 and all(np.array_equal(image, np.maximum(shown.infrared, shown.visible)) for image in fused)


# The whole


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Test data in miniature, in the folders of the real sets."""
    root = tmp_path / "data"

    def write(folder: Path, names: Sequence[str], make: Callable[[int], Image]) -> None:
        folder.mkdir(parents=True)
        for number, name in enumerate(names):
            cv2.imwrite(str(folder / f"{name}.png"), make(number))

    def infrared(number: int) -> Image:
        image = picture(40 + number, SHAPE) // 4
        image[10:30, 20:28] = 250
        return image

    for dataset, names in zip(PICTURE_SETS, (("00001D", "00002N"), ("FLIR_1",)), strict=True):
        write(root / dataset / "ir", names, infrared)
        write(root / dataset / "vi", names, lambda number: colours(10 * number))
    for clip in DEGRADED_CLIPS:
        for number, folder in enumerate(("ir", "vi", "ir_noise", "vi_blur")):
            write(root / CLIP_SET / clip / folder, ["0000"], lambda _, number=number: picture(number, SHAPE))
    for folder in ("ir", "vi"):
        (root / VIDEO_SET / folder).mkdir(parents=True)
        for name in ("0113_1714", "0117_1605"):
            write_clip(root / VIDEO_SET / folder / f"{name}.mp4", 9, size=(64, 48))
    return root


class Brighter:
    """A student in miniature: the brighter pixel; ``speaks``: it also has scores and a gain."""

    def __init__(self, speaks: bool) -> None:
        self.speaks = speaks

    def fuse(self, shown: Shown, code: object = None) -> FusionResult:
        luma = np.maximum(shown.infrared, shown.visible)
        if not self.speaks:
            return FusionResult(luma)
        scores = dict.fromkeys(KINDS, 0.0) | {degradation.kind: 1.0 for degradation in shown.done}
        return FusionResult(luma, np.ones((6, 8), np.float32), scores)


@pytest.mark.parametrize("speaks", [False, True])
def test_passes_find_what_there_is(data: Path, speaks: bool):
    setup = Setup(data, Brighter(speaks), {}, 45, NOT_WHEN_DARK, degraded_every=2, video_every=4)
    findings = run_passes(setup)
    assert len(findings.part("clean")) == (3 + 2 * 3) * 6
    assert len(findings.part("degraded")) == 2 * 36 * 4 and len(findings.part("clips")) == 2 * 3 * 4
    assert {len(blob) for blob in findings.people} == {6} and len(findings.people) == 1
    assert set(findings.flicker["0113_1714"].methods) == {STUDENT, *RIVALS}
    summary = summarize(setup, findings, None, {"student": "brighter"})
    text = markdown(summary, {})
    assert summary["degraded"]["kinds"]["haze"]["gains"]["Qabf"]["gain"] <= 0  # it is Max
    if speaks:
        assert summary["prior"]["mean_balanced"] == 1 and summary["prior"]["false_alarms"]["any"] == 0
        assert summary["prior"]["smoke"]["0117_1605"] == {"frames": 9, "mean": 0, "share": 0}
        assert all(one["gained"] == one["left"] for one in summary["colour"].values())
        assert summary["colour"]["over_exposure"]["left"] > 0
    else:
        assert summary["prior"] == summary["colour"] == {}
        assert "has no scores" in text and "has no chroma gain" in text


def test_missing_data_is_named(data: Path):
    (data / PICTURE_SETS[0] / "vi" / "00002N.png").unlink()
    setup = Setup(data, Brighter(False), {}, 45, NOT_WHEN_DARK)
    with pytest.raises(InputError, match="00002N is in one of"):
        run_passes(setup)
    with pytest.raises(InputError, match="no such folder"):
        run_passes(dataclasses.replace(setup, data=data / "nowhere"))


@pytest.fixture
def weights(tmp_path: Path) -> tuple[Path, Path]:
    """Files of a student and of a teacher that say something, as after training."""
    torch = pytest.importorskip("torch", reason="needs the train extra: pip install -e '.[train]'")
    from models.checkpoint import save_network
    from models.student import make_student
    from models.teacher import make_teacher

    torch.manual_seed(0)
    student, teacher = make_student("stream"), make_teacher("cpu")
    for layer in (student.head, student.chroma, teacher.head, *(modulate.affine for modulate in teacher.modulate)):
        torch.nn.init.normal_(layer.weight, std=0.05)
    save_network(student, "stream", tmp_path / "student.safetensors")
    save_network(teacher, "cpu", tmp_path / "teacher.safetensors")
    return tmp_path / "student.safetensors", tmp_path / "teacher.safetensors"


@pytest.mark.torch
def test_teacher_hears_the_same_sentence_again(weights: tuple[Path, Path]):
    from training.torch_fusers import TorchStudent, load_teachers

    shown = degrade(pair(), Degradation("smoke", 0.6))
    teachers = load_teachers(weights[1], 0)
    again = load_teachers(weights[1], 0)
    fused = {name: teacher.fuse(shown).luma for name, teacher in teachers.items()}
    assert all(np.array_equal(again[name].fuse(shown).luma, image) for name, image in fused.items())
    assert len({image.tobytes() for image in fused.values()}) == 3
    assert all(image.shape == SHAPE and image.dtype == np.uint8 for image in fused.values())
    odd = Shown("odd", shown.infrared[:45, :61].copy(), shown.visible[:45, :61].copy())
    result = TorchStudent.load(weights[0]).fuse(odd)
    assert result.luma.shape == (45, 61) and result.chroma_gain is not None and result.chroma_gain.shape == (6, 8)
    assert set(result.scores) == set(KINDS) and teachers[TEACHER].fuse(odd).luma.shape == (45, 61)


@pytest.mark.torch
def test_the_command_writes_a_folder(data: Path, weights: tuple[Path, Path], tmp_path: Path):
    pytest.importorskip("matplotlib", reason="needs the train extra: pip install -e '.[train]'")
    peers = {"about": {"metrics": list(RANKED_METRICS)}, "means": {"msrs/test": {"Known": [1.0] * 9}}}
    (tmp_path / "peers.json").write_text(json.dumps(peers))
    arguments = ["report", "--data", str(data), "--student-weights", str(weights[0]), "--teacher", str(weights[1])]
    arguments += ["--peers", str(tmp_path / "peers.json"), "--degraded-every", "2", "--teacher-every", "1"]
    for name in ("first", "second"):
        assert main([*arguments, "--video-every", "4", "--output", str(tmp_path / name)]) == 0
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("first", "second"))
    assert first == second
    assert set(first) == {
        "report.md", "report.json", "images.csv", "gains.png", "told.png", "prior.png",
        "msrs-test.webp", "roadscene-test.webp", "m3svd-videos.webp", "degraded.webp", "clips.webp",
    }  # fmt: skip
    text = first["report.md"].decode()
    assert str(tmp_path) not in text + first["report.json"].decode() + first["images.csv"].decode()
    assert all(f"({name})" in text for name in first if name != "report.md")
    report = json.loads(first["report.json"])
    assert report["clean"]["msrs/test"]["peers"] == "unchecked"
    assert report["degraded"]["teacher_pairs"] == 2 * 36 and set(report["told"]["all"]) == {"right", "wrong", "neutral"}
    assert report["clips"]["both"]["teacher_subset"]["pairs"] == 2
    assert report["prior"]["false_alarms"]["pictures"] == 3 and report["colour"]["haze"]["pairs"] == 6


@pytest.mark.torch
@pytest.mark.parametrize(("option", "kind"), [("--student-weights", "student"), ("--teacher", "teacher")])
def test_bad_weights_are_named(weights: tuple[Path, Path], tmp_path: Path, capsys, option: str, kind: str):
    pytest.importorskip("matplotlib", reason="needs the train extra: pip install -e '.[train]'")
    wrong = {"student": weights[1], "teacher": weights[0]}[kind]
    arguments = {"--student-weights": str(weights[0]), "--teacher": str(weights[1])} | {option: str(wrong)}
    given = [part for pair_ in arguments.items() for part in pair_]
    assert main(["report", "--output", str(tmp_path / "out"), *given]) == 1
    printed = capsys.readouterr().err.strip().splitlines()
    assert len(printed) == 1 and wrong.name in printed[0] and not (tmp_path / "out").exists()
