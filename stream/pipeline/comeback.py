"""When an output that was lost is tried again: after pauses that grow. Pure; time is given."""

from __future__ import annotations

from stream.config import RetryConfig
from stream.sources.retry import backoff_s

_PAUSES = RetryConfig(first_ms=1000.0, max_ms=60_000.0, jitter=0.0)
_HELD_NS = 60_000_000_000
"""An output that is lost again sooner than that goes on with the longer pauses."""


class Comeback:
    """One output's losses and returns; times are monotonic, nanoseconds."""

    def __init__(self) -> None:
        self.times = 0
        """How often it came back."""
        self._attempts = 0
        self._is_lost = False
        self._lost_ns = self._due_ns = self._back_ns = 0

    def lost(self, now_ns: int) -> None:
        """A write, or an attempt to begin again, has failed."""
        if not self._is_lost:
            self._is_lost = True
            self._lost_ns = now_ns
            if not self.times or now_ns - self._back_ns > _HELD_NS:
                self._attempts = 0
        self._due_ns = now_ns + round(backoff_s(self._attempts, _PAUSES, 0.5) * 1e9)
        self._attempts += 1

    def due(self, now_ns: int) -> bool:
        """Whether it is to be tried now."""
        return now_ns >= self._due_ns

    def back(self, now_ns: int) -> float:
        """A picture was written again: after how many seconds."""
        self._is_lost = False
        self.times += 1
        self._back_ns = now_ns
        return (now_ns - self._lost_ns) / 1e9
