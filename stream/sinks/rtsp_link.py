"""Keeps up the connection to an RTSP server: connects, sends what it is given, and connects again."""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable
from typing import Any, Literal

from stream.clock import Clock
from stream.config import RtspConfig
from stream.errors import SinkError
from stream.sinks.h264 import Coded
from stream.sinks.rtsp_advice import advice
from stream.sinks.rtsp_peer import Lost, Offer, Peer, Stopped
from stream.sources.retry import backoff_s

log = logging.getLogger("nightglass")

LinkState = Literal["waiting", "connecting", "connected", "lost", "closed"]
"""``waiting``: for the first picture; ``lost``: not connected, waiting for the next attempt."""

_DEPTH = 4
"""Coded pictures that may wait: a key frame's burst is worked off, a lag is not built up."""

_LOOK_S = 0.1
_LAST_ATTEMPT = 60
"""By then the pause has grown to its longest."""


class Link:
    """One server, tried again for as long as it takes. ``send`` never waits; a thread of its own does.

    ``offer``, ``send`` and ``connection`` belong to one thread, ``report`` may be called from any.
    """

    def __init__(self, config: RtspConfig, name: str, clock: Clock, draw: Callable[[], float] = random.random) -> None:
        """``name``: printable. ``draw``: random number in 0..1 for the pauses' jitter."""
        self._config = config
        self._name = name
        self._clock = clock
        self._draw = draw
        self._offer: Offer | None = None
        self._carried: Offer | None = None
        self._queue: queue.Queue[tuple[int, Coded]] = queue.Queue(_DEPTH)
        self._stopping = threading.Event()
        self._offered = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"push {name}", daemon=True)
        self._state: LinkState = "waiting"
        self._connections = self._failures = self._sent = 0
        self._reason: str | None = None
        self._attempt = 0
        self._told: set[str] = set()
        self.origin_us = 0
        """Unix time of tick 0 in microseconds, for the next connection."""

    def start(self) -> None:
        """Begin; connects once there is an offer."""
        self._thread.start()

    def offer(self, offer: Offer) -> None:
        """What is sent from now on; one that is connected with another offer connects anew."""
        self._offer = offer
        self._offered.set()

    @property
    def connection(self) -> int | None:
        """The connection's number, with which ``send`` is to be called; None without one. A new one wants a key frame.

        Raises SinkError once the thread has died of a defect.
        """
        if not self._thread.is_alive() and not self._stopping.is_set():
            raise SinkError(f"{self._name}: its thread has ended, which is a defect of this program; please report it")
        return self._connections if self._carried is not None and self._carried is self._offer else None

    @property
    def behind(self) -> bool:
        """Whether the server takes less than it is sent: what is not encoded now costs no other picture."""
        return self._queue.full()

    def send(self, connection: int, coded: Coded) -> None:
        """Hand over a picture that was encoded for this connection; not while ``behind``."""
        self._queue.put_nowait((connection, coded))

    def report(self) -> dict[str, Any]:
        """State and counters so far."""
        return {
            "state": self._state,
            "connections": self._connections,
            "failures": self._failures,
            "reason": self._reason,
            "sent": self._sent,
        }

    def close(self) -> None:
        """Disconnect; takes a second or two, whatever the server does. May be called twice."""
        self._stopping.set()
        self._offered.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        self._offered.wait()
        while not self._stopping.is_set():
            self._stopping.wait(self._try())
        self._state = "closed"

    def _try(self) -> float:
        """One connection, from beginning to end; how long to wait before the next, seconds."""
        offer = self._offer
        assert offer is not None
        self._state = "connecting"
        connected = False
        peer: Peer | None = None
        try:
            peer = Peer(self._config, self._clock, lambda: self._is_over(offer))
            peer.connect(offer, self.origin_us)
            connected = True
            self._connected(offer)
            self._carry(peer, offer)
            return 0.0
        except Stopped:
            return 0.0
        except Lost as lost:
            return self._lost(lost, connected=connected)
        finally:
            self._carried = None
            if peer is not None:
                peer.close()

    def _is_over(self, offer: Offer) -> bool:
        return self._stopping.is_set() or self._offer is not offer

    def _connected(self, offer: Offer) -> None:
        self._drain()
        self._connections += 1
        self._reason = None
        self._state = "connected"
        self._carried = offer
        log.info("%s: connected", self._name)

    def _carry(self, peer: Peer, offer: Offer) -> None:
        """Send until it is over. Raises Lost where that fails, or Stopped."""
        began_ns = self._clock.monotonic_ns()
        while not self._is_over(offer):
            held_s = (self._clock.monotonic_ns() - began_ns) / 1e9
            if self._attempt and held_s * 1000 > self._config.retry.max_ms:
                self._lasts(held_s)
            try:
                connection, coded = self._queue.get(timeout=_LOOK_S)
            except queue.Empty:
                peer.check()
                continue
            # One may have been encoded for the connection before.
            if connection == self._connections:
                peer.send(coded)
                self._sent += 1

    def _lasts(self, held_s: float) -> None:
        """End the back-off, and say so: some servers accept everyone and then send them away, so not before."""
        self._attempt = 0
        self._told.clear()
        log.warning("%s: it has been connected for %.0f s", self._name, held_s)

    def _lost(self, lost: Lost, *, connected: bool) -> float:
        """Count it, say it once until a connection lasts, and give the pause. ``connected``: whether it was."""
        self._state = "lost"
        self._failures += 1
        why = advice(lost.kind, lost.text, lost.waited_s, self._config.timeout_s, connected=connected)
        self._reason = why.text
        if why.text not in self._told:
            self._told.add(why.text)
            log.warning("%s: %s; trying again", self._name, why.text)
        attempt = _LAST_ATTEMPT if why.settled else self._attempt
        self._attempt += 1
        return backoff_s(attempt, self._config.retry, self._draw())

    def _drain(self) -> None:
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                return
