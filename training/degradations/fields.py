"""Smooth random fields: fractional Brownian sums of cubic B-spline noise, of any feature size, for any picture size."""

from __future__ import annotations

import numpy as np

from training.degradations.arrays import FloatImage, normals

SPLINE_SPREAD = 151 / 315
"""Standard deviation of 2-D B-spline noise over that of its knots (mean over all positions between the knots)."""


def _spline_matrix(size_px: int, cell_px: float, shift: float) -> FloatImage:
    """Uniform cubic B-spline weights, (size, knots): knots ``cell_px`` apart, the first pixel ``shift`` cells in.

    B(u) = ((2 - |u|)+^3 - 4 (1 - |u|)+^3) / 6, u counted in cells.
    """
    at = np.arange(size_px, dtype=np.float32) * np.float32(1 / cell_px) + np.float32(shift + 1)
    knots = np.arange(int(at[-1]) + 3, dtype=np.float32)
    outer = np.maximum(2 - np.abs(at[:, None] - knots[None, :]), np.float32(0))
    inner = np.maximum(outer - 1, np.float32(0))
    weights: FloatImage = (outer * outer * outer - 4 * (inner * inner * inner)) * np.float32(1 / 6)
    return weights


def noise(rng: np.random.Generator, height_px: int, width_px: int, cell_px: float, fields: int = 1) -> FloatImage:
    """Smooth noise (fields, H, W), float32, mean 0, standard deviation 1 over many draws; features of ``cell_px``."""
    rows = _spline_matrix(height_px, cell_px, rng.random())
    columns = _spline_matrix(width_px, cell_px, rng.random())
    knots = normals(rng, fields, rows.shape[1], columns.shape[1])
    smooth: FloatImage = rows @ (knots * np.float32(1 / SPLINE_SPREAD)) @ columns.T
    return smooth


def fractal(
    rng: np.random.Generator,
    height_px: int,
    width_px: int,
    cell_px: float,
    octaves: int,
    persistence: float,
    fields: int = 1,
) -> FloatImage:
    """Sum of ``octaves`` noises (fields, H, W), each half the last's feature size and ``persistence`` times its height.

    Perlin, An Image Synthesizer, SIGGRAPH 1985. Mean 0, standard deviation 1 over many draws.
    """
    heights = persistence ** np.arange(octaves)
    heights /= np.sqrt((heights**2).sum())
    total = np.zeros((fields, height_px, width_px), np.float32)
    for octave, height in enumerate(heights):
        total += np.float32(height) * noise(rng, height_px, width_px, max(cell_px / 2**octave, 1.0), fields)
    return total
