"""Metrics of statistical dependence between the fused picture and its sources: MI and SCD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.metrics.image import Image, check_images
from training.metrics.statistics import entropy_of_counts, histogram_entropy


def mutual_information_between(first: Image, second: Image) -> float:
    """Mutual information in bits of two uint8 (H, W) pictures: H(a) + H(b) - H(a, b), 256 levels each."""
    joint = np.bincount((first.astype(np.int32) * 256 + second).ravel(), minlength=256 * 256)
    return histogram_entropy(first) + histogram_entropy(second) - entropy_of_counts(joint)


def mutual_information(infrared: Image, visible: Image, fused: Image) -> float:
    """MI: I(infrared; fused) + I(visible; fused), bits, 0..16 (Qu, Zhang and Yan, Electronics Letters 38, 2002).

    256 levels, not normalized. A copy of one source gets that source's entropy plus what both sources share, which
    no true fusion reaches: MI rewards copying. All three uint8 (H, W); raises ValueError on other types or sizes.
    """
    check_images(infrared, visible, fused)
    return mutual_information_between(infrared, fused) + mutual_information_between(visible, fused)


def sum_of_correlations_of_differences(infrared: Image, visible: Image, fused: Image) -> float:
    """SCD: r(fused - visible, infrared) + r(fused - infrared, visible), -2..2, r being Pearson's correlation.

    Aslantas and Bendes, "A new image quality metric for image fusion: the sum of the correlations of differences",
    AEU 69 (2015). A difference that is constant (a copy) counts as correlation 0. All three uint8 (H, W); raises
    ValueError on other types or unequal sizes.
    """
    check_images(infrared, visible, fused)
    rows = np.stack([image.ravel() for image in (infrared, visible, fused)]).astype(np.float64)
    # Sums of products of 8-bit levels are exact in double precision, so a copy's difference has variance 0, not 1e-12.
    sums = rows.sum(axis=1)
    covariance = rows.shape[1] * (rows @ rows.T) - np.outer(sums, sums)
    return _difference_correlation(covariance, 2, 1, 0) + _difference_correlation(covariance, 2, 0, 1)


def _difference_correlation(covariance: NDArray[np.float64], minuend: int, subtrahend: int, other: int) -> float:
    """Pearson's r(minuend - subtrahend, other) from the covariance matrix, in any scale; 0 where one is constant."""
    joint = covariance[minuend, other] - covariance[subtrahend, other]
    difference = covariance[minuend, minuend] + covariance[subtrahend, subtrahend]
    difference -= 2 * covariance[minuend, subtrahend]
    scale = float(np.sqrt(max(difference, 0.0) * covariance[other, other]))
    return float(joint) / scale if scale > 0 else 0.0
