"""Playing a recording at its own rate, as if a camera gave it."""

from __future__ import annotations

from stream.clock import Clock


class Pacer:
    """Waits until a frame is due: start (the moment of the first frame) plus its time in the recording."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start_ns: int | None = None

    def wait_ns(self, elapsed_ns: int) -> int:
        """Sleep until the frame ``elapsed_ns`` after the recording's first one is due; give that Unix time.

        A reader that is late is not made to wait; the times stay those of the recording's own rate.
        """
        now_ns = self._clock.now_ns()
        if self._start_ns is None:
            self._start_ns = now_ns - elapsed_ns
        due_ns = self._start_ns + elapsed_ns
        self._clock.sleep_s((due_ns - now_ns) / 1e9)
        return due_ns
