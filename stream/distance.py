"""The map for one distance from maps that were taken at others. Pure.

Cameras side by side see what is near beside itself (parallax), so a map holds for one distance. For a plane at distance
d with normal n it is H(d) = K' (R - t n^T / d) K^-1 up to its scale, for cameras K and K' that lie apart by R and t
(R. Hartley, A. Zisserman, Multiple View Geometry in Computer Vision, 2nd edition, 13.1). That is the map of infinity
plus 1/d times another matrix: linear in 1/d, element by element, once all matrices have one scale. So this is how maps
are interpolated; for planes of one direction, such as those parallel to the picture, it is exact.

Distances are metres, nearest first; maps are visible pixel -> infrared pixel, float64 (3, 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stream.homography import Matrix, apply, corner_pixels

BEYOND = 1.0
"""How far maps go beyond the outermost ones, as a share of what lies between these in 1/d. So far out the maps' own
errors are about twice as large, and they would grow on."""

SAME_SHARE = 0.01
"""Distances count as one that differ by less than this share."""

MOST_M = 100_000.0
"""Nothing looks different farther away."""

_STEPS = 100
"""Distances that are tried where one is looked for, evenly in 1/d."""


def is_same(one_m: float, other_m: float) -> bool:
    """Whether two distances count as one."""
    return abs(one_m - other_m) < SAME_SHARE * max(one_m, other_m)


def limits_m(distances_m: Sequence[float]) -> tuple[float, float]:
    """Nearest and farthest distance that maps taken at these give one for.

    The farthest is ``MOST_M``, as good as infinity, where the farthest map was taken at least twice as far away as the
    nearest.
    """
    near, far = 1 / distances_m[0], 1 / distances_m[-1]
    if len(distances_m) == 1:
        return distances_m[0], distances_m[0]
    beyond = BEYOND * (near - far)
    farthest = MOST_M if far - beyond <= 1 / MOST_M else 1 / (far - beyond)
    return 1 / (near + beyond), farthest


def map_at(distances_m: Sequence[float], maps: Sequence[Matrix], distance_m: float) -> Matrix:
    """The map for a distance within the limits, [2, 2] = 1.

    Between two maps it comes of these, beyond all of them of the nearest and the farthest: that is the widest base, and
    it joins on at both ends.
    """
    return np.asarray(_maps_at(distances_m, maps, np.array([distance_m]))[0])


def likeliest_m(
    distances_m: Sequence[float], maps: Sequence[Matrix], seen: Matrix, visible_size: tuple[int, int]
) -> float:
    """The distance, within the limits, whose map is nearest to one that was seen: by the visible picture's corners."""
    nearest_m, farthest_m = limits_m(distances_m)
    # The ends exactly, also after dividing twice.
    tried_m = np.clip(1 / np.linspace(1 / nearest_m, 1 / farthest_m, _STEPS), nearest_m, farthest_m)
    corners = corner_pixels(visible_size)
    mapped = np.column_stack([corners, np.ones(4)]) @ _maps_at(distances_m, maps, tried_m).transpose(0, 2, 1)
    away_px = mapped[..., :2] / mapped[..., 2:] - apply(seen, corners)
    return float(tried_m[int(np.argmin((away_px**2).sum(axis=(1, 2))))])


def _maps_at(
    distances_m: Sequence[float], maps: Sequence[Matrix], wanted_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``map_at`` for several distances, (N,): (N, 3, 3)."""
    last = len(maps) - 1
    after = np.searchsorted(distances_m, wanted_m)
    inside = (after > 0) & (after <= last)
    one, other = np.where(inside, after - 1, 0), np.where(inside, after, last)
    if last == 0:
        share = np.zeros(len(wanted_m))
    else:
        per_m = 1 / np.asarray(distances_m)
        share = (per_m[one] - 1 / wanted_m) / (per_m[one] - per_m[other])
    ratios = {
        pair: _ratio(maps[pair[0]], maps[pair[1]]) for pair in set(zip(one.tolist(), other.tolist(), strict=True))
    }
    ratio = np.array([ratios[pair] for pair in zip(one.tolist(), other.tolist(), strict=True)])
    stack = np.stack(maps)
    between = (1 - share)[:, None, None] * stack[one] + (share * ratio)[:, None, None] * stack[other]
    return np.asarray(between / between[:, 2:, 2:])


def _ratio(one: Matrix, other: Matrix) -> float:
    """What brings the other matrix to the scale of the first.

    Both are A + B / d up to scale, with B of rank one, so other^-1 one is a multiple of I + (rank one), a planar
    homology (ibid., A7.2): two of its three eigenvalues are that ratio. Wherever the third lies, the middle one is
    among the two. Errors of the maps make them differ a little, or complex; a point then goes the same way at another
    pace.
    """
    return float(np.median(np.linalg.eigvals(np.linalg.solve(other, one)).real))
