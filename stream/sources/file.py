"""Video files."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import av

from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import SourceEnded, SourceError
from stream.frames import Frame
from stream.sources.base import StreamInfo
from stream.sources.decode import (
    ALL_TURNS,
    PlaneReader,
    check_decoder,
    describe,
    quarter_turns,
    rate_of,
    to_ns,
    video_stream,
)
from stream.sources.deinterlace import Deinterlacer
from stream.sources.marks import Marks
from stream.sources.pacing import CommonStart, Pacer

log = logging.getLogger("nightglass")

_DEFAULT_RATE_HZ = 25.0

_FIRST_PACKETS = 50
"""Among so many a picture is looked for."""

_OUT_OF_ORDER_NS = 250_000_000
_OUT_OF_ORDER_FRAMES = 5
"""Stamps that go back by no more than that, whichever is longer, are of pictures in a wrong order."""

_CLOCK_TIME = re.compile(r"([0-9]+):([0-9]+):([0-9]+(?:\.[0-9]*)?)\0*")
"""As Matroska's DURATION tag has it: 00:01:02.500000000."""

# FFmpeg plays text as video, by drawing its letters.
_TEXT_FORMATS = frozenset({"tty", "bin", "xbin", "adf", "idf"})


class FileSource:
    """A video file: every frame once, or at its own rate (``realtime``), once or for ever (``loop``).

    Frames are decoded in the calling thread with ``config.decoder_threads``. ``capture_ns`` is the frame's time
    since the first one; with ``realtime``, the Unix time at which it is due. With ``loop`` times go on growing.
    Frames are turned by quarter turns as the file is marked (phones do it).
    """

    def __init__(self, path: Path, config: SourceConfig, clock: Clock, start: CommonStart | None = None) -> None:
        """``start``: with ``realtime``, shared with the recording that is played beside it."""
        self.name = str(path)
        self.broken_frames = 0
        self._path = path
        self._config = config
        self._clock = clock
        self._start = start
        self._container: Any = None
        self._stream: Any = None

    def open(self) -> StreamInfo:
        """Open the file. Raises SourceError: missing, empty, not a video, without a video stream."""
        _check_file(self._path)
        self._open_container()
        declared = _declared(self._container, self._stream)
        info = describe(self._stream, self.name, frame_count=declared.frames, live=self._config.realtime)
        has_sound = bool(self._container.streams.audio)
        info = replace(info, has_sound=has_sound)
        if self._lies_on_its_side():
            info = replace(info, width=info.height, height=info.width, pixel_aspect=1 / info.pixel_aspect)
        self.close()
        self._open_container()
        return info

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in presentation order.

        Raises SourceEnded after the last one that can be read if the file's header declares clearly more.
        """
        reader = PlaneReader(hd_is_709=True, turns=ALL_TURNS)
        pacer = Pacer(self._clock, self._start) if self._config.realtime else None
        seq = 0
        lap_start_ns = 0
        marks, whole = Marks(self.name, ALL_TURNS), Deinterlacer(self.name)
        while True:
            lap = _Lap(self._container, self._stream, whole)
            for picture, elapsed_ns, pts_s in lap.pictures():
                marks.tell(picture)
                try:
                    planes = reader.read(picture)
                except (av.FFmpegError, OSError):
                    # Damage can name a colour space or format that swscale knows no way from.
                    lap.took_back()
                    continue
                elapsed_ns += lap_start_ns
                yield Frame(
                    luma=planes.luma,
                    chroma=planes.chroma,
                    pixel_format=picture.format.name,
                    color_range=planes.color_range,
                    pts_s=None if pts_s is None else pts_s + lap_start_ns / 1e9,
                    capture_ns=pacer.wait_ns(elapsed_ns) if pacer else elapsed_ns,
                    clock="file",
                    seq=seq + lap.broken,
                    source=self.name,
                )
                seq += 1
                if pacer:
                    pacer.rest(elapsed_ns, lap.period_ns)
            self.broken_frames += lap.broken
            seq += lap.broken
            self._check_end(lap)
            if not self._config.loop:
                return
            if not lap.read:
                raise SourceError(f"{self.name}: no frame of it can be decoded; re-encode it or give another file")
            lap_start_ns += lap.end_ns
            self.close()
            self._open_container()

    def close(self) -> None:
        """Close the file; may be called twice."""
        if self._container is not None:
            self._container.close()
        self._container = self._stream = None

    def _lies_on_its_side(self) -> bool:
        """Whether the first picture, which is read for that, is marked to be turned by a quarter."""
        for packet in islice(self._container.demux(self._stream), _FIRST_PACKETS):
            with suppress(av.FFmpegError, OSError):
                for picture in packet.decode():
                    return quarter_turns(picture.rotation) in (1, 3)
        return False

    def _open_container(self) -> None:
        try:
            # "file:" keeps FFmpeg from reading a colon in the path as the name of a protocol.
            # A title in the camera maker's own code page is no reason to refuse the pictures.
            self._container = av.open(f"file:{self._path}", metadata_errors="replace")
        except av.InvalidDataError:
            raise SourceError(
                f"{self.name} is not a readable video; is it damaged, cut off or of another kind?"
            ) from None
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{self.name}: cannot open it: {error.strerror}") from None
        try:
            if self._container.format.name in _TEXT_FORMATS:
                raise SourceError(f"{self.name} is not a readable video but text; give a video file")
            self._stream = video_stream(self._container, self.name)
            check_decoder(self._stream, self.name)
        except SourceError:
            self.close()
            raise
        threads = self._config.decoder_threads
        self._stream.codec_context.thread_count = threads
        self._stream.codec_context.thread_type = "SLICE" if threads == 1 else "AUTO"

    def _check_end(self, lap: _Lap) -> None:
        if not lap.read:
            raise SourceError(f"{self.name}: no frame of it can be decoded; re-encode it or give another file")
        if lap.broken:
            log.warning("%s: %d frames could not be decoded and were skipped", self.name, lap.broken)
        if lap.restarts:
            log.warning(
                "%s: its time stamps start again %d times, first after %.2f s: joined from several recordings? "
                "What follows is taken to come right after what went before",
                self.name,
                lap.restarts,
                lap.first_restart_ns / 1e9,
            )
        declared = _declared(self._container, self._stream)
        if declared.is_truncated(lap):
            raise SourceEnded(
                f"{self.name} is truncated: {lap.read} of {declared.frames} frames could be read; "
                "copy the file again, or go on with what there is"
            )


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file or folder; check the path") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot read it: {error.strerror}") from None
    if size == 0 and path.is_file():
        raise SourceError(f"{path} is empty (0 bytes); copy or record it again")


class _Lap:
    """One pass through a file. ``read``, ``broken``, ``end_ns``: counted as it goes; the end is relative.

    ``period_ns``: nominal time from one picture to the next. ``restarts``: how often the stamps have started anew, the
    first time at ``first_restart_ns``: transport streams that were put one after another have that.
    """

    def __init__(self, container: Any, stream: Any, whole: Deinterlacer) -> None:
        self._container = container
        self._stream = stream
        self._whole = whole
        self.period_ns = round(1e9 / (rate_of(stream) or _DEFAULT_RATE_HZ))
        self._zero_ns: int | None = None
        # AVI stamps packets in the order of decoding only: a picture with B frames around it would get another's time.
        self._in_decoding_order = container.format.name == "avi"
        self._out_of_order_ns = max(_OUT_OF_ORDER_NS, _OUT_OF_ORDER_FRAMES * self.period_ns)
        self.restarts = 0
        self.first_restart_ns = 0
        self.read = 0
        self.broken = 0
        self.end_ns = 0

    def pictures(self) -> Iterator[tuple[av.VideoFrame, int, float | None]]:
        """Yield each picture, its time since the first one in nanoseconds, and its own time stamp in seconds."""
        for picture in self._decoded():
            elapsed_ns = self.end_ns
            pts_s = None
            if picture.pts is not None:
                pts_ns = to_ns(picture.pts, picture.time_base)
                pts_s = pts_ns / 1e9
                if self._zero_ns is None:
                    self._zero_ns = pts_ns - elapsed_ns
                elapsed_ns = pts_ns - self._zero_ns
                if elapsed_ns < self.end_ns - self._out_of_order_ns:
                    self._restart(self.end_ns - elapsed_ns)
                    elapsed_ns = self.end_ns
            self.end_ns = elapsed_ns + self.period_ns
            self.read += 1
            yield picture, elapsed_ns, pts_s

    def took_back(self) -> None:
        """Count the picture that was given last as broken."""
        self.read -= 1
        self.broken += 1

    def _restart(self, back_ns: int) -> None:
        """Go on right after the last picture, although the stamps have gone back by ``back_ns``."""
        assert self._zero_ns is not None
        self._zero_ns -= back_ns
        if not self.restarts:
            self.first_restart_ns = self.end_ns
        self.restarts += 1

    def _decoded(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except (av.FFmpegError, OSError) as error:
                # What follows cannot be reached any more; whether that is too early is for the caller to judge.
                log.warning("%s: reading stopped: %s", self._container.name, error.strerror)
                break
            try:
                pictures = packet.decode()
                if self._in_decoding_order:
                    for picture in pictures:
                        picture.pts = picture.dts
                pictures = [whole for picture in pictures for whole in self._whole.push(picture)]
            except (av.FFmpegError, OSError):
                # Damage is "invalid data" mostly, but some decoders call it "not implemented" or "not permitted".
                self.broken += 1
                continue
            yield from pictures
        yield from self._whole.flush()


@dataclass(frozen=True, slots=True)
class _Declared:
    """What a file's header promises: number of frames and duration, None where it says nothing reliable."""

    frames: int | None
    duration_ns: int | None
    exact: bool

    def is_truncated(self, lap: _Lap) -> bool:
        """Clearly less was read than declared: by count and, where the header has a duration, by time too.

        Both, because AVI counts dropped frames and edit lists of MP4 hide some: then only one of them is short.
        """
        if self.frames is None:
            return False
        missing = self.frames - lap.read - lap.broken
        short = missing > max(2, self.frames // 100)
        if self.duration_ns is None:
            return short and self.exact
        missing_ns = self.duration_ns - lap.end_ns
        tolerance_ns = self.duration_ns // 100 if self.exact else max(500_000_000, self.duration_ns // 50)
        return short and missing_ns > tolerance_ns


def _declared(container: Any, stream: Any) -> _Declared:
    duration_ns = _duration_ns(container, stream)
    if stream.frames:
        return _Declared(stream.frames, duration_ns, exact=True)
    rate_hz = rate_of(stream)
    if duration_ns is None or rate_hz is None:
        return _Declared(None, None, exact=False)
    return _Declared(round(duration_ns * rate_hz / 1e9), duration_ns, exact=False)


def _duration_ns(container: Any, stream: Any) -> int | None:
    """Duration of the video, from its first frame on.

    Matroska keeps a stream's own duration in a tag, only the longest in its header, and counts both from time zero.
    """
    rate_hz = rate_of(stream)
    if container.format.name == "avi" and stream.frames and rate_hz:
        # FFmpeg adapts the duration of a cut AVI to the size that is left; the frame count is still the header's.
        return round(stream.frames * 1e9 / rate_hz)
    if stream.duration:
        return to_ns(stream.duration, stream.time_base)
    start_ns = to_ns(stream.start_time or 0, stream.time_base)
    tag = _CLOCK_TIME.fullmatch(stream.metadata.get("DURATION", ""))
    if tag is not None:
        hours, minutes, seconds = tag.groups()
        return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1e9) - start_ns
    if container.duration and len(container.streams) == 1:
        return int(container.duration) * 1_000_000_000 // av.time_base - start_ns
    return None
