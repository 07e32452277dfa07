"""The interface between the stream and the networks: two 8-bit lumas in, a fused 8-bit luma out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class EngineError(RuntimeError):
    """An engine cannot be built or run; the message says what is missing and how to get it."""


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
    """Runs one student. Used from one thread. Sizes may change between calls; a new size costs a short set-up."""

    name: str
    """``openvino``, ``torch`` or ``cuda_graph``."""
    precision: str
    """``fp32``, ``bf16``, ``fp16`` or ``int8``."""
    model: str
    """Name of the preset whose weights it runs, such as ``stream``."""

    def fuse(self, infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> FusionResult:
        """Fuse two registered full-range lumas, uint8, both (H, W), any size from 16x16. Raises EngineError."""

    def close(self) -> None:
        """Release memory and threads."""
