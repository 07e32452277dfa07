"""JPEG straight from 4:2:0 planes: FFmpeg's encoder takes them as they are, no RGB and no OpenCV needed."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from stream.errors import SinkError
from stream.frames import Picture
from stream.sinks.planes import full_range_frame

_LAMBDA_PER_Q = 118
"""FFmpeg's FF_QP2LAMBDA: ``global_quality`` counts in these."""

_Q_AT_SCALE_1 = 13.0
"""Fitted on street pictures so that the PSNR is that of libjpeg at the same quality number (75, 85, 95)."""


def quantizer(quality: int) -> int:
    """FFmpeg's quantizer (1 best .. 31) for a JPEG quality of 1..100.

    libjpeg scales its tables by 5000/Q percent below 50 and by 200 - 2Q percent from there (IJG, jcparam.c);
    FFmpeg scales the MPEG-1 intra matrix in proportion to its quantizer. Below about 20 FFmpeg cannot go lower.
    """
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    return min(31, max(1, round(_Q_AT_SCALE_1 * percent / 100)))


class JpegEncoder:
    """Encodes pictures of any size; a new size costs a short set-up. Used from one thread."""

    def __init__(self, quality: int) -> None:
        self._quantizer = quantizer(quality)
        self._codec: VideoCodecContext | None = None
        self._pts = 0

    def encode(self, picture: Picture) -> bytes:
        """A whole baseline JPEG (JFIF, 4:2:0, full range). Raises SinkError if the encoder refuses the size."""
        try:
            codec = self._codec_for(picture.width, picture.height)
            frame = full_range_frame(picture, "yuvj420p")
            frame.pts = self._pts
            self._pts += 1
            return b"".join(bytes(packet) for packet in codec.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise SinkError(f"JPEG: cannot encode {picture.width}x{picture.height}: {error}") from None

    def _codec_for(self, width_px: int, height_px: int) -> VideoCodecContext:
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width_px, height_px):
            codec = av.CodecContext.create("mjpeg", "w")
            codec.width = width_px
            codec.height = height_px
            codec.pix_fmt = "yuvj420p"
            codec.time_base = Fraction(1, 1000)
            # Two halves at once: a viewer waits for the picture.
            codec.thread_type = "SLICE"
            codec.thread_count = 2
            q = str(self._quantizer)
            codec.options = {
                "flags": "+qscale",
                "global_quality": str(self._quantizer * _LAMBDA_PER_Q),
                "qmin": q,
                "qmax": q,
                "huffman": "default",
            }
            self._codec = codec
        return codec
