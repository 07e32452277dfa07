"""Pictures as video encoders want them: limited range, even sizes."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from kernels.levels import FULL_TO_LIMITED_CHROMA, FULL_TO_LIMITED_LUMA, apply_lut
from stream.frames import Picture
from stream.sinks.planes import fill_chroma, plane_view

LIMITED_RANGE = 1
"""As FFmpeg numbers it."""

SMPTE170M = 6
"""Matrix, primaries and transfer by ITU-T H.273, where 6 is BT.601 (SMPTE 170M)."""


def even(size_px: int) -> int:
    """The next even number of pixels: 4:2:0 of odd sizes is refused by many decoders."""
    return size_px + size_px % 2


def limited_range_frame(picture: Picture) -> av.VideoFrame:
    """The picture in limited range, yuv420p, edges repeated to an even size; chroma None becomes neutral."""
    frame = av.VideoFrame(even(picture.width), even(picture.height), "yuv420p")
    luma, cb, cr = (plane_view(plane) for plane in frame.planes)
    height, width = picture.luma.shape
    apply_lut(picture.luma, FULL_TO_LIMITED_LUMA, luma[:height, :width])
    _repeat_edges(luma, height, width)
    if picture.chroma is None:
        fill_chroma(None, cb, cr)
    else:
        apply_lut(picture.chroma.cb, FULL_TO_LIMITED_CHROMA, cb)
        apply_lut(picture.chroma.cr, FULL_TO_LIMITED_CHROMA, cr)
    return frame


def _repeat_edges(plane: NDArray[np.uint8], height_px: int, width_px: int) -> None:
    plane[height_px:, :width_px] = plane[height_px - 1, :width_px]
    plane[:, width_px:] = plane[:, width_px - 1 : width_px]
