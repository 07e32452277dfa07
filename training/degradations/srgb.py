"""The sRGB transfer curve (IEC 61966-2-1): light adds up and is blurred in linear values, not in encoded ones."""

from __future__ import annotations

import cv2
import numpy as np

from training.degradations.arrays import FloatImage


def to_linear(encoded: FloatImage) -> FloatImage:
    """Encoded 0..1 to linear light 0..1, float32, any shape of up to three dimensions; clips to 0..1."""
    encoded = np.clip(encoded, 0, 1)
    return np.where(encoded <= 0.04045, encoded / np.float32(12.92), _power((encoded + 0.055) / 1.055, 2.4))


def to_encoded(linear: FloatImage) -> FloatImage:
    """Linear light to encoded 0..1, float32, any shape of up to three dimensions; clips to 0..1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * np.float32(12.92), 1.055 * _power(linear, 1 / 2.4) - 0.055)


def _power(image: FloatImage, exponent: float) -> FloatImage:
    """Three times as fast as NumPy's power; OpenCV would give a 1-D array a second dimension."""
    return cv2.pow(image, exponent).reshape(image.shape).astype(np.float32, copy=False)
