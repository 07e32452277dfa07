"""Train a teacher: ``python -m training teacher --config YAML``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import load_teacher, save_network
from models.teacher import EMBEDDING_DIM, Teacher, make_teacher
from training.config import TeacherRunConfig, load_run_config
from training.data import Batch, CropSampler, data_hash, default_data_root, load_pairs
from training.degradations import KINDS
from training.loop import Run, Trainer, gradient_shares, seed_all
from training.losses import picture_weights, task_losses, weighted_terms
from training.sentences import SentenceBank


def embeddings_for(batch: Batch, bank: SentenceBank | None, neutral_share: float, rng: np.random.Generator) -> Tensor:
    """What the teacher is told about each picture, (B, 384): the truth, or now and then nothing; zeros without bank."""
    if bank is None:
        return torch.zeros(len(batch.degradations), EMBEDDING_DIM)
    told = [bank.neutral() if rng.random() < neutral_share else bank.right(done, rng) for done in batch.degradations]
    return torch.stack(told)


def severity_loss(logits: Tensor, batch: Batch, told: Tensor) -> Tensor:
    """Cross-entropy of each kind's presence as read from the code, over the pictures of which something was said."""
    present = (batch.severity > 0).float()
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, present, reduction="none").mean(dim=1)
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
    if config.threads:
        torch.set_num_threads(config.threads)
    rng = seed_all(config.seed)
    pairs = load_pairs(data_root)
    run = Run(config.run)
    run.write_record({"config": config.model_dump(mode="json"), "pairs": len(pairs), "data": data_hash(pairs)})
    bank = SentenceBank() if config.text else None
    sampler = CropSampler(pairs, config.crop_px, rng, config.clean_share, tuple(config.kinds or KINDS))
    teacher = make_teacher(config.preset) if config.start is None else load_teacher(config.start)[0].train()
    teacher = teacher.to(memory_format=torch.channels_last)
    trainer = Trainer(config, run, teacher, rng)
    path = config.run / f"{config.preset}.safetensors"
    for step in trainer.steps():
        sampler.crop_px = config.late_crop_px if step >= config.steps - config.late_steps else config.crop_px
        batch = sampler.sample(config.batch)
        told = embeddings_for(batch, bank, config.neutral_share, rng)
        out = teacher(batch.infrared, batch.visible, told)
        losses = task_losses(out.luma, batch.clean_infrared, batch.clean_visible, batch.target, config.detail_gain)
        terms = weighted_terms(losses, picture_weights(config.losses, batch.degradations, config.clean_weight))
        if bank is not None:
            said = (told != bank.neutral()).any(dim=1).float()
            terms["severity"] = config.severity_weight * severity_loss(out.severity, batch, said)
        if trainer.logs(step):
            task = {name: term for name, term in terms.items() if name != "severity"}
            shares = gradient_shares(task, [out.luma])
            values = {name: float(loss.detach().mean()) for name, loss in losses.items()}
            values |= signs_of_life(teacher, batch, bank, out.luma, losses)
            run.log(step, values | {f"share_{name}": share for name, share in shares.items()})
        trainer.update(torch.stack(list(terms.values())).sum())
        if trainer.saves(step):
            trainer.save(step + 1)
            facts = {"step": str(step + 1), "seed": str(config.seed), "text": str(config.text)}
            save_network(trainer.average.network, config.preset, path, facts)
    return path


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training teacher", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="YAML of the run, see configs/train-teacher.yaml")
    parser.add_argument("--data", type=Path, default=default_data_root(), help="folder of the training data")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    path = train_teacher(load_run_config(args.config, TeacherRunConfig), args.data)
    print(f"weights written to {path}")
    return 0
