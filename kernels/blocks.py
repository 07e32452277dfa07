"""How the student's input and output are laid out: blocks of pixels, features last. Importable without Numba."""

FACTOR = 4
"""Side of a block, in pixels."""

PIXELS = FACTOR * FACTOR

MAP_PX = 2
"""Side of the squares of pixels that share the values of the maps."""

ACROSS = FACTOR // MAP_PX
VALUES = ACROSS * ACROSS
"""Values of each map across a block, and in it."""


def halved_size(side_px: int) -> int:
    """Half a side, the last pixel of an odd one counting as a whole."""
    return (side_px + 1) // 2
