"""The calibration file: YAML against a strict schema, read, written, and changed while ``live`` runs."""

from __future__ import annotations

import datetime
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import yaml
from pydantic import Field, ValidationError, model_validator

from stream.calibration import Calibration, Size, calibrate_from_points, of_distances
from stream.distance import MOST_M
from stream.errors import CalibrationError
from stream.homography import similarity
from stream.schema import StrictModel, describe, read_yaml
from stream.trim import Trim

log = logging.getLogger("nightglass")

_MADE = ("distance_m", "method", "score", "residual_px", "frames", "residuals_px", "date")
"""What is written of each map beside the homography, where it is known."""

_TIMING = ("infrared_offset_ms", "infrared_drift_ppm", "infrared_offset_confidence")


def save_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration as YAML. Raises CalibrationError when it cannot be written."""
    data: dict[str, Any] = {
        "infrared_size": list(calibration.infrared_size),
        "visible_size": list(calibration.visible_size),
    }
    if calibration.maps:
        data["maps"] = [_map_entry(one) for one in calibration.maps]
    else:
        data |= _map_entry(calibration)
    data |= {key: value for key, value in _settings(calibration).items() if value is not None}
    head = "# Nightglass calibration: visible pixel -> infrared pixel, (0, 0) is the centre of the top left pixel.\n"
    try:
        path.write_text(head + yaml.safe_dump(data, sort_keys=False, default_flow_style=None), encoding="utf-8")
    except OSError as error:
        raise CalibrationError(f"{path}: cannot write the calibration: {error.strerror}") from None


def save_settings(path: Path, calibration: Calibration) -> None:
    """Write a calibration's trim, chosen distance and time offset into a calibration file.

    All else in it, comments too, is left as it is, and so is what already says the same. Raises CalibrationError for a
    file that is no calibration (before and after), and when it cannot be written.
    """
    before, after = _settings(load_calibration(path)), _settings(calibration)
    beside = path.with_name(path.name + ".new")
    try:
        text = path.read_text(encoding="utf-8")
        for key, value in after.items():
            if value != before[key]:
                text = _with_entry(text, key, value)
        beside.write_text(text, encoding="utf-8")
        load_calibration(beside)
        beside.replace(path)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot write the calibration: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def _with_entry(text: str, key: str, value: Any) -> str:
    """YAML text with a top-level key that it may have taken out, and put at the end with its new value, if any."""
    # Also an entry that goes on in indented lines.
    text = re.sub(rf"^{key}:.*(?:\n[ \t]+.*)*\n?", "", text, flags=re.MULTILINE)
    if value is None:
        return text
    # A number by itself is given an end-of-document mark.
    shown = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n")
    return text + ("" if text.endswith("\n") or not text else "\n") + f"{key}: {shown.strip()}\n"


def _settings(calibration: Calibration) -> dict[str, Any]:
    """What may change while ``live`` runs, as it stands in the file; None for what is left out there."""
    trim = calibration.trim
    return {
        "distance_m": None if calibration.is_farthest else calibration.distance_m,
        **{key: getattr(calibration, key) for key in _TIMING},
        "trim": None if trim.is_none else {"shift_px": [trim.shift_x_px, trim.shift_y_px], "scale": trim.scale},
    }


def _map_entry(calibration: Calibration) -> dict[str, Any]:
    entry: dict[str, Any] = {"homography": calibration.homography.tolist()}
    for key in _MADE:
        value = getattr(calibration, key)
        if value is not None:
            entry[key] = list(value) if isinstance(value, tuple) else value
    return entry


def load_calibration(path: Path) -> Calibration:
    """Read a calibration: a homography, points measured by hand, scale, rotation and shift, or several maps of these.

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
        calibration = schema.whole()
    except ValidationError as error:
        raise CalibrationError(f"{path}: {describe(error, _CalibrationFile)}") from None
    except CalibrationError as error:
        raise CalibrationError(f"{path}: {error}") from None
    if schema.points is not None and calibration.residual_px is not None:
        log.info("%s: %d points, residual %.2f infrared pixels", path, len(schema.points), calibration.residual_px)
    if schema.maps is not None and schema.distance_m not in (None, calibration.distance_m):
        log.warning("%s: distance_m %g, but %s", path, schema.distance_m, calibration.reach())
    return calibration


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


class _Map(StrictModel):
    """One map, in one of three forms, and how it came about."""

    homography: Annotated[list[_Row], Field(min_length=3, max_length=3)] | None = None
    points: Annotated[list[_PointEntry], Field(min_length=4)] | None = None
    scale: Annotated[float, Field(gt=0)] | None = None
    rotate_deg: float | None = None
    shift_px: _Xy | None = None
    distance_m: Annotated[float, Field(gt=0, le=MOST_M)] | None = None
    method: str | None = None
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    residual_px: Annotated[float, Field(ge=0)] | None = None
    date: datetime.date | None = None
    frames: Annotated[int, Field(ge=1)] | None = None
    residuals_px: list[Annotated[float, Field(ge=0)]] | None = None

    def forms(self) -> list[str]:
        return [name for name in ("homography", "points", "scale") if getattr(self, name) is not None]

    def calibration(self, infrared_size: Size, visible_size: Size) -> Calibration:
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
            frames=self.frames,
            residuals_px=None if self.residuals_px is None else tuple(self.residuals_px),
            distance_m=self.distance_m,
        )


class _MapEntry(_Map):
    """One of several maps."""

    distance_m: Annotated[float, Field(gt=0, le=MOST_M)]

    @model_validator(mode="after")
    def _one_form(self) -> _MapEntry:
        _check_form(self, [], "'homography', 'points' and 'scale'")
        return self


class _CalibrationFile(_Map):
    infrared_size: _SizeList
    visible_size: _SizeList
    maps: Annotated[list[_MapEntry], Field(min_length=1)] | None = None
    infrared_offset_ms: float | None = None
    infrared_drift_ppm: float | None = None
    infrared_offset_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    trim: _TrimEntry = _TrimEntry()

    @model_validator(mode="after")
    def _one_form(self) -> _CalibrationFile:
        also = [] if self.maps is None else ["maps"]
        _check_form(self, also, "'homography', 'points', 'scale' and 'maps'")
        if self.maps is not None and (
            misplaced := [key for key in _MADE if key != "distance_m" and getattr(self, key) is not None]
        ):
            raise ValueError(f"'{misplaced[0]}' belongs to one map: put it under 'maps'")
        return self

    def whole(self) -> Calibration:
        """All that the file says."""
        sizes = (self.infrared_size[0], self.infrared_size[1]), (self.visible_size[0], self.visible_size[1])
        if self.maps is None:
            made = self.calibration(*sizes)
        else:
            made = of_distances([one.calibration(*sizes) for one in self.maps], self.distance_m)
        trim = Trim(self.trim.shift_px[0], self.trim.shift_px[1], self.trim.scale)
        return replace(made, trim=trim, **{key: getattr(self, key) for key in _TIMING})


def _check_form(entry: _Map, also: list[str], allowed: str) -> None:
    found = entry.forms() + also
    if len(found) != 1:
        got = f"got {' and '.join(found)}" if found else "got none of them"
        raise ValueError(f"give exactly one of {allowed} ({got})")
    if found != ["scale"] and (entry.rotate_deg is not None or entry.shift_px is not None):
        raise ValueError("'rotate_deg' and 'shift_px' belong to 'scale'")
