"""Which frames of a recording tell most about the alignment.

Evenly spread frames waste the work where smoke drifts through the picture, or where nothing is there most of the time
but once someone walks by. Each camera's pictures are divided into blocks, and frames are taken so that every block has
structure in some of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.alignment.structure import StructureMap

BLOCKS = (8, 6)
"""Blocks across and down."""


def block_strengths(z: StructureMap) -> NDArray[np.float64]:
    """Mean edge strength in each block of a structure map, float64 (blocks,), 0 or more."""
    return np.asarray(cv2.resize(np.abs(z), BLOCKS, interpolation=cv2.INTER_AREA), np.float64).ravel()


def most_telling(strengths: Sequence[NDArray[np.float64]], count: int) -> list[int]:
    """Numbers of at most ``count`` frames that show the most structure in the most places, in their order.

    ``strengths``: for each frame the strengths of all its blocks, of both cameras, float64 (blocks,), 0 or more. Taken
    one by one, always the one that adds most to the sum over the blocks of the root of all squares taken so far: what
    a block has shown already counts less (greedy choice for a sum with diminishing returns: G. Nemhauser, L. Wolsey, M.
    Fisher, An analysis of approximations for maximizing submodular set functions, 1978). Frames that are equal are
    taken as far apart as they are.
    """
    squares = np.square(np.stack(strengths))
    chosen: list[int] = []
    shown = np.zeros(squares.shape[1])
    numbers = np.arange(len(squares))
    while len(chosen) < min(count, len(squares)):
        gain = np.sqrt(shown + squares).sum(axis=1) - np.sqrt(shown).sum()
        away = np.abs(numbers[:, None] - np.array(chosen)[None, :]).min(axis=1) if chosen else np.zeros(len(numbers))
        best = float(np.delete(gain, chosen).max())
        near_best = [int(i) for i in numbers if i not in chosen and gain[i] >= best * (1 - 1e-9)]
        pick = max(near_best, key=lambda i: (away[i], -i))
        chosen.append(pick)
        shown = shown + squares[pick]
    return sorted(chosen)
