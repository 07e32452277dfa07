"""The publisher and the viewer over real sockets: streams, formats, subscriptions, CONFLATE, CURVE, errors."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import zmq
import zmq.auth
from sinks_support import fused, psnr, scene

from stream.clock import SystemClock
from stream.config import CurveConfig, StreamName, ZeroMQConfig
from stream.control import ControlServer
from stream.errors import SinkError, SourceError, UsageError
from stream.frames import Picture
from stream.sinks.curve import read_public_key, read_secret_key
from stream.sinks.publisher import ZeroMQPublisher
from stream.sinks.subscribers import Subscribers
from stream.sinks.wire import Message, WireError, decode, subscription
from stream.viewer import PictureDecoder, ViewerKeys, headers

ANY_PORT = "tcp://127.0.0.1:*"
WAIT_MS = 5000


@contextmanager
def publisher(**config: Any) -> Iterator[ZeroMQPublisher]:
    settings = ZeroMQConfig(**{"endpoint": ANY_PORT, "status_interval_s": 0.05, **config})
    sink = ZeroMQPublisher(settings, "gate", "pip", "ironbow", SystemClock(), lambda: {"frames_out": 12})
    sink.open()
    try:
        yield sink
    finally:
        sink.close()
        sink.close()


@contextmanager
def subscriber(endpoint: str, *prefixes: bytes, **options: Any) -> Iterator[zmq.Socket]:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        for name, value in options.items():
            setattr(socket, name, value)
        for prefix in prefixes:
            socket.setsockopt(zmq.SUBSCRIBE, prefix)
        socket.connect(endpoint)
        yield socket


def wait_for(condition: Any) -> None:
    """Until it holds; a test that waits for ever is ended by the assertion."""
    done = threading.Event()
    for _ in range(500):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("did not come true in time")


def receive(socket: zmq.Socket) -> Message:
    assert socket.poll(WAIT_MS), "nothing received"
    return decode(socket.recv())


def publish_and_receive(stream: StreamName, payload_format: str, picture: Picture) -> Message:
    with (
        publisher(streams=[stream], format=payload_format) as sink,
        subscriber(sink.endpoint, subscription(f"gate/{stream}")) as socket,
    ):
        wait_for(lambda: sink.subscribers(stream))
        sink.write(picture, fused(picture, 4))
        return receive(socket)


def test_jpeg_of_the_composed_picture() -> None:
    picture = scene(4)
    message = publish_and_receive("fused", "jpeg", picture)
    header = message.header
    assert (header["format"], header["width"], header["height"]) == ("jpeg", 160, 120)
    assert (header["mode"], header["palette"], header["seq"]) == ("pip", "ironbow", 4)
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(bytes(message.payload)))
    luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8).reshape(-1, frame.planes[0].line_size)[:, :160]
    assert psnr(luma[:120], picture.luma) > 32


@pytest.mark.parametrize("size", [(160, 120), (161, 121)])
def test_i420_is_the_planes_themselves(size: tuple[int, int]) -> None:
    picture = scene(4, *size)
    assert picture.chroma is not None
    payload = bytes(publish_and_receive("fused", "i420", picture).payload)
    assert payload == picture.luma.tobytes() + picture.chroma.cb.tobytes() + picture.chroma.cr.tobytes()
    grey = publish_and_receive("fused", "i420", scene(4, *size, colour=False))
    assert set(bytes(grey.payload[size[0] * size[1] :])) == {128}


@pytest.mark.parametrize("payload_format", ["gray8", "i420"])
def test_single_cameras_are_grey(payload_format: str) -> None:
    picture = scene(4)
    streams: dict[StreamName, np.ndarray] = {"infrared": 255 - picture.luma, "visible": picture.luma // 2}
    for stream, expected in streams.items():
        message = publish_and_receive(stream, payload_format, picture)
        assert message.header["format"] == "gray8"
        assert (message.header["mode"], message.header["palette"]) == (stream, None)
        assert bytes(message.payload) == expected.tobytes()


def test_views_that_are_not_contiguous_are_published_right() -> None:
    whole = scene(4, 320, 240, colour=False).luma
    view = Picture(whole[::2, ::2], None)
    assert bytes(publish_and_receive("fused", "gray8", view).payload) == np.ascontiguousarray(whole[::2, ::2]).tobytes()


def test_only_streams_with_subscribers_are_sent() -> None:
    with publisher(streams=["fused", "infrared", "visible"]) as sink:
        sink.write(scene(0), fused(scene(0), 0))
        assert not sink.sent
        with (
            subscriber(sink.endpoint, b"gate/infrared") as first,
            subscriber(sink.endpoint, subscription("gate/infrared")) as second,
        ):
            wait_for(lambda: sink.subscribers("infrared") == 2)
            sink.write(scene(1), fused(scene(1), 1))
            assert receive(first).header["seq"] == receive(second).header["seq"] == 1
            assert dict(sink.sent) == {"infrared": 1}
        wait_for(lambda: sink.subscribers("infrared") == 0)
        sink.write(scene(2), fused(scene(2), 2))
        assert dict(sink.sent) == {"infrared": 1}


def test_status_comes_without_pictures_and_counts_subscribers() -> None:
    with publisher() as sink, subscriber(sink.endpoint, b"gate/") as socket:
        first, second = receive(socket), receive(socket)
        assert first.topic == "gate/status" and len(first.payload) == 0
        assert first.header["status"] == {"frames_out": 12}
        assert first.header["subscribers"] == {"fused": 1, "status": 1}
        assert second.header["seq"] == first.header["seq"] + 1
        assert second.header["publish_ns"] > first.header["publish_ns"]


def test_subscribers_follow_prefixes_and_ignore_noise() -> None:
    subscribers = Subscribers()
    for message in (b"\x01", b"\x01gate/", b"\x01gate/fused\0", b"\x01other/fused\0", b"\x00nobody", b"", b"hello"):
        subscribers.update(message)
    assert subscribers.count("gate/fused") == 3
    assert subscribers.count("gate/status") == 2
    for message in (b"\x00", b"\x00gate/", b"\x00gate/", b"\x00gate/fused\0"):
        subscribers.update(message)
    assert subscribers.count("gate/fused") == 0


def test_a_slow_conflating_viewer_gets_the_newest_frame() -> None:
    big = Picture(np.zeros((480, 640), np.uint8), None)
    with (
        publisher(streams=["fused"], format="gray8") as sink,
        subscriber(sink.endpoint, b"gate/fused", conflate=1) as socket,
    ):
        wait_for(lambda: sink.subscribers("fused"))
        for seq in range(250):
            sink.write(big, fused(big, seq))
            threading.Event().wait(0.001 if seq < 200 else 0.01)  # slow at the end: nothing stays in queues
        seqs = [receive(socket).header["seq"]]
        while socket.poll(200):
            seqs.append(decode(socket.recv()).header["seq"])
        # A viewer that lags would have hundreds of frames waiting, the oldest first.
        assert seqs[-1] >= 200 and len(seqs) <= 3


def test_a_stuck_viewer_never_holds_up_the_publisher() -> None:
    big = Picture(np.zeros((480, 640), np.uint8), None)
    with publisher(streams=["fused"], format="gray8") as sink, subscriber(sink.endpoint, b"gate/fused", rcvhwm=1):
        wait_for(lambda: sink.subscribers("fused"))
        for seq in range(300):  # 90 MB, far more than any buffer on the way
            sink.write(big, fused(big, seq))
        assert sink.sent["fused"] == 300


def test_port_in_use_and_foreign_address_are_sink_errors() -> None:
    with publisher() as first:
        second = ZeroMQPublisher(ZeroMQConfig(endpoint=first.endpoint), "b", "fused", "ironbow", SystemClock(), dict)
        with pytest.raises(SinkError, match=f"{first.endpoint}: already in use; stop"):
            second.open()
        second.close()
    for endpoint in ("tcp://192.0.2.1:5556", "tcp://nosuchinterface0:5556"):
        with pytest.raises(SinkError, match="not an address"), publisher(endpoint=endpoint, insecure=True):
            pass


def test_an_ipc_endpoint_is_not_taken_from_another_publisher(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/socket"
    with publisher(endpoint=endpoint) as first:
        second = ZeroMQPublisher(ZeroMQConfig(endpoint=endpoint), "gate", "pip", "ironbow", SystemClock(), dict)
        control = ControlServer(endpoint, lambda command: {})
        for opened in (second.open, control.start):
            with pytest.raises(SinkError, match=r"socket: another process listens there; stop it"):
                opened()
        second.close()
        control.stop()
        with subscriber(endpoint, subscription("gate/fused")) as viewer:
            wait_for(lambda: first.subscribers("fused"))
            first.write(scene(0), fused(scene(0), 0))
            assert receive(viewer).header["seq"] == 0


def test_a_socket_file_that_a_killed_process_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    assert path.is_socket()
    with publisher(endpoint=f"ipc://{path}") as sink, subscriber(sink.endpoint, b""):
        wait_for(lambda: sink.subscribers("fused"))


def test_an_ipc_endpoint_that_is_a_file_is_refused_and_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_bytes(b"a recording")
    with pytest.raises(SinkError, match="a file and no socket"), publisher(endpoint=f"ipc://{path}"):
        pass
    assert path.read_bytes() == b"a recording"


def test_ipc_and_inproc_endpoints(tmp_path: Path) -> None:
    for endpoint in (f"ipc://{tmp_path}/socket", "inproc://nightglass-test"):
        with publisher(endpoint=endpoint) as sink, running(sink):
            (header,) = headers(endpoint, 1, 5.0, SystemClock(), camera="gate")
            assert header["stream"] == "fused"


@contextmanager
def running(sink: ZeroMQPublisher) -> Iterator[None]:
    """Frames every 10 ms, stamped now, from another thread."""
    stop = threading.Event()
    clock = SystemClock()

    def work() -> None:
        seq = 0
        while not stop.wait(0.01):
            sink.write(scene(seq), fused(scene(seq), seq, clock.now_ns()))
            seq += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("camera", [None, "gate"])
def test_headless_viewer_finds_the_camera_and_tells_the_age(camera: str | None) -> None:
    with publisher(streams=["fused", "status", "visible"]) as sink, running(sink):
        got = list(headers(sink.endpoint, 5, 5.0, SystemClock(), camera=camera))
        assert len(got) == 5
        assert all(later["seq"] > earlier["seq"] for earlier, later in pairwise(got))
        assert all(h["stream"] == "fused" and 0 <= h["transit_ms"] <= h["age_ms"] < 5000 for h in got)
        (status,) = headers(sink.endpoint, 1, 5.0, SystemClock(), stream="status")
        assert status["status"] == {"frames_out": 12} and status["age_ms"] is None


def test_viewer_connects_again_by_itself() -> None:
    with publisher(streams=["fused"]) as sink, running(sink):
        endpoint = sink.endpoint
        receiver = headers(endpoint, 3, 10.0, SystemClock(), camera="gate")
        assert next(receiver)["seq"] >= 0
    with publisher(streams=["fused"], endpoint=endpoint, format="i420") as sink, running(sink):
        assert {next(receiver)["format"], next(receiver)["format"]} >= {"i420"}
    receiver.close()


@pytest.mark.parametrize("camera", [None, "gate", "other"])
def test_silence_is_an_error_that_says_what_to_check(camera: str | None) -> None:
    message = r"received no .*/fused for 0\.3 s; check that the publisher"
    with publisher(streams=["status"]) as sink, pytest.raises(SourceError, match=message):
        list(headers(sink.endpoint, 1, 0.3, SystemClock(), camera=camera))


@pytest.mark.parametrize(
    ("endpoint", "stream", "camera"),
    [("localhost:5556", "fused", "gate"), (ANY_PORT[:-2], "Fused", None), (ANY_PORT[:-2], "fused", "a/b")],
)
def test_bad_endpoints_and_names_are_usage_errors(endpoint: str, stream: str, camera: str | None) -> None:
    with pytest.raises(UsageError):
        list(headers(endpoint, 1, 0.3, SystemClock(), stream=stream, camera=camera))


def test_a_foreign_publisher_is_named_as_such() -> None:
    with zmq.Context() as context, context.socket(zmq.XPUB) as socket:
        socket.linger = 0
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        endpoint = f"tcp://127.0.0.1:{port}"

        def answer() -> None:
            if socket.poll(WAIT_MS):
                socket.recv()
                socket.send(b"weather 12 C")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(WireError, match="not from a Nightglass publisher"):
            list(headers(endpoint, 1, 5.0, SystemClock()))
        thread.join()


def test_pictures_come_back_from_messages() -> None:
    picture = scene(4, 161, 121)
    assert picture.chroma is not None
    decoder = PictureDecoder()
    for payload_format, least_db in (("jpeg", 32), ("i420", 1000)):
        got = decoder.decode(publish_and_receive("fused", payload_format, picture))
        assert got.chroma is not None
        pairs = (got.luma, picture.luma), (got.chroma.cb, picture.chroma.cb), (got.chroma.cr, picture.chroma.cr)
        assert all(psnr(ours, theirs) > least_db for ours, theirs in pairs)
    grey = decoder.decode(publish_and_receive("fused", "gray8", picture))
    assert grey.chroma is None
    np.testing.assert_array_equal(grey.luma, picture.luma)
    raw = (np.arange(12, dtype="<u2").reshape(3, 4) << 8) + 7
    message = Message("c/fused", {"v": 1, "format": "gray16", "width": 4, "height": 3}, memoryview(raw.tobytes()))
    np.testing.assert_array_equal(decoder.decode(message).luma, np.arange(12).reshape(3, 4))
    for payload_format, payload in (("jpeg", b""), ("jpeg", b"no"), ("h266", b"x")):
        with pytest.raises(WireError):
            decoder.decode(Message("c/fused", {"v": 1, "format": payload_format}, memoryview(payload)))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    for name in ("publisher", "viewer", "stranger"):
        _, secret = zmq.auth.create_certificates(tmp_path, name)
        Path(secret).chmod(0o600)
    return tmp_path


def curve(keys: Path, *allowed: str) -> CurveConfig:
    return CurveConfig(server_secret_key=keys / "publisher.key_secret", allowed_client_keys=list(allowed))


@pytest.mark.parametrize("as_text", [False, True])
def test_only_allowed_keys_receive(keys: Path, as_text: bool) -> None:
    allowed = zmq.auth.load_certificate(keys / "viewer.key")[0].decode() if as_text else str(keys / "viewer.key")
    with publisher(streams=["fused"], curve=curve(keys, allowed)) as sink, running(sink):
        server = str(keys / "publisher.key")
        ours = ViewerKeys(server, keys / "viewer.key_secret")
        assert len(list(headers(sink.endpoint, 2, 5.0, SystemClock(), keys=ours))) == 2
        for strangers in (ViewerKeys(server, keys / "stranger.key_secret"), None):
            with pytest.raises(SourceError, match="CURVE keys"):
                list(headers(sink.endpoint, 1, 0.5, SystemClock(), keys=strangers))
        assert sink.subscribers("fused") <= 1


def test_two_publishers_have_their_own_allow_lists(keys: Path) -> None:
    with (
        publisher(streams=["fused"], curve=curve(keys, str(keys / "viewer.key"))) as one,
        publisher(streams=["fused"], curve=curve(keys, str(keys / "stranger.key"))) as two,
        running(one),
        running(two),
    ):
        stranger = ViewerKeys(str(keys / "publisher.key"), keys / "stranger.key_secret")
        assert len(list(headers(two.endpoint, 1, 5.0, SystemClock(), keys=stranger))) == 1
        with pytest.raises(SourceError):
            list(headers(one.endpoint, 1, 0.5, SystemClock(), keys=stranger))


def test_wrong_keys_are_refused_without_showing_them(keys: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.write_bytes(zmq.curve_keypair()[0] + b"\n")
    assert len(read_public_key(str(bare))) == 40
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("SECRET-BUT-WRONG")
    almost = tmp_path / "almost"
    almost.write_text("~" * 40)
    for path in (tmp_path / "missing", nonsense, almost, keys / "viewer.key"):
        with pytest.raises(SinkError) as caught:
            read_secret_key(path)
        assert str(path) in str(caught.value)
        assert "SECRET-BUT" not in str(caught.value) and "~" not in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(SinkError, match="neither a file nor a key"), publisher(curve=curve(keys, "#" * 40)):
        pass


def test_a_secret_key_others_can_read_is_announced(keys: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = keys / "viewer.key_secret"
    secret.chmod(0o644)
    read_secret_key(secret)
    assert "chmod 600" in caplog.text


def test_publisher_in_another_process() -> None:
    code = (
        "import sys; from sinks_support import fused, scene; from stream.clock import SystemClock\n"
        "from stream.config import ZeroMQConfig; from stream.sinks.publisher import ZeroMQPublisher\n"
        "clock = SystemClock(); config = ZeroMQConfig(endpoint='tcp://127.0.0.1:*')\n"
        "sink = ZeroMQPublisher(config, 'far', 'fused', 'white-hot', clock, dict); sink.open()\n"
        "print(sink.endpoint, flush=True)\n"
        "for seq in range(10_000):\n"
        "    sink.write(scene(0), fused(scene(0), seq, clock.now_ns())); clock.sleep_s(0.02)\n"
    )
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests), str(tests.parent)])
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        endpoint = process.stdout.readline().strip()
        got = list(headers(endpoint, 3, 10.0, SystemClock()))
        assert [h["camera"] for h in got] == ["far"] * 3
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
