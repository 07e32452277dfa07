"""Playing recordings at their own rate, as if cameras gave them."""

from __future__ import annotations

import threading

from stream.clock import Clock


class CommonStart:
    """The moment from which recordings that are played together count: two that start a few milliseconds apart, because
    one took longer to open, would stay so far out of step. Any thread may ask.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._start_ns: int | None = None

    def at(self, now_ns: int) -> int:
        """``now_ns`` for the one that asks first, and what it was given for all others."""
        with self._lock:
            if self._start_ns is None:
                self._start_ns = now_ns
            return self._start_ns


class Pacer:
    """Waits until a frame is due: start (the moment of the first frame of the first recording) plus its time in its own
    recording.
    """

    def __init__(self, clock: Clock, start: CommonStart | None = None) -> None:
        self._clock = clock
        self._start = start or CommonStart()

    def wait_ns(self, elapsed_ns: int) -> int:
        """Sleep until it is ``elapsed_ns`` after the recording's first frame; give that Unix time, when a frame is due.

        A reader that is late is not made to wait; the times stay those of the recording's own rate.
        """
        now_ns = self._clock.now_ns()
        due_ns = self._start.at(now_ns - elapsed_ns) + elapsed_ns
        self._clock.sleep_s((due_ns - now_ns) / 1e9)
        return due_ns

    def rest(self, elapsed_ns: int, period_ns: int) -> None:
        """Sleep through the first half of a frame's period: a camera's next picture would not be decoded either
        while this one is fused. ``elapsed_ns``: the frame's time in its own recording.
        """
        self.wait_ns(elapsed_ns + period_ns // 2)
