"""Which clock stamps a network camera's frames: its own, where it says what time it is and that can be so. Pure.

RTP stamps count from anywhere. Sender reports (RTCP, RFC 3550 section 6.4.1) say which Unix time a stamp is by the
camera's clock; without them a stamp is placed by its arrival (``stream.sync.offset``), later by the shortest delay.
"""

from __future__ import annotations

import threading
from typing import Literal

from stream.sources.base import Role
from stream.sync.offset import OffsetEstimator
from stream.sync.pace import PaceWatch
from stream.sync.slew import Slew

LATEST_S, EARLIEST_S = 2.0, 0.1
"""A sender's time is believed if a frame arrives at most so much after it, or before it: a camera whose clock was never
set is years off, and one that is some seconds off is of no use for pairing either."""

THERE_NS, AWAY_NS = 1_000_000, 100_000_000
"""So near to the sender's time stamps count as its own; so far from it, because it was set, they do not any more."""

RECENT_NS = 1_000_000_000
"""Once stamps have fallen behind, only arrivals since so long say what they mean."""


class CommonRung:
    """Whether both cameras of a pair may go by their own clocks. Any thread may ask and tell.

    Two arrival times are off by the difference of two delays, an arrival time beside a sender's time by a whole delay:
    so of two network cameras either both go by their own clocks or neither.
    """

    def __init__(self, cameras: frozenset[Role]) -> None:
        """``cameras``: those that come over the network; others are stamped without delay and hold nobody up."""
        self._lock = threading.Lock()
        self._told = dict.fromkeys(cameras, False)

    def tell(self, role: Role, has_time: bool) -> bool:
        """Say whether a camera has a time of its own that can be so; whether it is to be used."""
        with self._lock:
            self._told[role] = has_time
            return all(self._told.values())


class Ladder:
    """Stamps one connection's frames, in their order; times are nanoseconds."""

    def __init__(self, role: Role = "visible", common: CommonRung | None = None) -> None:
        """``common``: shared with the other camera of the pair; None: this one goes by its own clock if it has one."""
        self._role: Role = role
        self._common = common or CommonRung(frozenset({role}))
        self._arrivals = OffsetEstimator()
        self._pace = PaceWatch()
        self._sender_ns: int | None = None
        self._slew: Slew | None = None
        self._on: Literal["ntp", "rtp", "between"] = "rtp"
        self._last_capture_ns: int | None = None
        self._arrival_ns: int | None = None
        self.unbelievable_s: float | None = None
        """By how much a sender's time that is not believed lies before the arrival, seconds; None where all is well."""

    def arrived(self, pts_ns: int | None, arrival_ns: int, sender_ns: int | None = None) -> None:
        """A packet has come: its stamp, its arrival, and its Unix time by the sender's clock where that is known."""
        self._arrival_ns = arrival_ns
        if pts_ns is None:
            return
        restarts = self._arrivals.restarts
        self._arrivals.observe(pts_ns, arrival_ns)
        if self._arrivals.restarts != restarts:
            # The sender counts anew: what a stamp meant before means nothing now.
            self._sender_ns = self._slew = None
            self._pace.restart()
        behind_ns = arrival_ns - pts_ns - (self._arrivals.offset_ns or 0)
        if self._pace.observe(behind_ns, arrival_ns):
            self._arrivals.forget_before(arrival_ns - RECENT_NS)
        if sender_ns is not None:
            delay_s = (arrival_ns - sender_ns) / 1e9
            believed = -EARLIEST_S <= delay_s <= LATEST_S
            self._sender_ns = sender_ns - pts_ns if believed else None
            self.unbelievable_s = None if believed else delay_s

    @property
    def keeps_pace(self) -> bool:
        """Whether the sender's stamps keep pace with time; where they do not, frames are stamped by their arrival."""
        return self._pace.keeps_pace

    def stamp(self, pts_ns: int | None) -> tuple[int, Literal["ntp", "rtp", "arrival"]]:
        """Unix time of capture of the frame stamped ``pts_ns``, and which clock says so.

        Never goes back, and is never later than the newest arrival. Raises ValueError before the first packet.
        """
        if self._arrival_ns is None:
            raise ValueError("no arrival has been observed yet")
        base_ns = self._arrivals.offset_ns
        common = self._common.tell(self._role, self._sender_ns is not None and self.keeps_pace)
        if not self.keeps_pace:
            self._slew = None
            return self._held(self._arrival_ns, self._arrival_ns), "arrival"
        if pts_ns is None or base_ns is None:
            return self._held(self._arrival_ns, self._arrival_ns), "arrival"
        offset_ns = self._moved(self._sender_ns if common else None, base_ns, pts_ns)
        return self._held(pts_ns + offset_ns, self._arrival_ns), "ntp" if self._on == "ntp" else "rtp"

    def _moved(self, sender_ns: int | None, base_ns: int, pts_ns: int) -> int:
        """What to add to stamps: follows arrivals freely, all else slowly."""
        target_ns, there = (base_ns, "rtp") if sender_ns is None else (sender_ns, "ntp")
        if self._slew is None:
            self._slew = Slew(target_ns)
        elif self._on == there == "rtp":
            self._slew.offset_ns = target_ns
        offset_ns = self._slew.towards(target_ns, pts_ns)
        away_ns = abs(target_ns - offset_ns)
        if away_ns <= THERE_NS:
            self._on = "rtp" if sender_ns is None else "ntp"
        elif self._on != there or away_ns > AWAY_NS:
            self._on = "between"
        return offset_ns

    def _held(self, capture_ns: int, arrival_ns: int) -> int:
        capture_ns = min(capture_ns, arrival_ns)
        if self._last_capture_ns is not None:
            capture_ns = max(capture_ns, self._last_capture_ns)
        self._last_capture_ns = capture_ns
        return capture_ns
