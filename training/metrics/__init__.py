"""Image-fusion quality metrics on 8-bit luma. Each is ``metric(infrared, visible, fused) -> float``, and pure.

The definitions, with their papers and the pitfalls of each, are in ``docs/metrics.md``.
"""

from __future__ import annotations

from collections.abc import Callable

from training.metrics.edge import qabf, qabf_infrared, qabf_visible
from training.metrics.image import Image
from training.metrics.information import mutual_information, sum_of_correlations_of_differences
from training.metrics.scorer import Scorer
from training.metrics.ssim import structural_similarity, structural_similarity_l1
from training.metrics.statistics import average_gradient, entropy, spatial_frequency, standard_deviation
from training.metrics.vif import MIN_SIZE_PX, visual_information_fidelity

Metric = Callable[[Image, Image, Image], float]

DEFINITIONS_VERSION = 1
"""Raised whenever a definition changes, so that figures of two versions are never compared."""

METRICS: dict[str, Metric] = {
    "EN": entropy,
    "SD": standard_deviation,
    "SF": spatial_frequency,
    "AG": average_gradient,
    "MI": mutual_information,
    "SCD": sum_of_correlations_of_differences,
    "VIF": visual_information_fidelity,
    "Qabf": qabf,
    "SSIM": structural_similarity,
    "SSIM_L1": structural_similarity_l1,
    "Qabf_infrared": qabf_infrared,
    "Qabf_visible": qabf_visible,
}

__all__ = ["DEFINITIONS_VERSION", "METRICS", "MIN_SIZE_PX", "Image", "Metric", "Scorer"]
