"""From a camera's frame to full-range planes and to a picture that sinks take."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from kernels.levels import LIMITED_TO_FULL_CHROMA, LIMITED_TO_FULL_LUMA, apply_lut
from stream.frames import Chroma, Frame, Picture

_GREY_BITS = re.compile(r"gray(9|1[0-6])(?:le|be)?$")


def full_range_luma(frame: Frame) -> NDArray[np.uint8]:
    """Luma as contiguous 8-bit full range, (H, W). Of more bits the top eight; thermal counts need a curve."""
    if frame.luma.dtype == np.uint16:
        return (frame.luma >> (_bits(frame.pixel_format) - 8)).astype(np.uint8)
    if frame.color_range == "full":
        return np.ascontiguousarray(frame.luma, dtype=np.uint8)
    return _mapped(frame.luma, LIMITED_TO_FULL_LUMA)


def _bits(pixel_format: str) -> int:
    """Bits that a grey picture's counts have by their format's name, such as ``gray12le``; 16 where it says none."""
    named = _GREY_BITS.match(pixel_format)
    return int(named[1]) if named else 16


def full_range_chroma(frame: Frame) -> Chroma | None:
    """Chroma in full range; None for a grey frame."""
    if frame.chroma is None or frame.color_range == "full":
        return frame.chroma
    cb, cr = (_mapped(plane, LIMITED_TO_FULL_CHROMA) for plane in (frame.chroma.cb, frame.chroma.cr))
    return Chroma(cb, cr)


def picture_of(frame: Frame) -> Picture:
    """An 8-bit frame as it is, in full range. Raises ValueError for 16-bit counts, which need a curve first."""
    if frame.luma.dtype != np.uint8:
        raise ValueError(f"{frame.source}: a picture has 8 bits, frame {frame.seq} has {frame.luma.dtype}")
    return Picture(full_range_luma(frame), full_range_chroma(frame))


def _mapped(plane: np.ndarray, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.empty(plane.shape, np.uint8)
    apply_lut(plane, table, out)
    return out
