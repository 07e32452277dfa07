"""What infrared and visible pictures have in common: where edges are, and how they run.

Grey levels of the two cameras are unrelated, and an edge may go from dark to bright in one and from bright to dark in
the other. What stays is its direction modulo 180 degrees. A structure map holds, for each pixel, the strength of the
edge as the modulus of a complex number and twice its direction as the argument, so that opposite gradients agree
(double-angle representation: G. Granlund, H. Knutsson, Signal Processing for Computer Vision, 1995, chapter 6). The
real part of map x conj(other map) is strength x strength x cos(2 x angle between), and correlation is one complex FFT.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.homography import Matrix

Luma = NDArray[np.uint8]
Plane = NDArray[np.float32]
StructureMap = NDArray[np.complex64]

NEIGHBOURHOOD = 0.05
"""Radius (sigma) over which edge strength is made uniform, as a share of the picture's width."""

NOISE_LEVELS = 1.5
"""Gradients (grey levels a pixel) well below this are sensor noise and stay weak in the map."""

LIMIT = 2.5
"""Strength at which an edge saturates, in units of its neighbourhood's mean: one glaring contour must not rule."""

_SCHARR = 1 / 32
"""Makes OpenCV's 3x3 Scharr kernel give grey levels a pixel."""


def structure_map(luma: Plane, blur_px: float = 1.0, spread_px: float = 0.8) -> StructureMap:
    """The structure map of a picture, complex64 (H, W), modulus 0 to about ``LIMIT``.

    ``luma``: float32 (H, W), 0..255. ``blur_px``: sigma of the smoothing before gradients are taken. ``spread_px``:
    sigma over which the map is smoothed afterwards, so that edges that are a pixel apart still agree.
    """
    smooth = cv2.GaussianBlur(luma, (0, 0), blur_px)
    gx = cv2.Scharr(smooth, cv2.CV_32F, 1, 0, scale=_SCHARR)
    gy = cv2.Scharr(smooth, cv2.CV_32F, 0, 1, scale=_SCHARR)
    strength = cv2.magnitude(gx, gy)
    around = cv2.GaussianBlur(strength, (0, 0), max(2.0, NEIGHBOURHOOD * luma.shape[1]))
    floor = 0.3 * float(strength.mean()) + NOISE_LEVELS
    level = strength / (around + floor)
    level = LIMIT * np.tanh(level / LIMIT)
    # (gx + i gy)^2 has twice the argument; divided by the modulus squared only the direction is left.
    unit = level / (strength * strength + 1e-6)
    out = np.empty((*luma.shape, 2), dtype=np.float32)
    out[..., 0] = (gx * gx - gy * gy) * unit
    out[..., 1] = 2 * gx * gy * unit
    if spread_px > 0:
        out = cv2.GaussianBlur(out, (0, 0), spread_px)
    return out.view(np.complex64)[..., 0]


def shrink(luma: Luma, size: tuple[int, int]) -> Plane:
    """A picture in another size (width, height), float32: averaged over areas where it gets smaller."""
    smaller = size[0] <= luma.shape[1]
    return cv2.resize(luma, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR).astype(np.float32)


def warped(luma: Plane, homography: Matrix, size: tuple[int, int]) -> Plane:
    """The picture moved through the map (its pixel -> target pixel) onto a canvas of ``size`` (width, height).

    Outside the picture its border is continued, so that no false edge appears there; mask that with ``inside``.
    """
    out = cv2.warpPerspective(luma, homography, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out.astype(np.float32, copy=False)


def inside(source_size: tuple[int, int], homography: Matrix, size: tuple[int, int], margin_px: int = 3) -> Plane:
    """1 where the moved picture covers the canvas and is ``margin_px`` away from its own border, else 0; (H, W)."""
    full = np.ones((source_size[1], source_size[0]), dtype=np.uint8)
    mask = cv2.warpPerspective(full, homography, size, flags=cv2.INTER_NEAREST)
    kernel = np.ones((2 * margin_px + 1, 2 * margin_px + 1), dtype=np.uint8)
    mask = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    return mask.astype(np.float32)
