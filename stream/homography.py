"""Plane maps between two pictures: fitted to points, rescaled, or put together from scale, rotation and shift.

All are float64 (3, 3) and act on pixel coordinates with (0, 0) at the centre of the top left pixel, so that a
picture of width w reaches from -0.5 to w - 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
PointPair = tuple[tuple[float, float], tuple[float, float]]
"""One spot seen by both cameras: ((x, y) infrared, (x, y) visible), pixels."""

_DEGENERATE = 1e-3
"""Smallest relative singular value of the (normalized) equations of points that settle a homography."""


def apply(homography: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map points, shape (N, 2), through a homography."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return mapped[:, :2] / mapped[:, 2:]


def corner_pixels(size: tuple[int, int]) -> NDArray[np.float64]:
    """A picture's corner pixels: top left, top right, bottom left, bottom right, (4, 2). ``size``: width, height."""
    right, bottom = size[0] - 1.0, size[1] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])


def corners_apart_px(one: Matrix, other: Matrix, size: tuple[int, int]) -> float:
    """How far apart two maps put the corners of a picture (width, height): root mean square, pixels of their target."""
    corners = corner_pixels(size)
    apart = apply(one, corners) - apply(other, corners)
    return float(np.sqrt((apart**2).sum(axis=1).mean()))


def rescale(from_size: tuple[int, int], to_size: tuple[int, int]) -> Matrix:
    """The map from pixels of a picture to those of the same picture in another size: x' = (x + 0.5) s - 0.5."""
    sx, sy = to_size[0] / from_size[0], to_size[1] / from_size[1]
    return np.array([[sx, 0.0, sx / 2 - 0.5], [0.0, sy, sy / 2 - 0.5], [0.0, 0.0, 1.0]])


def scale_to_fit(infrared_size: tuple[int, int], visible_size: tuple[int, int]) -> Matrix:
    """Visible -> infrared pixel where both pictures show the same field, corner to corner."""
    return rescale(visible_size, infrared_size)


def similarity(
    infrared_size: tuple[int, int],
    visible_size: tuple[int, int],
    scale: float,
    rotate_deg: float,
    shift_px: tuple[float, float],
) -> Matrix:
    """Visible -> infrared pixel for an infrared picture laid on the visible one.

    ``scale``: visible pixels that one infrared pixel covers. ``rotate_deg``: turn of the infrared picture about its
    centre, clockwise as seen. ``shift_px``: from the visible picture's centre to the infrared one's, in visible
    pixels (right, down).
    """
    angle = np.deg2rad(rotate_deg)
    turn: NDArray[np.float64] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    infrared_centre, visible_centre = ((np.array(size) - 1) / 2 for size in (infrared_size, visible_size))
    onto_visible = np.eye(3)
    onto_visible[:2, :2] = turn
    onto_visible[:2, 2] = visible_centre + np.array(shift_px) - turn @ infrared_centre
    return np.asarray(np.linalg.inv(onto_visible), dtype=np.float64)


def fit_homography(points: Sequence[PointPair]) -> Matrix | None:
    """Least-squares homography visible -> infrared, None where the points do not settle one.

    Normalized direct linear transformation: R. Hartley, A. Zisserman, Multiple View Geometry in Computer Vision,
    2nd edition, 4.1 and algorithm 4.2.
    """
    infrared = np.array([pair[0] for pair in points], dtype=np.float64)
    visible = np.array([pair[1] for pair in points], dtype=np.float64)
    from_visible, from_infrared = _normalizer(visible), _normalizer(infrared)
    if from_visible is None or from_infrared is None or len(points) < 4:
        return None
    v, i = apply(from_visible, visible), apply(from_infrared, infrared)
    rows = np.zeros((2 * len(points), 9))
    homogeneous = np.column_stack([v, np.ones(len(v))])
    rows[0::2, 3:6] = -homogeneous
    rows[0::2, 6:9] = i[:, 1:2] * homogeneous
    rows[1::2, 0:3] = homogeneous
    rows[1::2, 6:9] = -i[:, 0:1] * homogeneous
    _, singular_values, basis = np.linalg.svd(rows)
    if singular_values[7] < _DEGENERATE * singular_values[0]:
        return None
    homography = np.linalg.inv(from_infrared) @ basis[8].reshape(3, 3) @ from_visible
    return homography / homography[2, 2] if homography[2, 2] != 0 else None


def residuals_px(homography: Matrix, points: Sequence[PointPair]) -> NDArray[np.float64]:
    """Distance of each mapped visible point from its infrared point, infrared pixels, shape (N,)."""
    infrared = np.array([pair[0] for pair in points], dtype=np.float64)
    visible = np.array([pair[1] for pair in points], dtype=np.float64)
    return np.linalg.norm(apply(homography, visible) - infrared, axis=1)


def _normalizer(points: NDArray[np.float64]) -> Matrix | None:
    """Moves the centroid to the origin and the mean distance to sqrt(2) (Hartley & Zisserman, 4.4.4)."""
    centre = points.mean(axis=0)
    distance = np.linalg.norm(points - centre, axis=1).mean()
    if distance == 0:
        return None
    s = np.sqrt(2) / distance
    return np.array([[s, 0.0, -s * centre[0]], [0.0, s, -s * centre[1]], [0.0, 0.0, 1.0]])
