"""The recording: one MP4 or MKV, or a chain of segments."""

from __future__ import annotations

import contextlib
import itertools
import logging
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from stream.config import RecordConfig
from stream.errors import SinkError, UsageError
from stream.frames import FusedFrame, Picture
from stream.sinks.claim import Claim, Taken
from stream.sinks.room import check_room
from stream.sinks.timeline import Timeline
from stream.sinks.videofile import TICKS_PER_S, VideoFile

_log = logging.getLogger("nightglass")


class Recorder:
    """A Sink that records pictures to ``config.path``; time stamps come from ``FusedFrame.capture_ns``.

    With ``segment_s`` the files are called ``NAME-20240131T235959-123Z.mp4`` after the capture time of their first
    frame; each frame is in exactly one of them, and each starts with a key frame at time 0. A segment never
    replaces a file, and neither does a live recording: it takes such a name if ``path`` is there already.
    A live picture that changes its size (a camera was set up anew) goes on in another file, with such a name.
    No two recordings write one file, and one that was removed meanwhile is noticed.
    ``live``: encode without delay; otherwise the encoder may look ahead.
    """

    stage = "encode"

    def __init__(
        self, config: RecordConfig, *, rate_hz: float, live: bool, pixel_aspect: Fraction = Fraction(1)
    ) -> None:
        """Raises UsageError for a path or codec that cannot be recorded."""
        self.name = f"record {config.path}"
        self.frames_written = 0
        self._config = config
        self._path = Path(config.path)
        self._rate_hz = rate_hz
        self._live = live
        self._pixel_aspect = pixel_aspect
        suffix = self._path.suffix.lower()
        if suffix not in TICKS_PER_S:
            raise UsageError(f"{self.name}: the path must end in .mp4, .mkv, or / (a folder of PNG)")
        if config.codec == "ffv1" and suffix != ".mkv":
            raise UsageError(f"{self.name}: codec ffv1 needs a path that ends in .mkv")
        self._timeline = Timeline(TICKS_PER_S[suffix], rate_hz)
        self._jumps_told = 0
        self._bumped_before = 0
        self._file: VideoFile | None = None
        self._claim: Claim | None = None
        self._next_look_ticks = 0
        self._file_start_ticks = 0
        self._size: tuple[int, int] | None = None

    @property
    def bumped_frames(self) -> int:
        """Frames whose capture time was not later than the one before, moved by a tick."""
        return self._bumped_before + self._timeline.bumped

    def open(self) -> None:
        """Check that the folder takes a file. Raises SinkError."""
        try:
            if self._path.is_dir():
                raise SinkError(f"{self.name}: this is a folder; name a file, or end the path in / for a folder of PNG")
            if not self._path.parent.is_dir():
                raise SinkError(f"{self.name}: folder {self._path.parent} does not exist; create it first")
            with tempfile.TemporaryFile(dir=self._path.parent):
                pass
            if self._path.exists():
                with self._path.open("r+b"):
                    pass
        except OSError as error:
            raise SinkError(f"{self.name}: cannot write there: {error.strerror}; choose another path") from None

    def reopen(self) -> None:
        """After a failed write: check that the folder takes a recording again. Raises SinkError if not."""
        self.open()
        check_room(self.name, self._path.parent)
        # However long that took: the gap lies between two files.
        self._bumped_before += self._timeline.bumped
        self._timeline = Timeline(self._timeline.ticks_per_s, self._rate_hz)
        self._jumps_told = 0

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        """Record one picture.

        Raises SinkError when the file cannot be written, or, if not live, the picture's size has changed.
        """
        size = (picture.width, picture.height)
        if size != self._size:
            self._change_size(size)
        ticks = self._timeline.ticks(fused.capture_ns)
        if self._timeline.jumps > self._jumps_told:
            self._jumps_told = self._timeline.jumps
            _log.warning(
                "%s: the capture clock was set (frame %d); time stamps go on without a gap", self.name, fused.seq
            )
        if self._segment_is_full(ticks):
            self._finish()
        if self._file is None:
            self._file = self._start(picture, fused.capture_ns)
            self._file_start_ticks = self._next_look_ticks = ticks
        try:
            if ticks >= self._next_look_ticks:
                self._look()
                self._next_look_ticks = ticks + self._timeline.ticks_per_s
            self._file.write(picture, ticks - self._file_start_ticks)
        except SinkError:
            self._give_up()
            raise
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file. Raises SinkError if that fails; may be called twice."""
        self._finish()

    def _change_size(self, size: tuple[int, int]) -> None:
        if self._size is not None:
            change = f"the picture changed from {self._size[0]}x{self._size[1]} to {size[0]}x{size[1]}"
            if not self._live:
                raise SinkError(
                    f"{self.name}: {change}, a recording has one size; write a folder of PNG (path ending in /) instead"
                )
            _log.warning("%s: %s: it goes on in another file", self.name, change)
            self._finish()
        self._size = size
        if (size[0] % 2 or size[1] % 2) and self._config.codec != "ffv1":
            _log.warning("%s: odd size %dx%d, last row or column repeated to make it even", self.name, *size)

    def _segment_is_full(self, ticks: int) -> bool:
        if self._file is None or self._config.segment_s is None:
            return False
        return ticks - self._file_start_ticks >= self._config.segment_s * self._timeline.ticks_per_s

    def _start(self, picture: Picture, capture_ns: int) -> VideoFile:
        claim = self._claim = self._claimed(capture_ns)
        try:
            return VideoFile(
                claim.path,
                self._config,
                width_px=picture.width,
                height_px=picture.height,
                rate_hz=self._rate_hz,
                live=self._live,
                pixel_aspect=self._pixel_aspect,
            )
        except SinkError:
            self._claim = None
            claim.withdraw()
            raise

    def _claimed(self, capture_ns: int) -> Claim:
        """The file to record to: of several that run with one path each gets its own."""
        try:
            if not self._live and self._config.segment_s is None:
                return Claim(self._path, new=False)
            for path in self._names(capture_ns):
                with contextlib.suppress(FileExistsError, Taken):
                    claim = Claim(path, new=True)
                    if self._config.segment_s is None and path != self._path:
                        _log.warning("%s: there already, recording to %s instead", self.name, path)
                    return claim
        except Taken:
            raise SinkError(f"{self.name}: another process is writing this file; give another path") from None
        except OSError as error:
            raise SinkError(
                f"{self.name}: cannot make a file there: {error.strerror}; check the folder and the disk's free space"
            ) from None
        raise AssertionError("names never end")

    def _names(self, capture_ns: int) -> Iterator[Path]:
        if self._config.segment_s is None:
            yield self._path
        first = stamped(self._path, capture_ns)
        yield first
        for number in itertools.count(2):
            yield first.with_name(f"{first.stem}-{number}{first.suffix}")

    def _look(self) -> None:
        """Raises SinkError where the file is not there any more: what is written into it would be lost."""
        if self._claim is not None and not self._claim.in_place:
            raise SinkError(
                f"record {self._claim.path}: it was removed or renamed while it was written; leave it and its folder "
                "alone until it is finished"
            )

    def _give_up(self) -> None:
        file, self._file = self._file, None
        claim, self._claim = self._claim, None
        if file is not None:
            file.abandon()
        if claim is not None and (file is None or not file.frames or claim.empty):
            claim.withdraw()
        elif claim is not None:
            claim.release()

    def _finish(self) -> None:
        file, self._file = self._file, None
        claim, self._claim = self._claim, None
        try:
            if file is not None:
                file.close()
        finally:
            if claim is not None:
                claim.release()


def stamped(path: Path, capture_ns: int) -> Path:
    """``path`` with the capture time before its ending, in UTC to the millisecond: ``a-20240131T235959-123Z.mp4``."""
    milliseconds = capture_ns // 1_000_000
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return path.with_name(f"{path.stem}-{moment:%Y%m%dT%H%M%S}-{milliseconds % 1000:03d}Z{path.suffix}")
