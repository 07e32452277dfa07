"""What a metric takes, and the filters that several metrics share."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""An 8-bit luma picture, shape (H, W), 0..255, full range."""

Plane = NDArray[np.float64]
"""A picture or map in floating point, shape (H, W)."""


def check_images(*images: Image) -> None:
    """Raise ValueError unless all are uint8, 2-D, with pixels, and of one shape."""
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 2 or image.size == 0:
            raise ValueError(f"a metric takes uint8 (H, W) pictures, got {image.dtype} {image.shape}")
        if image.shape != images[0].shape:
            raise ValueError(f"pictures must have one size, got {images[0].shape} and {image.shape}")


def gaussian_kernel(taps: int, sigma_px: float) -> Plane:
    """One side of a separable Gaussian window: ``taps`` weights (odd), shape (taps, 1), sum 1."""
    offset_px = np.arange(taps, dtype=np.float64) - taps // 2
    weights = np.exp(-0.5 * (offset_px / sigma_px) ** 2)
    return (weights / weights.sum()).reshape(-1, 1)


def filter_valid(plane: Plane, kernel: Plane) -> Plane:
    """Filter rows and columns with ``kernel``; only positions where the window lies wholly inside the picture.

    The result is smaller by ``taps - 1`` on each axis. Double precision: the variances below are small differences
    of large numbers, and SSIM with the constants for range 1 has nothing that would hide the rounding.
    """
    radius = kernel.shape[0] // 2
    filtered = cv2.sepFilter2D(plane, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(filtered[radius:-radius, radius:-radius])
