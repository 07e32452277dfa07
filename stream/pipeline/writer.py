"""One thread a sink: takes composed pictures from a buffer and writes them."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

from stream.buffers import Buffer, BufferClosed
from stream.clock import Clock
from stream.errors import SinkError
from stream.frames import FusedFrame, Picture
from stream.sinks.base import Sink
from stream.stats import RunStats

log = logging.getLogger("nightglass")

_OPEN_WITHIN_S = 30.0


class Writer:
    """Writes to one sink. A sink that is lost ends its own thread and nothing else; ``failed`` then has its error.

    ``latency``: note each picture's time from capture to the end of its write.
    """

    def __init__(
        self, sink: Sink, buffer: Buffer[tuple[Picture, FusedFrame]], stats: RunStats, clock: Clock, *, latency: bool
    ) -> None:
        self.sink = sink
        self.buffer = buffer
        self.failed: Exception | None = None
        self.written = 0
        self._stats = stats
        self._clock = clock
        self._latency = latency
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=f"write-{sink.name}", daemon=True)

    def start(self) -> None:
        """Start the thread and wait until the sink is open. Raises its SinkError."""
        self._thread.start()
        self._opened.result(_OPEN_WITHIN_S)

    def put(self, picture: Picture, fused: FusedFrame) -> bool:
        """Hand over a picture; False once the sink is lost."""
        try:
            self.buffer.put((picture, fused))
        except BufferClosed:
            return False
        return True

    def finish(self) -> None:
        """Let it write what it has, close the sink, and wait for that."""
        self.buffer.close()
        if self._thread.ident is not None:
            self._thread.join()
        self._stats.drop(f"slow {self.sink.name}", self.buffer.dropped)

    def _run(self) -> None:
        try:
            try:
                self.sink.open()
            except BaseException as error:
                self._opened.set_exception(error)
                raise
            self._opened.set_result(None)
            self._write_all()
        except SinkError as error:
            self.failed = error
            if self._opened.done() and self._opened.exception() is None:
                log.error("%s", error)
        except Exception as error:
            # A defect of ours: the run must not go on as if this output were written.
            self.failed = error
            raise
        finally:
            # A sink that failed is closed too: a recording up to there stays playable.
            try:
                self.sink.close()
            except SinkError as error:
                self.failed = self.failed or error
            self.buffer.close()

    def _write_all(self) -> None:
        while True:
            try:
                item = self.buffer.get()
            except BufferClosed:
                return
            assert item is not None  # no time-out was given
            picture, fused = item
            began = self._clock.monotonic_ns()
            self.sink.write(picture, fused)
            self.written += 1
            self._stats.stage(self.sink.stage, (self._clock.monotonic_ns() - began) / 1e6)
            if self._latency:
                self._stats.latency((self._clock.now_ns() - fused.capture_ns) / 1e6)
