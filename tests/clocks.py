"""Clocks for tests that must not wait."""

from __future__ import annotations

from collections.abc import Iterable

from stream.frames import Frame

S = 1_000_000_000


class SteppedClock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time_ns = 1_700_000_000 * S
        self.slept_s: list[float] = []

    def now_ns(self) -> int:
        return self.time_ns

    def monotonic_ns(self) -> int:
        return self.time_ns

    def sleep_s(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.time_ns += max(0, round(seconds * S))

    def play(self, frames: Iterable[Frame]) -> list[int]:
        """Capture times of frames from now on, nanoseconds; none may come before its time."""
        start_ns, stamps_ns = self.time_ns, []
        for frame in frames:
            assert self.time_ns >= frame.capture_ns
            stamps_ns.append(frame.capture_ns - start_ns)
        return stamps_ns
