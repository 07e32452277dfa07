"""The array type of all degradations, and the 8-bit grid that real pictures lie on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
"""float32 in 0..1, sRGB-encoded where visible: (H, W), or (H, W, 3) in RGB order."""


def to_8_bit(image: FloatImage) -> FloatImage:
    """Clip to 0..1 and round to the 256 levels of an 8-bit picture; float32 as before."""
    return np.rint(np.clip(image, 0, 1) * np.float32(255)) / np.float32(255)


def clipped(image: FloatImage) -> FloatImage:
    """Clip to 0..1, float32."""
    return np.clip(image, 0, 1).astype(np.float32, copy=False)


def normals(rng: np.random.Generator, *shape: int) -> FloatImage:
    """Standard normal float32 samples."""
    return rng.standard_normal(shape, dtype=np.float32)
