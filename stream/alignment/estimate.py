"""From frames of two cameras to the map between them, or to the reasons why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from stream.alignment.candidates import MANY_FRAMES, candidates, effort_for
from stream.alignment.footage import Footage
from stream.alignment.parameters import displacements, near_identity, unlikely_part
from stream.alignment.refine import CAREFUL, Weighing, fit
from stream.alignment.score import Trust, evidence, judge, split_px
from stream.alignment.structure import Luma
from stream.alignment.windows import Parameters, WindowField, window_field
from stream.alignment.working import infrared_working_size, visible_working_size
from stream.homography import Matrix, apply, rescale


@dataclass(frozen=True, slots=True)
class Level:
    """One resolution of the refinement: width of the smaller field, windows, and the radii of the fit, pixels.

    ``frames``: how many are looked at, at most. ``passes``: how often windows are correlated anew with the better
    map. ``weighing``: see ``refine``.
    """

    width_px: int
    window_px: int
    reach_px: int
    stride_px: int
    sigmas_px: tuple[float, ...]
    frames: int
    passes: int
    weighing: Weighing = CAREFUL


LEVELS = (
    Level(128, 40, 10, 20, (6.0, 3.0, 1.5), 3, 1),
    Level(256, 64, 16, 32, (8.0, 4.0, 2.0), 4, 1),
    Level(512, 96, 16, 48, (6.0, 3.0, 1.5), 8, 1),
)


FINISH = Level(640, 64, 8, 32, (3.0, 1.5), 12, 1)
"""The last step, of a map that is accepted and so within a few pixels: smaller windows, more frames."""

SURE = Weighing(6.0, 0.25, 3.0)
"""How the last step weighs from ``MANY_FRAMES`` on. What one frame shows by chance they do not all show, so less weight
goes to what two cameras hardly have, which would else pull a true perspective towards none by a pixel or two.
"""

RESERVED = Weighing(10.0, CAREFUL.place_variance_px, 0.4)
"""How it weighs with fewer: what one frame says of perspective, unequal scales and shear is mostly its own parallax and
chance, and that is what moves corners. The map is within a few pixels, so a window's best place nearly alone counts:
the rest of its range would draw it towards where it was before.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """Where visible pixels lie in the infrared picture, and how far that is to be believed.

    ``homography``: float64 (3, 3), visible pixel -> infrared pixel at the frames' own sizes, [2, 2] = 1; not to be
    used unless ``accepted``. ``score``: 0..1. ``reason``: empty when accepted, else what is wrong and what helps.
    ``frames``: pairs of frames that were given. ``residuals_px``: for each frame that the last level looked at, how
    far its own best map lies from the common one over the windows (root mean square), infrared pixels; empty for a
    single frame and where the map is refused.
    """

    homography: Matrix
    score: float
    accepted: bool
    reason: str
    frames: int
    residuals_px: tuple[float, ...]
    trust: Trust


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """A refined map: visible -> infrared pixel at full size, the windows it comes from, what was fitted to them.

    ``width_px``: width of the infrared picture that windows and parameters belong to.
    """

    homography: Matrix
    field: WindowField
    parameters: Parameters
    so_far: Parameters
    evidence: float
    width_px: int


def estimate(infrared: Sequence[Luma], visible: Sequence[Luma]) -> Alignment:
    """Estimate the map between two cameras that do not move relative to each other.

    ``infrared`` and ``visible``: uint8 (H, W), full range, the same number of frames of (nearly) the same moments;
    all frames of a camera have one size. Raises ValueError for none, for unequal numbers and for mixed sizes.
    """
    footage = Footage(infrared, visible)
    effort = effort_for(footage.count)
    level = LEVELS[-1]
    winner, before = _best(footage, candidates(footage, effort), effort.keep)
    scale = footage.infrared_size[0] / winner.width_px
    seen = trust_of(winner, level, before)
    score, reason = judge(seen)
    if reason:
        return Alignment(winner.homography, score, False, reason, footage.count, (), seen)
    finished = _finished(footage, winner.homography)
    residuals = _residuals(footage, finished, level, footage.telling(level.frames))
    return Alignment(finished, score, True, "", footage.count, tuple(r * scale for r in residuals), seen)


def _best(footage: Footage, starts: Sequence[Matrix], keep: Sequence[int]) -> tuple[Settled, float]:
    """The map with the most evidence after all levels, and the evidence that it had at the level before the last."""
    alive = [(start, 0.0) for start in starts]
    settled: list[tuple[Settled, float]] = []
    for level, kept in zip(LEVELS, (*keep, 1), strict=True):
        frames = footage.telling(level.frames)
        settled = [(settle(footage, start, level, frames), before) for start, before in alive]
        settled.sort(key=lambda one: -one[0].evidence)
        alive = [(one.homography, one.evidence) for one, _ in settled[:kept]]
    return settled[0]


def _finished(footage: Footage, homography: Matrix) -> Matrix:
    frames = footage.telling(FINISH.frames)
    weighing = SURE if len(frames) >= MANY_FRAMES else RESERVED
    return settle(footage, homography, replace(FINISH, weighing=weighing), frames).homography


def trust_of(settled: Settled, level: Level, before: float) -> Trust:
    """Ask both questions of ``score`` about a refined map; lengths in pixels of a picture 640 wide.

    ``before``: the evidence that the map had one level coarser.
    """
    seen, rarity = evidence(settled.field, displacements(settled.field, settled.parameters))
    apart_px = split_px(settled.field, settled.so_far, level.sigmas_px) * 640 / settled.width_px
    # A wrong map that looks well at one resolution by chance seldom does so at the other.
    return Trust((seen + before) / 2, rarity, apart_px, len(settled.field.centres))


def settle(footage: Footage, start: Matrix, level: Level, frames: Sequence[int]) -> Settled:
    """Refine a map (visible -> infrared pixel at full size) at one level, with the given frames."""
    sizes = footage.infrared_size, footage.visible_size
    infrared_work = infrared_working_size(*sizes, start, level.width_px)
    to_work = rescale(footage.infrared_size, infrared_work)
    fixed = [footage.structure(i, infrared_work) for i in frames]
    homography = start
    for left in reversed(range(level.passes)):
        visible_work = visible_working_size(*sizes, homography, infrared_work)
        from_work = rescale(visible_work, footage.visible_size)
        visible = [footage.visible_at(i, visible_work) for i in frames]
        moved = to_work @ homography @ from_work
        field = window_field(fixed, visible, moved, level.window_px, level.reach_px, level.stride_px)
        if not len(field.centres):
            return Settled(homography, field, np.zeros(8), np.zeros(8), 0.0, infrared_work[0])
        so_far = unlikely_part(moved, field)
        parameters = fit(field, so_far, level.sigmas_px, weighing=level.weighing)
        # A window at c finds its like at c + d of the moved picture: the picture has to go back by d.
        better = np.linalg.inv(near_identity(parameters, field)) @ moved
        homography = np.linalg.inv(to_work) @ better @ np.linalg.inv(from_work)
        homography = homography / homography[2, 2]
        if left == 0:
            seen, _ = evidence(field, displacements(field, parameters))
    return Settled(homography, field, parameters, so_far, seen, infrared_work[0])


def _residuals(footage: Footage, homography: Matrix, level: Level, frames: Sequence[int]) -> list[float]:
    """How far each frame by itself would put the windows from where all together do, working pixels."""
    found: list[float] = []
    if len(frames) < 2:
        return found
    for frame in frames:
        alone = settle(footage, homography, level, [frame])
        centres = alone.field.centres
        moved = apply(near_identity(alone.parameters, alone.field), centres)
        found.append(float(np.sqrt(np.mean(np.sum((moved - centres) ** 2, axis=1)))))
    return found
