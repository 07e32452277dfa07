"""From estimates of the time between two running cameras to the offset that is applied. Pure.

One estimate may be wrong: movement that repeats itself fits at several offsets. So an offset is only gone over to when
two sure estimates in a row, of footage that is at least half different, agree on it; and then slowly, so that infrared
neither skips nor goes back.
"""

from __future__ import annotations

from stream.frames import TimingState
from stream.sync.offset_estimate import OffsetEstimate

SURE = 0.3
"""Least confidence of an estimate that counts; ``calibrate`` takes it from half of that on, where a person reads it."""

FRESH_S = 10.0
"""Two estimates agree only if they were made at least this long after one another: half of what they look at."""

FORGOTTEN_S = 180.0
"""An estimate that is older agrees with none."""

AGREE = 0.5
"""Two estimates agree that are no farther apart, in periods of the slower stream."""

STAY = 0.25
"""The offset stays where what was agreed on is no farther from it, in the same unit: estimates are not exact either."""

BLIND = 3
"""Estimates in a row that tell nothing until that is said."""


class OffsetWatch:
    """Judges estimates of the offset to add to infrared times, in their order."""

    def __init__(self, offset_s: float, fixed: bool = False) -> None:
        """``offset_s``: as configured or calibrated. ``fixed``: somebody set it, so it is judged but not moved."""
        self.target_s = offset_s
        """The offset to apply."""
        self.state: TimingState = "learning"
        self.confidence: float | None = None
        """Of the last sure estimate, 0..1."""
        self.found_s: float | None = None
        """What was agreed on last."""
        self._fixed = fixed
        self._last: tuple[float, float, float] | None = None
        self._blind = 0

    def push(self, found: OffsetEstimate, now_s: float) -> bool:
        """Judge one more estimate, made at ``now_s``.

        True where the offset is now known to be another than was applied: it is gone over to, unless it is fixed.
        """
        if not found.accepted or found.confidence < SURE or found.seen is None:
            self._blind += 1
            if self._blind >= BLIND:
                self.state = "cannot_tell"
            return False
        self._blind = 0
        self.confidence = found.confidence
        span_s = found.seen.span_s
        if self.state == "cannot_tell":
            self.state = "learning"
        before, self._last = self._last, (found.offset_s, found.confidence, now_s)
        if before is None:
            return False
        offset_s, weight, then_s = before
        agrees = abs(found.offset_s - offset_s) <= AGREE * span_s
        if agrees and 0 <= now_s - then_s < FRESH_S:
            # Much the same footage says much the same: it is the next one that has to agree.
            self._last = before
            return False
        if not agrees or not 0 <= now_s - then_s <= FORGOTTEN_S:
            return False
        self.found_s = (offset_s * weight + found.offset_s * found.confidence) / (weight + found.confidence)
        return self._judge(self.found_s, span_s)

    def _judge(self, agreed_s: float, span_s: float) -> bool:
        if abs(agreed_s - self.target_s) <= STAY * span_s:
            self.state = "holds"
            return False
        if not self._fixed:
            self.target_s, self.state = agreed_s, "holds"
            return True
        news = self.state != "apart"
        self.state = "apart"
        return news
