"""SSIM, VIF and Qabf against second implementations: slow, two-dimensional windows, written from the papers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from metrics_support import picture
from numpy.lib.stride_tricks import sliding_window_view

from training.metrics import METRICS


def window(size: int, sigma: float) -> np.ndarray:
    axis = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(axis[:, None] ** 2 + axis[None, :] ** 2) / (2 * sigma**2))
    return weights / weights.sum()


def patches(plane: np.ndarray, size: int) -> np.ndarray:
    return sliding_window_view(plane, (size, size))


def local_statistics(a, b, weights):
    """Means, variances and covariance at each position, from deviations and not from squares."""
    pa, pb = patches(a, len(weights)), patches(b, len(weights))
    mean_a, mean_b = (pa * weights).sum((-1, -2)), (pb * weights).sum((-1, -2))
    da, db = pa - mean_a[..., None, None], pb - mean_b[..., None, None]
    return (
        mean_a,
        mean_b,
        (da**2 * weights).sum((-1, -2)),
        (db**2 * weights).sum((-1, -2)),
        (da * db * weights).sum((-1, -2)),
    )


def slow_ssim(a, b, level_range):
    ma, mb, va, vb, cov = local_statistics(a.astype(float), b.astype(float), window(11, 1.5))
    c1, c2 = (0.01 * level_range) ** 2, (0.03 * level_range) ** 2
    c3 = c2 / 2
    luminance = (2 * ma * mb + c1) / (ma**2 + mb**2 + c1)
    contrast = (2 * np.sqrt(va * vb) + c2) / (va + vb + c2)
    structure = (cov + c3) / (np.sqrt(va * vb) + c3)
    return (luminance * contrast * structure).mean()


def slow_vif(reference, distorted):
    reference, distorted = reference.astype(float), distorted.astype(float)
    numerator = denominator = 0.0
    for scale in range(4):
        size = 2 ** (4 - scale) + 1
        weights = window(size, size / 5)
        if scale:
            reference = (patches(reference, size) * weights).sum((-1, -2))[::2, ::2]
            distorted = (patches(distorted, size) * weights).sum((-1, -2))[::2, ::2]
        _, _, variances, distorted_variances, covariances = local_statistics(reference, distorted, weights)
        triples = zip(variances.ravel(), distorted_variances.ravel(), covariances.ravel(), strict=True)
        for variance, distorted_variance, covariance in triples:
            gain = max(covariance / variance, 0.0)
            noise = distorted_variance - gain * covariance
            numerator += math.log2(1 + gain**2 * variance / (noise + 2))
            denominator += math.log2(1 + variance / 2)
    return numerator / denominator


def slow_edges(image):
    padded = np.pad(image.astype(float), 1)
    strength, angle = np.zeros(image.shape), np.zeros(image.shape)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            p = padded[row : row + 3, column : column + 3]
            sx = p[0, 2] + 2 * p[1, 2] + p[2, 2] - p[0, 0] - 2 * p[1, 0] - p[2, 0]
            sy = p[2, 0] + 2 * p[2, 1] + p[2, 2] - p[0, 0] - 2 * p[0, 1] - p[0, 2]
            strength[row, column] = math.sqrt(sx**2 + sy**2)
            angle[row, column] = math.atan(sy / sx) if sx else math.pi / 2
    return strength, angle


def slow_qabf(ir, vi, fused):
    """Qabf, its infrared half and its visible half."""
    strength_f, angle_f = slow_edges(fused)
    kept, weight = [], []
    for source in (ir, vi):
        strength, angle = slow_edges(source)
        total = 0.0
        for g, a, gf, af in zip(strength.ravel(), angle.ravel(), strength_f.ravel(), angle_f.ravel(), strict=True):
            if g == 0:
                continue
            ratio = gf / g if g > gf else g / gf
            agreement = 1 - abs(a - af) / (math.pi / 2)
            q_strength = 0.9994 / (1 + math.exp(-15 * (ratio - 0.5)))
            q_angle = 0.9879 / (1 + math.exp(-22 * (agreement - 0.8)))
            total += q_strength * q_angle * g
        kept.append(total)
        weight.append(strength.sum())
    return sum(kept) / sum(weight), kept[0] / weight[0], kept[1] / weight[1]


def cases():
    for seed in range(0, 9, 3):
        ir, vi = picture(seed, (45, 52)), picture(seed + 1, (45, 52))
        yield ir, vi, ((ir.astype(int) + vi) // 2).astype(np.uint8)
        yield ir, vi, np.maximum(ir, vi)
        yield ir, vi, picture(seed + 2, (45, 52))


@pytest.mark.parametrize(("name", "level_range"), [("SSIM", 255), ("SSIM_L1", 1)])
def test_ssim(name, level_range):
    for ir, vi, fused in cases():
        expected = slow_ssim(ir, fused, level_range) + slow_ssim(vi, fused, level_range)
        assert METRICS[name](ir, vi, fused) == pytest.approx(expected, abs=1e-9)


def test_vif():
    for ir, vi, fused in cases():
        expected = slow_vif(ir, fused) + slow_vif(vi, fused)
        assert METRICS["VIF"](ir, vi, fused) == pytest.approx(expected, abs=1e-6)


def test_qabf():
    for ir, vi, fused in cases():
        both, infrared, visible = slow_qabf(ir, vi, fused)
        assert METRICS["Qabf"](ir, vi, fused) == pytest.approx(both, abs=1e-5)
        assert METRICS["Qabf_infrared"](ir, vi, fused) == pytest.approx(infrared, abs=1e-5)
        assert METRICS["Qabf_visible"](ir, vi, fused) == pytest.approx(visible, abs=1e-5)
