"""Pictures for the tests of metrics."""

from __future__ import annotations

import numpy as np

from training.metrics import Image

SIDE_PX = 48


def picture(seed: int, shape: tuple[int, int] = (SIDE_PX, SIDE_PX + 3)) -> Image:
    """A random picture with structure at several scales."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    wave = np.sin(rows / rng.uniform(2, 12) + rng.uniform(0, 6)) * np.cos(columns / rng.uniform(2, 12))
    noise = rng.normal(0, rng.uniform(0, 25), shape)
    return np.clip(rng.uniform(60, 190) + rng.uniform(5, 60) * wave + noise, 0, 255).astype(np.uint8)
