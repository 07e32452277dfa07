"""Correlation of the motion of two streams over the time between them, piece by piece of the footage. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sync.motion import Motion

STEP_S = 0.02
"""Spacing of the lags that are looked at."""

PIECE_S = 2.5
"""Footage is correlated in pieces of this length, which can be added up in any combination."""

NORM_S = 0.2
"""The norm is averaged over so many seconds of lags. Between two samples interpolation averages noise away, and a norm
that follows that draws the peak there."""


LONGEST_GAP = 4.5
"""Gaps of so many periods are not interpolated over."""

LOUDEST = 3.0
"""A piece's voice counts for no more than so many standard deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Sums of products for each piece and lag, float64 (pieces, lags).

    ``lags_s``: what is added to the first stream's times. ``products``: of both motions; ``first``, ``second``: of
    each with itself where the other is there too. ``middles_s``: middle of each piece on the first stream's clock.
    ``shared_s``: seconds of footage that a piece and the other stream share at each lag.
    """

    lags_s: NDArray[np.float64]
    products: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    shared_s: NDArray[np.float64]
    middles_s: NDArray[np.float64]

    def votes(self, at: int) -> float:
        """How many standard deviations all pieces together stand out at one lag, each piece with one voice.

        A piece's voice is its product there against its products at all lags. What one passing car says loudly, and
        nothing else says at all, is not much.
        """
        spread = self.products.std(axis=1)
        there = spread > 1e-9
        if not there.any():
            return 0.0
        voices = (self.products[there, at] - self.products[there].mean(axis=1)) / spread[there]
        return float(voices.clip(-LOUDEST, LOUDEST).sum() / np.sqrt(there.sum()))

    def curve(self, smooth_s: float, which: slice = slice(None)) -> NDArray[np.float64]:
        """Normalized correlation over the lags of some pieces together, -1..1; 0 where there is nothing.

        ``smooth_s``: sigma of its smoothing over the lags.
        """
        products, first, second = (part[which].sum(axis=0) for part in (self.products, self.first, self.second))
        half = round(NORM_S / STEP_S / 2)
        kernel = np.full(2 * half + 1, 1 / (2 * half + 1))
        norm = np.sqrt(_smoothed(first * second, kernel).clip(0))
        radius = max(1, round(3 * smooth_s / STEP_S))
        gauss = np.exp(-0.5 * (np.arange(-radius, radius + 1) * STEP_S / smooth_s) ** 2)
        products = _smoothed(products, gauss / gauss.sum())
        return np.divide(products, norm, out=np.zeros_like(products), where=norm > 1e-9)


def correlate(first: Motion, second: Motion, center_s: float, reach_s: float) -> Pieces:
    """Correlate two motions of the same cells at lags ``center_s`` +- ``reach_s``, pieces cut on the first one.

    ``first`` should be the slower stream: the other is interpolated to its times.
    """
    half = round(reach_s / STEP_S)
    lags = np.arange(-half, half + 1)
    start_s = float(first.times_s[0])
    number = ((first.times_s - start_s) // PIECE_S).astype(int)
    each_s = float(first.times_s[-1] - start_s) / max(1, len(number) - 1)
    rows = []
    for piece in range(int(number[-1]) + 1):
        mine = number == piece
        begin_s = start_s + piece * PIECE_S
        grid, there = _resampled(second, begin_s + center_s - half * STEP_S, round(PIECE_S / STEP_S) + 2 * half + 2)
        at = np.rint((first.times_s[mine] - begin_s) / STEP_S).astype(int)
        where = at[:, None] + (lags + half)[None, :]
        cells = first.cells[mine]
        product = np.take_along_axis(cells @ grid.T, where, axis=1).sum(axis=0, dtype=np.float64)
        own = np.einsum("ij,ij->i", cells, cells).astype(np.float64) @ there[where]
        square = np.einsum("ij,ij->i", grid, grid).astype(np.float64)[where].sum(axis=0)
        rows.append((product, own, square, there[where].sum(axis=0) * each_s, begin_s + PIECE_S / 2))
    columns: list[NDArray[np.float64]] = [np.array(part) for part in zip(*rows, strict=True)]
    return Pieces(center_s + lags.astype(np.float64) * STEP_S, *columns)


def _resampled(motion: Motion, begin_s: float, count: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A motion on a grid of ``STEP_S``, float32 (count, cells), and where there is any; else 0."""
    moments_s = begin_s + np.arange(count) * STEP_S
    if len(motion.times_s) < 2:
        return np.zeros((count, motion.cells.shape[1]), np.float32), np.zeros(count, bool)
    right = np.searchsorted(motion.times_s, moments_s).clip(1, len(motion.times_s) - 1)
    left = right - 1
    gap_s = motion.times_s[right] - motion.times_s[left]
    share = (moments_s - motion.times_s[left]) / gap_s
    there = (share >= 0) & (share <= 1) & (gap_s < LONGEST_GAP * np.median(np.diff(motion.times_s)))
    share = np.where(there, share, 0.0).astype(np.float32)[:, None]
    grid = motion.cells[left] * (there[:, None] - share) + motion.cells[right] * share
    return grid, there


def _smoothed(values: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.convolve(np.pad(values, len(kernel) // 2, mode="edge"), kernel, "valid")
