"""The interface between the stream and the networks: two 8-bit lumas in, a fused 8-bit luma out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.outputs import CHROMA_FACTOR
from models.prior import KIND_NAMES

MIN_SIZE_PX = 16

Resolution = Literal["auto", "full", "half"]
"""``full``: the student looks at every pixel. ``half``: at half the width and height, and its weights are interpolated:
a quarter of the work. ``auto``: ``half`` for pictures of ``BIG_PX`` or more."""

BIG_PX = 800_000
"""Pixels of a picture that counts as big: 1280x720 does, 1024x768 does not."""


def halves(resolution: Resolution, height: int, width: int) -> bool:
    """Whether the student looks at half the width and height of a picture."""
    return resolution == "half" or (resolution == "auto" and height * width >= BIG_PX)


class EngineError(RuntimeError):
    """An engine cannot be built or run; the message says what is missing and how to get it."""


def check_lumas(infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> None:
    """Raise EngineError unless both are of one size that a student can take."""
    height, width = visible.shape
    if infrared.shape != visible.shape:
        raise EngineError(f"infrared {infrared.shape} and visible {visible.shape} must be of one size: register first")
    if min(height, width) < MIN_SIZE_PX:
        raise EngineError(
            f"pictures of {width}x{height} are too small to fuse; {MIN_SIZE_PX}x{MIN_SIZE_PX} pixels is the least"
        )


def chroma_gain_shape(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the chroma gain that belong to a picture; what lies beyond belongs to its padding."""
    return -(-height // CHROMA_FACTOR), -(-width // CHROMA_FACTOR)


def named_scores(severity: NDArray[np.float32]) -> dict[str, float]:
    """Scores by kind, from a student's probabilities, float32 (kinds,). Raises ValueError for another length."""
    return dict(zip(KIND_NAMES, severity.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class FusionResult:
    """What one run of a student gives.

    ``luma``: uint8 (H, W), full range.
    ``chroma_gain``: float32 (ceil(H/8), ceil(W/8)), 0..4, the factor on (chroma - 128); None: leave chroma as it is.
    ``scores``: degradation kind (``models.prior.KINDS``) -> probability in 0..1 that it is there; empty: not known,
    or not read.
    ``code``: float32 (code,), the picture's own prior, None if it was not read: smoothed in time it steers the
    next pictures of a stream (``models.steering``).
    Of this picture alone: whoever shows pictures one after another smooths gain and scores in time.
    The arrays belong to the caller.
    """

    luma: NDArray[np.uint8]
    chroma_gain: NDArray[np.float32] | None = None
    scores: dict[str, float] = field(default_factory=dict)
    code: NDArray[np.float32] | None = None


class Engine(Protocol):
    """Runs one student. Sizes may change between calls; a new size costs a short set-up.

    ``fuse`` may be called from as many threads at once as ``parallel`` says; 1: from one thread only.
    """

    name: str
    """``openvino``, ``torch`` or ``cuda_graph``."""
    precision: str
    """``fp32``, ``bf16``, ``fp16`` or ``int8``."""
    parallel: int
    """How many pictures it fuses at the same time."""
    model: str
    """Name of the preset whose weights it runs, such as ``stream``."""

    def fuse(
        self,
        infrared: NDArray[np.uint8],
        visible: NDArray[np.uint8],
        code: NDArray[np.float32] | None = None,
        *,
        read: bool = True,
    ) -> FusionResult:
        """Fuse two registered full-range lumas, uint8, both (H, W), any size from 16x16. Raises EngineError.

        ``code``: what steers the fusion, float32 (code,); None: what the student reads in these pictures themselves.
        ``read`` False: scores and code are not wanted; with a ``code`` given, an engine on a CPU then leaves out the
        work for them, and both.
        """

    def expect(self, height: int, width: int) -> None:
        """Pictures of this size will come: begin to get ready for them, if that can go on beside other things."""

    def close(self) -> None:
        """Release memory and threads."""
