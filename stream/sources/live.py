"""What network cameras and local devices share: read packets as they come, decode at once, stamp with Unix time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av

from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.sources.base import StreamInfo
from stream.sources.decode import PlaneReader, describe, to_ns, video_stream
from stream.sync.offset import OffsetEstimator


@dataclass(frozen=True, slots=True)
class LiveInput:
    """What FFmpeg is to open. ``name``: the URL without secrets. ``format``: demuxer, None to find it.

    ``options``: of demuxer and protocol. ``callback_timeout_s``: only for protocols without a time-out option.
    """

    url: str
    name: str
    format: str | None
    options: dict[str, str]
    callback_timeout_s: float | None


class LiveSource(ABC):
    """A source that cannot be asked again. Reads until the stream breaks, then raises SourceError; does not retry.

    ``capture_ns`` is the frame's stamp plus the offset that ``OffsetEstimator`` finds between the sender's clock
    and Unix time (clock ``rtp``), or the time of arrival where frames bear no stamp (clock ``arrival``).
    """

    def __init__(self, what: LiveInput, config: SourceConfig, clock: Clock) -> None:
        self.name = what.name
        self.broken_frames = 0
        self._input = what
        self._config = config
        self._clock = clock
        self._container: Any = None
        self._stream: Any = None

    @abstractmethod
    def _explain(self, error: Exception, waited_s: float) -> SourceError:
        """The error for the user: names the source, says what to check. ``waited_s``: how long FFmpeg took to fail."""

    def open(self) -> StreamInfo:
        """Connect. Raises SourceError within about ``config.timeout_s`` if nothing answers."""
        start_ns = self._clock.monotonic_ns()
        try:
            self._container = av.open(
                self._input.url,
                format=self._input.format,
                options=self._input.options,
                timeout=self._input.callback_timeout_s,
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._explain(error, self._since_s(start_ns)) from None
        try:
            self._stream = video_stream(self._container, self.name)
            info = describe(self._stream, self.name, frame_count=None, live=True)
        except SourceError:
            self.close()
            raise
        context = self._stream.codec_context
        context.thread_count = self._config.decoder_threads
        # Frame threads would hold back one frame each.
        context.thread_type = "SLICE"
        context.flags |= av.codec.context.Flags.low_delay
        return info

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they arrive. Raises SourceError when the stream breaks or ends."""
        reader = PlaneReader()
        offsets = OffsetEstimator()
        seq = 0
        for packet in self._packets():
            arrival_ns = self._clock.now_ns()
            if packet.pts is None:
                offsets.arrived(arrival_ns)
            else:
                offsets.observe(to_ns(packet.pts, packet.time_base), arrival_ns)
            try:
                pictures = packet.decode()
            except av.InvalidDataError:
                self.broken_frames += 1
                seq += 1
                continue
            except av.FFmpegError as error:
                raise self._explain(error, 0.0) from None
            for picture in pictures:
                planes = reader.read(picture)
                pts_ns = None if picture.pts is None else to_ns(picture.pts, picture.time_base)
                yield Frame(
                    luma=planes.luma,
                    chroma=planes.chroma,
                    pixel_format=picture.format.name,
                    color_range=planes.color_range,
                    pts_s=None if pts_ns is None else pts_ns / 1e9,
                    capture_ns=offsets.capture_ns(pts_ns),
                    clock="arrival" if pts_ns is None else "rtp",
                    seq=seq,
                    source=self.name,
                )
                seq += 1

    def close(self) -> None:
        """Disconnect; may be called twice, from the thread that reads."""
        if self._container is not None:
            self._container.close()
        self._container = self._stream = None

    def _packets(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            start_ns = self._clock.monotonic_ns()
            try:
                packet = next(packets)
            except StopIteration:
                raise SourceError(f"{self.name}: the sender ended the stream") from None
            except (av.FFmpegError, OSError) as error:
                raise self._explain(error, self._since_s(start_ns)) from None
            if packet.size:
                yield packet

    def _since_s(self, start_ns: int) -> float:
        return (self._clock.monotonic_ns() - start_ns) / 1e9
