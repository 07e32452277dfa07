"""Where infrared lies on visible at each moment: the calibration's map, and the smooth way to another one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.coverage import coverage_mask
from stream.calibration import Calibration, matrix_for
from stream.errors import CalibrationError
from stream.homography import Matrix, apply, corner_pixels, fit_homography, scale_to_fit
from stream.refound import refound
from stream.trim import Trim

Size = tuple[int, int]
"""Width and height in pixels."""

FEATHER_SHARE = 0.03
"""Where infrared covers only a part of the visible picture, its border is blended over this share of the width."""

GLIDE_S = 1.0
"""How long the way to another map takes."""


@dataclass(frozen=True, slots=True, eq=False)
class Glide:
    """The way from one map to another, both visible pixel -> infrared pixel, float64 (3, 3).

    ``visible_size``: of the picture whose corners are led from where one map puts them to where the other does.
    ``began_ns``: capture time, nanoseconds.
    """

    start: Matrix
    end: Matrix
    visible_size: Size
    began_ns: int

    def done(self, now_ns: int) -> bool:
        """Whether the end is reached; also once capture time runs backwards (a recording that starts again)."""
        return not 0 <= now_ns - self.began_ns < GLIDE_S * 1e9

    def at(self, now_ns: int) -> Matrix:
        """The map at a moment; the end at once where corners half-way fold (one picture upside down)."""
        if self.done(now_ns):
            return self.end
        t = (now_ns - self.began_ns) / (GLIDE_S * 1e9)
        share = t * t * (3 - 2 * t)
        corners = corner_pixels(self.visible_size)
        places = (1 - share) * apply(self.start, corners) + share * apply(self.end, corners)
        if not _is_convex(places):
            return self.end
        pairs = [((p[0], p[1]), (c[0], c[1])) for p, c in zip(places.tolist(), corners.tolist(), strict=True)]
        between = fit_homography(pairs)
        return self.end if between is None else between


def _is_convex(places: NDArray[np.float64]) -> bool:
    """Whether four corners (top left, top right, bottom left, bottom right) form a picture that does not fold."""
    around = places[[0, 1, 3, 2]]
    edges = np.roll(around, -1, axis=0) - around
    after = np.roll(edges, -1, axis=0)
    turns = edges[:, 0] * after[:, 1] - edges[:, 1] * after[:, 0]
    # In infrared pixels squared: what is smaller than one is no picture.
    return bool(turns.min() > 1.0 or turns.max() < -1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """``matrix``: visible pixel -> infrared pixel, float64 (3, 3). ``coverage``: how much infrared is to be used at
    each visible pixel, uint8 (H, W); None: everywhere.
    """

    matrix: Matrix
    coverage: NDArray[np.uint8] | None


class Registration:
    """The map in use. One thread asks and changes it; frames come in their order."""

    def __init__(self, calibration: Calibration | None) -> None:
        """``calibration`` None: infrared is scaled to fit."""
        self._calibration = calibration
        self._sizes: tuple[Size, Size] | None = None
        self._placing = Placing(np.eye(3), None)
        self._glide: Glide | None = None

    @property
    def settled(self) -> Matrix | None:
        """The map of the last frame, visible -> infrared pixel; None before the first one and while it changes."""
        return None if self._sizes is None or self._glide is not None else self._placing.matrix

    @property
    def calibration(self) -> Calibration | None:
        """What the map is made from, or is on its way to; None: infrared is scaled to fit."""
        return self._calibration

    def trim_to(self, trim: Trim, at_ns: int) -> None:
        """Go over to another trim of the present calibration. Raises CalibrationError for one that is too large."""
        calibration = self._calibration
        if calibration is None:
            if self._sizes is None:
                raise CalibrationError("nothing to trim before the first frame of both cameras")
            calibration = Calibration(scale_to_fit(*self._sizes), *self._sizes, "scaled to fit")
        self.move_to(calibration.with_trim(trim), at_ns)

    def distance_to(self, distance_m: float, at_ns: int) -> None:
        """Go over to the map for another distance, metres. Raises CalibrationError where there is none to choose."""
        if self._calibration is None:
            raise CalibrationError("no distance can be chosen without a calibration")
        self.move_to(self._calibration.at_distance(distance_m), at_ns)

    def found(self, calibration: Calibration, at_ns: int) -> Calibration:
        """Go over to a map that was found now, and what it says of those of other distances (``refound``); what holds
        then. Raises CalibrationError where it does not fit.
        """
        whole = refound(self._calibration, calibration)
        self.move_to(whole, at_ns)
        return whole

    def move_to(self, calibration: Calibration | None, at_ns: int) -> None:
        """Go over to another calibration from this moment (capture time, nanoseconds) on.

        Raises CalibrationError where it was not made for pictures of the present aspects.
        """
        if self._sizes is not None:
            end = matrix_for(calibration, *self._sizes)
            self._glide = Glide(self._placing.matrix, end, self._sizes[1], at_ns)
        self._calibration = calibration

    def at(self, infrared_size: Size, visible_size: Size, at_ns: int) -> Placing:
        """For a pair of frames of these sizes at a moment. Raises CalibrationError for sizes of another aspect."""
        if self._sizes != (infrared_size, visible_size):
            # First, as it may refuse: what has no map must be refused the next time, too.
            matrix = matrix_for(self._calibration, infrared_size, visible_size)
            self._sizes, self._glide = (infrared_size, visible_size), None
            self._place(matrix)
        elif self._glide is not None:
            self._place(self._glide.at(at_ns))
            if self._glide.done(at_ns):
                self._glide = None
        return self._placing

    def _place(self, matrix: Matrix) -> None:
        assert self._sizes is not None
        (iw, ih), (vw, vh) = self._sizes
        coverage = coverage_mask(matrix, (ih, iw), (vh, vw), feather_px=FEATHER_SHARE * vw)
        self._placing = Placing(matrix, None if coverage.min() == 255 else coverage)
