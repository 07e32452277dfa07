"""Bad input and usage: one line that names what is wrong and what to do, the right exit status, never a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from cli_support import ROOT, nightglass
from clips import luma, read_clip, write_audio, write_clip

GOOD = "good.mp4"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of every bad kind."""
    folder = tmp_path_factory.mktemp("inputs")
    good = write_clip(folder / GOOD, 12)
    write_clip(folder / "short.mp4", 6)
    write_clip(folder / "long.mp4", 75)
    write_audio(folder / "sound.m4a")
    (folder / "text.mp4").write_text("this is not a video\n" * 50)
    (folder / "empty.mp4").touch()
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(20_000))
    (folder / "cut.mp4").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    (folder / "none").mkdir()
    (folder / "file").write_text("in the way")
    for name, files in {"ir": ("a", "b", "only_ir"), "vi": ("a", "b", "only_vi")}.items():
        (folder / name).mkdir()
        for file in files:
            write_pgm(folder / name / f"{file}.pgm", luma(0, 32, 24))
    return folder


def write_pgm(path: Path, picture: np.ndarray) -> None:
    height, width = picture.shape
    path.write_bytes(b"P5 %d %d 255\n" % (width, height) + picture.tobytes())


def convert(folder: Path, *more: object, infrared: str = GOOD, visible: str = GOOD, output: object = "out.mp4"):
    arguments = ("--infrared", infrared, "--visible", visible, "--output", output, *more)
    return nightglass("convert", *arguments, cwd=folder)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing.mp4", ("missing.mp4", "no such file")),
        ("text.mp4", ("text.mp4", "not a readable video")),
        ("noise.mp4", ("noise.mp4", "not a readable video")),
        ("empty.mp4", ("empty.mp4", "0 bytes")),
        ("sound.m4a", ("sound.m4a", "no video stream", "give a file")),
        ("none", ("none", "no images")),
        ("sim:no-such-scene", ("no-such-scene", "sim:night-street")),
        ("sim:night-street?fps=ten", ("fps", "a rate from")),
        ("gopher://camera/1", ("gopher://camera/1", "rtsp://")),
        ("rtsp://root:hunter2@127.0.0.1:1/a", ("127.0.0.1:1/a", "connection refused")),
        ("/dev/video99", ("/dev/video99",)),
    ],
)
def test_unusable_input(folder: Path, path: str, says: tuple[str, ...]):
    done = convert(folder, infrared=path, output="unusable.mp4")
    assert done.code == 1
    for word in says:
        assert word in done.error
    assert "hunter2" not in done.err + done.out
    assert not (folder / "unusable.mp4").exists(), "an output was begun"


def test_unusable_visible_input(folder: Path):
    done = convert(folder, visible="empty.mp4", output="unusable.mp4")
    assert done.code == 1 and "empty.mp4" in done.error


@pytest.mark.parametrize(
    ("output", "code", "says"),
    [
        ("nowhere/out.mp4", 1, ("nowhere does not exist", "create it")),
        ("nowhere/pictures/", 1, ("nowhere does not exist", "create it")),
        ("out.avi", 2, ("out.avi", ".mp4", ".mkv")),
        ("out", 2, (".mp4", ".mkv")),
        ("none", 2, ("none is a folder", "/")),
        ("file/", 1, ("file", "name a folder")),
        (GOOD, 2, (GOOD, "input", "--output")),
        (f"../inputs0/{GOOD}", 2, (GOOD, "input", "--output")),
        ("/proc/out.mp4", 1, ("/proc", "cannot write")),
    ],
)
def test_unusable_output(folder: Path, output: str, code: int, says: tuple[str, ...]):
    before = (folder / GOOD).read_bytes()
    done = convert(folder, output=output.replace("../inputs0", f"../{folder.name}"))
    assert done.code == code
    for word in says:
        assert word in done.error
    assert (folder / GOOD).read_bytes() == before


def test_pictures_never_replace_the_pictures_they_are_made_from(folder: Path):
    (folder / "own").mkdir()
    write_pgm(folder / "own" / "a.pgm", luma(0, 32, 24))
    done = convert(folder, infrared="own", visible="own", output="own/")
    assert done.code == 2
    assert "own/ is an input" in done.error


def test_output_folder_without_permission(folder: Path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (folder / "locked").mkdir(mode=0o500)
    done = convert(folder, output="locked/out.mp4")
    assert done.code == 1 and "locked" in done.error


def test_report_that_cannot_be_written_leaves_the_output(folder: Path):
    done = convert(folder, "--report", "file/report.json", output="kept.mp4")
    assert done.code == 1
    assert "file/report.json" in done.error
    assert len(read_clip(folder / "kept.mp4")[0]) == 12


def test_truncated_input_keeps_what_could_be_read(folder: Path):
    write_clip(folder / "whole.mkv", 60, codec="libx264")
    data = (folder / "whole.mkv").read_bytes()
    (folder / "half.mkv").write_bytes(data[: len(data) // 2])
    done = convert(folder, infrared="half.mkv", visible="half.mkv", output="rest.mp4")
    assert done.code == 1
    assert "half.mkv is truncated" in done.error and "the output holds" in done.error
    lumas, times = read_clip(folder / "rest.mp4")
    assert 5 < len(lumas) < 60
    assert f"the output holds {len(lumas)} frames" in done.error
    assert all(later > earlier for earlier, later in pairwise(times))


def test_a_file_cut_before_its_index_is_not_a_video(folder: Path):
    done = convert(folder, visible="cut.mp4")
    assert done.code == 1 and "cut.mp4" in done.error


@pytest.mark.parametrize(("infrared", "visible"), [("short.mp4", GOOD), (GOOD, "short.mp4")])
def test_recordings_of_different_length(folder: Path, infrared: str, visible: str):
    done = convert(folder, "--report", "unequal.json", infrared=infrared, visible=visible, output="unequal.mp4")
    assert done.code == 1
    assert "short.mp4" in done.error and GOOD in done.error and "--allow-unequal" in done.error
    lead = 6 if visible == "short.mp4" else 12
    assert len(read_clip(folder / "unequal.mp4")[0]) == lead
    assert (folder / "unequal.json").exists()

    allowed = convert(folder, "--allow-unequal", infrared=infrared, visible=visible, output="unequal2.mp4")
    assert allowed.code == 0 and "nightglass: error" not in allowed.err
    assert len(read_clip(folder / "unequal2.mp4")[0]) == lead


def test_equal_length_at_very_different_rates_is_no_mistake(folder: Path):
    """A 9 Hz camera's last frame is up to a ninth of a second before the end."""
    write_clip(folder / "nine.mp4", 9, rate_hz=9)
    write_clip(folder / "thirty.mp4", 30, rate_hz=30)
    done = convert(folder, infrared="nine.mp4", visible="thirty.mp4", output="rates.mp4")
    assert done.code == 0, done.err
    assert len(read_clip(folder / "rates.mp4")[0]) == 30


def test_an_offset_between_the_cameras_is_no_difference_in_length(folder: Path):
    (folder / "offset.yaml").write_text("sync: {infrared_offset_ms: 120}\n")
    done = convert(folder, "--config", "offset.yaml", output="offset.mp4")
    assert done.code == 0, done.err


def test_images_without_partner(folder: Path):
    done = convert(folder, infrared="ir", visible="vi", output="pairs/")
    assert done.code == 2
    assert "only_ir.pgm" in done.error and "only_vi.pgm" in done.error and "same name" in done.error
    assert not (folder / "pairs").exists()


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("fusoin: {}\n", ("unknown key 'fusoin'", "fusion")),
        ("fusion: {modle: stream}\n", ("fusion.modle", "model")),
        ("fusion: {threads: many}\n", ("fusion.threads", "integer")),
        ("compose: {mode: sideways}\n", ("compose.mode", "side-by-side")),
        ("sync: {master: 0}\n", ("sync.master",)),
        ("- a\n- b\n", ("mapping",)),
        ("fusion: [\n", ("YAML",)),
        ("compose: {mode: fused}\ncompose: {mode: pip}\n", ("compose", "twice")),
    ],
)
def test_bad_configuration(folder: Path, yaml: str, says: tuple[str, ...]):
    (folder / "bad.yaml").write_text(yaml)
    for done in (convert(folder, "--config", "bad.yaml"), nightglass("live", "--config", "bad.yaml", cwd=folder)):
        assert done.code == 2
        assert done.error.startswith("bad.yaml: ")
        for word in says:
            assert word in done.error


def test_missing_configuration(folder: Path):
    done = convert(folder, "--config", "absent.yaml")
    assert done.code == 2 and "absent.yaml" in done.error and "configs/" in done.error


@pytest.mark.parametrize(
    ("yaml", "says"),
    [
        ("fusion: {model: nonesuch}", ("nonesuch", "stream")),
        ("fusion: {model: ./good.mp4}", ("good", "export")),
        ("fusion: {engine: openvino, precision: int8}", ("int8", "fp32")),
        ("registration: {calibration: absent-calibration.yaml}", ("absent-calibration.yaml",)),
    ],
)
def test_what_the_configuration_asks_for_is_not_there(folder: Path, yaml: str, says: tuple[str, ...]):
    (folder / "asks.yaml").write_text(yaml + "\n")
    done = convert(folder, "--config", "asks.yaml", output="asks.mp4")
    assert done.code == 1
    for word in says:
        assert word in done.error


def test_gpu_engine_without_a_gpu(folder: Path):
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has a GPU")
    (folder / "gpu.yaml").write_text("fusion: {engine: cuda_graph}\n")
    done = convert(folder, "--config", "gpu.yaml", output="gpu.mp4")
    assert done.code == 1
    assert "cuda_graph" in done.error
    assert "nightglass[cuda]" in done.error or "openvino" in done.error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("convert", "--infrared", "a"), ("--visible", "--help")),
        (("convert", "--mode", "upside-down"), ("--mode", "upside-down", "side-by-side", "--help")),
        (("live", "--config", "x.yaml", "--duration", "soon"), ("--duration", "--help")),
        (("live", "--config", "x.yaml", "--duration", "-1"), ("--duration", "--help")),
        (("live",), ("--config", "--help")),
        (("fuse",), ("fuse", "--help")),
        (("--louder",), ("--louder", "--help")),
        (("view", "nonsense"), ("nonsense",)),
        (("view", "tcp://127.0.0.1:5", "--server-key", "x"), ("--client-key",)),
        (("calibrate", "--infrared", "a", "--visible", "b"), ("--output", "--help")),
    ],
)
def test_bad_usage(folder: Path, arguments: tuple[str, ...], says: tuple[str, ...]):
    done = nightglass(*arguments, cwd=folder)
    assert done.code == 2
    for word in says:
        assert word in done.error


def test_help():
    bare = nightglass()
    assert bare.code == 2 and bare.err == ""
    asked = nightglass("--help")
    assert asked.code == 0 and asked.out == bare.out
    for command in ("convert", "live", "view", "calibrate", "doctor", "bench"):
        assert command in asked.out
        done = nightglass(command, "--help")
        assert done.code == 0 and f"run_stream.py {command}" in done.out and done.err == ""


@pytest.fixture
def port() -> Iterator[int]:
    """A TCP port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def live_yaml(folder: Path, name: str, outputs: str, infrared: str = GOOD, visible: str = GOOD) -> str:
    text = f"infrared: {{url: '{infrared}', timeout_s: 2}}\nvisible: {{url: '{visible}', timeout_s: 2}}\n"
    (folder / name).write_text(text + (f"outputs: {outputs}\n" if outputs else ""))
    return name


def test_live_port_in_use(folder: Path, port: int):
    config = live_yaml(folder, "port.yaml", f"{{zeromq: {{endpoint: 'tcp://127.0.0.1:{port}'}}}}")
    done = nightglass("live", "--config", config, cwd=folder)
    assert done.code == 1
    assert f"tcp://127.0.0.1:{port}" in done.error and "already in use" in done.error


def test_live_camera_that_does_not_answer(folder: Path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"rtsp://root:hunter2@127.0.0.1:{closed.getsockname()[1]}/stream1"
        config = live_yaml(folder, "unreachable.yaml", "{zeromq: {endpoint: 'tcp://127.0.0.1:*'}}", infrared=url)
        done = nightglass("live", "--config", config, cwd=folder)
    assert done.code == 1
    assert "/stream1" in done.error and "check host and port" in done.error
    assert "hunter2" not in done.err + done.out


@pytest.mark.parametrize(
    ("outputs", "code", "says"),
    [
        ("", 2, "needs an output"),
        ("{record: {path: nowhere/a.mp4}}", 1, "nowhere does not exist"),
        ("{record: {path: a.avi}}", 2, ".mkv"),
        ("{record: {path: a.mp4, codec: ffv1}}", 2, "ffv1"),
        ("{zeromq: {endpoint: 'tcp://0.0.0.0:5556'}}", 2, "curve"),
        ("{zeromq: {endpoint: 'tcp://192.0.2.1:5556', insecure: true}}", 1, "not an address"),
    ],
)
def test_live_output_that_cannot_be(folder: Path, outputs: str, code: int, says: str):
    config = live_yaml(folder, "output.yaml", outputs)
    done = nightglass("live", "--config", config, cwd=folder)
    assert done.code == code
    assert says in done.error


def test_live_needs_both_cameras(folder: Path):
    (folder / "one.yaml").write_text(f"visible: {{url: {GOOD}}}\n")
    done = nightglass("live", "--config", "one.yaml", cwd=folder)
    assert done.code == 2 and "'infrared'" in done.error


@pytest.mark.parametrize(
    ("visible", "infrared"),
    [((161, 121), (81, 61)), ((162, 121), (64, 64)), ((161, 122), (161, 122)), ((17, 19), (33, 16))],
)
def test_odd_sizes_are_padded_and_said(folder: Path, visible: tuple[int, int], infrared: tuple[int, int]):
    write_clip(folder / "odd-vi.mkv", 4, size=visible, codec="ffv1")
    write_clip(folder / "odd-ir.mkv", 4, size=infrared, codec="ffv1", pixel_format="gray")
    done = convert(folder, infrared="odd-ir.mkv", visible="odd-vi.mkv", output="odd.mp4")
    assert done.code == 0, done.err
    warnings = done.err.splitlines()
    assert len(warnings) == 1 and "odd size {}x{}".format(*visible) in warnings[0]
    with av.open(str(folder / "odd.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (visible[0] + visible[0] % 2, visible[1] + visible[1] % 2)
        assert sum(1 for _ in container.decode(stream)) == 4


@pytest.mark.parametrize(
    ("arguments", "code", "start"),
    [
        (
            ("convert", "--infrared", "x.mp4", "--visible", "x.mp4", "--output", "o.mp4"),
            1,
            "nightglass: error: no such",
        ),
        (("convert", "--mode", "x"), 2, "nightglass: error: Invalid value for '--mode'"),
    ],
)
def test_for_real(tmp_path: Path, arguments: tuple[str, ...], code: int, start: str):
    """The same through a shell's eyes: a new interpreter, ``run_stream.py``, from another folder."""
    command = [sys.executable, str(ROOT / "run_stream.py"), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == code
    assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.startswith(start)
