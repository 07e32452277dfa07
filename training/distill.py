"""Train a student, with a teacher or without: ``python -m training distill --config YAML``."""

from __future__ import annotations

import functools
import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import load_student, load_teacher
from models.student import Student, make_student
from models.teacher import Teacher
from training.command import begin, started, train_command
from training.config import StudentRunConfig
from training.data import Batch, CropSampler
from training.degradations import KINDS
from training.distillation import Adapters, Lesson, chroma_loss, prior_loss, result_loss, severity_loss
from training.loop import Trainer, gradient_shares
from training.losses import picture_weights, task_losses, weighted_terms
from training.pool import Pool, draw_batches, keep, teach, write_lessons
from training.prior_scores import UNSURE_WHEN_DARK
from training.sentences import SentenceBank, embeddings_for
from training.temporal import drifted, flicker_loss

log = logging.getLogger("nightglass.training")


class Lessons:
    """Where batches come from: a pool, or the sampler with the teacher asked each time."""

    def __init__(self, config: StudentRunConfig, sampler: CropSampler, teacher: Teacher | None) -> None:
        self._config, self._sampler, self._teacher = config, sampler, teacher
        self._bank = SentenceBank() if teacher is not None and teacher.reads_text else None
        self._neutral_share = 0.0 if config.told else 1.0
        self._pool = self._open() if config.pool else None

    def get(self, step: int) -> tuple[Batch, Lesson | None]:
        """The batch of a step, and the teacher's answers to it."""
        if self._pool is None:
            batch = self._sampler.sample(self._config.batch)
            if self._teacher is None:
                return batch, None
            told = embeddings_for(self._bank, batch.degradations, self._sampler.rng, self._neutral_share)
            return batch, teach(self._teacher, batch, told)
        epoch, index = divmod(step, len(self._pool))
        order = np.random.default_rng((self._config.seed, epoch)).permutation(len(self._pool))
        return self._pool.get(int(order[index]), mirrored=epoch % 2 == 1)

    def _open(self) -> Pool:
        config = self._config
        count = -(-config.pool // config.batch)
        path = config.pool_file or config.run / "pool.pt"
        if not path.exists():
            keep(draw_batches(self._sampler, count, config.batch), path)
        batches = torch.load(path, weights_only=False)[:count]
        if len(batches) < count:
            raise ValueError(f"{path}: holds {len(batches)} batches; key 'pool' asks for {count}: remove the file")
        if self._teacher is None:
            return Pool(batches, [])
        path = config.lessons_file or config.run / "lessons.pt"
        if not path.exists():
            keep(write_lessons(batches, self._teacher, self._bank, self._sampler.rng, self._neutral_share), path)
        return Pool(batches, torch.load(path, weights_only=False)[:count])


def student_terms(
    config: StudentRunConfig,
    student: Student,
    adapters: Adapters | None,
    batch: Batch,
    lesson: Lesson | None,
    weights: dict[str, Tensor],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Unweighted losses by name, (n,) each, and the weighted terms, whose sum is the loss.

    ``weights``: of the task's terms, see ``training.losses.picture_weights``.
    """
    out = student(batch.infrared, batch.visible)
    losses = task_losses(out.luma, batch.clean_infrared, batch.clean_visible, batch.target, config.detail_gain)
    ambiguous = like_night(batch.severity.device)
    losses["severity"] = severity_loss(out.trunk.severity, batch.severity, batch.dark, ambiguous)
    losses["chroma"] = chroma_loss(out.trunk.chroma_gain, batch.chroma_gain, batch.chroma_power)
    constants = {"severity": config.severity_weight, "chroma": config.chroma_weight}
    if batch.partners:
        losses["temporal"] = flicker_loss(batch, out.luma)
        constants["temporal"] = config.temporal_weight
    if lesson is not None and adapters is not None:
        losses["result"] = result_loss(out.luma, lesson.luma)
        losses["feature"] = adapters(out, lesson)
        losses["prior"] = prior_loss(out.trunk.code, lesson.code)
        constants |= config.distill.model_dump()
    constant = {name: torch.full_like(losses[name], value) for name, value in constants.items()}
    return losses, weighted_terms(losses, weights | constant)


@functools.cache
def like_night(device: torch.device) -> Tensor:
    """Kinds that a picture taken at night may show by itself, bool (kinds,)."""
    return torch.tensor([kind in UNSURE_WHEN_DARK for kind in KINDS], device=device)


def train_student(config: StudentRunConfig, data_root: Path) -> Path:
    """Train (or go on with) a run; the path of the averaged weights it wrote. Raises ValueError on unfit weights."""
    pairs, run, rng = begin(config, data_root)
    kinds = tuple(config.kinds or KINDS)
    sampler = CropSampler(pairs, config.crop_px, rng, config.clean_share, kinds, config.partners)
    teacher = None if config.teacher is None else load_teacher(config.teacher)[0]
    student = started(config, make_student, load_student)
    adapters = None if teacher is None else Adapters(student.preset, teacher.preset)
    trainer = Trainer(config, run, student, rng, adapters)
    lessons = Lessons(config, sampler, teacher)
    for step in trainer.steps():
        batch, lesson = lessons.get(step)
        batch = drifted(batch, np.random.default_rng((config.seed, step)))
        weights = picture_weights(config.losses, batch.degradations, config.clean_weight)
        losses, terms = student_terms(config, student, adapters, batch, lesson, weights)
        if trainer.logs(step):
            shares = gradient_shares(terms, list(student.parameters()))
            trainer.log(step, losses, shares)
        trainer.update(torch.stack(list(terms.values())).sum())
        if trainer.saves(step):
            trainer.save(step + 1, {"teacher": str(config.teacher or "none")})
    return trainer.weights_path


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    return train_command("distill", __doc__, "configs/train-student.yaml", StudentRunConfig, train_student, argv)
