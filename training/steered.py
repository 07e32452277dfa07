"""A student that fuses recordings as the stream does: steered and steadied by the frames before."""

from __future__ import annotations

from kernels.steady import Steadier
from models.engines.base import Engine
from models.steering import Steering, video_share
from training.metrics import Image
from training.scoring import Recording

RATE_HZ = 30.0
"""Taken for the rate of sequences: it only says how fast the student's steering follows them."""


class SteeredFuse:
    """Fuses with an engine; within a sequence steered and steadied by the frames before, as live.

    A ``training.scoring.Fuse``.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._steering: Steering | None = None
        self._steadier = Steadier()

    def begin(self, recording: Recording) -> None:
        """The next pictures are those of ``recording``."""
        self._steering = Steering() if recording.sequence else None
        self._steadier = Steadier()

    def __call__(self, infrared: Image, visible: Image) -> Image:
        """The fused luma, uint8 (H, W)."""
        if self._steering is None:
            return self._engine.fuse(infrared, visible).luma
        result = self._engine.fuse(infrared, visible, self._steering.code)
        if result.code is not None:
            self._steering.push(result.code, video_share(RATE_HZ))
        return self._steadier.push(result.luma, infrared, visible)
