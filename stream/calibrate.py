"""The ``calibrate`` command: how infrared lies on visible in space and time, found in footage, or by given points."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from stream.calibration import Calibration, load_calibration, matrix_for, save_calibration
from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import CalibrationError
from stream.footage import SPAN_S, pair_samples, read_footage
from stream.frames import Picture
from stream.sinks.still import write_still
from stream.sources.base import Role
from stream.sources.opening import open_source
from stream.timing import find_timing


def calibrate_by_hand(infrared: str, visible: str, points: Path, output: Path, clock: Clock) -> str:
    """Turn hand-measured points into a calibration file; a line that says what came out.

    Both sources are opened to check that the points were measured on pictures of their shape. Raises
    CalibrationError, SourceError.
    """
    calibration = load_calibration(points)
    matrix_for(calibration, _size(infrared, "infrared", clock), _size(visible, "visible", clock))
    if output.resolve() == points.resolve():
        raise CalibrationError(f"{output}: would overwrite the points it is made from; give another --output")
    save_calibration(output, calibration)
    residual = "" if calibration.residual_px is None else f", residual {calibration.residual_px:.2f} infrared pixels"
    return f"{output}: from points measured by hand{residual}"


def calibrate_from_footage(
    infrared: str, visible: str, output: Path, clock: Clock, seconds: float = SPAN_S
) -> list[str]:
    """Find the alignment in space and time in ``seconds`` of both sources; write it, and a picture to check it by.

    Gives lines that say what came out. An offset in time that cannot be trusted is left out of the file. Raises
    CalibrationError with advice where the footage does not settle an alignment (nothing is written then), SourceError,
    SinkError.
    """
    try:
        from stream.alignment.estimate import estimate
        from stream.alignment.overlay import overlay
    except ImportError as error:
        raise CalibrationError(
            f"OpenCV cannot be loaded ({error}); install libGL (Debian: apt install libgl1 libglib2.0-0)"
        ) from None
    with ThreadPoolExecutor(2) as pool:
        # Side by side: two live cameras have to be read at the same time.
        waiting = [pool.submit(read_footage, url, role, clock, seconds) for url, role in _sides(infrared, visible)]
        footage = [one.result() for one in waiting]
    pairs = pair_samples(footage[0].samples, footage[1].samples)
    if not pairs:
        raise CalibrationError(
            f"{infrared} and {visible}: no frames belong together, by name or by time; give footage of the same moments"
        )
    for side, (url, _) in enumerate(_sides(infrared, visible)):
        if len({pair[side].luma.shape for pair in pairs}) > 1:
            raise CalibrationError(f"{url}: its pictures have several sizes; give pictures of one camera only")
    found = estimate([pair[0].luma for pair in pairs], [pair[1].luma for pair in pairs])
    if not found.accepted:
        raise CalibrationError(
            f"no alignment found (score {found.score:.2f} from {found.frames} pairs of frames): {found.reason}"
        )
    middle_ir, middle_vi = pairs[len(pairs) // 2]
    picture_path = output.with_suffix(".png")
    infrared_size = (middle_ir.luma.shape[1], middle_ir.luma.shape[0])
    visible_size = (middle_vi.luma.shape[1], middle_vi.luma.shape[0])
    timing = find_timing(footage[0], footage[1], found.homography, infrared_size, visible_size)
    calibration = Calibration(
        found.homography,
        infrared_size,
        visible_size,
        "structure",
        score=round(found.score, 3),
        date=datetime.datetime.fromtimestamp(clock.now_ns() / 1e9, datetime.UTC).date(),
        frames=found.frames,
        residuals_px=tuple(round(miss_px, 2) for miss_px in found.residuals_px) or None,
        infrared_offset_ms=timing.offset_ms,
        infrared_drift_ppm=timing.drift_ppm,
        infrared_offset_confidence=timing.confidence,
    )
    save_calibration(output, calibration)
    write_still(picture_path, Picture(overlay(middle_ir.luma, middle_vi.luma, found.homography), None))
    spread = ""
    if found.residuals_px:
        spread = f", single frames differ by {np.median(found.residuals_px):.1f} infrared pixels"
    return [
        f"{output}: score {found.score:.2f} from {found.frames} pairs of frames{spread}; "
        f"look at {picture_path} before you use it",
        timing.said,
    ]


def _sides(infrared: str, visible: str) -> tuple[tuple[str, Role], tuple[str, Role]]:
    return (infrared, "infrared"), (visible, "visible")


def _size(url: str, role: Role, clock: Clock) -> tuple[int, int]:
    source = open_source(SourceConfig(url=url), role, clock)
    try:
        info = source.open()
    finally:
        source.close()
    return info.width, info.height
