"""Train a student: ``python -m training distill --config YAML``. For now on the task losses alone, without teacher."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from pathlib import Path

import torch

from models.checkpoint import save_student
from models.student import make_student
from training.config import StudentRunConfig, TrainConfigError, load_run_config
from training.data import CropSampler, data_hash, default_data_root, load_pairs
from training.degradations import KINDS
from training.loop import Average, Run, cosine_rate, gradient_shares, seed_all
from training.losses import LossWeights, task_losses, weighted_sum

log = logging.getLogger("nightglass.training")


def kinds_of(config: StudentRunConfig) -> tuple[str, ...]:
    """The degradations of a run. Raises TrainConfigError for a kind that is not known."""
    if config.kinds is None:
        return tuple(KINDS)
    if unknown := sorted(set(config.kinds) - set(KINDS)):
        raise TrainConfigError(f"key 'kinds': unknown {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return tuple(config.kinds)


def train_student(config: StudentRunConfig, data_root: Path) -> Path:
    """Train (or go on with) a run; the path of the averaged weights it wrote."""
    if config.threads:
        torch.set_num_threads(config.threads)
    rng = seed_all(config.seed)
    pairs = load_pairs(data_root)
    run = Run(config.run)
    run.write_record({"config": config.model_dump(mode="json"), "pairs": len(pairs), "data": data_hash(pairs)})
    sampler = CropSampler(pairs, config.crop_px, rng, config.clean_share, kinds_of(config))
    weights = LossWeights(**config.losses.model_dump())
    student = make_student(config.preset).to(memory_format=torch.channels_last)
    average = Average(student, config.ema)
    optimizer = torch.optim.AdamW(student.parameters(), lr=config.learning_rate, weight_decay=1e-4)
    first = 0
    if (state := run.load()) is not None:
        student.load_state_dict(state["student"])
        average.network.load_state_dict(state["average"])
        average.updates = state["updates"]
        optimizer.load_state_dict(state["optimizer"])
        rng.bit_generator.state = state["rng"]
        first = state["step"]
        log.info("resumed %s at step %d", config.run, first)
    path = config.run / f"{config.preset}.safetensors"

    def checkpoint(step: int) -> None:
        state = {"student": student.state_dict(), "average": average.network.state_dict()}
        state |= {"updates": average.updates, "optimizer": optimizer.state_dict(), "step": step}
        run.save(state | {"rng": rng.bit_generator.state})
        save_student(average.network, config.preset, path, {"step": str(step), "seed": str(config.seed)})

    for step in range(first, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * cosine_rate(step, config.steps, config.warmup_steps)
        batch = sampler.sample(config.batch)
        fused = student(batch.infrared, batch.visible).luma
        losses = task_losses(fused, batch.clean_infrared, batch.clean_visible, batch.target)
        if step % config.checkpoint_every == 0:
            shares = gradient_shares(losses, dataclasses.asdict(weights), fused)
            values = {name: float(loss.detach()) for name, loss in losses.items()}
            run.log(step, values | {f"share_{name}": share for name, share in shares.items()})
        optimizer.zero_grad(set_to_none=True)
        weighted_sum(losses, weights).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        average.update(student)
        if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            checkpoint(step + 1)
    return path


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training distill", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="YAML of the run, see configs/train-student.yaml")
    parser.add_argument("--data", type=Path, default=default_data_root(), help="folder of the training data")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    path = train_student(load_run_config(args.config), args.data)
    print(f"weights written to {path}")
    return 0
