"""Live streams over real sockets: a GStreamer RTSP server, and peers that are absent, silent or wrong."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest
from rtsp_reports_only import ReportsOnly
from rtsp_support import RtspServer
from source_videos import HEIGHT_PX, WIDTH_PX, picture, read_number, write_h264, write_video

from stream.clock import SystemClock
from stream.config import RetryConfig, SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.sources.base import Role
from stream.sources.decode import TELLS_SENDER_TIME
from stream.sources.network import NetworkSource
from stream.sources.opening import open_source
from stream.sources.retry import RetryingSource, SourceState
from stream.sync.ladder import CommonRung
from stream.sync.slew import SLEW

StartServer = Callable[..., RtspServer]
ROLES: dict[str, Role] = {"/ir": "infrared", "/vi": "visible"}


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def take(url: str, count: int, **options: object) -> tuple[NetworkSource, list[Frame]]:
    source = NetworkSource(SourceConfig(url=url, **options), SystemClock())
    source.open()
    frames = list(islice(source.frames(), count))
    source.close()
    return source, frames


@pytest.mark.rtsp
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_rtsp_frames_arrive(rtsp_server: StartServer, tmp_path: Path, transport: str) -> None:
    server = rtsp_server({"/ir": str(write_h264(tmp_path / "a.h264", 50, 25))})
    before_ns = SystemClock().now_ns()
    source, frames = take(server.urls["/ir"], 60, transport=transport)
    assert {frame.luma.shape for frame in frames} == {(HEIGHT_PX, WIDTH_PX)}
    captures = [frame.capture_ns for frame in frames]
    assert captures == sorted(captures)
    assert before_ns < captures[0] < captures[-1] <= SystemClock().now_ns()
    assert {frame.clock for frame in frames} <= {"rtp", "ntp"}
    assert [frame.seq for frame in frames] == list(range(60))
    numbers = [read_number(frame.luma) for frame in frames]
    assert [(b - a) % 50 for a, b in pairwise(numbers)] == [1] * 59
    assert source.broken_frames == 0


@pytest.mark.rtsp
@pytest.mark.skipif(not TELLS_SENDER_TIME, reason="this PyAV cannot read sender reports")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_sender_reports_bring_the_cameras_own_clock(rtsp_server: StartServer, transport: str) -> None:
    """The server runs here, so its clock is this machine's: what it says must be true to the delay of its encoder."""
    server = rtsp_server({"/a": "videotestsrc"})
    source = NetworkSource(SourceConfig(url=server.urls["/a"], transport=transport), SystemClock())
    source.open()
    frames, ages_ns = [], []
    for frame in source.frames():
        frames.append(frame)
        ages_ns.append(SystemClock().now_ns() - frame.capture_ns)
        if sum(one.clock == "ntp" for one in frames) == 30:
            break
        assert len(frames) < 1000, "no sender report in 40 s"
    source.close()
    clocks = [frame.clock for frame in frames]
    assert clocks == ["rtp"] * (len(clocks) - 30) + ["ntp"] * 30
    steps_ns = [b.capture_ns - a.capture_ns for a, b in pairwise(frames)]
    assert min(steps_ns) > 0
    # The server's first report may be some tens of milliseconds beside its next: that is followed slowly.
    own_ns = [(b.pts_s - a.pts_s) * 1e9 for a, b in pairwise(frames[-30:])]
    assert steps_ns[-29:] == pytest.approx(own_ns, rel=1.01 * SLEW, abs=1_000_000)
    assert all(0 <= age_ns < 2_000_000_000 for age_ns in ages_ns)


@pytest.mark.rtsp
def test_two_mounts_are_in_step(rtsp_server: StartServer, tmp_path: Path) -> None:
    file = str(write_h264(tmp_path / "a.h264", 500, 25))
    server = rtsp_server({"/ir": file, "/vi": file})
    frames: dict[str, list[Frame]] = {}

    common = CommonRung(frozenset(ROLES.values()))

    def read(path: str) -> None:
        source = NetworkSource(SourceConfig(url=server.urls[path]), SystemClock(), ROLES[path], common)
        source.open()
        frames[path] = list(islice(source.frames(), 150))
        source.close()

    threads = [threading.Thread(target=read, args=(path,)) for path in server.urls]
    for thread in threads:
        thread.start()
        time.sleep(0.3)
    for thread in threads:
        thread.join()
    seen = {read_number(frame.luma): frame.capture_ns for frame in frames["/vi"]}
    both = [(frame.capture_ns, seen[n]) for frame in frames["/ir"] if (n := read_number(frame.luma)) in seen]
    assert len(both) > 100
    # The first frames are placed by arrivals, which a busy machine delays; by then the least delay, or the sender's
    # reports, have been found.
    apart_ms = [(a - b) / 1e6 for a, b in both[-50:]]
    assert max(abs(ms) for ms in apart_ms) < 20


@pytest.mark.rtsp
def test_password_is_needed_and_never_shown(rtsp_server: StartServer, caplog: pytest.LogCaptureFixture) -> None:
    server = rtsp_server({"/a": "videotestsrc"}, user="bob:geheim")
    address = server.urls["/a"].removeprefix("rtsp://")
    with caplog.at_level(logging.DEBUG):
        source, frames = take(f"rtsp://bob:geheim@{address}", 3)
        with pytest.raises(SourceError, match="refuses user or password") as caught:
            take(f"rtsp://bob:falsch@{address}", 3)
    assert frames[0].luma.shape == (240, 320)
    assert source.name == frames[0].source == f"rtsp://bob:***@{address}"
    assert str(caught.value).startswith(f"rtsp://bob:***@{address}: ")
    assert "falsch" not in str(caught.value)
    assert "geheim" not in caplog.text and "falsch" not in caplog.text


@pytest.mark.rtsp
def test_unknown_mount(rtsp_server: StartServer) -> None:
    server = rtsp_server({"/a": "videotestsrc"})
    with pytest.raises(SourceError, match="knows no such stream"):
        take(server.urls["/a"] + "b", 1)


@pytest.mark.rtsp
def test_killed_server_is_found_again(rtsp_server: StartServer) -> None:
    server = rtsp_server({"/a": "videotestsrc"})
    config = SourceConfig(
        url=server.urls["/a"], timeout_s=2.0, retry=RetryConfig(first_ms=100.0, max_ms=400.0), stalled_after_s=1.0
    )
    states: list[SourceState] = []
    source = RetryingSource(lambda: open_source(config, "visible", SystemClock()), config, SystemClock(), states.append)
    source.open()
    frames = []
    restarted = None
    restart = threading.Timer(1.0, lambda: rtsp_server({"/a": "videotestsrc"}, port=server.port))
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == 10:
            server.kill()
            restart.start()
        if source.reconnects:
            restarted = len(frames)
            break
    assert restarted is not None and source.state == "live"
    assert source.reconnects == 1
    seqs = [frame.seq for frame in frames]
    assert seqs == sorted(set(seqs))
    captures = [frame.capture_ns for frame in frames]
    assert captures == sorted(captures)
    assert states[0] == "live" and states[-1] == "live" and "lost" in states and "connecting" in states
    source.close()


def test_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceError, match=rf"^rtsp://bob:\*\*\*@127.0.0.1:{port}/a: connection refused; check host"):
        take(f"rtsp://bob:geheim@127.0.0.1:{port}/a", 1)


@pytest.mark.parametrize("scheme", ["rtsp", "http", "tcp"])
def test_silent_peer_ends_by_time_out(silent_port: int, scheme: str) -> None:
    with pytest.raises(SourceError, match=r"no answer within 0.5 s"):
        take(f"{scheme}://127.0.0.1:{silent_port}/a", 1, timeout_s=0.5)


def test_a_camera_that_sends_reports_but_no_picture_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg's own time-out begins anew with each report."""
    monkeypatch.setattr("stream.sources.network._SLACK_S", 0.5)
    with ReportsOnly() as camera, pytest.raises(SourceError, match=r"/hung: .*(nothing was received|no answer)"):
        take(camera.url, 1, timeout_s=0.5)


def test_a_camera_whose_encoder_hangs_later_is_given_up_and_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.sources.network._SLACK_S", 0.5)
    with ReportsOnly(pictures=60) as camera:
        with pytest.raises(SourceError, match=r"/hung: connected, but no picture for 1 s; check the camera's encoder"):
            take(camera.url, 1000, timeout_s=0.5)
        config = SourceConfig(url=camera.url, timeout_s=0.5)
        retrying = RetryingSource(lambda: NetworkSource(config, SystemClock()), config, SystemClock())
        retrying.open()
        frames = [frame for frame, _ in zip(retrying.frames(), range(61), strict=False)]
        retrying.close()
    assert len(frames) == 61 and camera.connections >= 3, "one has 60 pictures at most, and the first was for the error"


@pytest.mark.parametrize("scheme", ["udp", "rtp"])
def test_no_sender_ends_by_time_out(scheme: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1] & ~1
    with pytest.raises(SourceError, match=rf"^{scheme}://127.0.0.1:{port}: "):
        take(f"{scheme}://127.0.0.1:{port}", 1, timeout_s=0.5)


def test_protocol_that_is_not_built_in() -> None:
    try:
        av.open("srt://127.0.0.1:9", options={"connect_timeout": "100"})
    except av.ProtocolNotFoundError:
        with pytest.raises(SourceError, match="without this protocol"):
            take("srt://127.0.0.1:9?passphrase=geheimgeheim", 1)
    except OSError:
        pytest.skip("this PyAV speaks SRT")


def test_udp_transport_stream() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stop = threading.Event()

    def send() -> None:
        with av.open(f"udp://127.0.0.1:{port}?pkt_size=1316", "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "5"})
            stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
            number = 0
            while not stop.wait(0.04):
                frame = picture(number % 500)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
                number += 1

    sender = threading.Thread(target=send)
    sender.start()
    try:
        _, frames = take(f"udp://127.0.0.1:{port}", 20)
    finally:
        stop.set()
        sender.join()
    numbers = [read_number(frame.luma) for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 20))
    assert {frame.clock for frame in frames} == {"rtp"}


def test_http_stream_of_jpegs_that_ends() -> None:
    """A camera's MJPEG over HTTP; its end is an error, for a camera has none."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    frame = picture(5, "yuvj420p")
    frame.pts = 0
    (packet, *_) = encoder.encode(frame)
    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % packet.size + bytes(packet) + b"\r\n"
    header = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(header + part * 60)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        source = NetworkSource(SourceConfig(url=f"http://127.0.0.1:{server.getsockname()[1]}/a"), SystemClock())
        source.open()
        frames = []
        with pytest.raises(SourceError, match=r"ended the stream|connection was cut"):
            for received in source.frames():
                frames.append(received)  # noqa: PERF402 (what came before the error counts)
        source.close()
        thread.join()
    assert len(frames) >= 10
    assert read_number(frames[0].luma) == 5
    captures = [received.capture_ns for received in frames]
    assert captures == sorted(captures)
    # FFmpeg's own stamps are made up.
    assert {received.clock for received in frames} == {"arrival"}
    assert {received.pts_s for received in frames} == {None}


def serve_once(data: bytes) -> str:
    """The URL of a TCP server that sends this to the first who connects, then ends the connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with server, server.accept()[0] as client:
            client.sendall(data)

    threading.Thread(target=serve, daemon=True).start()
    return f"tcp://127.0.0.1:{server.getsockname()[1]}"


def test_a_picture_in_a_colour_space_without_a_way_from_it_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    write_video(path, 300, codec="prores", pixel_format="yuv422p10le", movflags="frag_keyframe+empty_moov")
    data = bytearray(path.read_bytes())
    # The first pictures are used up while the stream is opened.
    late = data.index(b"icpf", len(data) * 9 // 10)
    data[late + 20] = 14  # ICtCp, of which swscale makes nothing else
    source = NetworkSource(SourceConfig(url=serve_once(bytes(data))), SystemClock())
    source.open()
    frames = []
    with pytest.raises(SourceError, match="ended the stream"):
        frames.extend(source.frames())
    source.close()
    assert source.broken_frames == 1 and len(frames) > 10


class HurriedClock(SystemClock):
    """A clock on which every wait is long."""

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() * 1_000_000


def test_a_camera_that_changes_its_codec_is_given_up_to_be_connected_again(tmp_path: Path) -> None:
    """FFmpeg goes on with the decoder that it began with."""
    parts = [
        write_video(tmp_path / f"{codec}.ts", 250, codec=codec, options={"g": "25", "bf": "0"}).read_bytes()
        for codec in ("libx264", "libx265")
    ]
    source = NetworkSource(SourceConfig(url=serve_once(b"".join(parts))), HurriedClock())
    source.open()
    frames = []
    with pytest.raises(SourceError, match=r"no picture could be decoded for 12 s; has the camera another codec"):
        frames.extend(source.frames())
    source.close()
    assert len(frames) > 10


def test_what_is_no_video() -> None:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>" + b"hello " * 5000)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(SourceError, match="not a video"):
            take(f"http://127.0.0.1:{server.getsockname()[1]}/a", 1)
        thread.join()
