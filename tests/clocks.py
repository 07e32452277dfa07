"""Clocks for tests that must not wait."""

from __future__ import annotations

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
