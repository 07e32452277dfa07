"""How alike two pictures are: the fusion of a degraded pair beside the fusion of the clean pair."""

from __future__ import annotations

import math

import numpy as np

from training.metrics import Image
from training.metrics.image import check_images
from training.metrics.ssim import local_covariance, moments, similarity

PEAK = 255.0


def ssim(first: Image, second: Image) -> float:
    """SSIM of two uint8 (H, W) pictures, -1..1, with the window and constants of ``docs/metrics.md``.

    Wang et al., IEEE Trans. Image Processing 13, 2004. Raises ValueError on unequal sizes or below 11x11.
    """
    check_images(first, second)
    one, other = moments(first), moments(second)
    return similarity(one, other, local_covariance(one, other), PEAK)


def psnr_db(first: Image, second: Image) -> float:
    """Peak signal to noise ratio of two uint8 (H, W) pictures, dB; infinite for equal ones. Raises ValueError."""
    check_images(first, second)
    error = float(np.mean((first.astype(np.float64) - second) ** 2))
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 / error)
