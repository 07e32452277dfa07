"""Live fusion from end to end: real processes, sockets, signals, outages, an RTSP server that dies and comes back."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from cli_support import LIMIT_S, Command, nightglass, wait_for
from clips import read_clip, write_clip
from live_support import SIM, LiveRun
from rtsp_support import RtspServer
from source_videos import write_h264

from stream.buffers import Buffer
from stream.clock import SystemClock
from stream.errors import SourceError
from stream.frames import Frame, FusedFrame, Picture
from stream.pipeline.reader import Reader
from stream.pipeline.writer import Writer
from stream.sinks.jpeg import JpegEncoder
from stream.sources.base import StreamInfo
from stream.stats import RunStats


def whole(header: dict[str, Any]) -> bool:
    return header["degraded"] == "none"


def test_viewer_in_another_process_and_stop_by_hand(tmp_path: Path):
    outputs = {"record": {"path": "out.mp4", "preset": "ultrafast"}}
    with LiveRun(tmp_path, {"url": SIM}, {"url": SIM}, outputs=outputs) as run:
        run.until(whole, 5)
        viewed = nightglass("view", run.endpoint, "--headless", "8")
        assert viewed.code == 0, viewed.err
        headers = [json.loads(line) for line in viewed.out.splitlines()]
        status = json.loads(nightglass("view", run.endpoint, "--headless", "1", "--stream", "status").out)
        report = run.finish()
    assert len(headers) == 8
    for header in headers:
        assert header["camera"] == "test" and header["stream"] == "fused" and header["clock"] == "sim"
        assert (header["width"], header["height"], header["format"]) == (128, 96, "jpeg")
        assert 0 < header["transit_ms"] < header["age_ms"] < 5000
    assert all(b["seq"] > a["seq"] and b["capture_ns"] > a["capture_ns"] for a, b in pairwise(headers))
    assert status["status"]["frames_in"]["visible"] > 0
    assert status["status"]["reconnects"] == {"infrared": 0, "visible": 0}

    assert report["frames_out"] > 10 and report["lost_outputs"] == {}
    assert 0 < report["capture_to_publish_ms"]["p50"] < 5000
    assert report["stage_ms"]["publish"]["p50"] > 0 and report["stage_ms"]["encode"]["p50"] > 0
    lumas, times = read_clip(tmp_path / "out.mp4")
    dropped = sum(n for reason, n in report["dropped"].items() if reason.startswith("slow record"))
    assert len(lumas) == report["frames_out"] - dropped
    assert all(b > a for a, b in pairwise(times))


@pytest.mark.parametrize("role", ["infrared", "visible"])
def test_one_camera_goes_dark_and_comes_back(tmp_path: Path, role: str):
    url = f"{SIM}&{'ir' if role == 'infrared' else 'vi'}_outage=1:4"
    outputs = {"record": {"path": "out.mkv", "preset": "ultrafast"}}
    with LiveRun(tmp_path, {"url": url}, {"url": url}, outputs=outputs) as run:
        run.until(lambda one: one["degraded"] == f"{role}_missing", 5)
        after = run.until(whole, 10)
        report = run.finish(signal.SIGTERM)
    assert {one["degraded"] for one in after} <= {"none", f"{role}_missing"}
    assert [kind for kind, _ in groupby(one["degraded"] for one in after)][-1] == "none"
    assert all(b["seq"] > a["seq"] and b["capture_ns"] > a["capture_ns"] for a, b in pairwise(after))
    assert 5 <= report["degraded_frames"] < report["frames_out"]
    lumas, _ = read_clip(tmp_path / "out.mkv")
    assert len({luma.shape for luma in lumas}) == 1


def test_infrared_before_the_first_visible_frame_has_the_size_of_the_visible_picture(tmp_path: Path):
    """Else the recording would be lost as soon as the visible camera's frames come."""
    url = f"{SIM}&ir_size=64x64&vi_outage=0:1"
    outputs = {"record": {"path": "out.mkv", "preset": "ultrafast"}}
    with LiveRun(tmp_path, {"url": url}, {"url": url}, outputs=outputs) as run:
        seen = run.until(whole, 5)
        report = run.finish()
    assert {(one["width"], one["height"]) for one in seen} == {(128, 96)}
    assert report["lost_outputs"] == {} and report["degraded_frames"] > 0
    assert read_clip(tmp_path / "out.mkv")[0][0].shape == (96, 128)


def test_a_camera_that_changes_its_aspect_leaves_the_other_alone(tmp_path: Path):
    """The calibration does not fit any more: visible goes on, and infrared again once its pictures are as before."""
    parts = [
        write_clip(tmp_path / f"{width}.h264", 25, size=(width, 48), codec="libx264").read_bytes() for width in (64, 48)
    ]
    (tmp_path / "ir.h264").write_bytes(parts[0] + parts[1] + parts[0])
    visible = write_clip(tmp_path / "vi.mp4", 75)
    calibration = {"infrared_size": [64, 48], "visible_size": [96, 64], "scale": 0.7}
    (tmp_path / "calibration.yaml").write_text(yaml.safe_dump(calibration))
    sources = [{"url": str(path), "loop": True} for path in (tmp_path / "ir.h264", visible)]
    with LiveRun(tmp_path, *sources, registration={"calibration": "calibration.yaml"}) as run:
        run.until(whole, 3)
        run.until(lambda one: one["degraded"] == "infrared_missing", 3)
        run.until(whole, 3)
        report = run.finish()
        told = [line for line in run.err if "infrared is left out" in line]
    assert report["dropped"]["infrared_does_not_fit"] >= 3
    assert len(told) >= 1 and "64x48" in told[0] and "48x48" in told[0]
    assert len(told) < report["dropped"]["infrared_does_not_fit"]


@pytest.fixture
def looped(tmp_path: Path) -> list[dict[str, Any]]:
    """Two recordings played over and over, for tests that need no simulator."""
    sizes = {"ir.mp4": (48, 32), "vi.mp4": (96, 64)}
    return [{"url": str(write_clip(tmp_path / name, 50, size=size)), "loop": True} for name, size in sizes.items()]


def test_a_full_disk_interrupts_the_recording_and_nothing_else(tmp_path: Path, looped: list[dict[str, Any]]):
    outputs = {"record": {"path": "out.mkv", "preset": "ultrafast", "crf": 0}}
    with LiveRun(tmp_path, *looped, outputs=outputs, largest_file=200_000) as run:
        seen = run.until(lambda _: any("free space" in line for line in run.err))
        last = seen[-1]["seq"]
        run.until(lambda one: one["seq"] > last + 15)
        while_full = next(run.headers("status"))["status"]
        first = (tmp_path / "out.mkv").read_bytes()
        run.command.free_disk()
        _begun_again(run)
        after = next(run.headers("status"))["status"]
        report = run.finish()
        told = [line for line in run.err if "record out.mkv" in line]
    name = "record out.mkv"
    assert list(while_full["lost_outputs"]) == [name] and "free space" in while_full["lost_outputs"][name]
    assert while_full["resumed_outputs"] == after["lost_outputs"] == report["lost_outputs"] == {}
    assert after["resumed_outputs"] == report["resumed_outputs"] == {name: 1}
    assert report["dropped"][f"lost {name}"] >= 15
    # Lost, begun again, and that it goes on under another name.
    assert len(told) == 3
    assert (tmp_path / "out.mkv").read_bytes() == first
    [second] = set(tmp_path.glob("out-*.mkv"))
    assert 0 < len(read_clip(tmp_path / "out.mkv")[0]) < last + 15
    assert len(read_clip(second)[0]) >= 10


def test_a_folder_that_vanishes_interrupts_the_recording_and_nothing_else(tmp_path: Path, looped: list[dict[str, Any]]):
    """A process can write into a file that nobody sees any more for as long as it likes."""
    folder = tmp_path / "out"
    folder.mkdir()
    outputs = {"record": {"path": "out/a.mkv", "preset": "ultrafast"}}
    with LiveRun(tmp_path, *looped, outputs=outputs) as run:
        run.until(lambda _: (folder / "a.mkv").exists() and (folder / "a.mkv").stat().st_size > 1000, 5)
        shutil.rmtree(folder)
        run.until(lambda _: any("removed or renamed" in line for line in run.err), 5)
        assert "does not exist" in _status_with(run, lambda one: "not exist" in str(one["lost_outputs"]))
        folder.mkdir()
        _begun_again(run)
        report = run.finish()
    assert report["resumed_outputs"] == {"record out/a.mkv": 1} and report["lost_outputs"] == {}
    assert len(read_clip(folder / "a.mkv")[0]) >= 10


def _begun_again(run: LiveRun) -> None:
    """Wait until the recording has been begun again, and a dozen frames more."""
    last = run.until(lambda _: any("begun again after" in line for line in run.err))[-1]["seq"]
    run.until(lambda one: one["seq"] > last + 15)


def _status_with(run: LiveRun, wanted: Callable[[dict[str, Any]], bool]) -> str:
    return str(next(one["status"] for one in run.headers("status") if wanted(one["status"])))


def test_all_outputs_lost_ends_the_run(tmp_path: Path, looped: list[dict[str, Any]]):
    infrared, visible = looped
    record = {"path": "out.mkv", "preset": "ultrafast", "crf": 0}
    config = {"infrared": infrared, "visible": visible, "outputs": {"record": record}}
    (tmp_path / "live.yaml").write_text(yaml.safe_dump(config))
    with Command("live", "--config", "live.yaml", cwd=tmp_path, largest_file=100_000) as command:
        # A recording may come back, so that this is not the end by itself.
        wait_for(lambda: "free space" in command.err)
        command.signal(signal.SIGINT)
        done = command.done()
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("nightglass: error: record out.mkv: ")
    assert "Traceback" not in done.err


def test_recordings_play_to_their_end_at_their_own_rate(tmp_path: Path):
    write_clip(tmp_path / "ir.mp4", 20, size=(48, 32))
    write_clip(tmp_path / "vi.mp4", 20)
    config = {
        "infrared": {"url": "ir.mp4"},
        "visible": {"url": "vi.mp4"},
        "outputs": {"record": {"path": "out.mp4", "preset": "ultrafast"}},
    }
    (tmp_path / "live.yaml").write_text(yaml.safe_dump(config))
    done = nightglass("live", "--config", "live.yaml", "--report", "report.json", cwd=tmp_path)
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["frames_in"] == {"infrared": 20, "visible": 20}
    # Played in real time, frames are stamped with the wall clock; unpaced, with the time since the recording began,
    # which is half a century ago. (How the pace is kept is tested with a clock of our own, in test_sources_file.py.)
    assert 0 <= report["capture_to_publish_ms"]["p50"] < 3_600_000
    # A start on a busy machine may drop frames, but never without a word.
    assert report["frames_out"] + sum(report["dropped"].values()) >= 20


def test_duration(tmp_path: Path, looped: list[dict[str, Any]]):
    infrared, visible = looped
    outputs = {"record": {"path": "out/", "preset": "ultrafast"}}
    (tmp_path / "live.yaml").write_text(yaml.safe_dump({"infrared": infrared, "visible": visible, "outputs": outputs}))
    done = nightglass("live", "--config", "live.yaml", "--duration", "1.5", "--report", "report.json", cwd=tmp_path)
    assert done.code == 0, done.err
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["elapsed_s"] >= 1.5
    assert 0 < len(list((tmp_path / "out").iterdir())) <= report["frames_out"]


def test_a_closed_terminal_ends_it_as_ctrl_c_does(tmp_path: Path, looped: list[dict[str, Any]]):
    with LiveRun(tmp_path, *looped, outputs={"record": {"path": "out.mp4"}}) as run:
        run.until(whole, 5)
        run.finish(signal.SIGHUP)
    assert _frames(tmp_path / "out.mp4") >= 3


def test_stop_while_a_camera_is_still_being_waited_for(tmp_path: Path, looped: list[dict[str, Any]]):
    """Nobody sends to this port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = {
        "infrared": {"url": f"udp://127.0.0.1:{port}", "timeout_s": 4},
        "visible": looped[1],
        "outputs": {"zeromq": {"endpoint": "tcp://127.0.0.1:*"}},
    }
    (tmp_path / "live.yaml").write_text(yaml.safe_dump(config))
    listening = f":{port:04X}"
    with Command("live", "--config", "live.yaml", cwd=tmp_path) as command:
        wait_for(lambda: listening in Path("/proc/net/udp").read_text())
        command.signal(signal.SIGINT)
        done = command.done()
    assert done.code == 1
    assert f"udp://127.0.0.1:{port}: stopped before it was open" in done.error


def test_a_recording_is_ended_before_a_silent_camera_is_waited_for(tmp_path: Path, looped: list[dict[str, Any]]):
    """Whoever kills ``live`` while it waits for the camera finds a finished recording."""
    silent, stop = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve_jpegs, args=(server, silent, stop))
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a"
        camera = {"url": url, "timeout_s": 600, "stalled_after_s": 0.5}
        try:
            with LiveRun(tmp_path, camera, looped[1], outputs={"record": {"path": "out.mp4"}}) as run:
                run.until(whole, 5)
                silent.set()
                wait_for(lambda: any("stalled" in line for line in run.err))
                run.command.signal(signal.SIGTERM)
                # The index at the end comes last; while it is written, a file has no count of frames.
                wait_for(lambda: _frames(tmp_path / "out.mp4") > 0 or not run.command.alive)
                waited = any("did not stop" in line for line in run.err)
        finally:
            stop.set()
            thread.join()
    assert not waited


def _serve_jpegs(server: socket.socket, silent: threading.Event, stop: threading.Event) -> None:
    """A camera's MJPEG over HTTP, which falls silent with the connection open."""
    jpeg = JpegEncoder(80).encode(Picture(np.full((64, 96), 90, np.uint8), None))
    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n"
    client, _ = server.accept()
    with client:
        client.recv(4096)
        client.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n")
        while not silent.wait(0.04):
            client.sendall(part)
        stop.wait()


def _frames(path: Path) -> int:
    """How many frames the index of a finished MP4 tells of; 0 for one that is still being written."""
    try:
        with av.open(str(path)) as container:
            return container.streams.video[0].frames
    except av.InvalidDataError:  # nothing of it is on the disk yet
        return 0


@pytest.mark.rtsp
def test_cameras_over_rtsp_whose_server_dies_and_comes_back(tmp_path: Path, rtsp_server: Callable[..., RtspServer]):
    mounts = {
        "/ir": str(write_h264(tmp_path / "ir.h264", 100, 25)),
        "/vi": str(write_h264(tmp_path / "vi.h264", 100, 25)),
    }
    server = rtsp_server(mounts)
    common = {"timeout_s": 3, "retry": {"first_ms": 200, "max_ms": 500}}
    sources = [{"url": server.urls[mount].replace("rtsp://", "rtsp://viewer:hunter2@"), **common} for mount in mounts]
    outputs = {"record": {"path": "out.mkv", "preset": "ultrafast"}}
    with LiveRun(tmp_path, *sources, outputs=outputs) as run:
        before = run.until(whole, 15)
        server.kill()
        time.sleep(1)
        rtsp_server(mounts, port=server.port)
        after = run.until(lambda one: whole(one) and one["seq"] > before[-1]["seq"] + 5, 15)
        report = run.finish()
        told = "\n".join(run.err)
    assert report["reconnects"]["infrared"] >= 1 and report["reconnects"]["visible"] >= 1
    assert after[-1]["capture_ns"] > before[-1]["capture_ns"]
    assert {one["clock"] for one in before + after} <= {"rtp", "ntp"}
    assert "/ir: lost" in told and "/vi: lost" in told and "hunter2" not in told
    lumas, times = read_clip(tmp_path / "out.mkv")
    assert len(lumas) > 20 and all(b > a for a, b in pairwise(times))


class BrokenSink:
    """A sink with a defect of its own."""

    name, stage = "broken", "encode"

    def open(self) -> None: ...

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        raise ZeroDivisionError("a defect")

    def close(self) -> None: ...


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_a_sink_is_not_taken_for_success():
    grey = np.zeros((16, 16), np.uint8)
    fused = FusedFrame(grey, None, grey, grey, capture_ns=0, skew_ns=0, seq=0, clock="sim")
    writer = Writer(BrokenSink(), Buffer(1, "block"), RunStats(), SystemClock(), latency=False)
    writer.start()
    assert writer.put(Picture(grey, None), fused)
    writer.finish()
    assert isinstance(writer.failed, ZeroDivisionError) and writer.written == 0
    assert not writer.put(Picture(grey, None), fused)


class SilentSource:
    """A source whose opening takes longer than anybody waits."""

    name, broken_frames = "silent", 0

    def __init__(self) -> None:
        self.release = threading.Event()

    def open(self) -> StreamInfo:
        self.release.wait(LIMIT_S)
        raise SourceError("silent: gone")

    def frames(self) -> Iterator[Frame]:
        yield from ()

    def close(self) -> None: ...


class PassingSource:
    """A camera whose frames come when they are let through; none may be asked for before ``allowed``."""

    name, broken_frames = "passing", 0

    def __init__(self, allowed: bool) -> None:
        self.coming = threading.Semaphore(0)
        self.allowed = allowed

    def open(self) -> StreamInfo:
        return StreamInfo(8, 8, 25.0, None, True, "rawvideo", "gray")

    def frames(self) -> Iterator[Frame]:
        assert self.allowed
        luma = np.zeros((8, 8), np.uint8)
        for seq in range(5):
            self.coming.acquire()
            yield Frame(luma, None, "gray", "full", None, seq, "host", seq, self.name)

    def close(self) -> None: ...


def reader_of(source: PassingSource, stats: RunStats, *, passing: bool) -> Reader:
    reader = Reader(source, "visible", Buffer(8, "block"), stats, SystemClock(), passing=passing)
    reader.start()
    reader.opened(LIMIT_S)
    return reader


def seqs(reader: Reader, count: int) -> list[int]:
    arrivals = [reader.buffer.get(LIMIT_S) for _ in range(count)]
    return [arrival[0].seq for arrival in arrivals if arrival is not None]


def test_what_a_camera_sends_before_the_start_is_let_go_and_counted():
    source, stats = PassingSource(allowed=True), RunStats()
    reader = reader_of(source, stats, passing=True)
    source.coming.release(2)
    wait_for(lambda: stats.get("frames_before_start.visible") == 2)
    reader.begin()
    source.coming.release(3)
    assert seqs(reader, 3) == [2, 3, 4]
    reader.stop()
    report = stats.snapshot(1.0)
    assert report["frames_before_start"]["visible"] == 2 and report["frames_in"]["visible"] == 3


def test_a_recording_is_not_read_before_the_start():
    source, stats = PassingSource(allowed=False), RunStats()
    reader = reader_of(source, stats, passing=False)
    source.coming.release(5)
    source.allowed = True
    reader.begin()
    assert seqs(reader, 5) == [0, 1, 2, 3, 4]
    reader.stop()


@pytest.mark.parametrize(("within_s", "stopped", "says"), [(0.2, False, "not open after 0.2 s"), (60, True, "stopped")])
def test_a_source_that_does_not_open_is_given_up(within_s: float, stopped: bool, says: str):
    source = SilentSource()
    reader = Reader(source, "visible", Buffer(1, "latest"), RunStats(), SystemClock())
    reader.start()
    with pytest.raises(SourceError, match=f"silent: {says}"):
        reader.opened(within_s, lambda: stopped)
    source.release.set()
    with pytest.raises(SourceError, match="silent: gone"):
        reader.opened(60)
    reader.stop()
