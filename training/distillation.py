"""What a teacher adds to a student's losses: its result, its features, and its reading of the sentence (the prior)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.student import StudentOutput, StudentPreset
from models.teacher import TeacherOutput, TeacherPreset
from training.losses import sobel

EIGHTH, SIXTEENTH = 2, 3
"""Index of the teacher's scales (of the ``cpu`` preset) that have the resolution of the student's features."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A teacher's answers to a batch: ``luma`` (n, 1, H, W), ``code`` (n, code), features at 1/8 and 1/16."""

    luma: Tensor
    code: Tensor
    eighth: Tensor
    sixteenth: Tensor

    @staticmethod
    def of(out: TeacherOutput) -> Lesson:
        """The part of a teacher's output that a student learns from."""
        return Lesson(out.luma, out.code, out.features[EIGHTH], out.features[SIXTEENTH])


class Adapters(nn.Module):
    """1x1 convolutions from the student's features to the teacher's; trained with the student, then thrown away."""

    def __init__(self, student: StudentPreset, teacher: TeacherPreset) -> None:
        super().__init__()
        self.eighth = nn.Conv2d(2 * student.coarse_dim, teacher.dims[EIGHTH], 1)
        self.sixteenth = nn.Conv2d(2 * student.cross_dim, teacher.dims[SIXTEENTH], 1)

    def forward(self, out: StudentOutput, lesson: Lesson) -> Tensor:
        """Mean squared error between features, relative to the teacher's own variance, (n,)."""
        pairs = (
            (self.eighth(out.trunk.eighth), lesson.eighth),
            (self.sixteenth(out.trunk.sixteenth), lesson.sixteenth),
        )
        errors = [(mine - theirs).square().mean(dim=(1, 2, 3)) / theirs.var().clamp_min(1e-6) for mine, theirs in pairs]
        return torch.stack(errors).mean(dim=0)


def result_loss(fused: Tensor, taught: Tensor) -> Tensor:
    """L1 between the pictures and, four times, between their Sobel derivatives, (n,)."""
    level = (fused - taught).abs().mean(dim=(1, 2, 3))
    slopes = [(a - b).abs().mean(dim=(1, 2, 3)) for a, b in zip(sobel(fused), sobel(taught), strict=True)]
    return level + 4 * torch.stack(slopes).sum(dim=0)


def prior_loss(code: Tensor, taught: Tensor) -> Tensor:
    """Squared distance of the codes, (n,)."""
    return (code - taught).square().mean(dim=1)


def presence_losses(logits: Tensor, severity: Tensor) -> Tensor:
    """Cross-entropy of each kind's presence, (n, kinds), from logits and strengths (n, kinds)."""
    return F.binary_cross_entropy_with_logits(logits, (severity > 0).float(), reduction="none")


def severity_loss(logits: Tensor, severity: Tensor, dark: Tensor, ambiguous: Tensor) -> Tensor:
    """Cross-entropy of each kind's presence, (n,). ``ambiguous``: bool (kinds,), not asked where the picture is dark.

    A picture taken at night is dark and noisy without our doing: neither answer about those kinds is wrong.
    """
    asked = ~(dark[:, None] & ambiguous[None, :] & (severity <= 0))
    return (presence_losses(logits, severity) * asked).sum(dim=1) / asked.sum(dim=1)


def chroma_loss(gain: Tensor, best: Tensor, power: Tensor) -> Tensor:
    """Error of the chroma that the gain leaves, relative to clean chroma's usual size, (n,)."""
    return ((gain - best).square() * power).mean(dim=(1, 2, 3)) * CHROMA_SCALE


CHROMA_SCALE = 100.0
"""One over the usual mean square of chroma (0.1 of the full range)."""
