"""Numbers that a student's network and its engines must agree on. Importable without torch."""

from kernels.maps import FACTOR
from kernels.maps import MAP_PX as MAP_PX

SHUFFLE = FACTOR
"""Pixel-unshuffle factor: the trunk runs at 1/4 resolution."""

MAPS = 3
"""Maps that the trunk gives for each pixel: gain of infrared, gain of visible, residual."""

SIZE_MULTIPLE = 16
"""Heights and widths are padded (edge pixels repeated) to a multiple of this: the coarse branch runs at 1/16."""


def padded_size(size_px: int) -> int:
    """The next multiple of ``SIZE_MULTIPLE``."""
    return -(-size_px // SIZE_MULTIPLE) * SIZE_MULTIPLE
