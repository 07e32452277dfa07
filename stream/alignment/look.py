"""One look at a running pair of cameras: does infrared still lie on visible where the map says?

A look is one coarse field of windows (``windows``) of one pair of frames, a few tens of milliseconds of work. Single
looks are poor witnesses in smoke or at night: the correlations of some in a row are averaged before they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.alignment.parameters import displacements, unlikely_part
from stream.alignment.refine import fit
from stream.alignment.score import evidence
from stream.alignment.structure import Luma, shrink, structure_map
from stream.alignment.windows import Parameters, WindowField, window_field
from stream.alignment.working import infrared_working_size, visible_working_size
from stream.homography import Matrix, rescale

WIDTH_PX, WINDOW_PX, REACH_PX = 256, 64, 16
"""Width of the smaller field, windows (side by side) and how far each of them looks around, working pixels: 40 of a
picture 640 wide, 6 % of its width."""

SIGMAS_PX = (8.0, 4.0, 2.0)
STEPS = 2
"""See ``refine.fit``; half the steps of a calibration, which does not start where the last map was."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The windows of one pair of frames (``field``), the map they were looked at through, visible -> infrared pixel of
    the working sizes (``moved``), what it has of the unlikely parameters (``so_far``), and the width of the infrared
    working picture.
    """

    field: WindowField
    moved: Matrix
    so_far: Parameters
    width_px: int


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What some looks through one map say together.

    ``here``: evidence (see ``score.Trust``) that infrared lies where the map puts it. ``best``: the same for the map
    that fits best nearby. ``offsets_px``: float64 (N, 2), how far that one moves the visible picture at each window
    (right, down), in pixels of an infrared picture 640 wide.
    """

    here: float
    best: float
    offsets_px: NDArray[np.float64]


def look(infrared: Luma, visible: Luma, homography: Matrix) -> Look:
    """Look at a pair of frames of one moment, uint8 (H, W) full range each, of any sizes.

    ``homography``: visible pixel -> infrared pixel at these sizes.
    """
    infrared_size = (infrared.shape[1], infrared.shape[0])
    visible_size = (visible.shape[1], visible.shape[0])
    infrared_work = infrared_working_size(infrared_size, visible_size, homography, WIDTH_PX)
    visible_work = visible_working_size(infrared_size, visible_size, homography, infrared_work)
    moved = rescale(infrared_size, infrared_work) @ homography @ rescale(visible_work, visible_size)
    fixed = structure_map(shrink(infrared, infrared_work))
    field = window_field([fixed], [shrink(visible, visible_work)], moved, WINDOW_PX, REACH_PX, WINDOW_PX)
    return Look(field, moved, unlikely_part(moved, field), infrared_work[0])


def read(looks: Sequence[Look]) -> Reading:
    """Read looks together that were made through one map at one size. Raises ValueError for none and for others."""
    if not looks or not all(np.array_equal(one.moved, looks[0].moved) for one in looks):
        raise ValueError("looks that are read together must be of one map and one size, and at least one")
    first = looks[0]
    surfaces = np.mean([one.field.surfaces for one in looks], axis=0)
    field = WindowField(first.field.centres, surfaces, first.field.half_width_px, first.field.overlap)
    places = displacements(field, fit(field, first.so_far, SIGMAS_PX, STEPS))
    here, _ = evidence(field, np.zeros_like(places))
    best, _ = evidence(field, places)
    # The windows find their like at ``places`` of the moved visible picture: it has to go back by that.
    return Reading(here, best, -places * (640 / first.width_px))
