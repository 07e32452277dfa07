"""A connection to an RTSP server, from the side of the program that has the pictures."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stream.clock import Clock
from stream.config import RtspConfig
from stream.sinks import rtsp_process
from stream.sinks.h264 import TICKS_PER_S, Coded
from stream.sinks.rtsp_advice import NO_ANSWER

_LOOK_S = 0.1
_SLACK_S = 3.0
"""Beyond ``timeout_s``, within which FFmpeg gives up by itself: a process has to start, and names are looked up."""

_END_WITHIN_S = 1.0
_SEND_BUFFER_S = 0.25
"""Of the highest bit rate; what waits in the kernel when the network is slow is delay that nothing shortens."""

_LEAST_SEND_BUFFER_BYTES = 32_768
_PIPE_BYTES = 16_384
_DEFAULT_PORT = {"rtsp": 554, "rtsps": 322}


class Stopped(Exception):
    """The run is to end, or there is something else to send."""


@dataclass(eq=False)
class Lost(Exception):
    """There is no connection, or none any more. ``kind``, ``text``: as ``stream.sinks.rtsp_advice`` wants them."""

    kind: str
    text: str
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be sent. ``sample``: a key frame, from which the server is told about the stream."""

    sample: bytes
    period_ticks: int
    max_kbps: int


class Peer:
    """One connection, in a process of its own (see ``rtsp_process``). Used from one thread, which never waits for long.

    ``stopped`` is asked ten times a second while there is something to wait for; Stopped is raised if it says so.
    """

    def __init__(self, config: RtspConfig, clock: Clock, stopped: Callable[[], bool]) -> None:
        """Start the process. Raises Lost if the machine cannot."""
        self._config = config
        self._clock = clock
        self._stopped = stopped
        self._heard = b""
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(Path(rtsp_process.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                stderr=subprocess.DEVNULL,  # FFmpeg's libraries may print URLs
            )
        except OSError as error:
            raise Lost(type(error).__name__, f"no process could be started: {error.strerror}") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        fcntl.fcntl(self._in, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def connect(self, offer: Offer, origin_us: int) -> None:
        """Announce the stream to the server. Raises Lost, or Stopped.

        ``origin_us``: Unix time of tick 0, microseconds: receivers are told by it when a picture was taken (RTCP).
        """
        began_ns = self._clock.monotonic_ns()
        self._write((json.dumps(self._order(offer, origin_us)) + "\n").encode() + offer.sample)
        while (answer := self._hear(_LOOK_S)) is None:
            if self._stopped():
                raise Stopped
            waited_s = self._since_s(began_ns)
            if waited_s > self._config.timeout_s + _SLACK_S:
                raise Lost(NO_ANSWER, "", waited_s)
        if not answer.get("connected"):
            raise Lost(answer["error"], answer["text"], self._since_s(began_ns))

    def send(self, coded: Coded) -> None:
        """Send one picture. Raises Lost, or Stopped."""
        self._write(rtsp_process.HEADER.pack(coded.ticks, coded.key, len(coded.data)) + coded.data)

    def check(self) -> None:
        """Raise Lost if the connection has ended by itself."""
        if self._process.poll() is not None:
            raise self._last_words()

    def close(self) -> None:
        """Say goodbye to the server, and wait a moment for that; may be called twice."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _order(self, offer: Offer, origin_us: int) -> dict[str, Any]:
        config = self._config
        parts = urlsplit(config.url)
        scheme, _, rest = config.url.partition("://")
        send_buffer_bytes = max(_LEAST_SEND_BUFFER_BYTES, round(offer.max_kbps * 1000 / 8 * _SEND_BUFFER_S))
        return {
            "url": f"{scheme.lower()}://{rest}",
            "host": parts.hostname,
            "port": parts.port or _DEFAULT_PORT[parts.scheme],
            "options": {
                "rtsp_transport": config.transport,
                "timeout": str(round(config.timeout_s * 1e6)),
                "start_time_realtime": str(origin_us),
            },
            "ticks_per_s": TICKS_PER_S,
            "period_ticks": offer.period_ticks,
            "send_buffer_bytes": send_buffer_bytes,
            "sample_bytes": len(offer.sample),
        }

    def _write(self, data: bytes) -> None:
        began_ns = self._clock.monotonic_ns()
        left = memoryview(data)
        while left:
            if select.select([], [self._in], [], _LOOK_S)[1]:
                try:
                    left = left[os.write(self._in, left) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise self._last_words() from None
            if self._stopped():
                raise Stopped
            waited_s = self._since_s(began_ns)
            if waited_s > self._config.timeout_s + _SLACK_S:
                raise Lost(NO_ANSWER, "", waited_s)

    def _hear(self, within_s: float) -> dict[str, Any] | None:
        """What the process says next; None if nothing comes in time. Raises Lost when it has ended without a word."""
        while b"\n" not in self._heard:
            if not select.select([self._out], [], [], within_s)[0]:
                return None
            more = os.read(self._out, 4096)
            if not more:
                status = self._process.wait()
                raise Lost("Ended", f"the connection's process ended with status {status}")
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> Lost:
        """Why the process has ended, or is about to."""
        try:
            answer = self._hear(_END_WITHIN_S)
        except Lost as lost:
            return lost
        if answer is None or "error" not in answer:
            return Lost("Ended", "the connection's process hangs")
        return Lost(answer["error"], answer["text"])

    def _since_s(self, began_ns: int) -> float:
        return (self._clock.monotonic_ns() - began_ns) / 1e9
