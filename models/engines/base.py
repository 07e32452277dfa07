"""The interface between the stream and the networks: two 8-bit lumas in, a fused 8-bit luma out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

MIN_SIZE_PX = 16


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


@dataclass(frozen=True, slots=True)
class FusionResult:
    """What one run of a student gives.

    ``luma``: uint8 (H, W), full range. The array belongs to the caller.
    ``chroma_gain``: float32 (h, w) at low resolution, the factor on (chroma - 128); None: leave chroma as it is.
    ``scores``: degradation kind -> score in 0..1; empty for a student without a prior head.
    """

    luma: NDArray[np.uint8]
    chroma_gain: NDArray[np.float32] | None = None
    scores: dict[str, float] = field(default_factory=dict)


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

    def fuse(self, infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> FusionResult:
        """Fuse two registered full-range lumas, uint8, both (H, W), any size from 16x16. Raises EngineError."""

    def close(self) -> None:
        """Release memory and threads."""
