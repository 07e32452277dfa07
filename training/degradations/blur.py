"""Blur: motion, defocus, and the two that are peculiar to thermal cameras."""

from __future__ import annotations

import cv2
import numpy as np

from training.degradations.arrays import FloatImage, clipped
from training.degradations.srgb import to_encoded, to_linear

LONGEST_MOTION_PX = 24.0
LARGEST_DISC_PX = 5.5
WIDEST_GAUSS_PX = 3.5
LONGEST_LAG_PX = 7.0


def motion_kernel(length_px: float, angle_rad: float) -> FloatImage:
    """Straight motion at constant speed: a line of ``length_px``, antialiased; sums to 1."""
    along, across = _rotated(int(np.ceil(length_px / 2)), angle_rad)
    weights = np.clip(length_px / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(across), 0, 1)
    return (weights / weights.sum()).astype(np.float32)


def disc_kernel(radius_px: float) -> FloatImage:
    """Defocus of a lens with a round aperture (geometrical optics): an antialiased disc; sums to 1."""
    along, across = _rotated(int(np.ceil(radius_px)), 0.0)
    weights = np.clip(radius_px + 0.5 - np.hypot(along, across), 0, 1)
    return (weights / weights.sum()).astype(np.float32)


def lag_kernel(lag_px: float, angle_rad: float) -> FloatImage:
    """Motion seen by a microbolometer, which cools exponentially: a tail that fades by 1/e in ``lag_px``; sums to 1."""
    along, across = _rotated(int(np.ceil(3 * lag_px)), angle_rad)
    tail = np.where(along > -0.5, np.exp(-np.maximum(along, 0) / max(lag_px, 1e-3)), 0)
    weights = tail * np.clip(1 - np.abs(across), 0, 1)
    return (weights / weights.sum()).astype(np.float32)


def visible_blur(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Motion of up to 24 px at any angle, or defocus of up to 5.5 px radius, in linear light.

    ``image``: (H, W) or (H, W, 3).
    """
    angle_rad, moving = rng.uniform(0, np.pi), rng.random() < 0.5
    kernel = (
        motion_kernel(LONGEST_MOTION_PX * strength, angle_rad) if moving else disc_kernel(LARGEST_DISC_PX * strength)
    )
    return to_encoded(_filtered(to_linear(image), kernel))


def infrared_blur(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Defocus of a thermal lens (Gaussian, sigma up to 3.5 px) or motion with thermal lag (up to 7 px); (H, W)."""
    angle_rad, moving = rng.uniform(0, 2 * np.pi), rng.random() < 0.4
    if moving:
        return clipped(_filtered(image, lag_kernel(LONGEST_LAG_PX * strength, angle_rad)))
    sigma_px = max(WIDEST_GAUSS_PX * strength, 1e-3)
    return cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101).astype(np.float32, copy=False)


def _rotated(radius_px: int, angle_rad: float) -> tuple[FloatImage, FloatImage]:
    """Coordinates along and across a direction, for the pixels of a square kernel."""
    y, x = np.mgrid[-radius_px : radius_px + 1, -radius_px : radius_px + 1].astype(np.float32)
    cos, sin = np.float32(np.cos(angle_rad)), np.float32(np.sin(angle_rad))
    return x * cos + y * sin, y * cos - x * sin


def _filtered(image: FloatImage, kernel: FloatImage) -> FloatImage:
    return cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101).astype(np.float32, copy=False)
