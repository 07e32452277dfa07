"""The RTSP sink: the picture as a camera's stream, pushed to a server where viewers and recorders find it."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

import av

from models.engines.processors import usable_processors
from stream.clock import Clock
from stream.config import RtspConfig
from stream.errors import SinkError
from stream.frames import FusedFrame, Picture
from stream.sinks.effort import preset_for
from stream.sinks.h264 import TICKS_PER_S, Coded, H264Encoder, highest_kbps
from stream.sinks.rtsp_link import Link
from stream.sinks.rtsp_peer import Offer
from stream.sinks.timeline import Timeline
from stream.sources.redact import redact

log = logging.getLogger("nightglass")


class RtspPush:
    """A Sink that encodes H.264 while there is a connection, and leaves the rest to a ``Link``.

    A server that is not there is no error: it is tried again, and pictures until then are counted as not sent. Time
    stamps follow ``FusedFrame.capture_ns``, over all connections. A picture that changes its size connects anew.
    """

    stage = "publish"

    def __init__(
        self, config: RtspConfig, *, rate_hz: float, clock: Clock, pixel_aspect: Fraction = Fraction(1)
    ) -> None:
        """``rate_hz``: nominal. ``pixel_aspect``: width of a pixel by its height, which the stream says of itself."""
        self.name = f"rtsp {redact(config.url)}"
        self._config = config
        self._rate_hz = rate_hz
        self._pixel_aspect = pixel_aspect
        self._link = Link(config, self.name, clock)
        self._timeline = Timeline(TICKS_PER_S, rate_hz)
        self._size: tuple[int, int] | None = None
        self._encoder: H264Encoder | None = None
        self._connection: int | None = None
        self._not_connected = self._behind = 0

    def open(self) -> None:
        """Begin; connects with the first picture, whose size the server must be told."""
        self._link.start()

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        """Encode and hand over one picture, if the server takes it. Raises SinkError if the encoder refuses it."""
        ticks = self._timeline.ticks(fused.capture_ns)
        self._link.origin_us = fused.capture_ns // 1000 - ticks * 1_000_000 // TICKS_PER_S
        try:
            if (picture.width, picture.height) != self._size:
                self._begin(picture, ticks)
                self._not_connected += 1
            else:
                self._send(picture, ticks)
        except (av.FFmpegError, OSError) as error:
            raise SinkError(
                f"{self.name}: cannot encode {picture.width}x{picture.height}: {error}; choose other sources"
            ) from None

    def report(self) -> dict[str, Any]:
        """State of the connection, and what became of the pictures; from any thread."""
        return self._link.report() | {"not_sent": {"not_connected": self._not_connected, "behind": self._behind}}

    def close(self) -> None:
        """Disconnect; may be called twice."""
        self._link.close()

    def _begin(self, picture: Picture, ticks: int) -> None:
        """Start an encoder for this size, and offer what it makes to the server."""
        size = (picture.width, picture.height)
        if self._size is not None:
            log.warning("%s: the picture changed from %dx%d to %dx%d: connecting anew", self.name, *self._size, *size)
        processors = usable_processors()
        preset = preset_for(self._config.preset, "h264", size, self._rate_hz, processors)
        max_kbps = self._config.max_kbps or highest_kbps(size, self._rate_hz)
        log.info("%s: libx264, preset %s, up to %d kbit/s", self.name, preset, max_kbps)
        self._encoder = H264Encoder(
            size=size,
            rate_hz=self._rate_hz,
            preset=preset,
            crf=self._config.crf,
            max_kbps=max_kbps,
            processors=processors,
            pixel_aspect=self._pixel_aspect,
        )
        self._size = size
        sample: Coded = self._encoder.encode(picture, ticks, key=True)
        self._link.offer(Offer(sample.data, self._timeline.period_ticks, max_kbps))

    def _send(self, picture: Picture, ticks: int) -> None:
        assert self._encoder is not None
        connection = self._link.connection
        if connection is None:
            self._not_connected += 1
        elif self._link.behind:
            self._behind += 1
        else:
            coded = self._encoder.encode(picture, ticks, key=connection != self._connection)
            self._connection = connection
            self._link.send(connection, coded)
