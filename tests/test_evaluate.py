"""``python -m training evaluate`` as it is used: folders, videos, a model, and input that does not fit together."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from metrics_support import picture

import models.engines
from models.engines.base import EngineError, FusionResult
from training.__main__ import COMMANDS, main
from training.baselines import BASELINES
from training.images import read_luma, video_lumas
from training.metrics import METRICS, Scorer

SHAPE = (48, 64)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Five pairs: infrared PNG in grey, visible WebP in colour, fused (their maximum) PNG."""
    for name in ("ir", "vi", "fused"):
        (tmp_path / name).mkdir()
    for i in range(5):
        infrared = picture(2 * i, SHAPE)
        visible = np.dstack([picture(2 * i + 1, SHAPE), picture(2 * i + 1, SHAPE), 255 - picture(50 + i, SHAPE)])
        cv2.imwrite(str(tmp_path / "ir" / f"{i:03}.png"), infrared)
        cv2.imwrite(str(tmp_path / "vi" / f"{i:03}.webp"), visible, [cv2.IMWRITE_WEBP_QUALITY, 101])
        fused = np.maximum(infrared, read_luma(tmp_path / "vi" / f"{i:03}.webp"))
        cv2.imwrite(str(tmp_path / "fused" / f"{i:03}.png"), fused)
    return tmp_path


def evaluate(folder: Path, *more: str, what: tuple[str, str] | None = None, suffix: str = "") -> tuple[int, dict]:
    report = folder / "out" / "report.json"
    source = what or ("--fused", str(folder / f"fused{suffix}"))
    arguments = ["--infrared", str(folder / f"ir{suffix}"), "--visible", str(folder / f"vi{suffix}")]
    status = main(["evaluate", *arguments, *source, "--json", str(report), *more])
    return status, json.loads(report.read_text()) if report.exists() else {}


def test_folders_with_all_outputs(folders: Path, capsys: pytest.CaptureFixture[str]):
    status, report = evaluate(folders, "--csv", str(folders / "out/a.csv"), "--sheet", str(folders / "out/a.png"))
    assert status == 0
    assert report["counts"] == {"pictures": 5, "frames_read": 5} and report["definitions"] == 1
    assert list(report["means"]) == ["fused", *BASELINES]
    assert report["means"]["fused"] == pytest.approx(report["means"]["Max"])
    infrared, visible = read_luma(folders / "ir/003.png"), read_luma(folders / "vi/003.webp")
    expected = Scorer(infrared, visible).score(np.maximum(infrared, visible))
    assert report["images"]["003"]["fused"] == pytest.approx(expected)
    for metric in METRICS:
        values = [methods["fused"][metric] for methods in report["images"].values()]
        assert report["means"]["fused"][metric] == pytest.approx(np.mean(values))
    rows = list(csv.DictReader((folders / "out/a.csv").open()))
    assert len(rows) == 5 * 6 and float(rows[0]["VIF"]) == pytest.approx(
        report["images"]["000"]["fused"]["VIF"], rel=1e-4
    )
    sheet = read_luma(folders / "out/a.png")
    assert sheet.shape[0] > 5 * SHAPE[0] and sheet.std() > 20
    printed = capsys.readouterr().out
    assert f"{report['means']['LapPyrMax']['Qabf']:.4f}" in printed and "Flicker" not in printed


def test_every_second_picture_needs_no_others_fused_and_can_leave_baselines_out(folders: Path):
    (folders / "fused/001.png").unlink()
    status, report = evaluate(folders, "--every", "2", "--no-baselines")
    assert status == 0 and list(report["images"]) == ["000", "002", "004"] and list(report["means"]) == ["fused"]


def test_sequence_measures_flicker_of_all_frames(folders: Path, capsys: pytest.CaptureFixture[str]):
    status, report = evaluate(folders, "--every", "2", "--sequence")
    assert status == 0 and report["counts"] == {"pictures": 3, "frames_read": 5}
    assert report["flicker"]["ir"]["frames"] == 5 and report["flicker"]["ir"]["methods"]["Copy-visible"]["jump"] <= 0
    assert "Flicker of ir: 5 frames" in capsys.readouterr().out


def test_numbers_in_names_put_a_sequence_in_order(tmp_path: Path):
    for name in ("ir", "vi", "fused"):
        (tmp_path / name).mkdir()
        for i in (1, 2, 10):
            cv2.imwrite(str(tmp_path / name / f"frame{i}.png"), picture(i, SHAPE))
    _, report = evaluate(tmp_path, "--sequence")
    assert list(report["images"]) == ["frame1", "frame2", "frame10"]


def spoil_missing(folder: Path) -> str:
    (folder / "fused/002.png").unlink()
    return "fused: no file named 002"


def spoil_partner(folder: Path) -> str:
    (folder / "ir/004.png").unlink()
    return "ir: no file named 004"


def spoil_size(folder: Path) -> str:
    cv2.imwrite(str(folder / "fused/001.png"), picture(1, (60, 64)))
    return "001.png: is 64x60"


def spoil_depth(folder: Path) -> str:
    cv2.imwrite(str(folder / "ir/000.png"), picture(1, SHAPE).astype(np.uint16) * 50)
    return "000.png: has uint16"


def spoil_content(folder: Path) -> str:
    (folder / "vi/000.webp").write_bytes(b"RIFF, but no picture")
    return "000.webp: cannot be read"


def spoil_double(folder: Path) -> str:
    cv2.imwrite(str(folder / "ir/001.jpg"), picture(1, SHAPE))
    return "same name as 001.jpg"


def spoil_small(folder: Path) -> str:
    for path in (folder / "ir/000.png", folder / "vi/000.webp", folder / "fused/000.png"):
        cv2.imwrite(str(path), picture(1, (40, 64)))
    return "000: is 64x40"


def spoil_folder(folder: Path) -> str:
    (folder / "vi").rename(folder / "elsewhere")
    return "vi: no such file or folder"


SPOILERS = [
    spoil_missing,
    spoil_partner,
    spoil_size,
    spoil_depth,
    spoil_content,
    spoil_double,
    spoil_small,
    spoil_folder,
]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_input_that_does_not_fit_is_named(folders: Path, capsys, spoil: Callable[[Path], str]):
    expected = spoil(folders)
    status, report = evaluate(folders)
    error = capsys.readouterr().err
    assert status == 1 and report == {} and expected in error and error.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["--every", "0"], ["--model", "stream"]])
def test_bad_arguments_exit_with_2(folders: Path, arguments: list[str]):
    if arguments:
        with pytest.raises(SystemExit) as stopped:
            evaluate(folders, *arguments)
        assert stopped.value.code == 2
    else:
        assert main([]) == 2 and main(["no-such-command"]) == 2


def test_every_command_is_described_and_nothing_heavy_is_loaded(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert "evaluate" in COMMANDS and all(name in printed for name in COMMANDS)
    root = Path(__file__).resolve().parent.parent
    code = "import sys, training.evaluate; print(*({'torch', 'scipy', 'openvino'} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""


class Brighter:
    """An engine in miniature: the brighter pixel."""

    name, precision, model = "test", "int8", "tiny"
    closed = False

    def fuse(self, infrared, visible, code=None) -> FusionResult:
        return FusionResult(np.maximum(infrared, visible))

    def close(self) -> None:
        self.closed = True


def test_a_model_is_loaded_by_name_run_and_closed(folders: Path, monkeypatch: pytest.MonkeyPatch):
    engine, asked = Brighter(), []
    monkeypatch.setattr(models.engines, "load_engine", lambda name, **rest: asked.append((name, rest)) or engine)
    status, report = evaluate(folders, what=("--model", "tiny"))
    assert status == 0 and engine.closed
    assert asked == [("tiny", {"engine": "auto", "precision": "auto", "threads": 0})]
    assert report["inputs"]["precision"] == "int8" and report["means"]["tiny"] == pytest.approx(report["means"]["Max"])


def test_a_model_that_cannot_be_loaded_is_one_line(folders: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    def missing(name: str, **rest: object) -> None:
        raise EngineError(f"{name}: no such model")

    monkeypatch.setattr(models.engines, "load_engine", missing)
    assert evaluate(folders, what=("--model", "none"))[0] == 1
    assert capsys.readouterr().err == "python -m training evaluate: none: no such model\n"


def write_video(path: Path, frames: list[np.ndarray], pixel_format: str = "gray") -> None:
    """Lossless, so that what comes back can be compared level by level."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.height, stream.width = frames[0].shape[0], frames[0].shape[1]
        stream.pix_fmt = pixel_format
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray").reformat(format=pixel_format)))
        container.mux(stream.encode(None))


def test_grey_video_comes_back_level_by_level_and_colour_video_in_full_range(tmp_path: Path):
    ramp = np.tile(np.arange(256, dtype=np.uint8), (48, 1))
    write_video(tmp_path / "grey.mkv", [ramp, 255 - ramp])
    assert [frame.tolist() for frame in video_lumas(tmp_path / "grey.mkv")] == [ramp.tolist(), (255 - ramp).tolist()]
    write_video(tmp_path / "limited.mkv", [ramp], "yuv420p")
    (luma,) = video_lumas(tmp_path / "limited.mkv")
    assert np.abs(luma.astype(int) - ramp).max() <= 2


def test_videos_give_metrics_of_some_frames_and_flicker_of_all(tmp_path: Path):
    infrared, visible = picture(1, SHAPE), picture(2, SHAPE)
    pumping = [
        np.clip(np.maximum(infrared, visible).astype(int) + 6 * (i % 2), 0, 255).astype(np.uint8) for i in range(17)
    ]
    for name, frames in (("ir", [infrared] * 17), ("vi", [visible] * 17), ("fused", pumping)):
        write_video(tmp_path / f"{name}.mkv", frames)
    status, report = evaluate(tmp_path, "--every", "8", suffix=".mkv")
    assert status == 0 and list(report["images"]) == ["ir:000000", "ir:000008", "ir:000016"]
    assert report["images"]["ir:000000"]["fused"] == pytest.approx(Scorer(infrared, visible).score(pumping[0]))
    flicker = report["flicker"]["ir"]
    assert (flicker["frames"], flicker["windows"], flicker["static_share"]) == (17, 2, 1.0)
    assert flicker["methods"]["fused"]["excess"] == pytest.approx(3.0, abs=0.1)
    assert flicker["methods"]["Max"]["excess"] == 0.0


def test_folders_of_videos_are_paired_by_name(tmp_path: Path):
    for name in ("ir", "vi", "fused"):
        (tmp_path / name).mkdir()
        for scene in ("a", "b"):
            write_video(tmp_path / name / f"{scene}.mkv", [picture(len(name), SHAPE)] * 3)
    status, report = evaluate(tmp_path, "--every", "2")
    assert status == 0 and list(report["images"]) == ["a:000000", "a:000002", "b:000000", "b:000002"]
    assert list(report["flicker"]) == ["a", "b"]


def test_videos_of_unequal_length_and_broken_ones_are_named(tmp_path: Path, capsys):
    for name, frames in (("ir", 3), ("vi", 2), ("fused", 3)):
        write_video(tmp_path / f"{name}.mkv", [picture(1, SHAPE)] * frames)
    assert evaluate(tmp_path, suffix=".mkv")[0] == 1
    assert "vi.mkv: ends after 2 frames" in capsys.readouterr().err
    (tmp_path / "vi.mkv").write_bytes(b"no video at all")
    assert evaluate(tmp_path, suffix=".mkv")[0] == 1
    assert "vi.mkv: cannot be decoded" in capsys.readouterr().err


@pytest.mark.data
def test_real_sequence(data_dir: Path, tmp_path: Path):
    clip = data_dir / "tno" / "Tree"
    arguments = ["--infrared", str(clip / "ir"), "--visible", str(clip / "vi"), "--fused", str(clip / "vi")]
    report_path = tmp_path / "tree.json"
    assert main(["evaluate", *arguments, "--sequence", "--every", "9", "--json", str(report_path)]) == 0
    report = json.loads(report_path.read_text())
    assert report["counts"] == {"pictures": 2, "frames_read": 18}
    assert report["flicker"]["ir"]["methods"]["fused"] == report["flicker"]["ir"]["methods"]["Copy-visible"]
