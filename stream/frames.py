"""The frame types. Frozen: a frame that has been made is never changed; its arrays are treated as read-only.

Planes are NumPy arrays, never RGB: the hot path stays in YUV from the decoder to the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

ColorRange = Literal["limited", "full"]
"""``limited``: luma 16..235, chroma 16..240 (ITU-R BT.601); ``full``: 0..255, neutral chroma 128."""

ClockName = Literal["ntp", "rtp", "file", "arrival", "sim"]
"""Which clock stamped a frame: sender's NTP time, RTP pts plus estimated offset, file pts, arrival, simulator."""

Degraded = Literal["none", "infrared_missing", "visible_missing", "infrared_frozen"]

LumaArray = NDArray[np.uint8] | NDArray[np.uint16]


def chroma_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Width and height of a 4:2:0 chroma plane: half the luma's, rounded up."""
    return (width_px + 1) // 2, (height_px + 1) // 2


@dataclass(frozen=True, slots=True)
class Chroma:
    """The two chroma planes of a 4:2:0 picture.

    ``cb``, ``cr``: uint8, shape (ceil(H/2), ceil(W/2)), neutral at 128.
    """

    cb: NDArray[np.uint8]
    cr: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.cb.shape != self.cr.shape or self.cb.ndim != 2:
            raise ValueError(f"chroma planes must be 2-D and alike, got {self.cb.shape} and {self.cr.shape}")
        if self.cb.dtype != np.uint8 or self.cr.dtype != np.uint8:
            raise ValueError(f"chroma planes must be uint8, got {self.cb.dtype} and {self.cr.dtype}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture of one camera.

    ``luma``: uint8 or uint16, shape (H, W), rows contiguous; in ``color_range`` (uint16 is raw thermal counts).
    ``chroma``: 4:2:0 planes in the same ``color_range``, or None for a grey picture.
    ``pixel_format``: the decoder's name for what it gave, such as ``yuv420p`` or ``gray16le``.
    ``pts_s``: presentation time in the stream, seconds; None where the stream gave none.
    ``capture_ns``: best estimate of the moment of capture, nanoseconds of Unix time, according to ``clock``
    (a file's clock starts at 0: pts of the first frame).
    ``seq``: number of the frame in its source, from 0, counting frames that were skipped as broken too.
    ``source``: the source's name, without any password. ``name``: the image file's name, for folders of images.
    """

    luma: LumaArray
    chroma: Chroma | None
    pixel_format: str
    color_range: ColorRange
    pts_s: float | None
    capture_ns: int
    clock: ClockName
    seq: int
    source: str
    name: str | None = None

    def __post_init__(self) -> None:
        if self.luma.ndim != 2 or self.luma.size == 0:
            raise ValueError(f"luma must be a 2-D array with pixels, got shape {self.luma.shape}")
        if self.luma.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"luma must be uint8 or uint16, got {self.luma.dtype}")
        if self.chroma is not None:
            w, h = chroma_size(self.width, self.height)
            if self.chroma.cb.shape != (h, w):
                raise ValueError(f"chroma must be {h}x{w} for luma {self.luma.shape}, got {self.chroma.cb.shape}")

    @property
    def width(self) -> int:
        """Width of the luma plane in pixels."""
        return int(self.luma.shape[1])

    @property
    def height(self) -> int:
        """Height of the luma plane in pixels."""
        return int(self.luma.shape[0])


@dataclass(frozen=True, slots=True)
class FramePair:
    """Two frames taken (as nearly as could be had) at one moment.

    ``skew_ns``: infrared capture time minus visible capture time; 0 where one side is missing.
    ``capture_ns``: capture time of the leading stream's frame (or of the tick, for a fixed output rate).
    ``degraded``: ``none``; otherwise which side is missing or frozen. A missing side is None, or the last
    frame of that camera, held.
    """

    infrared: Frame | None
    visible: Frame | None
    capture_ns: int
    skew_ns: int = 0
    degraded: Degraded = "none"

    def __post_init__(self) -> None:
        if self.infrared is None and self.visible is None:
            raise ValueError("a pair needs at least one frame")
        if self.infrared is None and self.degraded != "infrared_missing":
            raise ValueError(f"no infrared frame, but the pair is marked {self.degraded!r}")
        if self.visible is None and self.degraded != "visible_missing":
            raise ValueError(f"no visible frame, but the pair is marked {self.degraded!r}")


@dataclass(frozen=True, slots=True)
class Prior:
    """What the student says about the degradation of its input, smoothed in time.

    ``scores``: 0..1 by kind. ``caption``: in words. ``present``: the kinds that the caption names, in its order.
    """

    scores: dict[str, float]
    caption: str
    present: tuple[str, ...] = ()


AlignmentState = Literal["learning", "aligned", "knocked", "cannot_tell"]
"""What the alignment monitor knows. ``learning``: not yet what is usual in this scene. ``cannot_tell``: nothing in the
two pictures agrees clearly, anywhere near (smoke, night, an empty sky)."""


@dataclass(frozen=True, slots=True)
class AlignmentNote:
    """What the last look at the alignment said. ``score``: 0..1, None before the first look."""

    state: AlignmentState
    score: float | None


TimingState = Literal["learning", "holds", "apart", "cannot_tell"]
"""What is known of the time between the cameras. ``learning``: nothing yet that two estimates agree on. ``holds``: the
offset that is applied, or gone over to, is what was found. ``apart``: another one was found, but this one was set by
hand. ``cannot_tell``: the pictures do not tell, several times in a row."""


@dataclass(frozen=True, slots=True)
class TimingNote:
    """The time between the cameras. ``offset_ms``: added to infrared stamps now, milliseconds. ``confidence``: of the
    last estimate that was sure of itself, 0..1, None before the first.
    """

    state: TimingState
    offset_ms: float
    confidence: float | None


@dataclass(frozen=True, slots=True)
class FusedFrame:
    """A fused picture and what it was made of; all planes full range, all in the visible camera's geometry.

    ``luma``: the fused luma, uint8 (H, W), 0..255. ``chroma``: full-range 4:2:0 planes, None for grey.
    ``camera_chroma``: the visible camera's own, where ``chroma`` was corrected; None where ``chroma`` is just that.
    ``infrared``: infrared registered onto the visible picture and normalized, uint8 (H, W).
    ``visible``: visible luma, uint8 (H, W).
    ``stage_ms``: milliseconds spent by stage so far (``sync``, ``register``, ``fuse``, ...).
    ``alignment``: what the monitor said last, None where there is none. ``timing``: the same of the time between the
    cameras. ``clocks``: which clock stamped the infrared and the visible frame, each None where there is no frame;
    None where nobody noted it.
    """

    luma: NDArray[np.uint8]
    chroma: Chroma | None
    infrared: NDArray[np.uint8]
    visible: NDArray[np.uint8]
    capture_ns: int
    skew_ns: int
    seq: int
    clock: ClockName
    degraded: Degraded = "none"
    prior: Prior | None = None
    name: str | None = None
    stage_ms: dict[str, float] = field(default_factory=dict)
    camera_chroma: Chroma | None = None
    alignment: AlignmentNote | None = None
    timing: TimingNote | None = None
    clocks: tuple[ClockName | None, ClockName | None] | None = None

    def __post_init__(self) -> None:
        for what, plane in (("luma", self.luma), ("infrared", self.infrared), ("visible", self.visible)):
            if plane.dtype != np.uint8 or plane.shape != self.luma.shape or plane.ndim != 2:
                raise ValueError(f"{what} must be uint8 {self.luma.shape}, got {plane.dtype} {plane.shape}")


@dataclass(frozen=True, slots=True)
class Picture:
    """A composed picture, ready for a sink: 8-bit 4:2:0, **full range**; chroma None for grey.

    Sinks that need limited range (video encoders) convert while they copy into the encoder's buffer.
    """

    luma: NDArray[np.uint8]
    chroma: Chroma | None

    @property
    def width(self) -> int:
        """Width of the luma plane in pixels."""
        return int(self.luma.shape[1])

    @property
    def height(self) -> int:
        """Height of the luma plane in pixels."""
        return int(self.luma.shape[0])
