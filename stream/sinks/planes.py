"""Filling FFmpeg's picture buffers from our planes."""

from __future__ import annotations

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from stream.frames import Chroma, Picture

NEUTRAL = 128
"""Neutral chroma, in both ranges (ITU-R BT.601)."""


def plane_view(plane: VideoPlane) -> NDArray[np.uint8]:
    """The pixels of an 8-bit plane as a writable view, uint8 (H, W); rows lie ``plane.line_size`` bytes apart."""
    flat = np.frombuffer(memoryview(plane), np.uint8)
    return flat.reshape(-1, plane.line_size)[: plane.height, : plane.width]


def full_range_frame(picture: Picture, pixel_format: str) -> av.VideoFrame:
    """A frame of the picture's own size with its planes copied, full range as they are.

    ``pixel_format``: a planar 8-bit 4:2:0 format (``yuvj420p``, ``yuv420p``); chroma None becomes neutral.
    """
    frame = av.VideoFrame(picture.width, picture.height, pixel_format)
    luma, cb, cr = (plane_view(plane) for plane in frame.planes)
    luma[:] = picture.luma
    fill_chroma(picture.chroma, cb, cr)
    return frame


def fill_chroma(chroma: Chroma | None, cb: NDArray[np.uint8], cr: NDArray[np.uint8]) -> None:
    """Copy both chroma planes, or make them neutral for a grey picture."""
    if chroma is None:
        cb.fill(NEUTRAL)
        cr.fill(NEUTRAL)
    else:
        cb[:] = chroma.cb
        cr[:] = chroma.cr
