"""Capture times to the time stamps of a recording. Pure."""

from __future__ import annotations

NS_PER_S = 1_000_000_000
MAX_STEP_BACK_S = 1
MAX_GAP_S = 3600
"""Beyond this a gap is a clock that was set, not a pause (and MP4's 32-bit durations end at 13 h of 90 kHz)."""


class Timeline:
    """Strictly increasing ticks from capture times; the first frame is at 0.

    A frame that is not later than the one before it gets the next tick (``bumped``). A clock that is set, so that
    time steps back by more than a second or ahead by more than an hour, goes on one frame period later (``jumps``).
    """

    def __init__(self, ticks_per_s: int, rate_hz: float) -> None:
        self.ticks_per_s = ticks_per_s
        self.period_ticks = max(1, round(ticks_per_s / rate_hz))
        self.bumped = 0
        self.jumps = 0
        self._origin_ns: int | None = None
        self._last = 0

    def ticks(self, capture_ns: int) -> int:
        """The frame's time stamp, in ticks since the first frame."""
        if self._origin_ns is None:
            self._origin_ns = capture_ns
            return 0
        tick = ((capture_ns - self._origin_ns) * self.ticks_per_s + NS_PER_S // 2) // NS_PER_S
        if not -MAX_STEP_BACK_S * self.ticks_per_s <= tick - self._last <= MAX_GAP_S * self.ticks_per_s:
            self.jumps += 1
            tick = self._last + self.period_ticks
            self._origin_ns = capture_ns - tick * NS_PER_S // self.ticks_per_s
        elif tick <= self._last:
            self.bumped += 1
            tick = self._last + 1
        self._last = tick
        return tick
