"""Packets of an open stream, read in a thread of their own.

FFmpeg's time-outs begin anew with every byte, so it waits for ever for the next picture of a camera whose encoder hangs
while its server goes on sending reports. Whoever waits here instead can leave such a camera behind.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av

from stream.clock import Clock

log = logging.getLogger("nightglass")

_DEPTH = 32
"""Packets that may wait; then the sender is held up by its connection, as without this thread."""

_LOOK_S = 0.1
_CLOSE_WITHIN_S = 1.0


class Silent(Exception):
    """No packet came in time."""


@dataclass(eq=False)
class Failed(Exception):
    """What ended reading. ``error``: FFmpeg's, None: the sender ended the stream. ``waited_s``: how long that took."""

    error: Exception | None
    waited_s: float


class PacketPump:
    """Reads packets of one stream until ``close``, and owns its container: FFmpeg may be at work in it until then."""

    def __init__(self, container: Any, stream: Any, name: str, clock: Clock) -> None:
        self._container = container
        self._stream = stream
        self._name = name
        self._clock = clock
        self._queue: queue.Queue[Any] = queue.Queue(_DEPTH)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="packets", daemon=True)
        self._thread.start()

    def packets(self, silent_s: float) -> Iterator[tuple[Any, int]]:
        """The packets, and when each came (not when it is taken from here), nanoseconds of Unix time.

        Raises Failed where reading ended, and Silent after ``silent_s`` without one.
        """
        while True:
            try:
                came = self._queue.get(timeout=silent_s)
            except queue.Empty:
                raise Silent from None
            if isinstance(came, Failed):
                raise came
            yield came

    def close(self) -> None:
        """End the thread, which closes the container. One that FFmpeg holds up is left behind, said in the log."""
        self._closing.set()
        self._thread.join(_CLOSE_WITHIN_S)
        if self._thread.is_alive():
            log.info("%s: left behind: it goes on sending, but no picture", self._name)

    def _run(self) -> None:
        try:
            self._put(self._read())
        finally:
            self._container.close()

    def _read(self) -> Failed:
        packets = self._container.demux(self._stream)
        while True:
            began_ns = self._clock.monotonic_ns()
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError) as error:
                return Failed(error, (self._clock.monotonic_ns() - began_ns) / 1e9)
            if packet is None or not self._put((packet, self._clock.now_ns())):
                return Failed(None, 0.0)

    def _put(self, what: Any) -> bool:
        """Whether it was put before ``close``."""
        while not self._closing.is_set():
            try:
                self._queue.put(what, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False
