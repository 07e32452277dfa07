"""What network cameras and local devices share: read packets as they come, decode at once, stamp with Unix time."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
from av.format import Flags

from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.sources.base import Role, StreamInfo
from stream.sources.decode import UPSIDE_DOWN, PlaneReader, describe, sender_time_ns, to_ns, video_stream
from stream.sources.deinterlace import Deinterlacer
from stream.sources.marks import Marks
from stream.sources.pump import Failed, PacketPump, Silent
from stream.sync.ladder import CommonRung, Ladder

log = logging.getLogger("nightglass")


@dataclass(frozen=True, slots=True)
class LiveInput:
    """What FFmpeg is to open. ``name``: the URL without secrets. ``format``: demuxer, None to find it.

    ``options``: of demuxer and protocol. ``open_timeout_s``, ``read_timeout_s``: PyAV's, None: only FFmpeg's own.
    ``silent_s``: after so long without a packet of its pictures it is given up, whatever else it sends.
    ``hd_is_709``: as for ``PlaneReader``.
    """

    url: str
    name: str
    format: str | None
    options: dict[str, str]
    open_timeout_s: float | None = None
    read_timeout_s: float | None = None
    silent_s: float = 60.0
    hd_is_709: bool = False


class LiveSource(ABC):
    """A source that cannot be asked again. Reads until the stream breaks, then raises SourceError; does not retry.

    ``capture_ns`` is the moment by the sender's own clock, where it says what time it is (clock ``ntp``, see
    ``stream.sync.ladder``); else the frame's stamp plus the offset that arrivals show between the sender's stamps and
    Unix time (clock ``rtp``), or the time of arrival where frames bear no stamp, or one that cannot be (clock
    ``arrival``).
    """

    def __init__(
        self,
        what: LiveInput,
        config: SourceConfig,
        clock: Clock,
        role: Role = "visible",
        common: CommonRung | None = None,
    ) -> None:
        """``common``: shared with the other camera of the pair, so that both go by one kind of clock."""
        self.name = what.name
        self.broken_frames = 0
        self._input = what
        self._config = config
        self._clock = clock
        self._ladder = Ladder(role, common)
        self._said_unbelievable = self._said_out_of_pace = False
        self._stamped = True
        self._container: Any = None
        self._pump: PacketPump | None = None
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
                timeout=(self._input.open_timeout_s, self._input.read_timeout_s),
                metadata_errors="replace",
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._explain(error, self._since_s(start_ns)) from None
        try:
            self._stream = video_stream(self._container, self.name)
            info = describe(self._stream, self.name, frame_count=None, live=True)
        except SourceError:
            self.close()
            raise
        # Formats without time stamps (JPEG over HTTP, bare H.264): FFmpeg makes some up, at 25 frames a second.
        self._stamped = not self._container.format.flags & Flags.no_timestamps.value
        context = self._stream.codec_context
        context.thread_count = self._config.decoder_threads
        # Frame threads would hold back one frame each.
        context.thread_type = "SLICE"
        context.flags |= av.codec.context.Flags.low_delay
        return info

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they arrive. Raises SourceError when the stream breaks, ends or cannot be decoded."""
        # A quarter turn would change the size that everything was set up for.
        reader = PlaneReader(hd_is_709=self._input.hd_is_709, turns=UPSIDE_DOWN)
        ladder, marks = self._ladder, Marks(self.name, UPSIDE_DOWN)
        whole = Deinterlacer(self.name)
        seq = 0
        decoded_ns = self._clock.monotonic_ns()
        for packet, arrival_ns in self._packets():
            ladder.arrived(self._stamp_ns(packet), arrival_ns, sender_time_ns(packet))
            self._say_if_unbelievable()
            try:
                pictures = [one for picture in packet.decode() for one in whole.push(picture)]
            except (av.FFmpegError, OSError):
                # Damage is "invalid data" mostly, but some decoders call it "not implemented" or "not permitted".
                self.broken_frames += 1
                seq += 1
                self._give_up_after(decoded_ns)
                continue
            if pictures:
                decoded_ns = self._clock.monotonic_ns()
            for picture in pictures:
                marks.tell(picture)
                try:
                    planes = reader.read(picture)
                except (av.FFmpegError, OSError):
                    # Damage can name a colour space or format that swscale knows no way from.
                    self.broken_frames += 1
                    seq += 1
                    continue
                pts_ns = self._stamp_ns(picture)
                capture_ns, by = ladder.stamp(pts_ns)
                yield Frame(
                    luma=planes.luma,
                    chroma=planes.chroma,
                    pixel_format=picture.format.name,
                    color_range=planes.color_range,
                    pts_s=None if pts_ns is None else pts_ns / 1e9,
                    capture_ns=capture_ns,
                    clock=by,
                    seq=seq,
                    source=self.name,
                )
                seq += 1

    def close(self) -> None:
        """Disconnect; may be called twice, from the thread that reads."""
        if self._pump is not None:
            self._pump.close()
        elif self._container is not None:
            self._container.close()
        self._container = self._stream = self._pump = None

    def _packets(self) -> Iterator[tuple[Any, int]]:
        self._pump = PacketPump(self._container, self._stream, self.name, self._clock)
        try:
            for packet, arrival_ns in self._pump.packets(self._input.silent_s):
                if packet.size:
                    yield packet, arrival_ns
        except Silent:
            raise SourceError(
                f"{self.name}: connected, but no picture for {self._input.silent_s:g} s; "
                "check the camera's encoder, or raise timeout_s"
            ) from None
        except Failed as failed:
            if failed.error is None:
                raise SourceError(f"{self.name}: the sender ended the stream") from None
            raise self._explain(failed.error, failed.waited_s) from None

    def _give_up_after(self, decoded_ns: int) -> None:
        """Raises SourceError where nothing could be decoded for too long: a new connection may find another codec."""
        if self._since_s(decoded_ns) > self._input.silent_s:
            raise SourceError(
                f"{self.name}: no picture could be decoded for {self._input.silent_s:g} s; has the camera another "
                "codec now, or is the connection bad?"
            )

    def _stamp_ns(self, what: Any) -> int | None:
        """The sender's stamp of a packet or picture, nanoseconds; None where it bears none."""
        return to_ns(what.pts, what.time_base) if self._stamped and what.pts is not None else None

    def _say_if_unbelievable(self) -> None:
        if not self._ladder.keeps_pace and not self._said_out_of_pace:
            self._said_out_of_pace = True
            log.warning(
                "%s: its time stamps do not keep pace with time: frames are stamped by their arrival; check the frame "
                "rate that the camera announces",
                self.name,
            )
        delay_s = self._ladder.unbelievable_s
        if delay_s is not None and not self._said_unbelievable:
            self._said_unbelievable = True
            log.warning(
                "%s: its clock is %.1f s %s this machine's: frames are stamped by their arrival; set its NTP server",
                self.name,
                abs(delay_s),
                "behind" if delay_s > 0 else "ahead of",
            )

    def _since_s(self, start_ns: int) -> float:
        return (self._clock.monotonic_ns() - start_ns) / 1e9
