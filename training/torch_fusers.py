"""Students and teachers from their training weights, run in torch. Importing this module needs torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from models.checkpoint import load_teacher
from models.engines.base import EngineError, FusionResult, named_scores
from models.engines.network import fuse_lumas, load_network
from models.engines.processors import usable_processors
from models.steering import steer_of
from models.student import Student
from models.teacher import EMBEDDING_DIM, Teacher
from training.fusers import TEACHER, TEACHER_NEUTRAL, TEACHER_WRONG
from training.metrics import Image
from training.sentences import SentenceBank
from training.suites import Shown, seed_of

Told = Literal["right", "wrong", "neutral"]
"""Whether a teacher is told what was done to the pair, something else, or nothing."""


def share_threads(workers: int) -> None:
    """Let each of ``workers`` threads that fuse at the same time have its share of the processors."""
    torch.set_num_threads(max(1, usable_processors() // workers))


class TorchStudent:
    """A student's training weights. Implements ``training.fusers.Fuser``."""

    def __init__(self, student: Student) -> None:
        self._student = student.eval()

    @classmethod
    def load(cls, path: Path) -> TorchStudent:
        """Read a .safetensors file. Raises EngineError, one line, when it holds no student of this version."""
        return cls(load_network(str(path.resolve())))

    def fuse(self, shown: Shown, code: NDArray[np.float32] | None = None) -> FusionResult:
        """The student sees the pictures only."""
        with torch.inference_mode():
            lumas = torch.from_numpy(np.stack([shown.infrared, shown.visible])[:, None])
            steer = torch.from_numpy(steer_of(code))
            outputs = fuse_lumas(self._student, lumas, steer, torch.float32)
        luma, gain, scores, own = (out.numpy() for out in outputs)
        return FusionResult(luma, gain, named_scores(scores), own)


class TeacherFuser:
    """A teacher that is told something about each pair. Implements ``training.fusers.Fuser``."""

    def __init__(self, teacher: Teacher, bank: SentenceBank, told: Told = "right", seed: int = 0) -> None:
        self._teacher = teacher.eval()
        self._bank = bank
        self._told = told
        self._seed = seed

    def sentence(self, shown: Shown) -> Tensor:
        """The embedding of what it is told, (dim,); the same for the same pair and seed. Zeros if it reads no text."""
        if not self._teacher.reads_text:
            return torch.zeros(EMBEDDING_DIM)
        if self._told == "neutral":
            return self._bank.neutral()
        rng = np.random.default_rng(seed_of(self._seed, self._told, shown.key))
        return (self._bank.right if self._told == "right" else self._bank.wrong)(shown.done, rng)

    def fuse(self, shown: Shown, code: NDArray[np.float32] | None = None) -> FusionResult:
        """The fused luma alone: teachers say nothing about colours, and are steered by words."""
        with torch.inference_mode():
            out = self._teacher(*_padded(shown, self._teacher.size_multiple), self.sentence(shown)[None])
        return FusionResult(_luma(out.luma, shown))


def load_teachers(path: Path, seed: int) -> dict[str, TeacherFuser]:
    """Method -> one and the same teacher, told right, wrong or nothing. Raises EngineError, one line.

    ``seed``: of the choice among the many sentences that say the same.
    """
    try:
        teacher, bank = load_teacher(path)[0], SentenceBank()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise EngineError(f"{path}: not a teacher that this version can run: {str(error).splitlines()[0]}") from error
    told: dict[str, Told] = {TEACHER: "right", TEACHER_WRONG: "wrong", TEACHER_NEUTRAL: "neutral"}
    return {method: TeacherFuser(teacher, bank, what, seed) for method, what in told.items()}


def _padded(shown: Shown, multiple: int) -> tuple[Tensor, Tensor]:
    """Both lumas, (1, 1, H, W) in 0..1, their right and lower edges repeated up to a multiple of pixels."""
    height, width = shown.visible.shape
    both = torch.from_numpy(np.stack([shown.infrared, shown.visible])[:, None]).float() / 255
    both = F.pad(both, (0, -width % multiple, 0, -height % multiple), mode="replicate")
    return both[0:1], both[1:2]


def _luma(fused: Tensor, shown: Shown) -> Image:
    height, width = shown.visible.shape
    image: Image = (fused[0, 0, :height, :width] * 255 + 0.5).clamp(0, 255).to(torch.uint8).numpy()
    return image
