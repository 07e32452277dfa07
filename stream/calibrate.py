"""The ``calibrate`` command: how infrared lies on visible in space and time, found in footage, or by given points."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stream.calibration import Calibration, matrix_for
from stream.calibration_file import load_calibration, save_calibration
from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import CalibrationError
from stream.footage import SPAN_S, pair_samples, read_footage
from stream.frames import Picture
from stream.sinks.still import write_still
from stream.sources.base import Role
from stream.sources.opening import open_source
from stream.timing import find_timing


@dataclass(frozen=True, slots=True)
class Target:
    """Where a calibration goes. ``distance_m``: at which it is taken, metres, None where nobody said; ``add``: to the
    maps of other distances that are in the file already, rather than in their place.
    """

    path: Path
    distance_m: float | None = None
    add: bool = False

    def picture_path(self) -> Path:
        """Where the picture to check it by goes."""
        return self.path.with_suffix(".png")

    def check(self) -> None:
        """Raises CalibrationError where nothing can be written, before half a minute of footage is taken for it."""
        if self.path.suffix.lower() == ".png":
            raise CalibrationError(f"{self.path}: a picture to check it by goes there; give an --output in .yaml")
        if self.path.is_dir():
            raise CalibrationError(f"{self.path} is a folder; give an --output in .yaml")
        if not self.path.absolute().parent.is_dir():
            raise CalibrationError(f"{self.path}: folder {self.path.parent} does not exist; create it first")

    def present(self) -> Calibration | None:
        """What is to be added to. Raises CalibrationError where that cannot be."""
        if not self.add:
            return None
        present = load_calibration(self.path)
        if present.distance_m is None:
            raise CalibrationError(
                f"{self.path}: it is not known at which distance its map was taken; write that into the file as "
                "distance_m, in metres, or make it anew with --distance-m"
            )
        return present

    def save(self, made: Calibration, present: Calibration | None) -> list[str]:
        """Write what was made, with ``present`` if it is added to that; what else there is to say.

        Raises CalibrationError.
        """
        if self.distance_m is not None:
            if made.maps:
                raise CalibrationError("the points are of several distances already: leave out --distance-m")
            made = replace(made, distance_m=self.distance_m)
        if present is None:
            save_calibration(self.path, made)
            return []
        whole = present.with_map(made)
        if made.infrared_offset_ms is not None:
            whole = whole.with_timing_of(made)
        save_calibration(self.path, whole)
        distances = ", ".join(f"{one.distance_m:g}" for one in whole.maps or (whole,))
        lines = [
            f"maps of {distances} m; {whole.reach()}; in use without registration.distance_m: {whole.distance_m:g} m"
        ]
        if not whole.trim.is_none:
            lines.append("the file has a trim, which is applied on top of all maps: look whether it is still wanted")
        return lines


def calibrate_by_hand(infrared: str, visible: str, points: Path, target: Target, clock: Clock) -> list[str]:
    """Turn hand-measured points into a calibration file; lines that say what came out.

    Both sources are opened to check that the points were measured on pictures of their shape. Raises
    CalibrationError, SourceError.
    """
    present, output = target.present(), target.path
    calibration = load_calibration(points)
    matrix_for(calibration, _size(infrared, "infrared", clock), _size(visible, "visible", clock))
    more = target.save(calibration, present)
    residual = "" if calibration.residual_px is None else f", residual {calibration.residual_px:.2f} infrared pixels"
    return [f"{output}: from points measured by hand{residual}", *more]


def calibrate_from_footage(
    infrared: str, visible: str, target: Target, clock: Clock, seconds: float = SPAN_S
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
    target.check()
    present, output = target.present(), target.path
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
    picture_path = target.picture_path()
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
    more = target.save(calibration, present)
    write_still(picture_path, Picture(overlay(middle_ir.luma, middle_vi.luma, found.homography), None))
    spread = ""
    if found.residuals_px:
        spread = f", single frames differ by {np.median(found.residuals_px):.1f} infrared pixels"
    return [
        f"{output}: score {found.score:.2f} from {found.frames} pairs of frames{spread}; "
        f"look at {picture_path} before you use it",
        *_caution(found.frames),
        timing.said,
        *more,
    ]


def _caution(frames: int) -> list[str]:
    """What no score can tell: one frame's things at different distances look like perspective, and fit well."""
    from stream.alignment.candidates import MANY_FRAMES

    if frames >= MANY_FRAMES:
        return []
    return [
        "from so few frames the picture's corners may be some pixels off (3 to 5 of 640), whatever the score: "
        "half a minute of footage in which things move settles them"
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
