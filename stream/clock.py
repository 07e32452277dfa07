"""The only module that reads a clock. Everything else is given a time, or a ``Clock``."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and sleep; tests pass a clock of their own."""

    def now_ns(self) -> int:
        """Unix time in nanoseconds."""

    def set_by_s(self) -> float:
        """By how much the machine's own Unix time is ahead of ``now_ns``, seconds: it was set since the start."""

    def monotonic_ns(self) -> int:
        """Monotonic time in nanoseconds: for durations, never for stamps that leave the process."""

    def thread_cpu_ns(self) -> int:
        """Processor time of the calling thread in nanoseconds: for work inside calls that also wait."""

    def sleep_s(self, seconds: float) -> None:
        """Sleep for the given number of seconds (not at all if it is not positive)."""


class SystemClock:
    """The machine's clocks.

    Unix time is the monotonic clock plus an offset read once at start, so that a step of the system clock (NTP,
    somebody by hand) never makes two frames of one run swap places, nor anybody wait for a time that does not come.
    """

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Unix time in nanoseconds."""
        return time.monotonic_ns() + self._offset_ns

    def set_by_s(self) -> float:
        """By how much the system clock was set since the start, seconds; positive: ahead."""
        return (time.time_ns() - time.monotonic_ns() - self._offset_ns) / 1e9

    def monotonic_ns(self) -> int:
        """Monotonic time in nanoseconds."""
        return time.monotonic_ns()

    def thread_cpu_ns(self) -> int:
        """Processor time of the calling thread in nanoseconds."""
        return time.thread_time_ns()

    def sleep_s(self, seconds: float) -> None:
        """Sleep for the given number of seconds (not at all if it is not positive)."""
        if seconds > 0:
            time.sleep(seconds)
