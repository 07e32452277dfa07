"""4:2:0 full-range YCbCr to RGB, for outputs that take nothing else (PNG, the window). Never on the hot path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.frames import Picture


def to_rgb(picture: Picture) -> NDArray[np.uint8]:
    """RGB, uint8 (H, W, 3), of a picture with chroma, by the matrix of JFIF (ITU-R BT.601, full range).

    Chroma is upsampled bilinearly, sited in the middle of its 2x2 pixels (as in JPEG). Each channel is rounded
    once, so the luma recomputed from the RGB differs by at most one level where no channel is clipped.
    Raises ValueError for a grey picture.
    """
    if picture.chroma is None:
        raise ValueError("a grey picture has no RGB")
    luma = picture.luma.astype(np.float32)
    cb = _upsample(picture.chroma.cb, picture.width, picture.height)
    cr = _upsample(picture.chroma.cr, picture.width, picture.height)
    rgb = np.empty((picture.height, picture.width, 3), np.uint8)
    for channel, value in enumerate((luma + 1.402 * cr, luma - 0.344136 * cb - 0.714136 * cr, luma + 1.772 * cb)):
        np.rint(value, out=value)
        np.clip(value, 0.0, 255.0, out=value)
        rgb[..., channel] = value
    return rgb


def _upsample(plane: NDArray[np.uint8], width_px: int, height_px: int) -> NDArray[np.float32]:
    """Chroma minus its neutral 128, at luma resolution."""
    centred = plane.astype(np.float32) - 128.0
    return _double(_double(centred, 0)[:height_px], 1)[:, :width_px]


def _double(plane: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Twice as many samples along one axis: each new one is 3/4 the nearer and 1/4 the farther old one."""
    padded = np.pad(plane, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
    before, after = np.moveaxis(padded, axis, 0)[:-2], np.moveaxis(padded, axis, 0)[2:]
    middle = np.moveaxis(plane, axis, 0)
    out = np.empty((2 * middle.shape[0], middle.shape[1]), np.float32)
    out[0::2] = 0.75 * middle + 0.25 * before
    out[1::2] = 0.75 * middle + 0.25 * after
    return np.moveaxis(out, 0, axis)
