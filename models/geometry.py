"""Numbers that a student's network and its engines must agree on. Importable without torch."""

from kernels.blocks import FACTOR, halved_size
from kernels.blocks import MAP_PX as MAP_PX

SHUFFLE = FACTOR
"""Pixel-unshuffle factor: the trunk runs at 1/4 resolution."""

MAPS = 3
"""Maps that the trunk gives for each pixel: gain of infrared, gain of visible, residual."""

SIZE_MULTIPLE = 16
"""Heights and widths are padded (edge pixels repeated) to a multiple of this: the coarse branch runs at 1/16."""


def padded_size(size_px: int) -> int:
    """The next multiple of ``SIZE_MULTIPLE``."""
    return -(-size_px // SIZE_MULTIPLE) * SIZE_MULTIPLE


def trunk_size(height_px: int, width_px: int, half: bool) -> tuple[int, int]:
    """Rows and columns of the trunk's input for a picture. ``half``: it is looked at at half its height and width."""
    if half:
        height_px, width_px = halved_size(height_px), halved_size(width_px)
    return padded_size(height_px) // SHUFFLE, padded_size(width_px) // SHUFFLE
