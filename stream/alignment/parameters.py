"""Homographies near identity by eight parameters, and which of them two cameras hardly have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.alignment.windows import Parameters, WindowField
from stream.homography import Matrix, apply

AFFINE_PRIOR = 0.006
PERSPECTIVE_PRIOR = 0.012
"""Expected size (one sigma) of what two cameras side by side hardly have: unequal scales or shear, and perspective.

Two cameras that look 3 degrees apart through lenses of 45 degrees have a perspective of 0.02 (unit of length: half the
picture's width). Without these a street's empty lower half would be stretched at will to please its upper half.
"""


def near_identity(parameters: Parameters, field: WindowField) -> Matrix:
    """The homography x -> x + displacement, pixels, of eight parameters.

    They are shift x, shift y, common scale, rotation, unequal scale, shear, perspective in x and in y, about the
    middle of the field's windows and in units of half the picture's width.
    """
    tx, ty, s, r, a, b, p, q = parameters
    inner = np.array([[1 + s + a, b - r, tx], [b + r, 1 + s - a, ty], [-p, -q, 1.0]])
    unit = _unit(field)
    matrix = np.linalg.inv(unit) @ inner @ unit
    return matrix / matrix[2, 2]


def unlikely_part(homography: Matrix, field: WindowField) -> Parameters:
    """The last four parameters (unequal scale, shear, perspective) of a map at the middle of the windows; the first
    four, which may be anything, are 0. ``homography``: visible -> infrared pixel of the working sizes.
    """
    back = np.linalg.inv(homography) @ np.linalg.inv(_unit(field))
    back = back / back[2, 2]
    perspective = back[2, :2]
    slope = back[:2, :2] - np.outer(back[:2, 2], perspective)
    _, values, turned = np.linalg.svd(slope)
    stretch = turned.T @ np.diag(values) @ turned
    size = stretch[0, 0] + stretch[1, 1]
    unequal, shear = (stretch[0, 0] - stretch[1, 1]) / size, 2 * stretch[0, 1] / size
    return np.array([0, 0, 0, 0, unequal, shear, -perspective[0], -perspective[1]], dtype=np.float64)


def displacements(field: WindowField, parameters: Parameters) -> NDArray[np.float64]:
    """Where the fitted map moves each window's centre, pixels, float64 (N, 2)."""
    return apply(near_identity(parameters, field), field.centres) - field.centres


def jacobian(field: WindowField) -> NDArray[np.float64]:
    """d displacement (pixels) / d parameters, float64 (N, 2, 8)."""
    x, y = apply(_unit(field), field.centres).T
    one, zero = np.ones_like(x), np.zeros_like(x)
    along_x = np.stack([one, zero, x, -y, x, y, x * x, x * y], axis=1)
    along_y = np.stack([zero, one, y, x, -y, x, x * y, y * y], axis=1)
    return np.stack([along_x, along_y], axis=1) * field.half_width_px


def prior(loosened: float = 1.0) -> NDArray[np.float64]:
    """Inverse covariance of the eight parameters before anything is seen, float64 (8, 8).

    ``loosened``: by which factor the unlikely four may be larger than expected, above 0.
    """
    affine, perspective = (AFFINE_PRIOR * loosened) ** -2, (PERSPECTIVE_PRIOR * loosened) ** -2
    return np.diag([1e-3, 1e-3, 1e-3, 1e-3, affine, affine, perspective, perspective])


def _unit(field: WindowField) -> Matrix:
    half = field.half_width_px
    centre = field.centres.mean(axis=0) if len(field.centres) else np.zeros(2)
    return np.array([[1 / half, 0, -centre[0] / half], [0, 1 / half, -centre[1] / half], [0, 0, 1.0]])
