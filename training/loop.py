"""The training loop: seeded, checkpointed, resumed by default, with a record of what it was."""

from __future__ import annotations

import copy
import json
import logging
import math
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.checkpoint import save_network
from training.config import RunConfig

log = logging.getLogger("nightglass.training")


class Average:
    """Exponential moving average of a network's weights, which is what gets shipped."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move towards ``network``; faster at first, so that early weights are soon forgotten."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)


def cosine_rate(step: int, steps: int, warmup_steps: int) -> float:
    """Factor on the learning rate: linear warm-up, then half a cosine down to 1% (Loshchilov and Hutter 2017)."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return half_cosine((step - warmup_steps) / max(1, steps - warmup_steps))


def half_cosine(progress: float) -> float:
    """Factor on the learning rate, from 1 down to 1% as ``progress`` goes from 0 to 1."""
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def gradient_shares(terms: dict[str, Tensor], at: Sequence[Tensor]) -> dict[str, float]:
    """Each weighted term's share of the gradient's L2 norm at ``at``, for the log.

    ``at``: the fused image, or a network's parameters. Terms that don't reach it have a share of 0.
    """
    norms = {}
    for name, term in terms.items():
        gradients = torch.autograd.grad(term, at, retain_graph=True, allow_unused=True)
        norms[name] = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients if gradient is not None))
    total = sum(norms.values()) or 1.0
    return {name: norm / total for name, norm in norms.items()}


class Run:
    """The folder of one run: ``record.json``, ``curves.jsonl`` and the newest ``state.pt``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write_record(self, record: dict[str, Any]) -> None:
        """Configuration, seed, data hash, versions. Written once; a resumed run keeps the first."""
        path = self.folder / "record.json"
        if not path.exists():
            path.write_text(json.dumps({**record, "torch": torch.__version__, "commit": _commit()}, indent=2) + "\n")

    def log(self, step: int, values: dict[str, float]) -> None:
        """Append a line to the curves."""
        line = json.dumps({"step": step, "unix_s": round(time.time()), **{k: round(v, 6) for k, v in values.items()}})
        with (self.folder / "curves.jsonl").open("a") as file:
            file.write(line + "\n")
        log.info("%s", line)

    def save(self, state: dict[str, Any]) -> None:
        """Replace the newest state in one step, so that a kill leaves the old one or the new one."""
        fresh = self.folder / "state.pt.new"
        torch.save(state, fresh)
        fresh.replace(self.folder / "state.pt")

    def load(self) -> dict[str, Any] | None:
        """The newest state, None for a new run."""
        path = self.folder / "state.pt"
        return torch.load(path, weights_only=False) if path.exists() else None


class Trainer:
    """Optimizer, learning rate, averaged weights and resumption of one run.

    ``network`` is trained and averaged; ``extra`` is trained beside it and not kept by the average, as distillation's
    adapters. The generator's state goes into the checkpoint, so that a resumed run draws what it would have drawn.
    """

    def __init__(
        self,
        config: RunConfig,
        run: Run,
        network: nn.Module,
        rng: np.random.Generator,
        extra: nn.Module | None = None,
    ) -> None:
        self.config, self.run, self.network, self.rng = config, run, network, rng
        self.extra = extra if extra is not None else nn.Module()
        self.average = Average(network, config.ema)
        self._parameters = [*network.parameters(), *self.extra.parameters()]
        self._optimizer = torch.optim.AdamW(self._parameters, lr=config.learning_rate, weight_decay=1e-4, fused=True)
        self._first = 0
        if (state := run.load()) is not None:
            network.load_state_dict(state["network"])
            self.extra.load_state_dict(state["extra"])
            self.average.network.load_state_dict(state["average"])
            self.average.updates = state["updates"]
            self._optimizer.load_state_dict(state["optimizer"])
            rng.bit_generator.state = state["rng"]
            self._first = state["step"]
            log.info("resumed %s at step %d", run.folder, self._first)

    @property
    def weights_path(self) -> Path:
        """Where the averaged weights are kept."""
        return self.run.folder / f"{self.config.preset}.safetensors"

    def steps(self) -> Iterator[int]:
        """The steps that are still to do; the learning rate is set for each."""
        config = self.config
        for step in range(self._first, config.steps):
            for group in self._optimizer.param_groups:
                group["lr"] = config.learning_rate * cosine_rate(step, config.steps, config.warmup_steps)
            yield step

    def logs(self, step: int) -> bool:
        """Whether this step goes into the curves."""
        return step % self.config.checkpoint_every == 0

    def log(
        self, step: int, losses: dict[str, Tensor], shares: dict[str, float], further: dict[str, float] | None = None
    ) -> None:
        """Append a step to the curves: means of the losses, each term's share of the gradient, and anything further."""
        values = {name: float(loss.detach().mean()) for name, loss in losses.items()} | (further or {})
        self.run.log(step, values | {f"share_{name}": share for name, share in shares.items()})

    def saves(self, step: int) -> bool:
        """Whether a checkpoint is due after this step."""
        return (step + 1) % self.config.checkpoint_every == 0 or step + 1 == self.config.steps

    def update(self, loss: Tensor) -> None:
        """One step down the loss."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self.average.update(self.network)

    def save(self, done: int, facts: dict[str, str]) -> None:
        """Write the checkpoint after ``done`` steps, and the averaged weights with ``facts`` about them."""
        self.run.save(
            {
                "network": self.network.state_dict(),
                "extra": self.extra.state_dict(),
                "average": self.average.network.state_dict(),
                "updates": self.average.updates,
                "optimizer": self._optimizer.state_dict(),
                "rng": self.rng.bit_generator.state,
                "step": done,
            }
        )
        facts = {"step": str(done), "seed": str(self.config.seed), **facts}
        save_network(self.average.network, self.config.preset, self.weights_path, facts)


def seed_all(seed: int) -> np.random.Generator:
    """Seed torch, and give the generator that samples the data.

    Also flushes denormal numbers to zero: vanishing activations and moments otherwise slow a CPU down several times.
    """
    torch.set_flush_denormal(True)
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def _commit() -> str:
    try:
        out = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return out.stdout.strip()
