"""Colour errors: chroma of a picture, changed by a student's gain or left alone, beside the true chroma."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kernels.chroma import apply_chroma_gain
from training.metrics import Image

Chroma = tuple[Image, Image]
"""Cb and Cr, each uint8 (H, W), full range, neutral at 128."""


@dataclass(frozen=True, slots=True)
class ChromaError:
    """``mean``: mean absolute difference over Cb and Cr; ``rms``: root of the mean squared distance. Levels, 0..255."""

    mean: float
    rms: float


def chroma_of(rgb: Image) -> Chroma:
    """BT.601 full-range chroma of a uint8 (H, W, 3) RGB picture, at full resolution."""
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    red, blue = (np.ascontiguousarray(planes[:, :, index], dtype=np.uint8) for index in (1, 2))
    return blue, red


def with_gain(chroma: Chroma, gain: NDArray[np.float32]) -> Chroma:
    """Chroma after a gain, float32 (h, w), bilinearly enlarged: the very kernel that runs in the stream."""
    changed = (np.empty_like(chroma[0]), np.empty_like(chroma[1]))
    for plane, out in zip(chroma, changed, strict=True):
        apply_chroma_gain(plane, gain, out)
    return changed


def chroma_error(chroma: Chroma, truth: Chroma) -> ChromaError:
    """Distance of two pictures' chroma of one size."""
    blue, red = (one.astype(np.float32) - other for one, other in zip(chroma, truth, strict=True))
    mean = float((np.abs(blue).mean() + np.abs(red).mean()) / 2)
    return ChromaError(mean, float(np.sqrt((blue**2 + red**2).mean())))


def rgb_of(luma: Image, chroma: Chroma) -> Image:
    """The uint8 (H, W, 3) RGB picture with this luma and chroma; what is out of range is clipped."""
    planes = np.dstack([luma, chroma[1], chroma[0]])
    return cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB).astype(np.uint8, copy=False)
