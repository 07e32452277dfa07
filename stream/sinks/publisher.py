"""The ZeroMQ publisher: pictures and status, in the wire format of docs/wire-format.md."""

from __future__ import annotations

import errno
import logging
import threading
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import zmq

from stream.clock import Clock
from stream.config import PictureStream, StreamName, ZeroMQConfig
from stream.errors import SinkError
from stream.frames import FusedFrame, Picture, chroma_size
from stream.sinks.curve import AllowList, server_keys
from stream.sinks.ipc import taken
from stream.sinks.jpeg import JpegEncoder
from stream.sinks.planes import NEUTRAL
from stream.sinks.streams import pictures_of, stream_header
from stream.sinks.subscribers import Subscribers
from stream.sinks.wire import PayloadFormat, WireError, encode, status_header, topic_name

if TYPE_CHECKING:
    from zmq.auth.thread import ThreadAuthenticator

_log = logging.getLogger("nightglass")

_LINGER_MS = 200
_HEARTBEAT_MS = 5000
"""A viewer that vanishes without closing its connection stops counting (and being encoded for) after two of these."""
_MAX_INCOMING_BYTES = 4096
"""Subscribers send nothing but subscriptions."""
_ZAP_DOMAIN = "nightglass"

_REASONS = {
    errno.EADDRINUSE: "already in use; stop the other program, or choose another port under outputs.zeromq.endpoint",
    errno.EADDRNOTAVAIL: "not an address of this machine; use one of its own, or 127.0.0.1",
    errno.ENODEV: "not an address or interface of this machine; use one of its own, or 127.0.0.1",
    errno.EACCES: "not permitted; choose a port above 1023, or a folder you can write to",
}


class ZeroMQPublisher:
    """A Sink that publishes to any number of subscribers and never waits for one.

    A stream is encoded only while somebody subscribes to it. The status stream has a thread of its own, so that it
    goes on when no pictures come.
    """

    stage = "publish"

    def __init__(
        self,
        config: ZeroMQConfig,
        camera: str,
        mode: str,
        palette: str,
        clock: Clock,
        status: Callable[[], dict[str, Any]],
    ) -> None:
        """``status``: counters to publish, JSON-able; called from the status thread."""
        self.name = f"zeromq {config.endpoint}"
        self.endpoint = config.endpoint
        """As configured; after ``open`` with the port that was taken (for ``tcp://127.0.0.1:*``)."""
        self.sent: Counter[str] = Counter()
        """Messages handed to ZeroMQ, by stream."""
        self._config = config
        self._camera = camera
        self._mode = mode
        self._palette = palette
        self._clock = clock
        self._status = status
        self._topics = {stream: topic_name(camera, stream) for stream in config.streams}
        self._encoders: dict[str, JpegEncoder] = {}
        self._subscribers = Subscribers()
        self._lock = threading.Lock()  # a ZeroMQ socket may change threads, but never be in two at once
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._socket: zmq.Socket[bytes] | None = None
        self._authenticator: ThreadAuthenticator | None = None
        self._closing = threading.Event()
        self._status_thread: threading.Thread | None = None

    def open(self) -> None:
        """Bind the endpoint. Raises SinkError."""
        inproc = self.endpoint.startswith("inproc:")
        if (reason := taken(self.endpoint)) is not None:
            raise SinkError(f"{self.name}: {reason} under outputs.zeromq.endpoint")
        # A context of our own: an authenticator answers for every socket of its context.
        self._context = zmq.Context.instance() if inproc else zmq.Context()
        try:
            self._socket = self._bind(self._context)
        except SinkError:
            self.close()
            raise
        self.endpoint = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self.name = f"zeromq {self.endpoint}"
        if "status" in self._topics:
            self._status_thread = threading.Thread(target=self._publish_status, name="zeromq-status", daemon=True)
            self._status_thread.start()

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        """Publish every configured stream of this frame that somebody subscribes to. Raises SinkError."""
        for stream, shown in pictures_of(picture, fused).items():
            if stream in self._topics and self.subscribers(stream):
                self._publish(stream, shown, fused)

    def close(self) -> None:
        """Stop, giving messages already sent a moment to leave; may be called twice."""
        self._closing.set()
        if self._status_thread is not None:
            self._status_thread.join()
            self._status_thread = None
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
        if self._authenticator is not None:
            self._authenticator.stop()
            self._authenticator = None
        if self._context is not None and self._context is not zmq.Context.instance():
            self._context.term()
        self._context = None

    def subscribers(self, stream: StreamName) -> int:
        """How many subscriptions this stream has now."""
        with self._lock:
            if self._socket is None:
                return 0
            while self._socket.poll(0):
                self._subscribers.update(self._socket.recv())
            return self._subscribers.count(self._topics[stream])

    def _bind(self, context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
        socket = context.socket(zmq.XPUB)
        try:
            socket.setsockopt(zmq.XPUB_VERBOSER, 1)
            # Before it is bound: connections keep what holds when they are made, and given at closing it may come too
            # late for one that is stuck; the end of the context then waits for ever (libzmq issue 3252).
            socket.setsockopt(zmq.LINGER, _LINGER_MS)
            socket.setsockopt(zmq.SNDHWM, self._config.high_water_mark)
            socket.setsockopt(zmq.MAXMSGSIZE, _MAX_INCOMING_BYTES)
            socket.setsockopt(zmq.HEARTBEAT_IVL, _HEARTBEAT_MS)
            socket.setsockopt(zmq.IPV6, int("[" in self.endpoint))
            if self._config.curve is not None:
                self._lock_with_curve(context, socket)
            socket.bind(self.endpoint)
        except zmq.ZMQError as error:
            socket.close(linger=0)
            raise SinkError(f"{self.name}: {_REASONS.get(error.errno or 0, error.strerror)}") from None
        except SinkError:
            socket.close(linger=0)
            raise
        return socket

    def _lock_with_curve(self, context: zmq.Context[zmq.Socket[bytes]], socket: zmq.Socket[bytes]) -> None:
        curve = self._config.curve
        assert curve is not None
        # Not at the top: it loads asyncio, which a start without keys need not wait for.
        from zmq.auth.thread import ThreadAuthenticator

        allowed = AllowList(curve.allowed_client_keys)
        public_key, secret_key = server_keys(curve)
        self._authenticator = ThreadAuthenticator(context)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(domain=_ZAP_DOMAIN, credentials_provider=allowed)
        socket.setsockopt_string(zmq.ZAP_DOMAIN, _ZAP_DOMAIN)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, public_key)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret_key)
        socket.setsockopt(zmq.CURVE_SERVER, 1)

    def _publish(self, stream: PictureStream, picture: Picture, fused: FusedFrame) -> None:
        payload_format, payload = self._payload(stream, picture)
        header = stream_header(
            stream,
            picture,
            fused,
            camera=self._camera,
            publish_ns=self._clock.now_ns(),
            payload_format=payload_format,
            mode=self._mode,
            palette=self._palette,
        )
        self._send(stream, encode(self._topics[stream], header, *payload))

    def _payload(self, stream: StreamName, picture: Picture) -> tuple[PayloadFormat, tuple[bytes | memoryview, ...]]:
        if self._config.format == "jpeg":
            if stream not in self._encoders:
                self._encoders[stream] = JpegEncoder(self._config.jpeg_quality)
            return "jpeg", (self._encoders[stream].encode(picture),)
        luma = np.ascontiguousarray(picture.luma)
        if self._config.format == "gray8" or stream != "fused":
            return "gray8", (luma.data,)
        if picture.chroma is None:
            width, height = chroma_size(picture.width, picture.height)
            return "i420", (luma.data, bytes([NEUTRAL]) * (2 * width * height))
        cb, cr = np.ascontiguousarray(picture.chroma.cb), np.ascontiguousarray(picture.chroma.cr)
        return "i420", (luma.data, cb.data, cr.data)

    def _send(self, stream: StreamName, part: bytes) -> None:
        with self._lock:
            if self._socket is None:
                raise SinkError(f"{self.name}: not open")
            try:
                self._socket.send(part)
            except zmq.ZMQError as error:
                raise SinkError(f"{self.name}: cannot send: {error.strerror}") from None
        self.sent[stream] += 1

    def _publish_status(self) -> None:
        seq = 0
        while not self._closing.wait(self._config.status_interval_s):
            listeners = {stream: self.subscribers(stream) for stream in self._topics}
            if not listeners["status"]:
                continue
            header = status_header(
                camera=self._camera,
                seq=seq,
                publish_ns=self._clock.now_ns(),
                subscribers=listeners,
                status=self._status(),
            )
            try:
                self._send("status", encode(self._topics["status"], header))
            except WireError as error:
                _log.error("%s: status not published: %s", self.name, error)
            except SinkError as error:
                _log.error("status stream ended: %s", error)
                return
            seq += 1
