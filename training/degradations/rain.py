"""Rain: bright streaks in one direction."""

from __future__ import annotations

import cv2
import numpy as np

from training.degradations.arrays import FloatImage, clipped
from training.degradations.blur import motion_kernel

DENSEST_SHARE = 0.012


def rain(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Streaks of falling drops, brighter than what is behind them (Garg and Nayar, Vision and Rain, IJCV 75, 2007).

    Up to 1.2 % of the pixels are a drop, drawn out to one length and nearly one direction, in a near and a far layer.
    ``image``: (H, W) or (H, W, 3).
    """
    height, width = image.shape[:2]
    lean_rad = rng.normal(np.pi / 2, 0.25)
    length_px = rng.uniform(9, 22)
    brightness = np.float32(min(1.0, 0.35 + 1.6 * float(image[::2, ::2].mean())))
    streaks = np.zeros((height, width), np.float32)
    for size, share in ((1.0, 0.7), (0.5, 1.0)):
        drops = rng.random((height, width), dtype=np.float32)
        # Drops are added, never moved, by more strength.
        limit = np.float32(1 - DENSEST_SHARE * share * strength)
        lit = np.maximum(drops - limit, 0) / np.float32(DENSEST_SHARE * share)
        kernel = motion_kernel(length_px * size, lean_rad + rng.normal(0, 0.04))
        drawn = cv2.filter2D(np.sqrt(lit), -1, kernel, borderType=cv2.BORDER_REFLECT_101)
        streaks += np.float32(length_px * size * (0.75 if size == 1.0 else 0.5)) * drawn
    cover = np.minimum(np.float32(0.85) * streaks, np.float32(0.85))
    if image.ndim == 3:
        cover = cover[..., None]
    return clipped(image + (brightness - image) * cover * (brightness > image))
