"""A stretch of both cameras' footage as calibration takes it: some whole frames, and all frames as small pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.clock import Clock
from stream.config import NormalizeConfig, SourceConfig
from stream.errors import SourceEnded
from stream.frames import Frame
from stream.normalize import Normalizer
from stream.picture import full_range_luma
from stream.sources.base import Role, StreamInfo
from stream.sources.opening import open_source
from stream.sync.motion import HEIGHT_PX, WIDTH_PX, Thumbnail, thumbnail

FRAMES = 30
SPAN_S = 30.0
"""So many whole frames are used, spread over at most so much footage."""

MAX_SKEW_S = 0.5
"""Frames of the two cameras farther apart are no pair: whatever moves would be somewhere else."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A frame as the estimate takes it: ``luma`` uint8 (H, W) full range, seconds since its stream's first frame."""

    luma: NDArray[np.uint8]
    elapsed_s: float
    name: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """What was read of one source. ``samples``: whole frames, evenly spread.

    ``capture_ns`` and ``thumbnails``: of every frame, in their order; none of folders of images, which have no time,
    and of pictures too small to be made smaller.
    """

    samples: list[Sample]
    capture_ns: list[int]
    thumbnails: list[Thumbnail]


def read_footage(url: str, role: Role, clock: Clock, seconds: float = SPAN_S) -> Footage:
    """Read ``seconds`` of a source, and about ``FRAMES`` whole frames of at most ``SPAN_S``. Raises SourceError."""
    source = open_source(SourceConfig(url=url), role, clock)
    try:
        step_s = _step_s(source.open())
        normalizer = Normalizer(NormalizeConfig(smoothing_s=0.0))
        read = Footage([], [], [])
        first_ns: int | None = None
        try:
            for frame in source.frames():
                first_ns = frame.capture_ns if first_ns is None else first_ns
                elapsed_s = (frame.capture_ns - first_ns) / 1e9
                if elapsed_s >= seconds:
                    break
                if len(read.samples) < FRAMES and elapsed_s >= len(read.samples) * step_s - 1e-6:
                    read.samples.append(Sample(_luma(frame, role, normalizer), elapsed_s, frame.name))
                if frame.name is None and frame.width >= WIDTH_PX and frame.height >= HEIGHT_PX:
                    # The camera's own levels: a curve that is fitted to each frame would look like motion.
                    read.thumbnails.append(thumbnail(frame.luma))
                    read.capture_ns.append(frame.capture_ns)
        except SourceEnded:
            # A recording that was cut off: what could be read will do.
            if not read.samples:
                raise
        return read
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


def _step_s(info: StreamInfo) -> float:
    """Time between the whole frames to take."""
    if info.frame_count is None or not info.rate_hz:
        return SPAN_S / FRAMES
    return min(SPAN_S, info.frame_count / info.rate_hz) / FRAMES


def _luma(frame: Frame, role: Role, normalizer: Normalizer) -> NDArray[np.uint8]:
    """The frame in 8 bits and full range. A copy: the decoder's memory goes back to it."""
    if role == "visible":
        return full_range_luma(frame).copy()
    return normalizer.normalized(frame)
