"""Windows of the infrared picture that look for their like in the moved visible picture.

Each window correlates its structure map with the moved visible picture's over a small range of displacements, summed
over all frames. Nothing is decided here: a window on a straight edge knows where it lies across the edge and not
along it, and its correlation says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.alignment.structure import Plane, StructureMap, inside, structure_map, warped
from stream.homography import Matrix

Parameters = NDArray[np.float64]
"""Eight numbers, see ``stream.alignment.refine.near_identity``."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowField:
    """What the windows say: ``centres`` float64 (N, 2), pixels of the infrared working picture; ``surfaces`` float32
    (N, 2 reach + 1, 2 reach + 1), correlation -1..1 at displacement [y + reach, x + reach]: where, seen from the
    window, the moved visible picture shows the same; ``half_width_px``: half the picture's width, the unit of priors;
    ``overlap``: windows over each pixel, which are not that many witnesses.
    """

    centres: NDArray[np.float64]
    surfaces: Plane
    half_width_px: float
    overlap: float = 1.0

    @property
    def reach(self) -> int:
        """Largest displacement in pixels."""
        return int(self.surfaces.shape[1] // 2)

    def part(self, chosen: NDArray[np.bool_]) -> WindowField:
        """Some of the windows."""
        return WindowField(self.centres[chosen], self.surfaces[chosen], self.half_width_px, self.overlap)


def window_field(
    fixed: Sequence[StructureMap],
    visible: Sequence[Plane],
    homography: Matrix,
    window_px: int,
    reach_px: int,
    stride_px: int,
) -> WindowField:
    """Correlate the windows of infrared structure maps with the visible pictures moved by ``homography``.

    ``fixed``: infrared structure maps, one a frame, of one size. ``visible``: float32 pictures of the same moments.
    Windows that the visible picture covers less than half are left out; there are none where a picture is smaller
    than a window.
    """
    height, width = fixed[0].shape
    # On a canvas with room for the reach, so that windows at the infrared picture's edge see what is just outside it.
    offset = np.array([[1.0, 0.0, reach_px], [0.0, 1.0, reach_px], [0.0, 0.0, 1.0]])
    canvas_size = (width + 2 * reach_px, height + 2 * reach_px)
    moved = offset @ homography
    places = 2 * reach_px + 1
    overlap = max(1.0, (window_px / stride_px) ** 2)
    nothing = WindowField(np.zeros((0, 2)), np.zeros((0, places, places), np.float32), width / 2, overlap)
    if min(width, height) < window_px:
        return nothing
    mask = inside((visible[0].shape[1], visible[0].shape[0]), moved, canvas_size)
    xs = np.arange(0, width - window_px + 1, stride_px)
    ys = np.arange(0, height - window_px + 1, stride_px)
    corners = np.array([(x, y) for y in ys for x in xs])
    side = window_px + 2 * reach_px
    large_masks = _cut(mask, corners, side)
    inner = large_masks[:, reach_px : reach_px + window_px, reach_px : reach_px + window_px]
    kept = inner.mean(axis=(1, 2)) > 0.5
    corners = corners[kept]
    if not len(corners):
        return nothing
    hits = np.zeros((len(corners), side, side), np.complex64)
    power = np.zeros(mask.shape, np.float32)
    window_power = np.zeros((len(corners), window_px, window_px), np.float32)
    for z, picture in zip(fixed, visible, strict=True):
        seen = structure_map(warped(picture, moved, canvas_size)) * mask
        small, large = _cut(z, corners, window_px), _cut(seen, corners, side)
        hits += np.conj(np.fft.fft2(small, (side, side))) * np.fft.fft2(large)
        power += np.abs(seen) ** 2
        window_power += np.abs(small) ** 2
    # Correlations of what is real need half a spectrum, sums over a square no spectrum at all.
    cover = np.conj(np.fft.rfft2(window_power, (side, side))) * np.fft.rfft2(_cut(mask, corners, side))
    up = np.fft.ifft2(hits).real[:, :places, :places]
    covered = np.fft.irfft2(cover, (side, side))[:, :places, :places]
    energy = _square_sums(power, corners, window_px, places)
    down = np.sqrt(np.maximum(energy, 0) * np.maximum(covered, 0))
    # Windows with little structure would else correlate by chance.
    floor = 0.1 * float(np.median(down)) + 1e-6
    surfaces = (up / (down + floor)).astype(np.float32)
    return WindowField(corners + (window_px - 1) / 2, surfaces, width / 2, overlap)


def values_at(field: WindowField, places_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each window at a displacement (bilinear; clipped to the reach), float64 (N,)."""
    reach = field.reach
    at = np.clip(places_px + reach, 0, 2 * reach - 1e-6)
    low = np.floor(at).astype(int)
    fx, fy = (at - low).T
    n = np.arange(len(low))
    x, y = low[:, 0], low[:, 1]
    s = field.surfaces
    upper = s[n, y, x] * (1 - fx) + s[n, y, x + 1] * fx
    lower = s[n, y + 1, x] * (1 - fx) + s[n, y + 1, x + 1] * fx
    return np.asarray(upper * (1 - fy) + lower * fy, dtype=np.float64)


def _square_sums(plane: Plane, corners: NDArray[np.int_], side: int, places: int) -> NDArray[np.float64]:
    """Sums over squares whose top left pixel is ``corners`` (x, y) + (0..places - 1): (N, places, places)."""
    integral = cv2.integral(plane, sdepth=cv2.CV_64F)
    sums = integral[side:, side:] - integral[:-side, side:] - integral[side:, :-side] + integral[:-side, :-side]
    return _cut(np.asarray(sums), corners, places)


def _cut(plane: NDArray[Any], corners: NDArray[np.int_], side: int) -> NDArray[Any]:
    """Square pieces with their top left pixel at ``corners`` (x, y): (N, side, side)."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (side, side))
    return windows[corners[:, 1], corners[:, 0]]
