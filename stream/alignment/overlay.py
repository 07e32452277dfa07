"""A picture to look at: does the alignment hold?"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.alignment.structure import Luma
from stream.homography import Matrix

FIELDS = 8
"""Fields of the chessboard across the picture."""


def overlay(infrared: Luma, visible: Luma, homography: Matrix) -> Luma:
    """Two views side by side, uint8 (H, 2 W): a chessboard of both pictures, and visible edges on infrared.

    ``infrared``: uint8 (H, W). ``visible``: uint8 of any size. ``homography``: visible pixel -> infrared pixel.
    Edges (J. Canny, A Computational Approach to Edge Detection, PAMI 1986) are white on the darkened infrared picture.
    Contours go on across the chessboard's borders, and white lines lie on infrared contours, where the map is right.
    """
    height, width = infrared.shape
    moved = cv2.warpPerspective(visible, homography, (width, height), flags=cv2.INTER_LINEAR)
    covered = cv2.warpPerspective(np.full_like(visible, 255), homography, (width, height), flags=cv2.INTER_NEAREST) > 0
    side = max(1, width // FIELDS)
    rows, columns = np.indices((height, width)) // side
    board = np.where(((rows + columns) % 2 == 0) & covered, _stretched(moved), _stretched(infrared))
    smooth = cv2.GaussianBlur(moved, (0, 0), max(1.0, width / 500))
    edges = cv2.Canny(smooth, *_thresholds(smooth)) > 0
    edges &= cv2.erode(covered.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    lines = np.where(edges, 255, _stretched(infrared) // 5 * 3)
    return np.hstack([board, lines]).astype(np.uint8)


def _stretched(luma: NDArray[Any]) -> Luma:
    low, high = np.percentile(luma, (1, 99))
    return np.clip((luma - low) * (255 / max(1.0, high - low)), 0, 255).astype(np.uint8)


def _thresholds(luma: NDArray[Any]) -> tuple[float, float]:
    """Canny's, so that about the strongest tenth of the gradients counts."""
    gradient = cv2.magnitude(cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1))
    high = max(10.0, float(np.percentile(gradient, 90)))
    return high / 2, high
