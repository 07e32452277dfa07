"""At which sizes two pictures are compared."""

from __future__ import annotations

import numpy as np

from stream.alignment.footage import Size, at_width
from stream.homography import Matrix


def infrared_working_size(infrared_size: Size, visible_size: Size, homography: Matrix, width_px: int) -> Size:
    """Working size (width, height) of the infrared picture at which the smaller of the two fields is ``width_px`` wide.

    ``homography``: visible pixel -> infrared pixel at the sizes given.
    """
    magnification = float(np.sqrt(abs(np.linalg.det(homography[:2, :2]))))
    field = min(1.0, max(0.4, magnification * visible_size[0] / infrared_size[0]))
    # In steps, so that candidates of nearly one scale share structure maps; never more pixels than there are, but
    # for small pictures, whose windows have to be as many as a large one's.
    width = round(width_px / field / 32) * 32
    return at_width(infrared_size, max(width_px, min(width, infrared_size[0])))


def visible_working_size(infrared_size: Size, visible_size: Size, homography: Matrix, infrared_work: Size) -> Size:
    """Visible at the density that it will have once moved, so that moving it neither skips nor invents pixels."""
    magnification = np.sqrt(abs(np.linalg.det(homography[:2, :2]))) * infrared_work[0] / infrared_size[0]
    width = round(float(np.clip(magnification, 0.0, 1.0)) * visible_size[0])
    # In steps, so that candidates of nearly one scale share the shrunken pictures.
    return at_width(visible_size, min(visible_size[0], max(32, -(-width // 32) * 32)))
