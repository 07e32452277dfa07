"""A student that fuses recordings as the stream does: steered and steadied by the frames before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kernels.steady import Steadier
from models.engines import fuse_first
from models.engines.base import Engine, FusionResult
from models.steering import Steering, video_share
from training.metrics import Image
from training.scoring import Recording

RATE_HZ = 30.0
"""Taken for the rate of sequences: it only says how fast the student's steering follows them."""


class Follower:
    """What the stream remembers from frame to frame of one recording: the code that steers, the picture that calms."""

    def __init__(self) -> None:
        self._steering = Steering()
        self._steadier = Steadier()

    def fused(self, fuse: Callable[[NDArray[np.float32] | None], FusionResult]) -> FusionResult:
        """What a student makes of the next frame, steered by the frames before."""
        code = self._steering.code
        return fuse_first(fuse) if code is None else fuse(code)

    def follow(self, result: FusionResult, infrared: Image, visible: Image) -> Image:
        """The steadied luma of the next frame, uint8 (H, W), from what a student made of both sources."""
        if result.code is not None:
            self._steering.push(result.code, video_share(RATE_HZ))
        return self._steadier.push(result.luma, infrared, visible)


class SteeredFuse:
    """Fuses with an engine; within a sequence steered and steadied by the frames before, as live.

    A ``training.scoring.Fuse``.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._follower: Follower | None = None

    def begin(self, recording: Recording) -> None:
        """The next pictures are those of ``recording``."""
        self._follower = Follower() if recording.sequence else None

    def __call__(self, infrared: Image, visible: Image) -> Image:
        """The fused luma, uint8 (H, W)."""
        if self._follower is None:
            return self._engine.fuse(infrared, visible).luma
        result = self._follower.fused(lambda code: self._engine.fuse(infrared, visible, code))
        return self._follower.follow(result, infrared, visible)
