"""Conversion of recordings through the command line: every frame, in order, in every mode, and nothing else."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from cli_support import ROOT, Command, nightglass, wait_for
from clips import luma, read_clip, write_clip

from models.engines import KINDS, FusionResult
from stream.clock import SystemClock
from stream.config import NightglassConfig, OutputsConfig, RecordConfig, SourceConfig
from stream.frames import FusedFrame, Picture
from stream.pipeline.offline import convert
from stream.prior import PriorTracker

STAGES = ("decode", "sync", "register", "fuse", "compose", "encode", "publish")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("convert")
    write_clip(folder / "ir.mkv", 10, size=(48, 32), codec="ffv1", pixel_format="gray")
    write_clip(folder / "vi.mkv", 10, size=(96, 64), codec="ffv1")
    write_clip(folder / "many.mp4", 2000, size=(64, 48))
    return folder


def run(folder: Path, *more: object, infrared: str = "ir.mkv", visible: str = "vi.mkv", output: str = "out.mp4"):
    arguments = ("--infrared", infrared, "--visible", visible, "--output", output, *more)
    done = nightglass("convert", *arguments, cwd=folder)
    assert done.code == 0, done.err
    return done


def full_range(plane: np.ndarray) -> np.ndarray:
    """Limited-range luma as full range (ITU-R BT.601)."""
    return np.clip((plane.astype(float) - 16) * 255 / 219, 0, 255)


def excerpt(source: Path, path: Path, count: int) -> Path:
    """The first ``count`` packets of a video, unchanged."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in list(container.demux(video=0))[:count]:
            packet.stream = stream
            out.mux(packet)
    return path


def test_report_has_the_contract_and_the_counts_agree(folder: Path):
    done = run(folder, "--report", "sub/report.json")
    assert done.out.startswith("out.mp4: 10 frames, ") and done.err == ""
    report = json.loads((folder / "sub/report.json").read_text())
    assert report["frames_in"] == {"infrared": 10, "visible": 10}
    assert report["frames_out"] == 10 and report["dropped"] == {} and report["degraded_frames"] == 0
    assert report["fps"] > 0 and report["fps"] == pytest.approx(10 / report["elapsed_s"], rel=0.01)
    assert set(report["stage_ms"]) == set(STAGES)
    for stage in STAGES:
        p50, p95, p99 = (report["stage_ms"][stage][name] for name in ("p50", "p95", "p99"))
        assert 0 <= p50 <= p95 <= p99
        assert (p50 > 0) == (stage != "publish")
    assert report["capture_to_publish_ms"] is None
    assert report["skew_ms"]["max"] == pytest.approx(0, abs=0.001)
    assert report["engine"] == "openvino" and report["precision"] in ("fp32", "bf16") and report["model"] == "stream"
    assert report["reconnects"] == {"infrared": 0, "visible": 0}
    assert set(report["prior"]) == set(KINDS) and all(0 <= share <= 1 for share in report["prior"].values())


@pytest.mark.parametrize("mode", ["fused", "side-by-side", "pip", "infrared", "visible"])
def test_every_mode(folder: Path, mode: str):
    run(folder, "--mode", mode, output=f"{mode}.mkv")
    lumas, times = read_clip(folder / f"{mode}.mkv")
    assert len(lumas) == 10
    assert lumas[0].shape == (64, 288 if mode == "side-by-side" else 96)
    assert times[0] == 0 and all(b - a == pytest.approx(0.04, abs=0.001) for a, b in pairwise(times))

    visible = full_range(luma(9, 96, 64))
    shown = full_range(lumas[9])
    infrared = luma(9, 48, 32).repeat(2, axis=0).repeat(2, axis=1).astype(float)
    distance = {
        "visible": np.abs(shown[:, :96] - visible).mean(),
        "infrared": np.abs(shown[4:-4, 4:92] - infrared[4:-4, 4:92]).mean(),
    }
    if mode in ("visible", "infrared"):
        assert distance[mode] < 8, distance
        assert distance["infrared" if mode == "visible" else "visible"] > 12
    elif mode == "side-by-side":
        assert np.abs(shown[:, 96:192] - visible).mean() < 8
        assert np.abs(shown[4:-4, 4:92] - infrared[4:-4, 4:92]).mean() < 8


def test_colours_of_the_visible_recording_are_kept(folder: Path):
    (folder / "plain.yaml").write_text("fusion: {chroma: plain}")
    run(folder, "--config", "plain.yaml", output="colour.mkv")
    with av.open(str(folder / "colour.mkv")) as container:
        frame = next(container.decode(video=0))
        rows = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
    cb, cr = rows[1].mean(), rows[2].mean()
    assert abs(cb - 148) < 3 and abs(cr - 128) < 3


def test_sound_is_left_out_and_told_once(folder: Path):
    with av.open(str(folder / "sound.mkv"), "w") as out, av.open(str(folder / "vi.mkv")) as pictures:
        video = out.add_stream_from_template(pictures.streams.video[0])
        audio = out.add_stream("aac", rate=48_000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 19_200), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 48_000
        out.mux(audio.encode(sound))
        for packet in pictures.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        out.mux(audio.encode())
    done = run(folder, visible="sound.mkv", output="silent.mkv")
    assert done.err == "WARNING: visible sound.mkv: its sound is left out: the output has pictures only\n"
    assert len(read_clip(folder / "silent.mkv")[0]) == 10
    with av.open(str(folder / "silent.mkv")) as container:
        assert not container.streams.audio


def test_a_turned_recording_is_converted_turned(folder: Path):
    with av.open(str(folder / "turned.mkv"), "w") as out, av.open(str(folder / "vi.mkv")) as pictures:
        video = out.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.set_display_rotation(90)
        for picture in pictures.decode(video=0):
            picture.pict_type = 0
            out.mux(video.encode(picture))
        out.mux(video.encode())
    run(folder, "--mode", "visible", visible="turned.mkv", output="upright.mkv")
    lumas, _ = read_clip(folder / "upright.mkv")
    assert [one.shape for one in lumas] == [(96, 64)] * 10
    assert np.abs(full_range(lumas[9]) - np.rot90(full_range(luma(9, 96, 64)))).mean() < 8


def test_a_full_disk_is_told_once(folder: Path):
    (folder / "large.yaml").write_text("outputs: {record: {path: x.mkv, crf: 0}}\n")
    arguments = ("--infrared", "many.mp4", "--visible", "many.mp4", "--config", "large.yaml", "--output", "full.mkv")
    done = nightglass("convert", *arguments, cwd=folder, largest_file=50_000)
    assert done.code == 1 and done.err.count("free space") == 1
    assert done.error.startswith("record full.mkv: ")


def test_palette(folder: Path):
    run(folder, "--mode", "infrared", "--palette", "ironbow", output="iron.mkv")
    with av.open(str(folder / "iron.mkv")) as container:
        frame = next(container.decode(video=0))
        assert np.frombuffer(frame.planes[2], np.uint8).std() > 5, "no colours"


@pytest.mark.parametrize(("master", "count"), [("visible", 30), ("infrared", 9), ("15.0", 15)])
def test_who_leads(folder: Path, master: str, count: int):
    write_clip(folder / "nine.mp4", 9, rate_hz=9)
    write_clip(folder / "thirty.mp4", 30, rate_hz=30)
    (folder / "lead.yaml").write_text(f"sync: {{master: {master}}}\n")
    run(folder, "--config", "lead.yaml", "--report", "r.json", infrared="nine.mp4", visible="thirty.mp4")
    lumas, times = read_clip(folder / "out.mp4")
    assert abs(len(lumas) - count) <= (1 if master == "15.0" else 0)
    report = json.loads((folder / "r.json").read_text())
    assert report["frames_out"] == len(lumas)
    # The last visible frame is 78 ms after the last infrared one, more than half of its period.
    assert report["degraded_frames"] == (1 if master == "visible" else 0)
    assert report["frames_in"] == {"infrared": 9, "visible": 30}
    assert all(b > a for a, b in pairwise(times))


def write_pgm16(path: Path, counts: np.ndarray) -> None:
    height, width = counts.shape
    path.write_bytes(b"P5 %d %d 65535\n" % (width, height) + counts.astype(">u2").tobytes())


def test_sixteen_bit_images_as_infrared_of_another_size(folder: Path):
    """Raw counts use a hundredth of the range; the picture must show them all the same."""
    raw = folder / "raw"
    raw.mkdir()
    for number in range(6):
        write_pgm16(raw / f"{number}.pgm", 21_000 + 2 * luma(number, 80, 60).astype(np.uint16))
    run(folder, "--mode", "infrared", "--allow-unequal", infrared="raw", output="raw.mkv")
    lumas, _ = read_clip(folder / "raw.mkv")
    assert len(lumas) == 10 and lumas[0].shape == (64, 96)
    assert full_range(lumas[3]).std() > 40


@pytest.mark.data
def test_real_raw_thermal_frames(folder: Path, data_dir: Path, tmp_path: Path):
    for file in sorted((data_dir / "raw16").glob("flir_seq_*.png")):
        (tmp_path / file.name).symlink_to(file)
    run(folder, "--mode", "side-by-side", "--allow-unequal", infrared=str(tmp_path), output="flir.mkv")
    lumas, _ = read_clip(folder / "flir.mkv")
    assert len(lumas) == 10
    assert full_range(lumas[2][:, :96]).std() > 30
    assert len(np.unique(lumas[2][:, :96])) > 60, "the counts fell into few grey levels"


def write_png(path: Path, pixels: np.ndarray) -> None:
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height = pixels.shape[1], pixels.shape[0]
    codec.pix_fmt = "gray" if pixels.ndim == 2 else "rgb24"
    codec.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(pixels, format=codec.pix_fmt)
    path.write_bytes(b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode()]))


def read_png(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return frame.to_ndarray(format=frame.format.name)


def test_image_folders_are_paired_by_name(folder: Path):
    sizes = {"b2": (40, 30), "b10": (52, 36), "z": (41, 33)}
    for name in ("names-ir", "names-vi"):
        (folder / name).mkdir()
    for name, (width, height) in sizes.items():
        write_png(folder / "names-ir" / f"{name}.png", luma(1, width, height))
        colour = np.dstack([luma(1, width, height), luma(3, width, height), luma(5, width, height)])
        write_png(folder / "names-vi" / f"{name}.png", colour if name != "z" else luma(2, width, height))
    run(folder, "--report", "r.json", infrared="names-ir", visible="names-vi", output="names/")
    assert sorted(path.name for path in (folder / "names").iterdir()) == ["b10.png", "b2.png", "z.png"]
    for name, (width, height) in sizes.items():
        pixels = read_png(folder / "names" / f"{name}.png")
        assert pixels.shape == ((height, width, 3) if name != "z" else (height, width))
    report = json.loads((folder / "r.json").read_text())
    assert report["frames_out"] == 3 and report["dropped"] == {}


def test_pictures_out_are_lossless(folder: Path):
    for name in ("same-ir", "same-vi"):
        (folder / name).mkdir()
        write_png(folder / name / "a.png", luma(4, 64, 48))
    run(folder, "--mode", "visible", infrared="same-ir", visible="same-vi", output="same/")
    assert np.array_equal(read_png(folder / "same" / "a.png"), luma(4, 64, 48))


def test_two_single_images_need_no_common_name(folder: Path):
    write_png(folder / "scene_thermal.png", luma(1, 64, 48))
    write_png(folder / "scene_colour.png", luma(2, 64, 48))
    run(folder, infrared="scene_thermal.png", visible="scene_colour.png", output="single/")
    assert [path.name for path in (folder / "single").iterdir()] == ["scene_thermal.png"]


def test_an_image_that_cannot_be_read_is_left_out_and_counted(folder: Path):
    for name in ("broken-ir", "broken-vi"):
        (folder / name).mkdir()
        for number in range(4):
            write_png(folder / name / f"{number}.png", luma(number, 32, 24))
    (folder / "broken-ir" / "2.png").write_bytes(b"not a picture")
    done = run(folder, "--report", "r.json", infrared="broken-ir", visible="broken-vi", output="broken/")
    assert sorted(path.name for path in (folder / "broken").iterdir()) == ["0.png", "1.png", "3.png"]
    assert "2.png" in done.err
    assert json.loads((folder / "r.json").read_text())["dropped"] == {"broken_infrared": 1, "without_partner": 1}


def smoke_in(visible: np.ndarray) -> float:
    """A score that is 0 or 1 by a picture's content, as if by chance."""
    return float(zlib.crc32(visible) % 2)


class UnevenEngine:
    """Fuses four pictures at once, some sooner than others that came before them."""

    name, precision, model, parallel = "uneven", "fp32", "none", 4

    def fuse(
        self, infrared: np.ndarray, visible: np.ndarray, code: np.ndarray | None = None, *, read: bool = True
    ) -> FusionResult:
        time.sleep(0.002 * (zlib.crc32(infrared) % 4))
        smoke = smoke_in(visible)
        return FusionResult(visible.copy(), np.full((2, 2), 1 + smoke, np.float32), {"smoke": smoke})

    def expect(self, height: int, width: int) -> None:
        pass

    def close(self) -> None:
        pass


class KeepingSink:
    """Keeps what it is given."""

    name, stage = "keep", "encode"

    def __init__(self) -> None:
        self.kept: list[FusedFrame] = []

    def open(self) -> None:
        pass

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        self.kept.append(fused)

    def close(self) -> None:
        pass


@pytest.fixture
def uneven(monkeypatch: pytest.MonkeyPatch) -> KeepingSink:
    sink = KeepingSink()
    monkeypatch.setattr("stream.pipeline.setup.load_engine", lambda *_, **__: UnevenEngine())
    monkeypatch.setattr("stream.pipeline.offline.open_sinks", lambda *_, **__: [sink])
    return sink


def test_pictures_fused_at_once_are_smoothed_in_their_order(folder: Path, uneven: KeepingSink):
    write_clip(folder / "some.mp4", 200, size=(64, 48))
    source = SourceConfig(url=str(folder / "some.mp4"))
    report = convert(NightglassConfig(infrared=source, visible=source), SystemClock())
    assert [fused.seq for fused in uneven.kept] == list(range(200))
    scores = [smoke_in(fused.visible) for fused in uneven.kept]
    assert 20 < sum(scores) < 180
    tracker = PriorTracker()
    expected = [
        tracker.push({"smoke": score}, fused.capture_ns) for score, fused in zip(scores, uneven.kept, strict=True)
    ]
    assert [fused.prior for fused in uneven.kept] == expected
    assert report["prior"] == {"smoke": round(sum("smoke" in prior.present for prior in expected) / 200, 4)}


def test_pictures_of_a_folder_are_judged_each_by_itself(folder: Path, uneven: KeepingSink):
    for name in ("apart-ir", "apart-vi"):
        (folder / name).mkdir()
        for number in range(10):
            write_png(folder / name / f"{number}.png", luma(number, 32, 24))
    sources = [SourceConfig(url=str(folder / name)) for name in ("apart-ir", "apart-vi")]
    report = convert(NightglassConfig(infrared=sources[0], visible=sources[1]), SystemClock())
    scores = [smoke_in(fused.visible) for fused in uneven.kept]
    assert 0 < sum(scores) < len(scores) == 10
    assert [fused.prior and fused.prior.scores["smoke"] for fused in uneven.kept] == scores
    assert report["prior"] == {"smoke": sum(scores) / 10}


@pytest.mark.data
def test_real_video(folder: Path, data_dir: Path):
    videos = data_dir / "m3svd" / "videos"
    for role in ("ir", "vi"):
        excerpt(videos / role / "0117_1605.mp4", folder / f"real-{role}.mp4", 25)
    run(folder, "--report", "r.json", infrared="real-ir.mp4", visible="real-vi.mp4", output="real.mp4")
    given, _ = read_clip(folder / "real-vi.mp4")
    lumas, times = read_clip(folder / "real.mp4")
    assert len(lumas) == len(given) == 25
    assert all(b > a for a, b in pairwise(times))
    assert lumas[0].shape == given[0].shape
    report = json.loads((folder / "r.json").read_text())
    assert report["frames_out"] == 25 and report["degraded_frames"] == 0
    # Fused from both: neither a copy of one nor unlike each.
    heat, _ = read_clip(folder / "real-ir.mp4")
    for source in (given, heat):
        likeness = np.corrcoef(full_range(source[10]).ravel(), full_range(lumas[10]).ravel())[0, 1]
        assert 0.2 < likeness < 0.999


def test_the_simulated_pair(folder: Path):
    url = "sim:night-street?size=96x64&seconds=0.5&fps=20"
    run(folder, infrared=url, visible=url, output="sim.mp4")
    assert len(read_clip(folder / "sim.mp4")[0]) == 10


@pytest.mark.parametrize("codec", ["h264", "hevc", "ffv1"])
def test_pixels_that_are_not_square_stay_so(folder: Path, codec: str):
    with av.open(str(folder / "pal.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 88, 72
        stream.codec_context.sample_aspect_ratio = Fraction(16, 11)
        container.mux(stream.encode(av.VideoFrame(88, 72, "yuv420p")))
        container.mux(stream.encode())
    (folder / "pal.yaml").write_text(f"outputs: {{record: {{path: a.mkv, codec: {codec}}}}}\n")
    done = run(folder, "--config", "pal.yaml", infrared="pal.mp4", visible="pal.mp4", output="pal.mkv")
    with av.open(str(folder / "pal.mkv")) as container:
        said = container.streams.video[0].sample_aspect_ratio
    assert said == (None if codec == "ffv1" else Fraction(16, 11))
    assert ("16/11 as wide as high" in done.err) == (codec == "ffv1")


def test_loop_is_for_live(folder: Path):
    (folder / "loop.yaml").write_text("infrared: {url: a, loop: true}\nvisible: {url: b, loop: true}\n")
    done = run(folder, "--config", "loop.yaml")
    assert done.out.startswith("out.mp4: 10 frames")
    assert "infrared.loop is for live" in done.err and "visible.loop is for live" in done.err


def test_a_disk_that_fills_up_ends_it_in_one_line(folder: Path):
    arguments = ("--infrared", "many.mp4", "--visible", "many.mp4", "--output", "full.mp4")
    done = nightglass("convert", *arguments, cwd=folder, largest_file=60_000)
    assert done.code == 1
    assert "full.mp4" in done.error and "free space" in done.error
    lumas, _ = read_clip(folder / "full.mp4")
    assert 20 < len(lumas) < 2000, "what had been written must stay playable"


def test_stopped_by_hand_leaves_a_playable_file(folder: Path):
    path = folder / "part.mp4"
    arguments = ("--infrared", "many.mp4", "--visible", "many.mp4", "--output", path)
    with Command("convert", *arguments, cwd=folder) as command:
        wait_for(lambda: path.exists() and path.stat().st_size > 5000)
        command.signal(signal.SIGINT)
        done = command.done()
    assert done.code == 1 and done.err == "nightglass: error: interrupted\n"
    assert 20 < len(read_clip(path)[0]) < 2000


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_a_terminal_shows_progress(folder: Path, terminal: tuple[int, int]):
    ours, theirs = terminal
    command = [sys.executable, str(ROOT / "run_stream.py"), "convert"]
    command += ["--infrared", "ir.mkv", "--visible", "vi.mkv", "--output", "bar.mp4"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # what Linux gives once the other end is closed
            break
        if not part:
            break
        shown += part
    assert process.wait(timeout=60) == 0
    assert b"fusing" in shown and b"10/10" in shown


def test_memory_does_not_grow_with_the_length(folder: Path):
    """2000 frames; between the 300th and the last the process must not gain what even the decoded lumas would take."""
    size_mib: dict[int, float] = {}

    def note(done: int, total: int | None) -> None:
        assert total == 2000
        if done in (300, 2000):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            size_mib[done] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    source = SourceConfig(url=str(folder / "many.mp4"))
    output = OutputsConfig(record=RecordConfig(path=str(folder / "many-out.mp4"), preset="ultrafast"))
    report = convert(NightglassConfig(infrared=source, visible=source, outputs=output), SystemClock(), note)
    assert report["frames_out"] == 2000
    # 1700 pairs of 64x48 with chroma, registered and fused planes: about 30 MiB if they were kept.
    assert size_mib[2000] - size_mib[300] < 12
