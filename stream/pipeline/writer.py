"""One thread a sink: takes composed pictures from a buffer and writes them."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future

from stream.buffers import Buffer, BufferClosed
from stream.clock import Clock
from stream.errors import SinkError
from stream.frames import FusedFrame, Picture
from stream.pipeline.comeback import Comeback
from stream.sinks.base import Resumable, Sink
from stream.stats import RunStats

log = logging.getLogger("nightglass")

_OPEN_WITHIN_S = 30.0


class Writer:
    """Writes to one sink. A sink that is lost ends its own thread and nothing else; ``failed`` then has its error.

    ``latency``: note each picture's time from capture to the end of its write. ``resume``: a sink that can be begun
    again is, after a pause; pictures that come meanwhile are counted as dropped.
    """

    def __init__(
        self,
        sink: Sink,
        buffer: Buffer[tuple[Picture, FusedFrame]],
        stats: RunStats,
        clock: Clock,
        *,
        latency: bool,
        resume: bool = False,
    ) -> None:
        self.sink = sink
        self.buffer = buffer
        self.failed: Exception | None = None
        self.written = 0
        self._resumable = sink if resume and isinstance(sink, Resumable) else None
        self._comeback = Comeback()
        self._interrupted: SinkError | None = None
        self._stats = stats
        self._clock = clock
        self._latency = latency
        self._opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name=f"write-{sink.name}", daemon=True)

    def start(self) -> None:
        """Start the thread and wait until the sink is open. Raises its SinkError."""
        self._thread.start()
        self._opened.result(_OPEN_WITHIN_S)

    @property
    def lost(self) -> Exception | None:
        """Why nothing is written now: for good, or until it is begun again; None where all is well."""
        return self.failed or self._interrupted

    @property
    def resumed(self) -> int:
        """How often it was lost and begun again."""
        return self._comeback.times

    def put(self, picture: Picture, fused: FusedFrame) -> bool:
        """Hand over a picture; False while the sink is lost."""
        try:
            self.buffer.put((picture, fused))
        except BufferClosed:
            return False
        return self._interrupted is None

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
            if not self._write(picture, fused):
                self._stats.drop(f"lost {self.sink.name}")
                continue
            self.written += 1
            self._stats.stage(self.sink.stage, (self._clock.monotonic_ns() - began) / 1e6)
            if self._latency:
                self._stats.latency((self._clock.now_ns() - fused.capture_ns) / 1e6)

    def _write(self, picture: Picture, fused: FusedFrame) -> bool:
        """Whether it was written. Raises SinkError where the sink cannot be begun again."""
        if self._resumable is None:
            self.sink.write(picture, fused)
            return True
        if self._interrupted is not None and not self._comeback.due(self._clock.monotonic_ns()):
            return False
        try:
            if self._interrupted is not None:
                self._resumable.reopen()
            self._resumable.write(picture, fused)
        except SinkError as error:
            if self._interrupted is None:
                log.error("%s; it is begun again once that is possible", error)
            self._interrupted = error
            self._comeback.lost(self._clock.monotonic_ns())
            return False
        if self._interrupted is not None:
            self._interrupted = None
            log.warning("%s: begun again after %.0f s", self.sink.name, self._comeback.back(self._clock.monotonic_ns()))
        return True
