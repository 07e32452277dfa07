"""Noise that changes with every frame."""

from __future__ import annotations

import cv2
import numpy as np

from training.degradations.arrays import FloatImage, clipped, normals

VISIBLE_SPREAD = 0.14
INFRARED_SPREAD = 0.10
CHROMA_SHARE = 0.6


def visible_noise(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Gaussian noise with a standard deviation of up to 0.14; colour pictures also get blotchy chroma noise.

    Chroma noise has half the resolution, as after demosaicing or 4:2:0, and goes through the BT.601 matrix.
    ``image``: (H, W) or (H, W, 3).
    """
    height, width = image.shape[:2]
    spread = np.float32(VISIBLE_SPREAD * strength)
    luma = spread * _grain(rng, height, width, rng.uniform(0.0, 0.6))
    if image.ndim == 2:
        return clipped(image + luma)
    halves = normals(rng, (height + 1) // 2, (width + 1) // 2, 2)
    chroma = spread * np.float32(CHROMA_SHARE) * cv2.resize(halves, (width, height), interpolation=cv2.INTER_LINEAR)
    cb, cr = chroma[..., 0], chroma[..., 1]
    red, green, blue = 1.402 * cr, -0.344 * cb - 0.714 * cr, 1.772 * cb
    return clipped(image + luma[..., None] + np.stack([red, green, blue], axis=-1))


def infrared_noise(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Temporal noise of a thermal camera (its NETD after gain): Gaussian, up to 0.10, on a raised level; (H, W).

    The tvh term of the three-dimensional noise model (D'Agostino and Webb, SPIE 1488, 1991). Neighbours are
    correlated by up to about 0.3: 0.17 was measured on real noisy recordings.
    """
    height, width = image.shape
    # The camera's gain control puts the noise above black: without a lift, dark scenes would hide half of it.
    lift = np.float32(rng.uniform(0.0, 2.0))
    grain = _grain(rng, height, width, rng.uniform(0.0, 0.45))
    return clipped(image + np.float32(INFRARED_SPREAD * strength) * (grain + lift))


def _grain(rng: np.random.Generator, height_px: int, width_px: int, sigma_px: float) -> FloatImage:
    """White noise through a small Gaussian of ``sigma_px``, brought back to standard deviation 1."""
    white = normals(rng, height_px, width_px)
    if sigma_px < 0.2:
        return white
    side = np.exp(-0.5 / sigma_px**2)
    taps = np.array([side, 1, side], np.float32)
    taps /= np.float32(np.sqrt((taps**2).sum()))
    return cv2.sepFilter2D(white, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101).astype(np.float32, copy=False)
