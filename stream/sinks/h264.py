"""H.264 for a live stream: every picture leaves the encoder at once, and the bit rate has a limit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.video.frame import PictureType

from stream.config import EncoderPreset
from stream.frames import Picture
from stream.sinks.limited import LIMITED_RANGE, SMPTE170M, even, limited_range_frame

TICKS_PER_S = 90_000
"""RTP's for video (RFC 3551, section 5)."""

KEY_FRAME_INTERVAL_S = 1.0
"""So long a viewer that comes waits for its first picture at most."""

_BUFFER_S = 0.5
"""Of the highest bit rate: a key frame may take so much more than its share, and hold up what follows by so much."""

_MOST_SLICES = 4
_PIXELS_PER_S_AND_SLICE = 10_000_000
"""At twice as many x264 would be at work on a slice all of the time, at ``veryfast``."""

_BITS_PER_PIXEL = 0.15
_LEAST_KBPS = 1000


def highest_kbps(size: tuple[int, int], rate_hz: float) -> int:
    """A limit that night's noise at ``size`` (width, height, pixels) stays watchable with, kilobits a second."""
    return max(_LEAST_KBPS, round(size[0] * size[1] * rate_hz * _BITS_PER_PIXEL / 1000))


def slices(size: tuple[int, int], rate_hz: float, processors: int) -> int:
    """How many slices a picture is coded in, each by a thread of its own: without delay x264 has no other way.

    No more than needed: every slice costs bits, and there are receivers that take each for a picture.
    """
    needed = math.ceil(size[0] * size[1] * rate_hz / _PIXELS_PER_S_AND_SLICE)
    return max(1, min(needed, processors, _MOST_SLICES))


@dataclass(frozen=True, slots=True)
class Coded:
    """One coded picture (Annex B byte stream); it is shown at ``ticks`` of ``TICKS_PER_S``."""

    data: bytes
    ticks: int
    key: bool


class H264Encoder:
    """Encodes pictures of one size, each into one ``Coded`` without waiting for the next. Used from one thread.

    Limited-range BT.601 yuv420p, tagged so, edges repeated to an even size. Parameter sets are in every key frame.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int],
        rate_hz: float,
        preset: EncoderPreset,
        crf: int,
        max_kbps: int,
        processors: int,
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        """``size``: width and height, pixels. ``processors``: those that may be used.

        ``pixel_aspect``: width of a pixel by its height.

        Raises av.FFmpegError if the encoder refuses any of it.
        """
        codec: Any = av.CodecContext.create("libx264", "w")
        codec.width, codec.height = even(size[0]), even(size[1])
        codec.pix_fmt = "yuv420p"
        codec.time_base = self._time_base = Fraction(1, TICKS_PER_S)
        codec.framerate = Fraction(rate_hz).limit_denominator(1001)
        codec.gop_size = max(1, round(KEY_FRAME_INTERVAL_S * rate_hz))
        codec.thread_count = slices(size, rate_hz, processors)
        codec.color_range = LIMITED_RANGE
        codec.colorspace = codec.color_primaries = codec.color_trc = SMPTE170M
        if pixel_aspect != 1:
            codec.sample_aspect_ratio = pixel_aspect
        codec.options = {
            "preset": preset,
            "tune": "zerolatency",
            "crf": str(crf),
            "maxrate": f"{max_kbps}k",
            "bufsize": f"{round(max_kbps * _BUFFER_S)}k",
            "forced-idr": "1",
        }
        codec.open()
        self._codec = codec

    def encode(self, picture: Picture, ticks: int, *, key: bool = False) -> Coded:
        """One picture; ``ticks`` must be strictly increasing. ``key``: whoever comes now can begin with it.

        Raises av.FFmpegError.
        """
        frame = limited_range_frame(picture)
        frame.pts = ticks
        frame.time_base = self._time_base
        if key:
            frame.pict_type = PictureType.I
        packets = self._codec.encode(frame)
        return Coded(b"".join(map(bytes, packets)), ticks, any(packet.is_keyframe for packet in packets))
