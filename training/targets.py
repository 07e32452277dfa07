"""The brightness that a fused picture should have, computed once from a pair of clean pictures."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

COARSE = 4
"""What varies over tens of pixels is computed at a quarter of the resolution, which is many times faster."""

SPREAD_SIGMA_PX = 24.0
VEIL_SIGMA_PX = 32.0
"""Wide on purpose: a veil that is lifted within a few pixels of a person leaves a dark ring (a halo) around them."""

MOST_LIFTED = 0.6
"""How far a veil is lifted at most: further, and what lies around a person darkens visibly."""

NOISE = 1.5 / 255
"""Variation that counts as nothing: noise and compression."""


def intensity_target(infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The brighter source, except under a veil; uint8 (H, W) from two uint8 (H, W).

    The pixel-wise maximum keeps warm people and lit texture, but in smoke it keeps the smoke: bright, and empty.
    Where visible is the brighter and nearly flat over tens of pixels while infrared shows structure there, the target
    moves towards infrared, in smoothly bounded areas.
    """
    warm, lit = (plane.astype(np.float32) / np.float32(255) for plane in (infrared, visible))
    ratio = np.log2(_spread(warm) / _spread(lit))
    coarse = _blur(MOST_LIFTED / (1 + np.exp(-3 * (ratio - 1.2))), VEIL_SIGMA_PX / COARSE)
    veil = cv2.resize(coarse, (warm.shape[1], warm.shape[0]), interpolation=cv2.INTER_LINEAR)
    target = np.maximum(warm, lit) - veil * np.maximum(lit - warm, 0)
    return np.clip(np.rint(target * 255), 0, 255).astype(np.uint8)


def _blur(image: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101).astype(np.float32)


def _spread(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Local standard deviation at a quarter of the resolution, with a floor."""
    size = (-(-image.shape[1] // COARSE), -(-image.shape[0] // COARSE))
    means = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (image, image * image)]
    mean, square = (_blur(plane.astype(np.float32), SPREAD_SIGMA_PX / COARSE) for plane in means)
    return np.sqrt(np.maximum(square - mean * mean, 0) + np.float32(NOISE**2)).astype(np.float32)
