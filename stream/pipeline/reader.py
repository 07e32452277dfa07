"""One thread a source: opens it, decodes, and fills a buffer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from stream.buffers import Buffer, BufferClosed
from stream.clock import Clock
from stream.errors import NightglassError, SourceError
from stream.frames import Frame
from stream.sources.base import Role, Source, StreamInfo
from stream.stats import RunStats

log = logging.getLogger("nightglass")

_LOOK_S = 0.1

Arrival = tuple[Frame, int]
"""A frame and the moment it came, nanoseconds of Unix time."""


class Reader:
    """Reads one source into ``buffer``; the buffer is closed at the end, with the error that ended it if any.

    ``notify`` is called after every frame and at the end, from the reader's thread. Nothing is read before ``begin``;
    what a ``passing`` source (a camera) sends before that is let go, and counted as frames before the start.
    """

    def __init__(
        self,
        source: Source,
        role: Role,
        buffer: Buffer[Arrival],
        stats: RunStats,
        clock: Clock,
        notify: Callable[[], None] = lambda: None,
        *,
        passing: bool = False,
    ) -> None:
        self.source = source
        self.role = role
        self.buffer = buffer
        self.info: Future[StreamInfo] = Future()
        self._stats = stats
        self._clock = clock
        self._notify = notify
        self._passing = passing
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read-{role}", daemon=True)

    def start(self) -> None:
        """Start the thread; ``info`` is then resolved with what the source says of itself, or with its error."""
        self._thread.start()

    def begin(self) -> None:
        """From now on, every frame counts."""
        self._begun.set()

    def opened(self, within_s: float, stopped: Callable[[], bool] = lambda: False) -> StreamInfo:
        """Wait until the source is open; what it says of itself.

        Raises the error of opening it, and SourceError after ``within_s`` seconds or once ``stopped`` says so.
        """
        deadline_ns = self._clock.monotonic_ns() + round(within_s * 1e9)
        while not stopped():
            if wait([self.info], _LOOK_S).done:
                return self.info.result()
            if self._clock.monotonic_ns() > deadline_ns:
                raise SourceError(f"{self.source.name}: not open after {within_s:g} s; check that it answers")
        raise SourceError(f"{self.source.name}: stopped before it was open")

    @property
    def reconnects(self) -> int:
        """How often the source has been connected again so far; 0 for one that cannot be."""
        return getattr(self.source, "reconnects", 0)

    def end(self) -> None:
        """Close the buffer, which ends the thread at its next frame."""
        self.buffer.close()
        self._begun.set()

    def stop(self, timeout_s: float = 5.0) -> None:
        """End it, and wait for the thread, which a silent camera may hold up for its own time-out."""
        self.end()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("%s: the source did not stop in time; it is left behind", self.source.name)

    def _run(self) -> None:
        ended_by: BaseException | None = None
        try:
            try:
                self.info.set_result(self.source.open())
            except NightglassError as error:
                self.info.set_exception(error)
                ended_by = error
            else:
                self._read()
        except BufferClosed:
            pass
        except NightglassError as error:
            ended_by = error
        except BaseException as error:
            # A defect of ours: hand it to the thread that waits, or the run would hang without a word.
            ended_by = error
            if not self.info.done():
                self.info.set_exception(error)
            raise
        finally:
            self.source.close()
            self._stats.drop(f"broken_{self.role}", self.source.broken_frames)
            self._stats.count(f"reconnects.{self.role}", self.reconnects)
            self._stats.drop(f"{self.role}_buffer", self.buffer.dropped)
            self.buffer.close(ended_by)
            self._notify()

    def _read(self) -> None:
        if not self._passing:
            self._begun.wait()
        frames = self.source.frames()
        while True:
            # Processor time, as a live source spends most of the call waiting for the camera.
            began = self._clock.thread_cpu_ns()
            frame = next(frames, None)
            if frame is None:
                return
            if not self._begun.is_set():
                self._stats.count(f"frames_before_start.{self.role}")
                continue
            self._stats.stage("decode", (self._clock.thread_cpu_ns() - began) / 1e6)
            self._stats.count(f"frames_in.{self.role}")
            self.buffer.put((frame, self._clock.now_ns()))
            self._notify()
