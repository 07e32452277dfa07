"""People at night: upright warm blobs of the infrared picture, and how much of their contrast a fusion keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.metrics import Image

Mask = NDArray[np.bool_]

WARM_DEVIATIONS = 2.5
"""A pixel is warm above mean + 2.5 standard deviations of the infrared picture ..."""
WARM_LEVEL = 0.45 * 255
"""... and above this level: in a picture without anything warm, the threshold alone would find noise."""
AREA_PX = (80, 8000)
UPRIGHT = 1.1
"""Least height over width."""
RING_PX = (4, 14)
"""The surroundings begin and end so far from the blob. What is warm there is left out: a neighbour is no background."""


@dataclass(frozen=True, slots=True)
class Blob:
    """``inside`` and ``ring``: bool (H, W) masks of a warm blob and of its surroundings."""

    inside: Mask
    ring: Mask


def warm_blobs(infrared: Image) -> list[Blob]:
    """What may be a person in a uint8 (H, W) infrared picture: by warmth, size and form. A tall lamp counts too."""
    threshold = max(float(infrared.mean() + WARM_DEVIATIONS * infrared.std()), WARM_LEVEL)
    warm = infrared > threshold
    count, labels, stats, _ = cv2.connectedComponentsWithStats(warm.astype(np.uint8), connectivity=8)
    blobs = []
    for label in range(1, count):
        width, height, area = (
            int(stats[label, column]) for column in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA)
        )
        if AREA_PX[0] <= area <= AREA_PX[1] and height >= UPRIGHT * width:
            inside: Mask = np.equal(labels, label)
            ring = _ring(inside) & ~warm
            if ring.any():
                blobs.append(Blob(inside, ring))
    return blobs


def contrast(image: Image, blob: Blob) -> float:
    """Distance of a uint8 (H, W) picture's means inside the blob and around it, levels, 0..255."""
    return abs(float(image[blob.inside].mean()) - float(image[blob.ring].mean()))


def kept_contrast(infrared: Image, fused: Mapping[str, Image]) -> list[dict[str, float]]:
    """For each blob: method -> contrast of its fused picture over that of the infrared picture."""
    blobs = [(blob, contrast(infrared, blob)) for blob in warm_blobs(infrared)]
    return [{name: contrast(image, blob) / own for name, image in fused.items()} for blob, own in blobs if own > 0]


def _ring(inside: Mask) -> Mask:
    """Pixels from ``RING_PX[0]`` to ``RING_PX[1]`` away from a mask."""
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ring: Mask = (away >= RING_PX[0]) & (away <= RING_PX[1])
    return ring
