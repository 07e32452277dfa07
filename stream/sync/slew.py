"""An offset between clocks that moves slowly, so that corrected stamps go on growing where the frames' own do. Pure."""

from __future__ import annotations

SLEW = 0.1
"""Seconds by which the offset may move in a second of a stream."""

LONGEST_STEP_S = 1.0
"""After a longer gap between frames the offset moves no further than after so much."""


class Slew:
    """The offset, nanoseconds, on its way to another one; frames come in their order."""

    def __init__(self, offset_ns: int) -> None:
        self.offset_ns = offset_ns
        self._last_ns: int | None = None

    def towards(self, target_ns: int, stamp_ns: int) -> int:
        """The offset for the frame stamped ``stamp_ns``: nearer to the target by at most ``SLEW``."""
        passed_ns = 0 if self._last_ns is None else stamp_ns - self._last_ns
        self._last_ns = stamp_ns
        most_ns = int(SLEW * min(max(passed_ns, 0), LONGEST_STEP_S * 1e9))
        self.offset_ns += min(max(target_ns - self.offset_ns, -most_ns), most_ns)
        return self.offset_ns
