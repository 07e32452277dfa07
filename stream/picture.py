"""From a camera's frame to a picture that sinks take."""

from __future__ import annotations

import numpy as np

from kernels.levels import LIMITED_TO_FULL_CHROMA, LIMITED_TO_FULL_LUMA, apply_lut
from stream.frames import Chroma, Frame, Picture


def picture_of(frame: Frame) -> Picture:
    """An 8-bit frame as it is, in full range. Raises ValueError for 16-bit counts, which need a curve first."""
    if frame.luma.dtype != np.uint8:
        raise ValueError(f"{frame.source}: a picture has 8 bits, frame {frame.seq} has {frame.luma.dtype}")
    limited = frame.color_range == "limited"
    luma = _mapped(frame.luma, LIMITED_TO_FULL_LUMA) if limited else frame.luma.astype(np.uint8, copy=False)
    if frame.chroma is None or not limited:
        return Picture(luma, frame.chroma)
    cb, cr = (_mapped(plane, LIMITED_TO_FULL_CHROMA) for plane in (frame.chroma.cb, frame.chroma.cr))
    return Picture(luma, Chroma(cb, cr))


def _mapped(plane: np.ndarray, table: np.ndarray) -> np.ndarray:
    out = np.empty(plane.shape, np.uint8)
    apply_lut(plane, table, out)
    return out
