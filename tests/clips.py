"""Small clips for tests of the whole pipeline: a textured scene that moves by two pixels a frame, any size and rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray


def luma(number: int, width_px: int, height_px: int) -> NDArray[np.uint8]:
    """Grey picture number ``number``: smooth texture, and a bright block at ``2 * number``."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    picture = (120 + 60 * np.sin(x / 9 + number / 5) * np.cos(y / 7)).astype(np.uint8)
    left = 2 * number % max(1, width_px - 16)
    picture[height_px // 4 : height_px // 2, left : left + 16] = 235
    return picture


def write_clip(
    path: Path,
    count: int,
    *,
    size: tuple[int, int] = (96, 64),
    rate_hz: int = 25,
    codec: str = "mpeg4",
    pixel_format: str = "yuv420p",
) -> Path:
    """Encode ``count`` pictures of ``size`` (width, height); odd sizes need ``ffv1`` in MKV."""
    width, height = size
    chroma = np.full((2, (height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    chroma[0] += 20
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = Fraction(1, rate_hz)
        for number in range(count):
            frame = av.VideoFrame(width, height, pixel_format)
            planes = (luma(number, width, height), *chroma)
            for plane, values in zip(frame.planes, planes, strict=False):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                rows[:, : values.shape[1]] = values
            frame.pts, frame.time_base = number, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_audio(path: Path) -> Path:
    """Half a second of silence without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 24_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_clip(path: Path) -> tuple[list[NDArray[np.uint8]], list[float]]:
    """Every luma plane, as stored, and every time stamp in seconds; a last packet that was cut off is left out."""
    lumas, times = [], []
    with av.open(str(path)) as container:
        packets = list(container.demux(video=0))
        for packet in packets:
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                assert packet in packets[-2:], "damaged in the middle"
                continue
            for frame in frames:
                plane = frame.planes[0]
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                lumas.append(rows[:, : frame.width].copy())
                times.append(float(frame.pts * frame.time_base))
    return lumas, times
