"""Edge preservation after Xydeas and Petrovic: Qabf and its two halves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.metrics.image import Image, check_images

EdgeMap = NDArray[np.float32]

_STRENGTH_TOP, _STRENGTH_SLOPE, _STRENGTH_MIDDLE = 0.9994, -15.0, 0.5
_ANGLE_TOP, _ANGLE_SLOPE, _ANGLE_MIDDLE = 0.9879, -22.0, 0.8


@dataclass(frozen=True, slots=True)
class Edges:
    """Sobel edges. ``strength``: float32 (H, W), at least 0; ``angle``: float32 (H, W), radians, -pi/2..pi/2."""

    strength: EdgeMap
    angle: EdgeMap


def edges(image: Image) -> Edges:
    """3x3 Sobel edges of a uint8 (H, W) picture; outside the picture it is 0, as in the published code."""
    across = cv2.Sobel(image, cv2.CV_32F, 1, 0, ksize=3, borderType=cv2.BORDER_CONSTANT)
    down = cv2.Sobel(image, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_CONSTANT)
    vertical = across == 0
    slope = np.divide(down, across, out=np.zeros_like(down), where=~vertical)
    angle = np.arctan(slope)
    angle[vertical] = np.pi / 2
    return Edges(cv2.magnitude(across, down).astype(np.float32, copy=False), angle)


def edge_preservation(source: Edges, fused: Edges) -> EdgeMap:
    """Q of each pixel, float32 (H, W), 0..0.975: how well strength and angle of the source's edge are kept."""
    stronger = np.maximum(source.strength, fused.strength)
    ratio = np.divide(
        np.minimum(source.strength, fused.strength), stronger, out=np.ones_like(stronger), where=stronger > 0
    )
    agreement = 1.0 - np.abs(source.angle - fused.angle) * np.float32(2 / np.pi)
    kept_strength = 1.0 + np.exp(np.float32(_STRENGTH_SLOPE) * (ratio - np.float32(_STRENGTH_MIDDLE)))
    kept_angle = 1.0 + np.exp(np.float32(_ANGLE_SLOPE) * (agreement - np.float32(_ANGLE_MIDDLE)))
    return np.float32(_STRENGTH_TOP * _ANGLE_TOP) / (kept_strength * kept_angle)


@dataclass(frozen=True, slots=True)
class EdgeScore:
    """``both``: Qabf; ``infrared``, ``visible``: its halves, each weighted by that source's edges alone. 0..0.975.

    ``both`` is the mean of the halves, weighted by the sums of the two sources' edge strengths.
    """

    both: float
    infrared: float
    visible: float


def edge_score(infrared: Edges, visible: Edges, fused: Edges) -> EdgeScore:
    """Qabf and its halves from edges. A source without edges has none to lose: its half is 1, its weight 0."""
    kept = []
    weight = []
    for source in (infrared, visible):
        kept.append(float((edge_preservation(source, fused) * source.strength).sum(dtype=np.float64)))
        weight.append(float(source.strength.sum(dtype=np.float64)))
    both, ir, vi = (
        part / whole if whole > 0 else 1.0
        for part, whole in zip((sum(kept), *kept), (sum(weight), *weight), strict=True)
    )
    return EdgeScore(both, ir, vi)


def _score(infrared: Image, visible: Image, fused: Image) -> EdgeScore:
    check_images(infrared, visible, fused)
    return edge_score(edges(infrared), edges(visible), edges(fused))


def qabf(infrared: Image, visible: Image, fused: Image) -> float:
    """Qabf: share of both sources' edges that the fused picture keeps, 0..0.975 (Xydeas and Petrovic 2000).

    "Objective image fusion performance measure", Electronics Letters 36 (2000): 3x3 Sobel; strength ratio and angle
    agreement through sigmoids (0.9994, -15, 0.5; 0.9879, -22, 0.8); weights are edge strengths (exponent 1). Angles
    are compared as printed, without wrapping at +-90 degrees. Two pictures without any edge give 1.
    All three uint8 (H, W); raises ValueError on other types or unequal sizes.
    """
    return _score(infrared, visible, fused).both


def qabf_infrared(infrared: Image, visible: Image, fused: Image) -> float:
    """The infrared half of Qabf: the share of infrared edges that is kept, 0..0.975. Otherwise as ``qabf``."""
    return _score(infrared, visible, fused).infrared


def qabf_visible(infrared: Image, visible: Image, fused: Image) -> float:
    """The visible half of Qabf: the share of visible edges that is kept, 0..0.975. Otherwise as ``qabf``."""
    return _score(infrared, visible, fused).visible
