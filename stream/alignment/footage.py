"""The frames of both cameras at any working size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stream.alignment.structure import Luma, Plane, StructureMap, shrink, structure_map
from stream.alignment.telling import block_strengths, most_telling

Size = tuple[int, int]
"""Width and height in pixels."""

TELLING_WIDTH = 160
"""Width at which it is looked how much a frame shows, pixels."""


class Footage:
    """Pairs of frames, uint8 (H, W), one size a camera. Keeps what it has shrunk: every candidate asks for it again.

    Raises ValueError for no frames, unequal numbers, mixed sizes and other types.
    """

    def __init__(self, infrared: Sequence[Luma], visible: Sequence[Luma]) -> None:
        if not infrared or len(infrared) != len(visible):
            raise ValueError(f"as many infrared as visible frames are needed, got {len(infrared)} and {len(visible)}")
        for what, frames in (("infrared", infrared), ("visible", visible)):
            for frame in frames:
                if frame.dtype != np.uint8 or frame.ndim != 2 or frame.shape != frames[0].shape:
                    raise ValueError(f"{what} frames must be uint8 (H, W) of one size, got {frame.dtype} {frame.shape}")
        self.infrared_size: Size = (infrared[0].shape[1], infrared[0].shape[0])
        self.visible_size: Size = (visible[0].shape[1], visible[0].shape[0])
        self.count = len(infrared)
        self._frames = {"infrared": infrared, "visible": visible}
        self._strengths: list[NDArray[np.float64]] | None = None
        self._shrunk: dict[tuple[str, int, Size], Plane] = {}
        self._structure: dict[tuple[int, Size], StructureMap] = {}

    def telling(self, count: int) -> list[int]:
        """Numbers of at most ``count`` frames, those that show most (see ``telling``)."""
        if self._strengths is None:
            self._strengths = [self._strengths_of(index) for index in range(self.count)]
        return most_telling(self._strengths, count)

    def infrared_at(self, index: int, size: Size) -> Plane:
        """An infrared frame in another size, float32 (H, W), 0..255."""
        return self._at("infrared", index, size)

    def visible_at(self, index: int, size: Size) -> Plane:
        """A visible frame in another size, float32 (H, W), 0..255."""
        return self._at("visible", index, size)

    def structure(self, index: int, size: Size) -> StructureMap:
        """The structure map of an infrared frame in another size."""
        key = (index, size)
        if key not in self._structure:
            self._structure[key] = structure_map(self.infrared_at(index, size))
        return self._structure[key]

    def _strengths_of(self, index: int) -> NDArray[np.float64]:
        both = [
            block_strengths(structure_map(self._at(side, index, at_width(size, TELLING_WIDTH))))
            for side, size in (("infrared", self.infrared_size), ("visible", self.visible_size))
        ]
        return np.concatenate(both)

    def _at(self, side: str, index: int, size: Size) -> Plane:
        key = (side, index, size)
        if key not in self._shrunk:
            self._shrunk[key] = shrink(self._frames[side][index], size)
        return self._shrunk[key]


def at_width(size: Size, width_px: int) -> Size:
    """A size of the same aspect at another width."""
    return width_px, max(1, round(size[1] * width_px / size[0]))
