"""Tileable fractal textures and white noise, made once from a seed."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

TILE_PX = 512
"""Side of a texture tile; a power of two."""


def fractal_tile(seed: int, beta: float = 2.0, lowest: float = 1.0) -> NDArray[np.float32]:
    """A periodic texture, float32 (512, 512), mean 0, standard deviation 1, power spectrum 1/f**beta.

    ``lowest``: frequencies below this many cycles a tile are left out, so that the tile does not show as a pattern.
    """
    white = np.random.default_rng(seed).standard_normal((TILE_PX, TILE_PX))
    fy = np.fft.fftfreq(TILE_PX)[:, None] * TILE_PX
    fx = np.fft.rfftfreq(TILE_PX)[None, :] * TILE_PX
    frequency = np.hypot(fy, fx)
    gain = np.where(frequency < lowest, 0.0, np.maximum(frequency, 1.0) ** (-beta / 2))
    tile = np.fft.irfft2(np.fft.rfft2(white) * gain, s=white.shape)
    return ((tile - tile.mean()) / tile.std()).astype(np.float32)


def white_noise(seed: int, count: int) -> NDArray[np.float32]:
    """Standard normal samples, float32 (count,)."""
    return np.random.default_rng(seed).standard_normal(count, dtype=np.float32)


@njit("float32[:,::1](float32[:,::1],float32[:,::1],float32[:,::1])", nogil=True, cache=True)
def sample_tile(
    tile: NDArray[np.float32], u: NDArray[np.float32], v: NDArray[np.float32]
) -> NDArray[np.float32]:  # pragma: no cover - compiled
    """Bilinear samples of a periodic tile at texel coordinates ``u`` (right), ``v`` (down), float32 (H, W) alike."""
    out = np.empty_like(u)
    mask = tile.shape[0] - 1
    for y in range(u.shape[0]):
        for x in range(u.shape[1]):
            fu, fv = np.floor(u[y, x]), np.floor(v[y, x])
            a, b = u[y, x] - fu, v[y, x] - fv
            i, j = int(fu) & mask, int(fv) & mask
            i1, j1 = (i + 1) & mask, (j + 1) & mask
            top = tile[j, i] + a * (tile[j, i1] - tile[j, i])
            low = tile[j1, i] + a * (tile[j1, i1] - tile[j1, i])
            out[y, x] = top + b * (low - top)
    return out
