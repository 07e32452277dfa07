"""What other pairs of the same two cameras say about the map of one pair that is seen through a warp.

MSRS's published registration is 1 to 2 % too small. Nor is there one homography for its whole pictures: in their middle
the scale is another 1 % larger than over all, so a map of whole pictures, taken through a warp that shows a part of
them, lies 3 px off at that part's corners. The yardstick for a part is therefore what other pairs give on that part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.alignment_support import INFRARED_SIZE, VISIBLE_SIZE, Luma, errors_px, frames_of, view_of
from stream.alignment.estimate import FINISH, SURE, estimate, settle
from stream.alignment.footage import Footage
from stream.homography import Matrix, apply

ASKED = 24
"""So many other pairs are seen through a warp, two halves of them independently."""


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """Other pairs of two cameras: ``homography``, visible -> infrared pixel of whole pictures, that they give together,
    and ``ASKED`` of them at most, uint8 (H, W), evenly spread by name.
    """

    homography: Matrix
    infrared: list[Luma]
    visible: list[Luma]

    def through(self, to_infrared_view: Matrix, to_visible_view: Matrix) -> tuple[Matrix, float]:
        """The map between two views that the pairs give when seen through them, and how far two halves of the pairs
        put the common field's corners apart, infrared pixels at 640 wide.

        ``to_infrared_view`` and ``to_visible_view``: pixel of a whole picture of that camera -> pixel of its view.
        """
        start = to_infrared_view @ self.homography @ np.linalg.inv(to_visible_view)
        start = start / start[2, 2]
        maps = [self._seen(to_infrared_view, to_visible_view, start, first) for first in (0, 1)]
        return _between(maps[0], maps[1]), errors_px(maps[0], maps[1])[0]

    def _seen(self, to_infrared_view: Matrix, to_visible_view: Matrix, start: Matrix, first: int) -> Matrix:
        footage = Footage(
            [view_of(luma, to_infrared_view, INFRARED_SIZE) for luma in self.infrared[first::2]],
            [view_of(luma, to_visible_view, VISIBLE_SIZE) for luma in self.visible[first::2]],
        )
        return settle(footage, start, replace(FINISH, weighing=SURE), range(footage.count)).homography


def halves(pairs: Sequence[tuple[Path, Path]]) -> tuple[Rig, Rig]:
    """The first and the second half of pairs of one pair of cameras. Raises ValueError where a map is refused."""
    rigs = []
    for half in (pairs[: len(pairs) // 2], pairs[len(pairs) // 2 :]):
        infrared, visible = ([frames_of(pair[side], "visible", 1)[0] for pair in half] for side in (0, 1))
        found = estimate(infrared, visible)
        if not found.accepted:
            raise ValueError(f"{half[0][0].parent}: {found.reason}")
        asked = np.linspace(0, len(half) - 1, min(ASKED, len(half))).round().astype(int)
        rigs.append(Rig(found.homography, [infrared[i] for i in asked], [visible[i] for i in asked]))
    return rigs[0], rigs[1]


def _between(one: Matrix, other: Matrix) -> Matrix:
    """The homography that lies half-way between two that are nearly alike, fitted over the infrared view."""
    width, height = INFRARED_SIZE
    grid = np.stack(np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 7)), -1).reshape(-1, 2)
    start = apply(np.linalg.inv(one), grid)
    fitted, _ = cv2.findHomography(start, (grid + apply(other, start)) / 2)
    return np.asarray(fitted, dtype=np.float64)
