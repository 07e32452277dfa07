"""RGB pictures to full-range luma and chroma (ITU-R BT.601, as in JPEG/JFIF)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.frames import Chroma

# OpenCV's fixed-point weights of R, G and B (14 fractional bits), so that luma equals its BGR2YCrCb to the bit.
_WEIGHTS = np.array([4899, 9617, 1868], np.float32)
_CB = np.array([-0.168735892, -0.331264108, 0.5], np.float32)
_CR = np.array([0.5, -0.418687589, -0.081312411], np.float32)


def planes_of_rgb(rgb: NDArray[np.uint8], *, detect_grey: bool) -> tuple[NDArray[np.uint8], Chroma | None]:
    """Luma uint8 (H, W) and 4:2:0 chroma of an RGB picture, uint8 (H, W, 3); all full range, 0..255.

    Luma is 0.299 R + 0.587 G + 0.114 B, rounded (ITU-R BT.601), as OpenCV's BGR2YCrCb gives it. Chroma is the mean
    of each 2x2 block, the last row or column repeated for odd sizes; neutral at 128.
    ``detect_grey``: chroma is None if R = G = B in every pixel; luma is then that value.
    """
    grey = bool((rgb[..., 0] == rgb[..., 1]).all()) and bool((rgb[..., 1] == rgb[..., 2]).all())
    if grey and detect_grey:
        return np.ascontiguousarray(rgb[..., 0]), None
    values = rgb.astype(np.float32)
    # Sums of integers below 2^24 are exact in float32, whatever their order.
    luma = ((values @ _WEIGHTS + 8192.0) * np.float32(1 / 16384)).astype(np.uint8)
    blocks = _mean_2x2(values)
    cb, cr = (np.clip(np.rint(blocks @ weights + 128.0), 0, 255).astype(np.uint8) for weights in (_CB, _CR))
    return luma, Chroma(cb, cr)


def _mean_2x2(values: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = values.shape[:2]
    even = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return (even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]) * np.float32(0.25)
