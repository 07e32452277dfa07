"""Small videos for the tests of sources: pictures that bear their own number, encoded by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH_PX, HEIGHT_PX = 160, 96
_BITS = 10


def numbered_luma(number: int, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> NDArray[np.uint8]:
    """A picture whose columns of 16 pixels are the bits of its number, dark (60) or bright (200)."""
    luma = np.full((height_px, width_px), 60, np.uint8)
    for bit in range(_BITS):
        if number >> bit & 1:
            luma[:, bit * 16 : bit * 16 + 16] = 200
    return luma


def read_number(luma: NDArray[np.uint8]) -> int:
    """The number of a picture, also after lossy coding."""
    return sum(1 << bit for bit in range(_BITS) if luma[:, bit * 16 + 4 : bit * 16 + 12].mean() > 130)


def picture(number: int, pixel_format: str = "yuv420p") -> av.VideoFrame:
    """A numbered picture in any pixel format that PyAV can fill, via yuv420p."""
    chroma = np.full((HEIGHT_PX // 2, WIDTH_PX), 128, np.uint8)
    frame = av.VideoFrame.from_ndarray(np.vstack([numbered_luma(number), chroma]), format="yuv420p")
    return frame if pixel_format == "yuv420p" else frame.reformat(format=pixel_format)


def write_video(
    path: Path,
    count: int,
    *,
    codec: str = "mpeg4",
    rate_hz: int = 25,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    movflags: str | None = None,
    first_pts: int = 0,
) -> Path:
    """Encode ``count`` numbered pictures into a file; its ending names the container. ``first_pts`` in frames."""
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        stream = container.add_stream(codec, rate=rate_hz, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, pixel_format
        stream.codec_context.time_base = Fraction(1, rate_hz)
        for number in range(count):
            frame = picture(number, pixel_format)
            frame.pts, frame.time_base = first_pts + number, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_h264(path: Path, count: int, rate_hz: int) -> Path:
    """An H.264 byte stream with access unit delimiters and a key frame twice a second, for the RTSP server."""
    options = {
        "preset": "ultrafast",
        "bf": "0",
        "x264-params": f"aud=1:keyint={rate_hz // 2}:scenecut=0:sliced-threads=0",
    }
    return write_video(path, count, codec="libx264", rate_hz=rate_hz, options=options)
