"""Who listens: subscriptions as an XPUB socket reports them. Pure."""

from __future__ import annotations

from collections import Counter

from stream.sinks.wire import subscription


class Subscribers:
    """Counts subscriptions; a picture nobody has asked for need not be encoded.

    An XPUB socket (verbose both ways) hands out one message for each subscription (0x01 + prefix) and for each
    cancellation or lost connection (0x00 + prefix).
    """

    def __init__(self) -> None:
        self._prefixes: Counter[bytes] = Counter()

    def update(self, message: bytes) -> None:
        """Take one message of the XPUB socket; messages of other kinds are a peer's own and mean nothing."""
        kind, prefix = message[:1], message[1:]
        if kind == b"\x01":
            self._prefixes[prefix] += 1
        elif kind == b"\x00" and self._prefixes[prefix] > 1:
            self._prefixes[prefix] -= 1
        elif kind == b"\x00":
            del self._prefixes[prefix]

    def count(self, topic: str) -> int:
        """Subscriptions that a message of this topic matches (a viewer that subscribes twice counts twice)."""
        start = subscription(topic)
        return sum(n for prefix, n in self._prefixes.items() if start.startswith(prefix) or prefix.startswith(start))
