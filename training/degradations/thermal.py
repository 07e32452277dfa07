"""Faults of thermal cameras that stay in place: fixed pattern, lost contrast, dead pixels. All images (H, W)."""

from __future__ import annotations

import numpy as np

from training.degradations.arrays import FloatImage, clipped, normals, to_8_bit
from training.degradations.fields import noise

COLUMN_SPREAD = 0.06
PIXEL_SPREAD = 0.015
SHADING_SPREAD = 0.05
LOST_CONTRAST = 0.88
DEAD_SHARE = 0.008
CLUSTER_SHARE = 0.25


def stripes(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Fixed pattern: column offsets (up to 0.06), weaker row offsets, pixel pattern, and smooth shading.

    The v, h and vh terms of the three-dimensional noise model (D'Agostino and Webb, SPIE 1488, 1991), with gain errors
    of the columns beside their offsets. One camera in five has rows where the others have columns.
    """
    height, width = image.shape
    columns, rows = _line_offsets(rng, width), _line_offsets(rng, height)
    gains = normals(rng, width)
    row_share = rng.uniform(0.1, 0.6)
    turned = rng.random() < 0.2
    pixels = normals(rng, height, width)
    shading = noise(rng, height, width, rng.uniform(0.6, 1.5) * max(height, width))[0]
    # The camera's gain control puts the noise above black: without a lift, dark scenes would hide half of it.
    lift = COLUMN_SPREAD * rng.uniform(0.0, 2.0)
    shading_spread = SHADING_SPREAD * rng.uniform(0.2, 1.0)

    column_weight, row_weight = (row_share, 1.0) if turned else (1.0, row_share)
    lines = column_weight * (columns[None, :] + 0.5 * gains[None, :] * image) + row_weight * rows[:, None]
    pattern = COLUMN_SPREAD * lines + PIXEL_SPREAD * pixels + shading_spread * shading
    return clipped(image + np.float32(strength) * (pattern + lift).astype(np.float32))


def low_contrast(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """All levels drawn towards one level in 0.2..0.75 by up to 88 %, then rounded to 8 bits: fine steps are lost."""
    level = np.float32(rng.uniform(0.2, 0.75))
    return to_8_bit(level + (image - level) * np.float32(1 - LOST_CONTRAST * strength))


def dead_pixels(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Up to 0.8 % seeds of hot or cold pixels; a quarter of them have one or two neighbours that are dead too."""
    height, width = image.shape
    most = int(np.ceil(DEAD_SHARE * image.size))
    y, x = rng.integers(height, size=most), rng.integers(width, size=most)
    value = (rng.random(most) < 0.6).astype(np.float32)
    depth = rng.uniform(0.6, 1.0, most).astype(np.float32)
    clustered = rng.random(most) < CLUSTER_SHARE
    steps = rng.integers(-1, 2, size=(2, 2, most))

    # The first of a fixed order: a stronger fault has all dead pixels of a weaker one.
    count = int(np.ceil(most * strength))
    out = image.copy()
    for step_y, step_x in ((0, 0), *steps):
        ny = np.clip(y + np.where(clustered, step_y, 0), 0, height - 1)[:count]
        nx = np.clip(x + np.where(clustered, step_x, 0), 0, width - 1)[:count]
        out[ny, nx] = image[ny, nx] + (value[:count] - image[ny, nx]) * depth[:count]
    return out


def _line_offsets(rng: np.random.Generator, count: int) -> FloatImage:
    """One offset a line, standard deviation 1: mostly white, a small part drifting along the array."""
    white = normals(rng, count)
    drift = noise(rng, 1, count, rng.uniform(24, 96))[0, 0]
    return np.float32(0.92) * white + np.float32(0.39) * drift
