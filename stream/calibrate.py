"""The ``calibrate`` command: for now from points measured by hand only."""

from __future__ import annotations

from pathlib import Path

from stream.calibration import load_calibration, matrix_for, save_calibration
from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import CalibrationError, UsageError
from stream.sources.base import Role
from stream.sources.opening import open_source

HOW = (
    "finding the alignment by itself is not built yet: note four or more spots that you see in both pictures in a YAML "
    "file with infrared_size, visible_size and points, and give it with --points (docs/configuration.md)"
)


def calibrate_by_hand(infrared: str, visible: str, points: Path | None, output: Path, clock: Clock) -> str:
    """Turn hand-measured points into a calibration file; a line that says what came out.

    Both sources are opened to check that the points were measured on pictures of their shape. Raises UsageError without
    points, CalibrationError, SourceError.
    """
    if points is None:
        raise UsageError(HOW)
    calibration = load_calibration(points)
    matrix_for(calibration, _size(infrared, "infrared", clock), _size(visible, "visible", clock))
    if output.resolve() == points.resolve():
        raise CalibrationError(f"{output}: would overwrite the points it is made from; give another --output")
    save_calibration(output, calibration)
    residual = "" if calibration.residual_px is None else f", residual {calibration.residual_px:.2f} infrared pixels"
    return f"{output}: from points measured by hand{residual}"


def _size(url: str, role: Role, clock: Clock) -> tuple[int, int]:
    source = open_source(SourceConfig(url=url), role, clock)
    try:
        info = source.open()
    finally:
        source.close()
    return info.width, info.height
