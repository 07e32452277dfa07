"""Fusions that need no network. A network that does not beat them has no reason to run."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from training.metrics.image import Image

_DETAIL_LEVELS = 4


def average(infrared: Image, visible: Image) -> Image:
    """Mean of the two pictures, uint8 (H, W).

    Computed in float32 on 0..1 and scaled by 255, as a network's output is. Half of all sums end in .5, and rounding
    those to even instead would leave a comb in the histogram that costs 1 % of EN.
    """
    levels, half = np.float32(255), np.float32(0.5)
    mean = infrared.astype(np.float32) / levels * half + visible.astype(np.float32) / levels * half
    return np.rint(mean * levels).astype(np.uint8)


def maximum(infrared: Image, visible: Image) -> Image:
    """The brighter of the two at each pixel, uint8 (H, W)."""
    return np.maximum(infrared, visible)


def laplacian_maximum(infrared: Image, visible: Image) -> Image:
    """Laplacian pyramid fusion, uint8 (H, W): the larger detail by magnitude, the mean of the bases.

    Five levels: four of detail, one base (Burt and Adelson 1983; Toet 1989 for the choice). The infrared detail wins
    ties.
    """
    infrared_details, infrared_base = _pyramid(infrared)
    visible_details, visible_base = _pyramid(visible)
    fused = (infrared_base + visible_base) * np.float32(0.5)
    for ir, vi in zip(reversed(infrared_details), reversed(visible_details), strict=True):
        fused = np.where(np.abs(ir) >= np.abs(vi), ir, vi) + _expand(fused, ir)
    return np.clip(np.rint(fused), 0, 255).astype(np.uint8)


def copy_infrared(infrared: Image, visible: Image) -> Image:
    """The infrared picture: shows which metrics a method can win by ignoring a camera."""
    return infrared


def copy_visible(infrared: Image, visible: Image) -> Image:
    """The visible picture: shows which metrics a method can win by ignoring a camera."""
    return visible


def _pyramid(image: Image) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    plane = image.astype(np.float32)
    details = []
    for _ in range(_DETAIL_LEVELS):
        coarser = cast(NDArray[np.float32], cv2.pyrDown(plane))
        details.append(plane - _expand(coarser, plane))
        plane = coarser
    return details, plane


def _expand(coarse: NDArray[np.float32], like: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = like.shape
    return cast(NDArray[np.float32], cv2.pyrUp(coarse, dstsize=(width, height)))


BASELINES: dict[str, Callable[[Image, Image], Image]] = {
    "Average": average,
    "Max": maximum,
    "LapPyrMax": laplacian_maximum,
    "Copy-infrared": copy_infrared,
    "Copy-visible": copy_visible,
}
"""Name -> fusion of two registered pictures, uint8 (H, W), 0..255, into one of the same type and size."""
