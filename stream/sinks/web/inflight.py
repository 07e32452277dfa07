"""How many pictures may be on their way to one viewer at a time. Pure: it is told when they leave and when they arrive.

A viewer confirms each picture once it is shown. One picture at a time would cap the rate at one a round trip; many
would queue up on a slow link, and the viewer would lag. So the number follows how long the confirmations take, as
TCP Vegas does (Brakmo and Peterson, 1995): what takes longer than the quickest ones has been waiting in a queue.
"""

from __future__ import annotations

from collections import deque

_AT_FIRST = 2.0
_AT_MOST = 8.0
_MORE_BELOW = 0.5
_LESS_ABOVE = 0.75
"""Pictures that wait in a queue on the way: fewer, and one more may go; more, and one less."""

_FORGET = 1.002
"""The quickest confirmation counts for less with each that comes: pictures change their size, routes their delay."""


class InFlight:
    """The pictures that one viewer has not confirmed yet, and whether another may follow."""

    def __init__(self) -> None:
        self._size = _AT_FIRST
        self._least_ns = float("inf")
        self._sent: deque[tuple[int, int, bool]] = deque()

    @property
    def size(self) -> int:
        """How many may be on their way, at least 1."""
        return int(self._size)

    @property
    def room(self) -> bool:
        """Whether another may be sent now."""
        return len(self._sent) < self.size

    def sent(self, seq: int, now_ns: int) -> None:
        """A picture leaves. ``now_ns``: monotonic time."""
        self._sent.append((seq, now_ns, len(self._sent) + 1 >= self.size))

    def shown(self, seq: int, now_ns: int) -> None:
        """The viewer confirms the picture ``seq``, and with it those before it; of others it knows nothing."""
        if seq not in (one for one, _, _ in self._sent):
            return
        while True:
            first, sent_ns, filled = self._sent.popleft()
            if first == seq:
                break
        took_ns = max(1, now_ns - sent_ns)
        self._least_ns = min(took_ns, self._least_ns * _FORGET)
        queued = self.size * (1 - self._least_ns / took_ns)
        # A camera that is slower than the link says nothing about the link.
        if filled and queued < _MORE_BELOW:
            self._size = min(_AT_MOST, self._size + 1 / self._size)
        elif queued > _LESS_ABOVE:
            self._size = max(1.0, self._size - 1 / self._size)
