"""Whether a sender's time stamps keep pace with time. Pure: times come as arguments, in nanoseconds."""

from __future__ import annotations

BEHIND_NS = 500_000_000
"""Further than this behind the fastest of the last arrivals a packet is late."""

RUN_NS = 3_000_000_000
"""Packets that are late for so long, without one that is not, have more than a network in a bad moment behind them."""

AGAIN_NS = 10_000_000_000
"""A network that became slower is so once. Stamps that fall behind again within so long are wrong."""

TRUST_NS = 30_000_000_000
"""Wrong stamps are used again once they have kept pace for so long."""


class PaceWatch:
    """Tells stamps that stand still, run backwards or too slowly from packets that are late.

    A camera that sends 10 frames a second and stamps them as 25 would else come to be seconds behind its pictures.
    """

    def __init__(self) -> None:
        self.keeps_pace = True
        """Whether the stamps can be used."""
        self._late_since_ns: int | None = None
        self._fell_behind_ns: int | None = None

    def observe(self, behind_ns: int, arrival_ns: int) -> bool:
        """Take note of a packet; True where what was known of earlier arrivals holds no more.

        ``behind_ns``: how much later than the fastest of the last arrivals it came, by its stamp.
        """
        if behind_ns <= BEHIND_NS:
            self._late_since_ns = None
        elif self._late_since_ns is None:
            self._late_since_ns = arrival_ns
        elif arrival_ns - self._late_since_ns >= RUN_NS:
            before_ns, self._fell_behind_ns, self._late_since_ns = self._fell_behind_ns, arrival_ns, None
            if before_ns is not None and arrival_ns - before_ns <= AGAIN_NS:
                self.keeps_pace = False
            return True
        if self._fell_behind_ns is not None and arrival_ns - self._fell_behind_ns > TRUST_NS:
            self.keeps_pace = True
        return False

    def restart(self) -> None:
        """The sender counts anew: packets are not late for what was before."""
        self._late_since_ns = None
