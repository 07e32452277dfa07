"""Bounded buffers between threads, with a named policy and a counter for every dropped item."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Literal, TypeVar

T = TypeVar("T")


class BufferClosed(Exception):
    """The other side has closed the buffer (and, for a reader, everything left in it has been read)."""


class Buffer(Generic[T]):
    """A bounded first-in, first-out buffer for one writer and one reader.

    ``latest``: a full buffer drops its oldest item (counted in ``dropped``); the writer never waits.
    ``block``: the writer waits for room; nothing is lost.
    """

    def __init__(self, depth: int, policy: Literal["latest", "block"]) -> None:
        if depth < 1:
            raise ValueError(f"depth must be at least 1, got {depth}")
        self.depth = depth
        self.policy = policy
        self.dropped = 0
        self._items: deque[T] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Add an item. Raises BufferClosed if the reader has gone."""
        with self._changed:
            if self.policy == "block":
                while len(self._items) >= self.depth and not self._closed:
                    self._changed.wait()
            elif len(self._items) >= self.depth and not self._closed:
                self._items.popleft()
                self.dropped += 1
            if self._closed:
                raise BufferClosed
            self._items.append(item)
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T | None:
        """Take the oldest item; None when ``timeout_s`` passes first.

        Raises BufferClosed at the end, or the error that the writer closed it with, once it is empty.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._items) or self._closed, timeout_s):
                return None
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None:
                raise self._error
            raise BufferClosed

    def close(self, error: BaseException | None = None) -> None:
        """End it from either side. Items already in it can still be read. The first error given is kept."""
        with self._changed:
            self._closed = True
            self._error = self._error or error
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._items)
