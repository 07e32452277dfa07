"""One video file: an encoder and a container that stays playable wherever the process is killed."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.video.stream import VideoStream

from models.engines.processors import usable_processors
from stream.config import RecordConfig
from stream.errors import SinkError
from stream.frames import Picture
from stream.sinks.effort import preset_for
from stream.sinks.limited import LIMITED_RANGE, SMPTE170M, even, limited_range_frame
from stream.sinks.planes import full_range_frame

log = logging.getLogger("nightglass")

TICKS_PER_S = {".mp4": 90_000, ".mkv": 1000}
"""Matroska counts in milliseconds: a finer tick would make two frames share a time stamp."""

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "ffv1": "ffv1"}

_KEY_FRAME_INTERVAL_S = 2.0
_FULL_RANGE = 2
"""As FFmpeg numbers it."""

# A fragment a second, written out at once: a killed file loses at most that. hybrid_fragmented turns the finished
# file into an ordinary MP4 (index, frame count); delay_moov lets it start at 0 in spite of B-frames.
_CONTAINER_OPTIONS = {
    ".mp4": {"movflags": "+hybrid_fragmented+delay_moov", "frag_duration": "1000000", "flush_packets": "1"},
    ".mkv": {"cluster_time_limit": "1000", "flush_packets": "1"},
}


class VideoFile:
    """Writes pictures of one size to ``path``. Used from one thread.

    H.264 and HEVC get limited-range BT.601 yuv420p, edges repeated to an even size; FFV1 gets the planes bit for
    bit, in full range and at their own size; both are tagged so.
    """

    def __init__(
        self,
        path: Path,
        config: RecordConfig,
        *,
        width_px: int,
        height_px: int,
        rate_hz: float,
        live: bool,
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        """Open it. ``pixel_aspect``: width of a pixel by its height, which players go by.

        Raises SinkError naming the path.
        """
        self.path = path
        self.frames = 0
        """Pictures written so far."""
        self.width_px = width_px
        self.height_px = height_px
        self._pixel_aspect = pixel_aspect
        self._lossless = config.codec == "ffv1"
        ticks_per_s = TICKS_PER_S[path.suffix.lower()]
        self._time_base = Fraction(1, ticks_per_s)
        self._period_ticks = max(1, round(ticks_per_s / rate_hz))
        try:
            # "file:" keeps FFmpeg from reading a colon in the path, as in 12:30.mp4, as the name of a protocol.
            self._container = av.open(f"file:{path}", "w", options=_CONTAINER_OPTIONS[path.suffix.lower()])
            self._stream = self._add_stream(config, rate_hz, live)
        except (av.FFmpegError, OSError) as error:
            raise _lost(path, error) from None

    def write(self, picture: Picture, ticks: int) -> None:
        """Encode a picture shown at ``ticks`` (of the ending's ``TICKS_PER_S``; strictly increasing).

        Raises SinkError when the file cannot be written any more.
        """
        frame = full_range_frame(picture, "yuv420p") if self._lossless else limited_range_frame(picture)
        frame.pts = ticks
        frame.time_base = self._time_base
        self._encode(frame)
        self.frames += 1

    def close(self) -> None:
        """Write what is still in the encoder, and the index. Raises SinkError; the file is released anyway."""
        try:
            self._encode(None)
        finally:
            try:
                self._container.close()
            except (av.FFmpegError, OSError) as error:
                raise _lost(self.path, error) from None

    def abandon(self) -> None:
        """Release the file after a write has failed: what is on the disk stays as it is, and stays playable."""
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            log.info("record %s: not finished properly: %s", self.path, _reason(error))

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                packet.duration = self._period_ticks
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise _lost(self.path, error) from None

    def _add_stream(self, config: RecordConfig, rate_hz: float, live: bool) -> VideoStream:
        options: dict[str, str]
        if self._lossless:
            options = {"level": "3", "slicecrc": "1"}
        else:
            preset = preset_for(
                config.preset, config.codec, (self.width_px, self.height_px), rate_hz, usable_processors()
            )
            log.info("record %s: %s, preset %s", self.path, _ENCODERS[config.codec], preset)
            options = {"preset": preset, "crf": str(config.crf)}
            if live:
                options["tune"] = "zerolatency"
            if config.codec == "hevc":
                options["x265-params"] = "log-level=error"
        rate = Fraction(rate_hz).limit_denominator(1001)
        stream = cast(VideoStream, self._container.add_stream(_ENCODERS[config.codec], rate=rate, options=options))
        codec: Any = stream.codec_context
        codec.width = self.width_px if self._lossless else even(self.width_px)
        codec.height = self.height_px if self._lossless else even(self.height_px)
        codec.pix_fmt = "yuv420p"
        codec.time_base = self._time_base
        codec.gop_size = 1 if self._lossless else max(1, round(_KEY_FRAME_INTERVAL_S * rate_hz))
        codec.thread_count = config.threads
        codec.color_range = _FULL_RANGE if self._lossless else LIMITED_RANGE
        codec.colorspace = codec.color_primaries = codec.color_trc = SMPTE170M
        if self._pixel_aspect != 1 and self._lossless:
            # FFV1 wants it in its frames, where PyAV cannot set it.
            log.warning(
                "record %s: its pixels are %s as wide as high, which a recording by ffv1 cannot say: tell the player",
                self.path,
                self._pixel_aspect,
            )
        elif self._pixel_aspect != 1:
            codec.sample_aspect_ratio = self._pixel_aspect
        if config.codec == "hevc" and self.path.suffix.lower() == ".mp4":
            codec.codec_tag = "hvc1"  # players of Apple know no other
        return stream


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _lost(path: Path, error: Exception) -> SinkError:
    return SinkError(f"record {path}: {_reason(error)}; check the disk's free space and the folder's permissions")
