"""The viewer: what ``run_stream.py view`` runs, and an example of how to receive the wire format.

Each stream has a socket of its own with ZeroMQ's CONFLATE option: it holds the newest message only, so a slow
viewer skips frames and never lags. ZeroMQ connects again by itself when a publisher comes back.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import zmq

from stream.clock import Clock
from stream.endpoint import check_endpoint
from stream.errors import SourceError, UsageError
from stream.frames import Chroma, Picture, chroma_size
from stream.sinks.curve import read_public_key, read_secret_key
from stream.sinks.planes import plane_view
from stream.sinks.screen import Screen
from stream.sinks.wire import Message, WireError, decode, subscription, topic_name
from stream.viewer_trim import TrimByKeys

_REDRAW_MS = 100
"""While no frame comes the window still redraws, so that the age it shows grows."""


@dataclass(frozen=True, slots=True)
class ViewerKeys:
    """CURVE keys of a viewer: the publisher's public key (Z85 or a file), and the viewer's own secret key file."""

    server_public_key: str
    client_secret_key: Path


def headers(
    endpoint: str,
    count: int,
    timeout_s: float,
    clock: Clock,
    *,
    stream: str = "fused",
    camera: str | None = None,
    keys: ViewerKeys | None = None,
) -> Generator[dict[str, Any], None, None]:
    """The headers of the next ``count`` frames (the newest ones: frames in between are skipped), for printing.

    Each has two more fields, in milliseconds: ``age_ms`` since capture (None where the clock is a file's, which
    starts at 0, or there is no capture time) and ``transit_ms`` since it was published. ``camera`` None: the first
    camera heard. Raises SourceError when nothing comes for ``timeout_s``, UsageError for a bad endpoint or name,
    WireError for a message of another format.
    """
    with _Receiver(endpoint, timeout_s, clock, keys) as receiver:
        receiver.subscribe(stream, camera)
        for _ in range(count):
            header = receiver.receive().header
            now_ns = clock.now_ns()
            yield {**header, "age_ms": age_ms(header, now_ns), "transit_ms": _since_ms(header, "publish_ns", now_ns)}


def show(
    endpoint: str,
    timeout_s: float,
    clock: Clock,
    *,
    stream: str = "fused",
    camera: str | None = None,
    keys: ViewerKeys | None = None,
    trim: TrimByKeys | None = None,
) -> None:
    """Show a stream and its age in a window until it is closed, or Q or Escape is pressed.

    ``trim``: carries out the other keys, and what it says stands beside the age.

    Raises SourceError when nothing comes at first for ``timeout_s`` (later silence shows as a growing age),
    SinkError without a screen, UsageError for a bad endpoint or name, WireError for a message of another format.
    """
    if stream == "status":
        raise UsageError("view: stream 'status' has no pictures; use --headless N")
    with _Receiver(endpoint, timeout_s, clock, keys) as receiver:
        receiver.subscribe(stream, camera)
        decoder = PictureDecoder()
        message = receiver.receive()
        picture = decoder.decode(message)
        screen = Screen("view", f"Nightglass {endpoint}")
        try:
            while screen.show(picture, _caption(message.header, clock.now_ns(), "" if trim is None else trim.text)):
                pressed = screen.keys()
                if trim is not None:
                    trim.press(pressed)
                newer = receiver.receive_within(_REDRAW_MS)
                if newer is not None:
                    message, picture = newer, decoder.decode(newer)
        finally:
            screen.close()


def age_ms(header: dict[str, Any], now_ns: int) -> float | None:
    """Milliseconds since capture; None where the capture time is not Unix time (a file's clock) or is not there."""
    return None if header.get("clock") == "file" else _since_ms(header, "capture_ns", now_ns)


class PictureDecoder:
    """Messages back to pictures. Keeps a JPEG decoder; used from one thread."""

    def __init__(self) -> None:
        self._jpeg = av.CodecContext.create("mjpeg", "r")

    def decode(self, message: Message) -> Picture:
        """The full-range picture of a message; its planes may be views into it. gray16 shows its upper 8 bits.

        Raises WireError if it has none.
        """
        payload_format = message.header.get("format")
        if payload_format == "jpeg":
            return self._decode_jpeg(message)
        if payload_format not in ("gray8", "i420", "gray16"):
            raise WireError(f"{message.topic}: format {payload_format!r} cannot be shown; update the viewer")
        pixels = np.frombuffer(message.payload, np.uint8)
        width, height = message.header["width"], message.header["height"]
        if payload_format == "gray16":
            return Picture(np.ascontiguousarray(pixels[1::2]).reshape(height, width), None)
        luma = pixels[: width * height].reshape(height, width)
        if payload_format == "gray8":
            return Picture(luma, None)
        chroma_width, chroma_height = chroma_size(width, height)
        cb, cr = pixels[width * height :].reshape(2, chroma_height, chroma_width)
        return Picture(luma, Chroma(cb, cr))

    def _decode_jpeg(self, message: Message) -> Picture:
        try:
            frames = self._jpeg.decode(av.Packet(bytes(message.payload))) if message.payload else []
        except (av.FFmpegError, OSError):
            frames = []
        if len(frames) != 1 or frames[0].format.name not in ("yuvj420p", "yuv420p"):
            raise WireError(f"{message.topic}: the payload is not a 4:2:0 JPEG")
        luma, cb, cr = (plane_view(plane) for plane in frames[0].planes)
        return Picture(luma, Chroma(cb, cr))


class _Receiver:
    """A subscriber of one stream: connects, finds the camera, receives the newest message."""

    def __init__(self, endpoint: str, timeout_s: float, clock: Clock, keys: ViewerKeys | None) -> None:
        self._endpoint = endpoint
        self._timeout_ms = round(timeout_s * 1000)
        self._clock = clock
        self._keys = keys
        inproc = endpoint.startswith("inproc:")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance() if inproc else zmq.Context()
        self._socket: zmq.Socket[bytes] | None = None
        self._what = "anything"

    def __enter__(self) -> _Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._context is not zmq.Context.instance():
            self._context.term()

    def subscribe(self, stream: str, camera: str | None) -> None:
        """Subscribe to one stream; without a camera's name, of the first camera heard.

        Raises UsageError, or SourceError if no such stream is heard in time.
        """
        topic = self._find(stream) if camera is None else _checked_topic(camera, stream)
        self._what = topic
        self._socket = self._connect(subscription(topic), conflate=True)

    def receive(self) -> Message:
        """The newest message, waited for. Raises SourceError when none comes in time."""
        message = self.receive_within(self._timeout_ms)
        if message is None:
            raise self._nothing_came()
        return message

    def receive_within(self, timeout_ms: int) -> Message | None:
        """The newest message, or None when none comes in time. Raises WireError for one that cannot be read."""
        assert self._socket is not None
        if not self._socket.poll(timeout_ms):
            return None
        return decode(self._socket.recv())

    def _find(self, stream: str) -> str:
        _checked_topic("any", stream)
        self._what = f"*/{stream}"
        socket = self._connect(b"", conflate=False)
        try:
            end_ns = self._clock.monotonic_ns() + self._timeout_ms * 1_000_000  # other streams may come for ever
            while (left_ms := (end_ns - self._clock.monotonic_ns()) // 1_000_000) > 0 and socket.poll(left_ms):
                topic = decode(socket.recv()).topic
                if topic.endswith(f"/{stream}"):
                    return topic
        finally:
            socket.close()
        raise self._nothing_came()

    def _connect(self, prefix: bytes, *, conflate: bool) -> zmq.Socket[bytes]:
        try:
            check_endpoint(self._endpoint)
        except ValueError as error:
            raise UsageError(str(error)) from None
        socket = self._context.socket(zmq.SUB)
        try:
            socket.setsockopt(zmq.LINGER, 0)
            socket.setsockopt(zmq.CONFLATE, int(conflate))
            socket.setsockopt(zmq.IPV6, int("[" in self._endpoint))
            if self._keys is not None:
                secret_key = read_secret_key(self._keys.client_secret_key)
                socket.setsockopt(zmq.CURVE_SERVERKEY, read_public_key(self._keys.server_public_key))
                socket.setsockopt(zmq.CURVE_PUBLICKEY, zmq.curve_public(secret_key))
                socket.setsockopt(zmq.CURVE_SECRETKEY, secret_key)
            socket.setsockopt(zmq.SUBSCRIBE, prefix)
            socket.connect(self._endpoint)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise UsageError(
                f"{self._endpoint}: not an endpoint ({error.strerror}); it looks like tcp://192.168.1.20:5556"
            ) from None
        return socket

    def _nothing_came(self) -> SourceError:
        return SourceError(
            f"{self._endpoint}: received no {self._what} for {self._timeout_ms / 1000:g} s; check that the "
            "publisher runs and publishes this stream, host and port, and the CURVE keys if it uses them"
        )


def _checked_topic(camera: str, stream: str) -> str:
    try:
        return topic_name(camera, stream)
    except WireError as error:
        raise UsageError(f"view: {error}") from None


def _since_ms(header: dict[str, Any], field: str, now_ns: int) -> float | None:
    stamp = header.get(field)
    return round((now_ns - stamp) / 1e6, 1) if isinstance(stamp, int) else None


def _caption(header: dict[str, Any], now_ns: int, beside: str) -> str:
    age = age_ms(header, now_ns)
    degraded = header.get("degraded", "none")
    parts = ("recording" if age is None else f"{age:.0f} ms", "" if degraded == "none" else degraded, beside)
    return "  ".join(part for part in parts if part)
