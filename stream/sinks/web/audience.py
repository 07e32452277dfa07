"""Who watches what, and the newest picture for each. Belongs to the server's event loop but for ``wanted``."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from stream.config import PictureStream
from stream.sinks.web.inflight import InFlight


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture, encoded once for all. ``message``: in the wire format, with its header; ``jpeg``: by itself."""

    seq: int
    message: bytes
    jpeg: bytes


class AudienceClosed(Exception):
    """The server stops: no more pictures."""


class Viewer:
    """One who watches. A picture that was not taken before the next one came is skipped, and counted."""

    def __init__(self, stream: PictureStream, *, confirms: bool) -> None:
        """``confirms``: says of each picture that it was shown, so that those on their way can be counted."""
        self.stream = stream
        self.flight = InFlight() if confirms else None
        self.skipped = 0
        self._newest: Encoded | None = None
        self._status: bytes | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def offer(self, picture: Encoded) -> None:
        """Have a picture; it takes the place of one that is still there."""
        self.skipped += self._newest is not None
        self._newest = picture
        self._changed.set()

    def tell(self, status: bytes) -> None:
        """Have a status message; it goes before pictures."""
        self._status = status
        self._changed.set()

    def watch(self, stream: PictureStream) -> None:
        """Go over to another stream: a picture of the old one is not wanted any more."""
        self.stream = stream
        self._newest = None

    def shown(self, seq: int, now_ns: int) -> None:
        """The viewer has shown this picture."""
        if self.flight is not None:
            self.flight.shown(seq, now_ns)
            self._changed.set()

    def close(self) -> None:
        """End ``next``."""
        self._closed = True
        self._changed.set()

    async def next(self) -> Encoded | bytes:
        """Wait for what is to be sent: a status message, or the newest picture once there is room for it.

        Raises AudienceClosed.
        """
        while True:
            if self._closed:
                raise AudienceClosed
            if self._status is not None:
                status, self._status = self._status, None
                return status
            if self._newest is not None and (self.flight is None or self.flight.room):
                picture, self._newest = self._newest, None
                return picture
            self._changed.clear()
            await self._changed.wait()


class Audience:
    """All viewers."""

    def __init__(self, most: int) -> None:
        """``most``: so many may watch at a time."""
        self.sent: Counter[str] = Counter()
        """Pictures sent, by stream."""
        self.wanted: frozenset[PictureStream] = frozenset()
        """Streams that somebody watches. May be read from any thread."""
        self._most = most
        self._viewers: set[Viewer] = set()
        self._skipped_before = 0
        self._closed = False

    def join(self, stream: PictureStream, *, confirms: bool) -> Viewer | None:
        """A new viewer; None when there are as many as may be, or the server stops."""
        if self._closed or len(self._viewers) >= self._most:
            return None
        viewer = Viewer(stream, confirms=confirms)
        self._viewers.add(viewer)
        self._count()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """This one watches no more."""
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            self._skipped_before += viewer.skipped
            self._count()

    def switch(self, viewer: Viewer, stream: PictureStream) -> None:
        """This one wants to see another stream."""
        viewer.watch(stream)
        self._count()

    def publish(self, stream: PictureStream, picture: Encoded) -> None:
        """Offer a picture to all who watch this stream."""
        for viewer in self._viewers:
            if viewer.stream == stream:
                viewer.offer(picture)

    def tell(self, status: bytes) -> None:
        """Give a status message to all who take one."""
        for viewer in self._viewers:
            if viewer.flight is not None:
                viewer.tell(status)

    def close(self) -> None:
        """No more pictures, for nobody."""
        self._closed = True
        for viewer in self._viewers:
            viewer.close()

    @property
    def skipped(self) -> int:
        """Pictures that were not sent because their viewer was slow, since the start."""
        return self._skipped_before + sum(viewer.skipped for viewer in list(self._viewers))

    def viewers(self, stream: PictureStream) -> int:
        """How many watch this stream now. From any thread."""
        return sum(viewer.stream == stream for viewer in list(self._viewers))

    def _count(self) -> None:
        self.wanted = frozenset(viewer.stream for viewer in self._viewers)
