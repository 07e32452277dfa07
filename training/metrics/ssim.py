"""Structural similarity, summed over both sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.metrics.image import Image, Plane, check_images, filter_valid, gaussian_kernel

MIN_SIZE_PX = 11
"""Smallest width and height: the window's."""

_WINDOW = gaussian_kernel(11, 1.5)


@dataclass(frozen=True, slots=True)
class Moments:
    """A picture with its local means and variances, float64; the two maps are smaller by the window."""

    plane: Plane
    mean: Plane
    variance: Plane


def moments(image: Image) -> Moments:
    """Local means and variances of a uint8 (H, W) picture. Raises ValueError if it is smaller than the window."""
    if min(image.shape) < MIN_SIZE_PX:
        raise ValueError(f"SSIM needs pictures of at least {MIN_SIZE_PX}x{MIN_SIZE_PX} pixels, got {image.shape}")
    plane = image.astype(np.float64)
    mean = filter_valid(plane, _WINDOW)
    return Moments(plane, mean, filter_valid(plane * plane, _WINDOW) - mean * mean)


def local_covariance(first: Moments, second: Moments) -> Plane:
    """Covariance under the window at each of its positions."""
    return filter_valid(first.plane * second.plane, _WINDOW) - first.mean * second.mean


def similarity(first: Moments, second: Moments, covariance: Plane, level_range: float) -> float:
    """Mean SSIM of two pictures; ``level_range`` is L in the constants (0.01 L)^2 and (0.03 L)^2."""
    c1 = (0.01 * level_range) ** 2
    c2 = (0.03 * level_range) ** 2
    luminance_and_structure = (2 * first.mean * second.mean + c1) * (2 * covariance + c2)
    norm = (first.mean**2 + second.mean**2 + c1) * (first.variance + second.variance + c2)
    return float((luminance_and_structure / norm).mean())


def _summed(infrared: Image, visible: Image, fused: Image, level_range: float) -> float:
    check_images(infrared, visible, fused)
    out = moments(fused)
    total = 0.0
    for source in (moments(infrared), moments(visible)):
        total += similarity(source, out, local_covariance(source, out), level_range)
    return total


def structural_similarity(infrared: Image, visible: Image, fused: Image) -> float:
    """SSIM: SSIM(infrared, fused) + SSIM(visible, fused), -2..2 (Wang et al., IEEE Trans. Image Processing 13, 2004).

    Gaussian window of 11x11 pixels, sigma 1.5, wholly inside the picture; population variances; K1 0.01, K2 0.03,
    L 255; no downsampling. All three uint8 (H, W), at least 11x11; raises ValueError otherwise.
    """
    return _summed(infrared, visible, fused, 255.0)


def structural_similarity_l1(infrared: Image, visible: Image, fused: Image) -> float:
    """SSIM_L1: as SSIM, with the constants for L = 1 on levels 0..255, as most fusion papers compute it.

    The constants then vanish beside real variances: flat, noisy areas count fully. Given to compare with published
    tables; SSIM is the sound one. All three uint8 (H, W), at least 11x11; raises ValueError otherwise.
    """
    return _summed(infrared, visible, fused, 1.0)
