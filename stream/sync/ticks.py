"""Evenly spaced moments, for a fixed output rate."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor


@dataclass(slots=True)
class TickGrid:
    """Moments ``start + k / rate``, nanoseconds, k = 0, 1, 2, ...; rounded singly, so that errors do not add up.

    ``start_ns`` is None until the first moment is known.
    """

    period_ns: float
    start_ns: int | None = None
    k: int = 0

    def next_ns(self) -> int | None:
        """The next moment, None before the start."""
        return None if self.start_ns is None else self.start_ns + round(self.k * self.period_ns)

    def advance(self) -> None:
        """Go on to the following moment."""
        self.k += 1

    def skip_towards(self, t_ns: int) -> None:
        """Leave out the moments before ``t_ns`` but the last of them. Never goes back."""
        if self.start_ns is not None:
            self.k = max(self.k, floor((t_ns - self.start_ns) / self.period_ns))

    def reset(self) -> None:
        """Start anew, for a clock that was set back."""
        self.start_ns = None
        self.k = 0
