"""Train a teacher: ``python -m training teacher --config YAML``."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from models.checkpoint import load_teacher
from models.teacher import Teacher, make_teacher
from training.command import begin, started, train_command
from training.config import TeacherRunConfig
from training.data import Batch, CropSampler
from training.degradations import KINDS
from training.distillation import presence_losses
from training.loop import Trainer, gradient_shares
from training.losses import picture_weights, task_losses, weighted_terms
from training.sentences import SentenceBank, embeddings_for


def severity_loss(logits: Tensor, batch: Batch, told: Tensor) -> Tensor:
    """Cross-entropy of each kind's presence as read from the code, over the pictures of which something was said."""
    losses = presence_losses(logits, batch.severity).mean(dim=1)
    return (losses * told).sum() / told.sum().clamp_min(1)


@torch.no_grad()
def signs_of_life(
    teacher: Teacher, batch: Batch, bank: SentenceBank | None, fused: Tensor, losses: dict[str, Tensor]
) -> dict[str, float]:
    """What a curve of losses hides: whether the network beats a trivial fusion, and whether it listens.

    ``ahead_of_maximum``: by how much the losses' sum is below that of the pixel-wise maximum; ``text_effect``: mean
    change of the fused picture, in grey levels, when the teacher is told nothing instead.
    """
    maximum = torch.maximum(batch.infrared, batch.visible)
    trivial = task_losses(maximum, batch.clean_infrared, batch.clean_visible, batch.target)
    ahead = sum(float((trivial[name] - losses[name]).mean()) for name in losses)
    if bank is None:
        return {"ahead_of_maximum": ahead}
    silent = teacher(batch.infrared, batch.visible, bank.neutral().expand(len(fused), -1)).luma
    return {"ahead_of_maximum": ahead, "text_effect": float((fused - silent).abs().mean()) * 255}


def train_teacher(config: TeacherRunConfig, data_root: Path) -> Path:
    """Train (or go on with) a run; the path of the averaged weights it wrote."""
    pairs, run, rng = begin(config, data_root)
    bank = SentenceBank() if config.text else None
    sampler = CropSampler(pairs, config.crop_px, rng, config.clean_share, tuple(config.kinds or KINDS))
    teacher = started(config, make_teacher, load_teacher)
    trainer = Trainer(config, run, teacher, rng)
    for step in trainer.steps():
        sampler.crop_px = config.late_crop_px if step >= config.steps - config.late_steps else config.crop_px
        batch = sampler.sample(config.batch)
        told = embeddings_for(bank, batch.degradations, rng, config.neutral_share)
        out = teacher(batch.infrared, batch.visible, told)
        losses = task_losses(out.luma, batch.clean_infrared, batch.clean_visible, batch.target, config.detail_gain)
        terms = weighted_terms(losses, picture_weights(config.losses, batch.degradations, config.clean_weight))
        if bank is not None:
            said = (told != bank.neutral()).any(dim=1).float()
            terms["severity"] = config.severity_weight * severity_loss(out.severity, batch, said)
        if trainer.logs(step):
            task = {name: term for name, term in terms.items() if name != "severity"}
            shares = gradient_shares(task, [out.luma])
            trainer.log(step, losses, shares, signs_of_life(teacher, batch, bank, out.luma, losses))
        trainer.update(torch.stack(list(terms.values())).sum())
        if trainer.saves(step):
            trainer.save(step + 1, {"text": str(config.text)})
    return trainer.weights_path


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    return train_command("teacher", __doc__, "configs/train-teacher.yaml", TeacherRunConfig, train_teacher, argv)
