"""Checks of arguments, so that a wrong array is an error with a name and not a crash inside a loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_plane(
    name: str, plane: NDArray[Any], dtypes: Sequence[type[np.generic]], shape: tuple[int, int] | None = None
) -> None:
    """Raise ValueError unless ``plane`` is 2-D with pixels, of one of ``dtypes`` and (where given) of ``shape``."""
    if plane.ndim != 2 or plane.size == 0:
        raise ValueError(f"{name} must be a 2-D array with pixels, got shape {plane.shape}")
    if plane.dtype not in dtypes:
        raise ValueError(f"{name} must be {' or '.join(t.__name__ for t in dtypes)}, got {plane.dtype}")
    if shape is not None and plane.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {plane.shape}")


def check_contiguous(name: str, plane: NDArray[Any]) -> None:
    """Raise ValueError unless ``plane`` is C-contiguous."""
    if not plane.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous, got strides {plane.strides}")


def check_lut(name: str, lut: NDArray[Any], length: int) -> None:
    """Raise ValueError unless ``lut`` is uint8 of shape (length,)."""
    if lut.dtype != np.uint8 or lut.shape != (length,):
        raise ValueError(f"{name} must be uint8 of shape ({length},), got {lut.dtype} {lut.shape}")
