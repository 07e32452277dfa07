"""The RTSP output against real peers: FFmpeg's listener, and GStreamer's server, killed, stopped and silent."""

from __future__ import annotations

import logging
import queue
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from cli_support import LIMIT_S, Command, wait_for
from live_support import SIM, LiveRun, free_port
from rtsp_support import RecordServer
from sinks_support import fused, psnr, scene

from kernels.levels import LIMITED_TO_FULL_CHROMA, LIMITED_TO_FULL_LUMA
from stream.clock import SystemClock
from stream.config import RetryConfig, RtspConfig
from stream.frames import Picture
from stream.sinks.rtsp import RtspPush
from stream.sources.decode import TELLS_SENDER_TIME, sender_time_ns

SOON = RetryConfig(first_ms=50, max_ms=200)
STEP_NS = 40_000_000


class Push:
    """A sink at work; a context manager that closes it.

    ``draw``: makes the pictures. Capture times are ``STEP_NS`` apart, from ``start_ns``, about now, on.
    """

    def __init__(
        self,
        url: str,
        *,
        draw: Callable[[int], Picture] = scene,
        pixel_aspect: Fraction = Fraction(1),
        **config: Any,
    ) -> None:
        self.draw = draw
        self.start_ns = time.time_ns()
        settings = RtspConfig(url=url, **{"retry": SOON, "timeout_s": 10.0, **config})
        self.sink = RtspPush(settings, rate_hz=25.0, clock=SystemClock(), pixel_aspect=pixel_aspect)
        self._numbers = count()

    def __enter__(self) -> Push:
        self.sink.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.sink.close()
        self.sink.close()

    def write(self) -> int:
        """Write the next picture; its number."""
        number = next(self._numbers)
        picture = self.draw(number)
        self.sink.write(picture, fused(picture, number, self.start_ns + number * STEP_NS))
        return number

    def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Go on writing, at about a camera's rate, until the report is as ``wanted``."""
        end = time.monotonic() + LIMIT_S
        while not wanted(report := self.sink.report()):
            assert time.monotonic() < end, report
            self.write()
            time.sleep(0.02)
        return report


class Listener:
    """FFmpeg as an RTSP server for one connection: what it receives comes into ``frames``, with its sender's time."""

    def __init__(self) -> None:
        self.url = f"rtsp://127.0.0.1:{free_port()}/gate"
        self.frames: queue.Queue[tuple[av.VideoFrame, int | None]] = queue.Queue()
        self.pixel_aspect: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def get(self) -> tuple[av.VideoFrame, int | None]:
        return self.frames.get(timeout=LIMIT_S)

    def _run(self) -> None:
        options = {
            "rtsp_flags": "listen",
            "listen_timeout": str(round(LIMIT_S)),
            "fflags": "nobuffer",
            "probesize": "32",
        }
        with av.open(self.url, options=options) as container:
            stream = container.streams.video[0]
            stream.codec_context.flags |= av.codec.context.Flags.low_delay
            for packet in container.demux(stream):
                for frame in packet.decode():
                    self.pixel_aspect = stream.sample_aspect_ratio
                    self.frames.put((frame, sender_time_ns(packet)))


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    return [
        np.frombuffer(memoryview(p), np.uint8).reshape(-1, p.line_size)[: p.height, : p.width] for p in frame.planes
    ]


def taken(path: Path) -> list[av.VideoFrame]:
    """What a server has of a connection so far; its last picture may not be whole yet."""
    frames = []
    try:
        with av.open(str(path)) as container:
            frames.extend(container.decode(video=0))
    except (av.InvalidDataError, OSError, IndexError):
        pass
    return frames[:-1]


def number_of(frame: av.VideoFrame, numbers: Iterator[int] | range) -> int:
    """Which scene a frame shows."""
    luma = LIMITED_TO_FULL_LUMA[planes(frame)[0]]
    return max(numbers, key=lambda number: psnr(luma, scene(number).luma))


def test_pictures_colours_and_capture_times_arrive_and_nothing_is_held_back() -> None:
    listener = Listener()
    with Push(listener.url, pixel_aspect=Fraction(4, 3), crf=14) as push:
        # A receiver looks at some pictures before it shows the first one.
        push.until(lambda report: not listener.frames.empty())
        last = push.write()
        got = [listener.get()]
        first = number_of(got[0][0], range(last))
        for _ in range(60):
            # The next picture goes out once all but two of those before have come: a delay that grew would end this.
            while last - first - len(got) >= 2:
                got.append(listener.get())
            last = push.write()
        report = push.sink.report()
    assert report["not_sent"]["behind"] == 0 and report["connections"] == 1
    assert len(got) >= 60
    assert listener.pixel_aspect == Fraction(4, 3)
    for number, (frame, sent_ns) in enumerate(got, first):
        assert (frame.format.name, frame.color_range, frame.colorspace) == ("yuv420p", 1, 6)
        assert frame.color_primaries == frame.color_trc == 6
        luma, cb, cr = planes(frame)
        picture = scene(number)
        assert picture.chroma is not None
        assert psnr(LIMITED_TO_FULL_LUMA[luma], picture.luma) > 36
        assert psnr(LIMITED_TO_FULL_CHROMA[cb], picture.chroma.cb) > 36
        assert psnr(LIMITED_TO_FULL_CHROMA[cr], picture.chroma.cr) > 36
        if sent_ns is not None:
            assert sent_ns == pytest.approx(push.start_ns + number * STEP_NS, abs=2_000_000)
    if TELLS_SENDER_TIME:
        assert sum(sent_ns is not None for _, sent_ns in got) >= 50
    stamps = [frame.time for frame, _ in got if frame.time is not None]
    assert len(stamps) >= 50
    assert [b - a for a, b in pairwise(stamps)] == pytest.approx([0.04] * (len(stamps) - 1), abs=1e-3)


@pytest.mark.rtsp
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_real_server_takes_it(record_server: Callable[..., RecordServer], transport: str) -> None:
    server = record_server()
    with Push(server.url, transport=transport) as push:
        push.until(lambda report: report["sent"] >= 60)
    wait_for(lambda: len(taken(server.folder / "0.ts")) >= 50)
    frames = taken(server.folder / "0.ts")
    assert frames[0].key_frame and (frames[0].width, frames[0].height) == (160, 120)
    assert (frames[0].color_range, frames[0].colorspace) == (1, 6)
    start = number_of(frames[0], range(400))
    for number, frame in enumerate(frames[:50], start):
        assert psnr(LIMITED_TO_FULL_LUMA[planes(frame)[0]], scene(number).luma) > 30
    keys = [index for index, frame in enumerate(frames) if frame.key_frame]
    assert all(b - a <= 25 for a, b in pairwise(keys)) and len(keys) >= 2


@pytest.mark.rtsp
def test_a_server_that_is_killed_gets_the_video_again_when_it_is_back(
    record_server: Callable[..., RecordServer], caplog: pytest.LogCaptureFixture
) -> None:
    first = record_server()
    with Push(first.url) as push:
        push.until(lambda report: report["sent"] >= 10)
        first.kill()
        report = push.until(lambda report: report["failures"] >= 4)
        assert report["state"] in ("lost", "connecting") and report["reason"].startswith("connection refused")
        assert report["not_sent"]["not_connected"] > 0
        second = record_server(port=first.port)
        report = push.until(lambda report: report["connections"] == 2 and report["sent"] >= 40)
        assert report["reason"] is None
        wait_for(lambda: len(taken(second.folder / "0.ts")) >= 10)
        shown = push.write()
        # It is over, and that is said as loudly.
        push.until(lambda report: any("has been connected" in line for line in caplog.messages))
        second.kill()
        push.until(lambda report: report["failures"] >= 8)
    frames = taken(second.folder / "0.ts")
    assert frames[0].key_frame and number_of(frames[0], range(10, shown)) > 10
    assert push.sink.report()["state"] == "closed"
    # What the server's end looks like is said once, and that it is not there once, however often it is tried.
    back = next(number for number, line in enumerate(caplog.messages) if "has been connected" in line)
    for outage in (caplog.messages[:back], caplog.messages[back + 1 :]):
        said = [line for line in outage if "trying again" in line]
        assert len(said) <= 2 and sum("connection refused" in line for line in said) == 1


def test_a_server_that_accepts_everyone_and_sends_them_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer_all, args=(server,), daemon=True)
        thread.start()
        retry = RetryConfig(first_ms=1, max_ms=3_600_000, jitter=0)
        with Push(f"rtsp://127.0.0.1:{server.getsockname()[1]}/gate", retry=retry) as push:
            push.until(lambda report: report["connections"] >= 3 and report["failures"] >= 3)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(LIMIT_S)
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1 and "the server has ended the connection; its log says why; trying again" in said[0]


def _answer_all(server: socket.socket) -> None:
    """Say yes to all that comes before the video, and hang up then."""
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            while request := stream.readline():
                headers = {}
                while line := stream.readline().strip():
                    name, _, value = line.partition(b":")
                    headers[name.lower()] = value.strip()
                stream.read(int(headers.get(b"content-length", 0)))
                reply = b"RTSP/1.0 200 OK\r\nCSeq: %b\r\nSession: 1\r\n" % headers[b"cseq"]
                if b"transport" in headers:
                    reply += b"Transport: %b\r\n" % headers[b"transport"]
                stream.write(reply + b"\r\n")
                stream.flush()
                if request.startswith(b"RECORD"):
                    break


@pytest.mark.rtsp
@pytest.mark.parametrize("digest", [False, True], ids=["basic", "digest"])
def test_the_password_opens_the_server_and_stands_nowhere(
    record_server: Callable[..., RecordServer], caplog: pytest.LogCaptureFixture, digest: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    server = record_server(user="gate:p@ss word1", digest=digest)
    right = server.url.replace("://", "://gate:p%40ss%20word1@")
    with Push(right) as push:
        push.until(lambda report: report["sent"] >= 5)
        assert push.sink.name == f"rtsp {server.url.replace('://', '://gate:***@')}"
    # A refused password is tried again slowly: not once more while one that nobody answers for is tried ten times.
    retry = RetryConfig(first_ms=1, max_ms=3_600_000)
    wrong = right.replace("word1", "word2")
    with Push(wrong, retry=retry) as push, Push(f"rtsp://127.0.0.1:{free_port()}/gate", retry=retry) as other:
        report = push.until(lambda report: report["failures"] == 1)
        other.until(lambda report: report["failures"] >= 10)
        assert push.sink.report()["failures"] == 1
    assert "(401)" in report["reason"] and "trying again" in caplog.text
    for text in (caplog.text, str(report)):
        assert "word1" not in text and "word2" not in text


@pytest.mark.rtsp
def test_a_picture_of_another_size_connects_anew(record_server: Callable[..., RecordServer]) -> None:
    server = record_server()
    with Push(server.url) as push:
        push.until(lambda report: report["sent"] >= 10)
        push.draw = lambda number: scene(number, 95, 64)
        report = push.until(lambda report: report["connections"] == 2 and report["sent"] >= 30)
        assert report["failures"] == 0
    wait_for(lambda: len(taken(server.folder / "1.ts")) >= 5)
    for name, size in (("0.ts", (160, 120)), ("1.ts", (96, 64))):
        assert {(frame.width, frame.height) for frame in taken(server.folder / name)} == {size}


@pytest.mark.rtsp
def test_a_server_that_hangs_is_given_up(record_server: Callable[..., RecordServer]) -> None:
    """It is stopped, not killed: its machine goes on acknowledging until its buffers are full."""
    server = record_server()
    random = np.random.default_rng(1)

    def noise(number: int) -> Picture:
        return Picture(random.integers(0, 256, (240, 320), np.uint8), None)

    with Push(server.url, draw=noise, crf=0, max_kbps=1_000_000, timeout_s=1.0) as push:
        push.until(lambda report: report["sent"] >= 3)
        server.signal(signal.SIGSTOP)
        report = push.until(lambda report: report["failures"] >= 1)
        assert report["not_sent"]["behind"] > 0
        assert "has taken nothing" in report["reason"] or "no answer" in report["reason"]
        server.signal(signal.SIGCONT)
        push.until(lambda report: report["connections"] >= 2)


def test_a_server_that_never_answers_holds_up_neither_pictures_nor_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/gate"
        with Push(url, timeout_s=1.0) as push:
            report = push.until(lambda report: report["failures"] >= 1)
            assert report["reason"].startswith("no answer within 1 s") and report["connections"] == 0
            # A picture that was waited with would be one at most.
            assert report["not_sent"]["not_connected"] > 5

    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(LIMIT_S)
        with Push(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/gate", timeout_s=600.0) as push:
            push.write()
            with silent.accept()[0]:
                assert push.sink.report()["state"] == "connecting"
                push.sink.close()
        assert push.sink.report()["state"] == "closed"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("rtsp://user:secret@127.0.0.1:{port}/gate", "connection refused"),
        ("rtsp://user:secret@no-such-host.invalid:8554/gate", "unknown host"),
    ],
)
def test_what_is_wrong_is_said_without_the_password(url: str, says: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Push(url.format(port=free_port())) as push:
        report = push.until(lambda report: report["failures"] >= 2)
    assert report["reason"].startswith(says)
    said = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1 and said[0].startswith("rtsp rtsp://user:***@") and says in said[0]
    assert "secret" not in caplog.text + str(report) + push.sink.name


def test_something_that_is_no_rtsp_server(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with Push(f"rtsp://127.0.0.1:{server.getsockname()[1]}/gate") as push:
            report = push.until(lambda report: report["failures"] >= 1)
        server.shutdown(socket.SHUT_RDWR)
    thread.join(LIMIT_S)
    assert "no RTSP server" in report["reason"]


@pytest.mark.rtsp
def test_live_pushes_and_says_how_it_stands(record_server: Callable[..., RecordServer], tmp_path: Path) -> None:
    server = record_server(user="gate:secret")
    url = server.url.replace("://", "://gate:secret@")
    camera = {"url": SIM}
    with LiveRun(tmp_path, camera, camera, outputs={"rtsp": {"url": url}}) as run:
        name = f"rtsp {url.replace('secret', '***')}"
        for header in run.headers("status"):
            if header["status"]["outputs"][name]["sent"] >= 30:
                break
        server.kill()
        for header in run.headers("status"):
            if header["status"]["outputs"][name]["failures"]:
                break
        reason = header["status"]["outputs"][name]["reason"]
        assert reason and header["status"]["lost_outputs"] == {name: reason}
        report = run.finish()
        printed = "\n".join(run.err)
    assert report["outputs"][name]["connections"] == 1 and report["outputs"][name]["state"] == "closed"
    frames = taken(server.folder / "0.ts")
    assert len(frames) >= 20 and (frames[0].width, frames[0].height) == (128, 96)
    assert "secret" not in printed + str(report) + str(header) and "trying again" in printed


def test_live_with_nothing_but_a_server_that_was_never_there_has_failed(tmp_path: Path) -> None:
    url = f"rtsp://gate:secret@127.0.0.1:{free_port()}/gate"
    config = {"infrared": {"url": SIM}, "visible": {"url": SIM}, "outputs": {"rtsp": {"url": url}}}
    (tmp_path / "live.yaml").write_text(yaml.safe_dump(config))
    with Command("live", "--config", "live.yaml", cwd=tmp_path) as command:
        wait_for(lambda: "connection refused" in command.err or not command.alive)
        command.signal(signal.SIGTERM)
        done = command.done()
    shown = url.replace("secret", "***")
    assert done.code == 1 and "secret" not in done.err
    assert done.error.startswith(f"rtsp {shown}: no picture was sent: connection refused")
