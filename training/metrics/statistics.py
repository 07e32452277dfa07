"""Metrics of the fused picture alone: EN, SD, SF, AG. Larger says more contrast or detail; noise counts as detail."""

from __future__ import annotations

import numpy as np

from training.metrics.image import Image, check_images


def histogram_entropy(image: Image) -> float:
    """Shannon entropy in bits (0..8) of the 256-level histogram of a uint8 (H, W) picture."""
    return entropy_of_counts(np.bincount(image.ravel(), minlength=256))


def entropy_of_counts(counts: np.ndarray) -> float:
    """Shannon entropy in bits of a histogram of any shape, given as counts."""
    used = counts[counts > 0] / counts.sum()
    return float(-(used * np.log2(used)).sum())


def entropy(infrared: Image, visible: Image, fused: Image) -> float:
    """EN: Shannon entropy of the fused picture's 256-level histogram, bits, 0..8 (Roberts et al. 2008).

    All three uint8 (H, W); the sources are not used. Raises ValueError on other types or unequal sizes.
    """
    check_images(infrared, visible, fused)
    return histogram_entropy(fused)


def standard_deviation(infrared: Image, visible: Image, fused: Image) -> float:
    """SD: population standard deviation of the fused picture, grey levels, 0..127.5.

    All three uint8 (H, W); the sources are not used. Raises ValueError on other types or unequal sizes.
    """
    check_images(infrared, visible, fused)
    return float(fused.std())


def spatial_frequency(infrared: Image, visible: Image, fused: Image) -> float:
    """SF: sqrt(mean squared horizontal difference + mean squared vertical difference), grey levels, 0..361.

    Eskicioglu and Fisher, "Image quality measures and their performance", IEEE Trans. Communications 43 (1995).
    Each mean is over the differences that exist: H x (W-1) and (H-1) x W. All three uint8 (H, W), at least 2x2; the
    sources are not used. Raises ValueError on other types or unequal sizes.
    """
    check_images(infrared, visible, fused)
    levels = fused.astype(np.int32)
    across = np.diff(levels, axis=1)
    down = np.diff(levels, axis=0)
    return float(np.sqrt((across * across).mean() + (down * down).mean()))


def average_gradient(infrared: Image, visible: Image, fused: Image) -> float:
    """AG: mean over pixels of sqrt((dx^2 + dy^2) / 2), grey levels a pixel (Cui et al., Optics Comm. 341, 2015).

    dx, dy: central differences, one-sided at the borders (``numpy.gradient``). All three uint8 (H, W), at least 2x2;
    the sources are not used. Raises ValueError on other types or unequal sizes.
    """
    check_images(infrared, visible, fused)
    down, across = np.gradient(fused.astype(np.float32))
    return float(np.sqrt((across * across + down * down) * 0.5).mean(dtype=np.float64))
