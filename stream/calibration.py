"""A calibration: where a visible pixel lies in the infrared picture, and how the two streams differ in time. Pure.

Pixel coordinates: x to the right, y down, (0, 0) is the centre of the top left pixel.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stream.distance import MOST_M, is_same, limits_m, map_at
from stream.errors import CalibrationError
from stream.homography import PointPair, apply, fit_homography, rescale, residuals_px, scale_to_fit
from stream.trim import NO_TRIM, Trim

Size = tuple[int, int]
"""Width and height in pixels."""

MAX_RESIDUAL = 0.02
"""Hand-measured points that miss by more than this share of the infrared width (root mean square) are mistaken."""

MAX_ASPECT_ERROR = 0.01
"""Pictures of 854x480 and 1920x1080 count as of one aspect."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How infrared lies on visible, in space and in time.

    ``homography``: float64 (3, 3), visible pixel -> infrared pixel, [2, 2] = 1. ``infrared_size`` and
    ``visible_size``: width and height of the pictures that it was made on. ``method``: how it was made, such as
    ``points``. ``score``: the method's own quality, 0..1, None where it has none. ``residual_px``: root mean square
    distance of the points it was made from, in infrared pixels, None without points. ``frames``: pairs of frames that
    it was found in, None where it was not found in footage; ``residuals_px``: for some of them, how far each by itself
    would put the picture from where all together do (root mean square, infrared pixels). ``infrared_offset_ms``: to add
    to infrared capture times; ``infrared_drift_ppm``: growth of that offset from the first infrared frame on, None
    where unknown; ``infrared_offset_confidence``: 0..1, None where it was not found in footage. ``trim``: set by
    hand on top of the map. ``distance_m``: the distance that the map is for, metres, None where unknown. ``maps``: what
    it was made of, nearest first, where maps were taken at several distances (see ``of_distances``): calibrations of
    these sizes with neither trim nor timing. Raises CalibrationError for a map that no pair of cameras can have.
    """

    homography: NDArray[np.float64]
    infrared_size: Size
    visible_size: Size
    method: str
    score: float | None = None
    residual_px: float | None = None
    date: datetime.date | None = None
    infrared_offset_ms: float | None = None
    infrared_drift_ppm: float | None = None
    frames: int | None = None
    residuals_px: tuple[float, ...] | None = None
    infrared_offset_confidence: float | None = None
    trim: Trim = NO_TRIM
    distance_m: float | None = None
    maps: tuple[Calibration, ...] = ()

    def __post_init__(self) -> None:
        if self.homography.shape != (3, 3) or not np.isfinite(self.homography).all():
            raise CalibrationError("the homography must be 3x3 and finite")
        if min(*self.infrared_size, *self.visible_size) < 1:
            raise CalibrationError(f"sizes must be positive, got {self.infrared_size} and {self.visible_size}")
        if not _is_plausible(self.homography, self.visible_size):
            raise CalibrationError("the homography folds or flattens the visible picture: measure the points anew")
        self.trim.check(self.visible_size)
        if self.distance_m is not None and not 0 < self.distance_m <= MOST_M:
            raise CalibrationError(f"a distance must be over 0 and at most {MOST_M:g} metres, got {self.distance_m:g}")
        object.__setattr__(self, "homography", self.homography / self.homography[2, 2])

    def with_trim(self, trim: Trim) -> Calibration:
        """The same with another trim. Raises CalibrationError for one that is too large."""
        return replace(self, trim=trim)

    def with_timing_of(self, other: Calibration | None) -> Calibration:
        """The same with what another one says of the time between the cameras."""
        if other is None:
            return self
        return replace(
            self,
            infrared_offset_ms=other.infrared_offset_ms,
            infrared_drift_ppm=other.infrared_drift_ppm,
            infrared_offset_confidence=other.infrared_offset_confidence,
        )

    def with_offset(self, offset_ms: float, confidence: float | None) -> Calibration:
        """The same with another time offset. The drift, a matter of the cameras' clocks, stays."""
        return replace(self, infrared_offset_ms=offset_ms, infrared_offset_confidence=confidence)

    @property
    def limits_m(self) -> tuple[float, float] | None:
        """Nearest and farthest distance that it can be set to, metres; None where it has no maps to choose from."""
        return limits_m([_distance_m(one) for one in self.maps]) if self.maps else None

    def reach(self) -> str:
        """The same in words."""
        limits = self.limits_m
        if limits is None:
            return "there is one map only"
        return f"the maps reach from {limits[0]:.3g} m to " + (
            "infinity" if limits[1] == MOST_M else f"{limits[1]:.3g} m"
        )

    def at_distance(self, distance_m: float) -> Calibration:
        """The same for another distance in metres, which is brought within ``limits_m``.

        Raises CalibrationError where it has no maps to choose from, or for a distance that none can be.
        """
        limits = self.limits_m
        if limits is None:
            raise CalibrationError(
                "the calibration has one map, so no distance can be chosen: add maps of other distances "
                "(run_stream.py calibrate --distance-m D --add)"
            )
        if not distance_m > 0:
            raise CalibrationError(f"a distance must be over 0 metres, got {distance_m:g}")
        within_m = min(max(distance_m, limits[0]), limits[1])
        homography = map_at([_distance_m(one) for one in self.maps], [one.homography for one in self.maps], within_m)
        return replace(self, homography=homography, distance_m=within_m)

    def with_map(self, other: Calibration) -> Calibration:
        """The same with the map of one more distance, in place of one of the same distance.

        Trim and chosen distance stay; where none was chosen it is still the farthest. Raises CalibrationError where
        distances are not known or other sizes have another aspect.
        """
        if self.distance_m is None or other.distance_m is None:
            raise CalibrationError("maps of several distances need the distance that each was taken at")
        kept = [one for one in self.maps or (self,) if not is_same(_distance_m(one), other.distance_m)]
        chosen_m = self.distance_m if self.maps and not self.is_farthest else None
        size = self.infrared_size, self.visible_size
        together = of_distances([*kept, _resized(other, *size)], chosen_m)
        return replace(together, trim=self.trim).with_timing_of(self)

    @property
    def is_meant(self) -> bool:
        """Whether it may be meant to lie beside what is in view: corrected by hand, or chosen for a distance."""
        return bool(self.maps) or not self.trim.is_none

    @property
    def is_farthest(self) -> bool:
        """Whether it is for the farthest distance at which a map was taken: what holds where none is chosen."""
        return not self.maps or self.distance_m == self.maps[-1].distance_m


def of_distances(maps: Sequence[Calibration], distance_m: float | None = None) -> Calibration:
    """One calibration of maps that were taken at several distances, each with its ``distance_m`` and all of one size.

    ``distance_m``: the one that it is to be for, brought within what the maps give one for (``limits_m``); None: the
    farthest at which one was taken. Of a single map that map. Raises CalibrationError for distances that are unknown or
    (nearly) the same.
    """
    if any(one.distance_m is None for one in maps):
        raise CalibrationError("maps of several distances need the distance that each was taken at")
    alone = sorted((_alone(one) for one in maps), key=_distance_m)
    for near, far in pairwise(map(_distance_m, alone)):
        if is_same(near, far):
            raise CalibrationError(f"maps of {near:g} and {far:g} m count as of one distance: leave one out")
    farthest = alone[-1]
    if len(alone) == 1:
        return farthest
    size = farthest.infrared_size, farthest.visible_size
    whole = Calibration(farthest.homography, *size, "distances", distance_m=farthest.distance_m, maps=tuple(alone))
    return whole if distance_m is None else whole.at_distance(distance_m)


def calibrate_from_points(
    points: Sequence[PointPair], infrared_size: Size, visible_size: Size, date: datetime.date | None = None
) -> Calibration:
    """A calibration from points measured by hand, each ((x, y) infrared, (x, y) visible), in pixels.

    Raises CalibrationError for fewer than four points, for points (nearly) on one line, and where they contradict
    each other, naming the worst one.
    """
    if len(points) < 4:
        raise CalibrationError(f"a calibration needs at least 4 points, got {len(points)}")
    for number, (infrared, visible) in enumerate(points, start=1):
        for what, point, size in (("infrared", infrared, infrared_size), ("visible", visible, visible_size)):
            if not (-0.5 <= point[0] <= size[0] - 0.5 and -0.5 <= point[1] <= size[1] - 0.5):
                raise CalibrationError(
                    f"point {number}: {what} ({point[0]:g}, {point[1]:g}) is outside its {size[0]}x{size[1]} picture"
                )
    homography = fit_homography(points)
    if homography is None:
        raise CalibrationError("the points lie (nearly) on one line or on one another: spread them over the picture")
    misses_px = residuals_px(homography, points)
    residual_px = float(np.sqrt(np.mean(misses_px**2)))
    if residual_px > MAX_RESIDUAL * infrared_size[0]:
        worst = int(np.argmax(misses_px))
        raise CalibrationError(
            f"the points contradict each other: {residual_px:.1f} infrared pixels off on average, "
            f"point {worst + 1} the most ({misses_px[worst]:.1f}); measure them again"
        )
    return Calibration(homography, infrared_size, visible_size, "points", residual_px=residual_px, date=date)


def matrix_for(calibration: Calibration | None, infrared_size: Size, visible_size: Size) -> NDArray[np.float64]:
    """The map visible pixel -> infrared pixel for pictures of the given sizes, float64 (3, 3).

    Without a calibration infrared is scaled to fit the visible picture. A calibration made at other sizes of the
    same aspect is rescaled; another aspect raises CalibrationError, as the picture may have been cropped.
    """
    if calibration is None:
        return scale_to_fit(infrared_size, visible_size)
    for what, made_for, size in (
        ("infrared", calibration.infrared_size, infrared_size),
        ("visible", calibration.visible_size, visible_size),
    ):
        if abs(made_for[0] * size[1] / (made_for[1] * size[0]) - 1) > MAX_ASPECT_ERROR:
            raise CalibrationError(
                f"the calibration was made for {what} pictures of {made_for[0]}x{made_for[1]}, not of the aspect of "
                f"{size[0]}x{size[1]}: calibrate anew at this size"
            )
    to_infrared = rescale(calibration.infrared_size, infrared_size)
    to_calibrated_visible = rescale(visible_size, calibration.visible_size)
    trimmed = calibration.homography @ calibration.trim.undone(calibration.visible_size)
    matrix = to_infrared @ trimmed @ to_calibrated_visible
    return matrix / matrix[2, 2]


def _distance_m(one: Calibration) -> float:
    """For maps of several distances, which all have one."""
    assert one.distance_m is not None
    return one.distance_m


def _alone(one: Calibration) -> Calibration:
    """Its map, without what belongs to the pair of cameras at any distance."""
    return replace(
        one,
        trim=NO_TRIM,
        infrared_offset_ms=None,
        infrared_drift_ppm=None,
        infrared_offset_confidence=None,
    )


def _resized(one: Calibration, infrared_size: Size, visible_size: Size) -> Calibration:
    """The same map for other sizes of the same aspect. Raises CalibrationError for another aspect."""
    if (one.infrared_size, one.visible_size) == (infrared_size, visible_size):
        return one
    k = infrared_size[0] / one.infrared_size[0]
    return replace(
        one,
        homography=matrix_for(replace(one, trim=NO_TRIM), infrared_size, visible_size),
        infrared_size=infrared_size,
        visible_size=visible_size,
        trim=NO_TRIM,
        residual_px=None if one.residual_px is None else one.residual_px * k,
        residuals_px=None if one.residuals_px is None else tuple(miss_px * k for miss_px in one.residuals_px),
    )


def _is_plausible(homography: NDArray[np.float64], visible_size: Size) -> bool:
    """Whether the map is invertible and the whole visible picture lies on one side of its horizon."""
    width_px, height_px = visible_size
    corners = [(x, y) for x in (-0.5, width_px - 0.5) for y in (-0.5, height_px - 0.5)]
    depths = np.array([homography[2] @ (x, y, 1.0) for x, y in corners])
    if np.min(depths * np.sign(depths[0])) <= 1e-6 * np.max(np.abs(depths)) or homography[2, 2] == 0:
        return False
    mapped = apply(homography, np.array(corners))
    spans = mapped[[1, 2]] - mapped[0]
    area = abs(spans[0, 0] * spans[1, 1] - spans[0, 1] * spans[1, 0])
    return bool(area > 1.0)
