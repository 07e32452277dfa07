"""What makes fused pictures, behind one small interface: whoever scores them need not know what it is."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.engines.base import Engine, FusionResult
from training.baselines import BASELINES
from training.metrics import Image
from training.suites import Shown

STUDENT, TEACHER = "student", "teacher"
TEACHER_WRONG, TEACHER_NEUTRAL = "teacher-wrong", "teacher-neutral"
"""Names of methods in tables; the teacher alone is told the truth, the other two something else or nothing."""

RIVALS = ("Average", "Max", "LapPyrMax")
"""Baselines that look at both pictures."""


class Fuser(Protocol):
    """Fuses pairs; may be called from several threads at once."""

    def fuse(self, shown: Shown, code: NDArray[np.float32] | None = None) -> FusionResult:
        """The fused luma, uint8 (H, W), and what else the network says about the pair.

        ``code``: what steers a student, float32 (code,), from the frames before; None: the pair itself does.
        """


class EngineFuser:
    """A student in one of the stream's engines."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._free = threading.BoundedSemaphore(engine.parallel)

    def fuse(self, shown: Shown, code: NDArray[np.float32] | None = None) -> FusionResult:
        """The student sees the pictures only. Raises EngineError."""
        with self._free:
            return self._engine.fuse(shown.infrared, shown.visible, code)


def rivals(shown: Shown) -> dict[str, Image]:
    """The trivial fusions of both pictures, by name."""
    return {name: BASELINES[name](shown.infrared, shown.visible) for name in RIVALS}
