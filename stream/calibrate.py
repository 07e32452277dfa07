"""The ``calibrate`` command: where visible pixels lie in the infrared picture, found in footage or by given points."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kernels.levels import apply_lut
from stream.calibration import Calibration, load_calibration, matrix_for, save_calibration
from stream.clock import Clock
from stream.config import NormalizeConfig, SourceConfig
from stream.errors import CalibrationError, SourceEnded
from stream.frames import Frame, Picture
from stream.normalize import Normalizer
from stream.picture import full_range_luma
from stream.sinks.still import write_still
from stream.sources.base import Role, Source, StreamInfo
from stream.sources.opening import open_source

FRAMES = 30
SPAN_S = 30.0
"""So many frames are used, spread over at most so much footage."""

MAX_SKEW_S = 0.5
"""Frames of the two cameras farther apart are no pair: whatever moves would be somewhere else."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A frame as the estimate takes it: ``luma`` uint8 (H, W) full range, seconds since its stream's first frame."""

    luma: NDArray[np.uint8]
    elapsed_s: float
    name: str | None


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


def calibrate_from_footage(infrared: str, visible: str, output: Path, clock: Clock) -> str:
    """Find the alignment in both sources' frames and write it, with a picture to check it by beside it.

    Gives a line that says what came out. Raises CalibrationError with advice where the footage does not settle an
    alignment (nothing is written then), SourceError, SinkError.
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
        waiting = [pool.submit(read_samples, url, role, clock) for url, role in _sides(infrared, visible)]
        samples = [one.result() for one in waiting]
    pairs = pair_samples(samples[0], samples[1])
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
    calibration = Calibration(
        found.homography,
        (middle_ir.luma.shape[1], middle_ir.luma.shape[0]),
        (middle_vi.luma.shape[1], middle_vi.luma.shape[0]),
        "structure",
        score=round(found.score, 3),
        date=datetime.datetime.fromtimestamp(clock.now_ns() / 1e9, datetime.UTC).date(),
        frames=found.frames,
        residuals_px=tuple(round(miss_px, 2) for miss_px in found.residuals_px) or None,
    )
    save_calibration(output, calibration)
    write_still(picture_path, Picture(overlay(middle_ir.luma, middle_vi.luma, found.homography), None))
    spread = ""
    if found.residuals_px:
        spread = f", single frames differ by {np.median(found.residuals_px):.1f} infrared pixels"
    return (
        f"{output}: score {found.score:.2f} from {found.frames} pairs of frames{spread}; "
        f"look at {picture_path} before you use it"
    )


def read_samples(url: str, role: Role, clock: Clock) -> list[Sample]:
    """About ``FRAMES`` frames of a source, evenly spread over at most ``SPAN_S`` seconds. Raises SourceError."""
    source = open_source(SourceConfig(url=url), role, clock)
    try:
        step_s = _step_s(source.open())
        normalizer = Normalizer(NormalizeConfig(smoothing_s=0.0))
        return [
            Sample(_luma(frame, role, normalizer), elapsed_s, frame.name)
            for frame, elapsed_s in _spread(source, step_s)
        ]
    finally:
        source.close()


def pair_samples(infrared: list[Sample], visible: list[Sample]) -> list[tuple[Sample, Sample]]:
    """Pairs (infrared, visible): of folders of images by name without ending, else of the nearest moments."""
    if all(one.name is not None for one in (*infrared, *visible)) and len(infrared) * len(visible) > 1:
        named = {Path(one.name or "").stem: one for one in visible}
        return [(one, named[stem]) for one in infrared if (stem := Path(one.name or "").stem) in named]
    pairs = []
    for one in infrared:
        nearest = min(visible, key=lambda other: abs(other.elapsed_s - one.elapsed_s), default=None)
        if nearest is not None and abs(nearest.elapsed_s - one.elapsed_s) <= MAX_SKEW_S:
            pairs.append((one, nearest))
    return pairs


def _sides(infrared: str, visible: str) -> tuple[tuple[str, Role], tuple[str, Role]]:
    return (infrared, "infrared"), (visible, "visible")


def _step_s(info: StreamInfo) -> float:
    """Time between the frames to take."""
    if info.frame_count is None or not info.rate_hz:
        return SPAN_S / FRAMES
    return min(SPAN_S, info.frame_count / info.rate_hz) / FRAMES


def _spread(source: Source, step_s: float) -> Iterator[tuple[Frame, float]]:
    """Frames at least ``step_s`` apart, with the time since the first one."""
    first_ns: int | None = None
    taken = 0
    try:
        for frame in source.frames():
            first_ns = frame.capture_ns if first_ns is None else first_ns
            elapsed_s = (frame.capture_ns - first_ns) / 1e9
            if elapsed_s >= taken * step_s - 1e-6:
                yield frame, elapsed_s
                taken += 1
                if taken == FRAMES:
                    return
    except SourceEnded:
        # A recording that was cut off: what could be read will do.
        if not taken:
            raise


def _luma(frame: Frame, role: Role, normalizer: Normalizer) -> NDArray[np.uint8]:
    """The frame in 8 bits and full range. A copy: the decoder's memory goes back to it."""
    if role == "visible":
        return full_range_luma(frame).copy()
    out = np.empty(frame.luma.shape, np.uint8)
    apply_lut(frame.luma, normalizer.lut(frame), out)
    return out


def _size(url: str, role: Role, clock: Clock) -> tuple[int, int]:
    source = open_source(SourceConfig(url=url), role, clock)
    try:
        info = source.open()
    finally:
        source.close()
    return info.width, info.height
