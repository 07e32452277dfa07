"""Maps to start from, and how many of them are worth following: more where there are few frames to vote."""

from __future__ import annotations

from dataclasses import dataclass

from stream.alignment.footage import Footage, at_width
from stream.alignment.search import SCALES, search
from stream.homography import Matrix, rescale, scale_to_fit

MANY_FRAMES = 4
"""From so many frames on, what one of them shows by chance is outvoted by the others."""

SEARCH_FRAMES = 6


@dataclass(frozen=True, slots=True)
class Coarse:
    """One coarse search: the width of both pictures and ``surround_px`` (see ``search``), pixels, and the scales."""

    width_px: int
    surround_px: float
    scales: tuple[float, ...] = SCALES


@dataclass(frozen=True, slots=True)
class Effort:
    """How hard the right map is looked for: the ``coarse`` searches, how many of their peaks are refined
    (``candidates``), and how many of those stay after each level of the refinement but the last (``keep``).
    """

    coarse: tuple[Coarse, ...]
    candidates: int
    keep: tuple[int, ...]


QUICK = Effort(
    # A visible field that is much smaller than the infrared one would have too few pixels left at the lower width.
    (
        Coarse(96, 4.0, tuple(scale for scale in SCALES if scale >= 0.84)),
        Coarse(144, 4.0, tuple(scale for scale in SCALES if scale < 0.84)),
    ),
    12,
    (4, 2),
)
"""For many frames: their correlations add up."""

THOROUGH = Effort((Coarse(192, 6.0),), 24, (8, 3))
"""For few: at the widths of ``QUICK`` the right place of a night picture is often not among the peaks at all."""


def effort_for(frames: int) -> Effort:
    """How hard to look with so many pairs of frames."""
    return QUICK if frames >= MANY_FRAMES else THOROUGH


def candidates(footage: Footage, effort: Effort) -> list[Matrix]:
    """Maps, visible -> infrared pixel at full size, float64 (3, 3), the most promising first; at least one."""
    frames = footage.telling(SEARCH_FRAMES)
    found: list[tuple[float, Matrix]] = []
    for coarse in effort.coarse:
        infrared_work = at_width(footage.infrared_size, coarse.width_px)
        visible_work = at_width(footage.visible_size, coarse.width_px)
        peaks = search(
            [footage.infrared_at(i, infrared_work) for i in frames],
            [footage.visible_at(i, visible_work) for i in frames],
            effort.candidates,
            coarse.scales,
            coarse.surround_px,
        )
        to_full = rescale(infrared_work, footage.infrared_size)
        from_full = rescale(footage.visible_size, visible_work)
        found += [(one.strength, to_full @ one.homography @ from_full) for one in peaks]
    if not found:
        # A picture without any structure: nothing to start from, and the windows will say so.
        return [scale_to_fit(footage.infrared_size, footage.visible_size)]
    found.sort(key=lambda one: -one[0])
    return [homography for _, homography in found[: effort.candidates]]
