"""The calibration file: where a visible pixel lies in the infrared picture, and how the two streams differ in time.

Pixel coordinates: x to the right, y down, (0, 0) is the centre of the top left pixel.
"""

from __future__ import annotations

import datetime
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from numpy.typing import NDArray
from pydantic import Field, ValidationError, model_validator

from stream.errors import CalibrationError
from stream.homography import PointPair, apply, fit_homography, rescale, residuals_px, scale_to_fit, similarity
from stream.schema import StrictModel, describe, read_yaml
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
    hand on top of the map. Raises CalibrationError for a map that no pair of cameras can have.
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

    def __post_init__(self) -> None:
        if self.homography.shape != (3, 3) or not np.isfinite(self.homography).all():
            raise CalibrationError("the homography must be 3x3 and finite")
        if min(*self.infrared_size, *self.visible_size) < 1:
            raise CalibrationError(f"sizes must be positive, got {self.infrared_size} and {self.visible_size}")
        if not _is_plausible(self.homography, self.visible_size):
            raise CalibrationError("the homography folds or flattens the visible picture: measure the points anew")
        self.trim.check(self.visible_size)
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


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration as YAML. Raises CalibrationError when it cannot be written."""
    data: dict[str, Any] = {
        "infrared_size": list(calibration.infrared_size),
        "visible_size": list(calibration.visible_size),
        "homography": calibration.homography.tolist(),
    }
    for key in (
        "method",
        "score",
        "residual_px",
        "frames",
        "residuals_px",
        "date",
        "infrared_offset_ms",
        "infrared_drift_ppm",
        "infrared_offset_confidence",
    ):
        value = getattr(calibration, key)
        if value is not None:
            data[key] = list(value) if isinstance(value, tuple) else value
    if not calibration.trim.is_none:
        data["trim"] = _trim_entry(calibration.trim)
    head = "# Nightglass calibration: visible pixel -> infrared pixel, (0, 0) is the centre of the top left pixel.\n"
    try:
        path.write_text(head + yaml.safe_dump(data, sort_keys=False, default_flow_style=None), encoding="utf-8")
    except OSError as error:
        raise CalibrationError(f"{path}: cannot write the calibration: {error.strerror}") from None


def save_trim(path: Path, trim: Trim) -> None:
    """Write a trim into a calibration file and leave all else in it, comments too, as it is.

    Raises CalibrationError for a file that is no calibration (before and after), and when it cannot be written.
    """
    load_calibration(path)
    line = "" if trim.is_none else f"trim: {yaml.safe_dump(_trim_entry(trim), default_flow_style=True).strip()}\n"
    beside = path.with_name(path.name + ".new")
    try:
        text = path.read_text(encoding="utf-8")
        # Also an entry that goes on in indented lines.
        text = re.sub(r"^trim:.*(?:\n[ \t]+.*)*\n?", "", text, flags=re.MULTILINE)
        beside.write_text(text + ("" if text.endswith("\n") else "\n") + line, encoding="utf-8")
        load_calibration(beside)
        beside.replace(path)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot write the trim: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def _trim_entry(trim: Trim) -> dict[str, Any]:
    return {"shift_px": [trim.shift_x_px, trim.shift_y_px], "scale": trim.scale}


def load_calibration(path: Path) -> Calibration:
    """Read a calibration: a homography, points measured by hand, or scale, rotation and shift.

    Raises CalibrationError with one line that names the file and the key.
    """
    try:
        data = read_yaml(path)
    except FileNotFoundError:
        raise CalibrationError(f"{path}: no such calibration file; make one with the calibrate command") from None
    except (OSError, ValueError) as error:
        raise CalibrationError(f"{path}: cannot read the calibration: {error}") from None
    if not isinstance(data, dict):
        raise CalibrationError(f"{path}: a calibration is a mapping of keys; see docs/configuration.md")
    try:
        schema = _CalibrationFile.model_validate(data)
        calibration = schema.calibration()
    except ValidationError as error:
        raise CalibrationError(f"{path}: {describe(error, _CalibrationFile)}") from None
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None
    if schema.points is not None and calibration.residual_px is not None:
        logging.getLogger("nightglass").info(
            "%s: %d points, residual %.2f infrared pixels", path, len(schema.points), calibration.residual_px
        )
    return calibration


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


_Xy = Annotated[list[float], Field(min_length=2, max_length=2)]
_Pixels = Annotated[int, Field(ge=1, le=65_536)]
_SizeList = Annotated[list[_Pixels], Field(min_length=2, max_length=2)]
_Row = Annotated[list[float], Field(min_length=3, max_length=3)]


class _PointEntry(StrictModel):
    infrared: _Xy
    visible: _Xy


class _TrimEntry(StrictModel):
    shift_px: _Xy = Field(default=[0.0, 0.0])
    scale: Annotated[float, Field(gt=0)] = 1.0


class _CalibrationFile(StrictModel):
    infrared_size: _SizeList
    visible_size: _SizeList
    homography: Annotated[list[_Row], Field(min_length=3, max_length=3)] | None = None
    points: Annotated[list[_PointEntry], Field(min_length=4)] | None = None
    scale: Annotated[float, Field(gt=0)] | None = None
    rotate_deg: float | None = None
    shift_px: _Xy | None = None
    method: str | None = None
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    residual_px: Annotated[float, Field(ge=0)] | None = None
    date: datetime.date | None = None
    infrared_offset_ms: float | None = None
    infrared_drift_ppm: float | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    residuals_px: list[Annotated[float, Field(ge=0)]] | None = None
    infrared_offset_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    trim: _TrimEntry = _TrimEntry()

    @model_validator(mode="after")
    def _one_form(self) -> _CalibrationFile:
        forms = [name for name in ("homography", "points", "scale") if getattr(self, name) is not None]
        if len(forms) != 1:
            found = f"got {' and '.join(forms)}" if forms else "got none of them"
            raise ValueError(f"give exactly one of 'homography', 'points' and 'scale' ({found})")
        if forms != ["scale"] and (self.rotate_deg is not None or self.shift_px is not None):
            raise ValueError("'rotate_deg' and 'shift_px' belong to 'scale'")
        return self

    def calibration(self) -> Calibration:
        infrared_size = (self.infrared_size[0], self.infrared_size[1])
        visible_size = (self.visible_size[0], self.visible_size[1])
        residual_px = self.residual_px
        if self.points is not None:
            pairs = [((p.infrared[0], p.infrared[1]), (p.visible[0], p.visible[1])) for p in self.points]
            fitted = calibrate_from_points(pairs, infrared_size, visible_size)
            homography, form, residual_px = fitted.homography, "points", fitted.residual_px
        elif self.scale is not None:
            shift = self.shift_px or [0.0, 0.0]
            homography = similarity(
                infrared_size, visible_size, self.scale, self.rotate_deg or 0.0, (shift[0], shift[1])
            )
            form = "by hand"
        else:
            homography, form = np.array(self.homography, dtype=np.float64), "homography"
        return Calibration(
            homography,
            infrared_size,
            visible_size,
            self.method or form,
            self.score,
            residual_px,
            self.date,
            self.infrared_offset_ms,
            self.infrared_drift_ppm,
            self.frames,
            None if self.residuals_px is None else tuple(self.residuals_px),
            self.infrared_offset_confidence,
            Trim(self.trim.shift_px[0], self.trim.shift_px[1], self.trim.scale),
        )
