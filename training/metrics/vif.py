"""Visual information fidelity in the pixel domain, summed over both sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.metrics.image import Image, Plane, check_images, filter_valid, gaussian_kernel

MIN_SIZE_PX = 41
"""Smallest width and height that leave a window's position at the coarsest of the four scales."""

_TAPS = (17, 9, 5, 3)
_WINDOWS = tuple(gaussian_kernel(taps, taps / 5) for taps in _TAPS)
_VISUAL_NOISE = 2.0
_FLAT = 1e-10


@dataclass(frozen=True, slots=True)
class Level:
    """One scale of a picture with its local means and variances, float64.

    ``information``: what the scale holds as a reference, nats, summed over its positions.
    """

    plane: Plane
    mean: Plane
    variance: Plane
    information: float


def pyramid(image: Image) -> list[Level]:
    """The four scales of a uint8 (H, W) picture, finest first. Raises ValueError if it is smaller than 41x41."""
    if min(image.shape) < MIN_SIZE_PX:
        raise ValueError(f"VIF needs pictures of at least {MIN_SIZE_PX}x{MIN_SIZE_PX} pixels, got {image.shape}")
    levels: list[Level] = []
    plane = image.astype(np.float64)
    for window in _WINDOWS:
        if levels:
            plane = np.ascontiguousarray(filter_valid(plane, window)[::2, ::2])
        mean = filter_valid(plane, window)
        variance = filter_valid(plane * plane, window) - mean * mean
        variance[variance < _FLAT] = 0.0
        information = float(np.log(1.0 + variance / _VISUAL_NOISE).sum())
        levels.append(Level(plane, mean, variance, information))
    return levels


def fidelity(reference: list[Level], fused: list[Level]) -> float:
    """VIF of one picture against its reference, at least 0; 1 for a copy, above 1 where contrast is raised.

    A reference without any detail holds no information that could be lost: 1.
    """
    kept = 0.0
    for ref, out, window in zip(reference, fused, _WINDOWS, strict=True):
        covariance = filter_valid(ref.plane * out.plane, window) - ref.mean * out.mean
        usable = (ref.variance > 0) & (out.variance > 0) & (covariance > 0)
        gain = np.divide(covariance, ref.variance, out=np.zeros_like(covariance), where=usable)
        explained = gain * covariance
        noise = np.maximum(out.variance - explained, 0.0)
        # explained = gain^2 * reference variance: the signal of the model "fused = gain * reference + noise".
        kept += float(np.log(1.0 + explained / (noise + _VISUAL_NOISE)).sum())
    held = sum(level.information for level in reference)
    return kept / held if held > 0 else 1.0


def visual_information_fidelity(infrared: Image, visible: Image, fused: Image) -> float:
    """VIF: VIF(infrared, fused) + VIF(visible, fused), at least 0, about 1 for a copy of one source.

    Sheikh and Bovik, "Image information and visual quality", IEEE Trans. Image Processing 15 (2006), in the pixel
    domain as in the authors' later release: four scales with Gaussian windows of 17, 9, 5, 3 taps and sigma taps/5,
    each scale filtered with its own window and halved; visual noise variance 2; the ratio of the sums over all
    scales. All three uint8 (H, W), at least 41x41; raises ValueError otherwise.
    """
    check_images(infrared, visible, fused)
    out = pyramid(fused)
    return fidelity(pyramid(infrared), out) + fidelity(pyramid(visible), out)
