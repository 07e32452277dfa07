"""The one place that retries: a live source that is connected again whenever it is lost."""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
from collections.abc import Callable, Iterator
from typing import Literal

from stream.clock import Clock
from stream.config import RetryConfig, SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.sources.base import Source, StreamInfo

log = logging.getLogger("nightglass")

SourceState = Literal["connecting", "live", "stalled", "lost"]
"""``connecting``: being opened; ``live``: frames come; ``stalled``: connected, but no frame for
``stalled_after_s``; ``lost``: not connected, waiting for the next attempt."""


def backoff_s(attempt: int, config: RetryConfig, chance: float) -> float:
    """Pause before a new attempt, in seconds: ``first_ms`` doubled with each attempt up to ``max_ms``, +- jitter.

    ``attempt`` counts from 0. ``chance`` in 0..1 is the draw of the jitter, so that many clients of one restarted
    server do not come back all at once: factor 1 - jitter at 0, 1 + jitter at 1.
    """
    pause_ms = min(config.max_ms, config.first_ms * 2.0 ** min(attempt, 60))
    return pause_ms * (1.0 + config.jitter * (2.0 * chance - 1.0)) / 1000.0


class RetryingSource:
    """Wraps a live source; yields its frames across reconnects with growing ``seq``.

    ``open``, ``frames`` and ``close`` belong to one thread, as with every source. Setting ``stop`` from another
    thread ends ``frames`` with the next frame or at once during a pause; a read that hangs ends by its time-out.
    ``on_state`` is called on each change of state: from the reading thread, and for ``stalled`` from a watchdog,
    because the reading thread then waits inside FFmpeg. It must not block, nor call methods of this object.
    """

    def __init__(
        self,
        make: Callable[[], Source],
        config: SourceConfig,
        clock: Clock,
        on_state: Callable[[SourceState], None] | None = None,
        *,
        fail_first: bool = True,
        stop: threading.Event | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """``make``: makes a new, unopened source. ``fail_first``: a first attempt that fails raises, for it is
        rather a wrong URL than a camera that will come back. ``draw``: random number in 0..1 for the jitter.
        """
        self._make = make
        self._config = config
        self._clock = clock
        self._on_state = on_state
        self._fail_first = fail_first
        self._draw = draw
        self._source = make()
        self._lock = threading.Lock()
        self._state: SourceState = "connecting"
        self._last_frame_ns = 0
        self._watching = threading.Event()
        self._watchdog: threading.Thread | None = None
        self._broken_before = 0
        self._failures = 0
        self._told: set[str] = set()
        self.stop = stop or threading.Event()
        self.name = self._source.name
        self.reconnects = 0

    @property
    def state(self) -> SourceState:
        """What it does now; may be read from any thread."""
        return self._state

    @property
    def broken_frames(self) -> int:
        """Frames that could not be decoded, over all connections."""
        return self._broken_before + self._source.broken_frames

    def open(self) -> StreamInfo:
        """Connect. Raises SourceError if that fails, or, without ``fail_first``, only if stopped before it worked."""
        info = self._open_once() if self._fail_first else self._connect()
        if info is None:
            raise SourceError(f"{self.name}: stopped before it could be connected")
        self._watching.clear()
        self._watchdog = threading.Thread(target=self._watch, name=f"watch {self.name}", daemon=True)
        self._watchdog.start()
        return info

    def frames(self) -> Iterator[Frame]:
        """Yield frames until ``stop`` is set; never raises SourceError."""
        next_seq = 0
        while not self.stop.is_set():
            first_seq = next_seq
            reason = "the stream ended"
            try:
                for frame in self._source.frames():
                    # Only a frame ends the back-off: some cameras accept every connection and then send nothing.
                    self._failures = 0
                    self._tell_frames_come()
                    self._alive()
                    next_seq = first_seq + frame.seq + 1
                    yield dataclasses.replace(frame, seq=first_seq + frame.seq) if first_seq else frame
                    if self.stop.is_set():
                        return
            except SourceError as error:
                reason = str(error).removeprefix(f"{self.name}: ")
            self._failures += 1
            self._tell(f"{self.name}: lost: {reason}; trying again")
            self._enter("lost")
            if self._connect() is not None:
                self.reconnects += 1

    def close(self) -> None:
        """Disconnect; may be called twice."""
        self._watching.set()
        if self._watchdog is not None:
            self._watchdog.join()
            self._watchdog = None
        self._source.close()

    def _connect(self) -> StreamInfo | None:
        """Try until it works, with growing pauses; None if stopped before."""
        while not self.stop.is_set():
            if self._failures:
                if self.stop.wait(backoff_s(self._failures - 1, self._config.retry, self._draw())):
                    return None
                self._replace()
            try:
                return self._open_once()
            except SourceError as error:
                self._failures += 1
                self._tell(f"{error}; trying again")
        return None

    def _open_once(self) -> StreamInfo:
        self._enter("connecting")
        try:
            info = self._source.open()
        except SourceError:
            self._enter("lost")
            raise
        self._alive()
        return info

    def _tell(self, what: str) -> None:
        """Say what is wrong, once until frames come again: a camera that is away for a night would fill the log."""
        if what not in self._told:
            self._told.add(what)
            log.warning("%s", what)

    def _tell_frames_come(self) -> None:
        """Say that it is over, as loudly as that it was lost."""
        if self._told or self._state == "stalled":
            self._told.clear()
            log.warning("%s: its frames come again", self.name)

    def _replace(self) -> None:
        """Close the source and make a new one: FFmpeg's contexts are not used again after an error."""
        self._source.close()
        self._broken_before += self._source.broken_frames
        self._source = self._make()

    def _alive(self) -> None:
        self._last_frame_ns = self._clock.monotonic_ns()
        self._enter("live")

    def _watch(self) -> None:
        limit_s = self._config.stalled_after_s
        while not self._watching.wait(limit_s / 8):
            with self._lock:
                silent_s = (self._clock.monotonic_ns() - self._last_frame_ns) / 1e9
                if self._state == "live" and silent_s > limit_s:
                    log.warning("%s: stalled: no frame for %.1f s", self.name, silent_s)
                    self._set("stalled")

    def _enter(self, state: SourceState) -> None:
        with self._lock:
            self._set(state)

    def _set(self, state: SourceState) -> None:
        """With the lock held, so that ``on_state`` hears the changes in their order."""
        if state != self._state:
            self._state = state
            if self._on_state:
                self._on_state(state)
