"""From a sender's time stamps to this machine's Unix time, without a shared clock."""

from __future__ import annotations

from collections import deque

_NS = 1_000_000_000


class OffsetEstimator:
    """Estimates the offset between a stream's time stamps and Unix time as a sliding minimum of (arrival - stamp).

    A network only ever delays: the packets that came through fastest show the offset best, so the minimum is the
    estimate, not the mean (the idea of NTP's clock filter, RFC 5905 section 10). The window bounds how long an old
    minimum rules, so that the estimate follows the drift between the two clocks: its error is at most
    drift x window, 1 ms at 100 ppm and 10 s.

    Estimated capture times never go back and are never later than the newest arrival. What stays in the estimate is
    the shortest delay itself (sensor, encoder, network), which time stamps alone cannot show.

    Pure: times come as arguments, in nanoseconds.
    """

    def __init__(self, window_s: float = 10.0, restart_after_s: float = 0.5) -> None:
        """``window_s``: length of the window. ``restart_after_s``: a stamp that lies this much before the previous
        one means that the sender started anew or its counter wrapped: everything known is dropped.

        Smaller steps back are reordering or jitter. A jump forward needs no restart: it gives a new minimum at once.
        """
        self._window_ns = round(window_s * _NS)
        self._restart_ns = round(restart_after_s * _NS)
        self._minima: deque[tuple[int, int]] = deque()
        self._last_pts_ns: int | None = None
        self._last_arrival_ns: int | None = None
        self._last_capture_ns: int | None = None
        self.restarts = 0

    @property
    def offset_ns(self) -> int | None:
        """Unix time minus stamp as estimated now; None before the first observation."""
        return self._minima[0][1] if self._minima else None

    def observe(self, pts_ns: int, arrival_ns: int) -> None:
        """Take note that the data stamped ``pts_ns`` arrived at ``arrival_ns`` (Unix time)."""
        if self._last_pts_ns is not None and pts_ns < self._last_pts_ns - self._restart_ns:
            self._minima.clear()
            self.restarts += 1
        self._last_pts_ns = pts_ns
        self._last_arrival_ns = arrival_ns
        offset_ns = arrival_ns - pts_ns
        # A monotonic queue: offsets grow from front to back, so the front is the window's minimum.
        while self._minima and self._minima[-1][1] >= offset_ns:
            self._minima.pop()
        self._minima.append((arrival_ns, offset_ns))
        while self._minima[0][0] < arrival_ns - self._window_ns:
            self._minima.popleft()

    def forget_before(self, arrival_ns: int) -> None:
        """Go by what arrived from ``arrival_ns`` on (the newest at least)."""
        while len(self._minima) > 1 and self._minima[0][0] < arrival_ns:
            self._minima.popleft()

    def capture_ns(self, pts_ns: int | None) -> int:
        """Unix time of capture of the frame stamped ``pts_ns``; without a stamp, the newest arrival.

        Raises ValueError before the first observation.
        """
        if self._last_arrival_ns is None:
            raise ValueError("no arrival has been observed yet")
        capture_ns = self._last_arrival_ns
        if pts_ns is not None and self._minima:
            capture_ns = min(capture_ns, pts_ns + self._minima[0][1])
        if self._last_capture_ns is not None:
            capture_ns = max(capture_ns, self._last_capture_ns)
        self._last_capture_ns = capture_ns
        return capture_ns

    def arrived(self, arrival_ns: int) -> None:
        """Take note of an arrival that bears no stamp."""
        self._last_arrival_ns = arrival_ns
