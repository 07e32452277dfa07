"""One camera's frames as the synchronizer sees them: stamps, period, and which frame to show at a moment."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median_low

from stream.frames import Frame

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

ASSUMED_PERIOD_NS = 40 * NS_PER_MS
"""Used until a stream's rate is known from its container or from two stamps."""

CLOCK_JUMP_NS = NS_PER_S
"""A stamp that falls back by more than this is a clock that was set, not a frame that came late."""

MAX_WAITING = 128
"""Frames kept of a live stream whose stamps run ahead of the other's. A few seconds; never reached by sane clocks."""

_WINDOW = 31
_TRUSTED = 8


@dataclass(slots=True)
class Stamped:
    """A frame with its corrected capture time, and whether it has been in a pair already."""

    t_ns: int
    arrival_ns: int
    frame: Frame
    used: bool = False


class Track:
    """The frames of one stream, oldest first: the one last used (``held``), then those still ``waiting``.

    Pure: times come in as arguments. ``unpaired`` counts frames dropped without ever having been in a pair,
    ``late`` frames whose stamp was not after the one before. ``offset_ns`` is added to the stamps of frames that are
    pushed from now on, and grows by ``drift_ppm`` millionths of the time since the first frame.
    """

    def __init__(self, nominal_rate_hz: float | None, offset_ns: int = 0, drift_ppm: float = 0.0) -> None:
        self.held: Stamped | None = None
        self.waiting: deque[Stamped] = deque()
        self.newest_t_ns: int | None = None
        self.last_arrival_ns: int | None = None
        self.ended = False
        self.unpaired = 0
        self.late = 0
        self.offset_ns = offset_ns
        self._drift = drift_ppm * 1e-6
        self._first_ns: int | None = None
        self._nominal_ns = round(NS_PER_S / nominal_rate_hz) if nominal_rate_hz else None
        self._deltas_ns: deque[int] = deque(maxlen=_WINDOW)

    @property
    def period_known(self) -> bool:
        """Whether ``period_ns`` rests on the container's rate or on stamps rather than on an assumption."""
        return self._nominal_ns is not None or bool(self._deltas_ns)

    @property
    def period_ns(self) -> int:
        """Median distance of the last stamps (robust to dropped frames), nanoseconds.

        The container's nominal rate stands in for it until enough stamps have come: some cameras announce a rate
        that they do not keep.
        """
        if self._nominal_ns is not None and len(self._deltas_ns) < _TRUSTED:
            return self._nominal_ns
        return median_low(self._deltas_ns) if self._deltas_ns else ASSUMED_PERIOD_NS

    def push(self, frame: Frame, now_ns: int | None, *, keep_late: bool) -> None:
        """Add the next frame. ``keep_late``: keep it even where its stamp is not after the one before."""
        if self._first_ns is None:
            self._first_ns = frame.capture_ns
        t_ns = frame.capture_ns + self.offset_ns + round(self._drift * (frame.capture_ns - self._first_ns))
        if now_ns is not None:
            self.last_arrival_ns = now_ns
        if self.newest_t_ns is not None:
            delta_ns = t_ns - self.newest_t_ns
            if delta_ns > 0:
                self._deltas_ns.append(delta_ns)
            elif delta_ns < -CLOCK_JUMP_NS and not keep_late:
                self._restart()
            else:
                self.late += 1
                if not keep_late:
                    return
        self.newest_t_ns = t_ns
        self.waiting.append(Stamped(t_ns, t_ns if now_ns is None else now_ns, frame))
        if now_ns is not None and len(self.waiting) > MAX_WAITING:
            self._discard(self.waiting.popleft())

    def forget_before(self, t_ns: int) -> None:
        """Drop waiting frames that can no longer be the nearest, or the last one, to any moment from ``t_ns`` on."""
        while len(self.waiting) >= 2 and self.waiting[1].t_ns <= t_ns:
            self._discard(self.waiting.popleft())

    def clear_waiting(self) -> None:
        """Drop all waiting frames: nothing is left to pair them with."""
        while self.waiting:
            self._discard(self.waiting.popleft())

    def lead(self) -> Stamped:
        """Take the oldest waiting frame as the leader of a pair."""
        self.held = self.waiting.popleft()
        self.held.used = True
        return self.held

    def choose(self, t_ns: int, limit_ns: int, reach_ns: int) -> tuple[Stamped | None, bool]:
        """The frame to show at ``t_ns``, and whether it is near enough.

        It is the nearest within ``limit_ns`` (of two equally near ones the earlier); else the last one before
        ``t_ns``, or the first one after it at a stream's start, with False; else None where that one is more than
        ``reach_ns`` away. Frames before the chosen one are dropped.
        """
        before, after = self._neighbours(t_ns)
        nearest = min((s for s in (before, after) if s is not None), key=lambda s: abs(s.t_ns - t_ns), default=None)
        if nearest is None:
            return None, False
        near = abs(nearest.t_ns - t_ns) <= limit_ns
        picked = nearest if near else (before or nearest)
        if not near and abs(picked.t_ns - t_ns) > reach_ns:
            return None, False
        self._advance_to(picked)
        return picked, near

    def first_from(self, t_ns: int) -> Stamped | None:
        """The first frame kept whose stamp is ``t_ns`` or later."""
        return next((s for s in (self.held, *self.waiting) if s is not None and s.t_ns >= t_ns), None)

    def _neighbours(self, t_ns: int) -> tuple[Stamped | None, Stamped | None]:
        before: Stamped | None = None
        for stamped in (self.held, *self.waiting):
            if stamped is None:
                continue
            if stamped.t_ns > t_ns:
                return before, stamped
            before = stamped
        return before, None

    def _advance_to(self, picked: Stamped) -> None:
        if picked is self.held:
            return
        while (first := self.waiting.popleft()) is not picked:
            self._discard(first)
        self.held = picked

    def _restart(self) -> None:
        self.clear_waiting()
        self.held = None
        self._deltas_ns.clear()

    def _discard(self, stamped: Stamped) -> None:
        if not stamped.used:
            self.unpaired += 1
