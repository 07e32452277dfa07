"""The training loop: seeded, checkpointed, resumed by default, with a record of what it was."""

from __future__ import annotations

import copy
import json
import logging
import math
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1 - decay)


def cosine_rate(step: int, steps: int, warmup_steps: int) -> float:
    """Factor on the learning rate: linear warm-up, then half a cosine down to 1% (Loshchilov and Hutter 2017)."""
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def gradient_shares(losses: dict[str, Tensor], weights: dict[str, float], at: Tensor) -> dict[str, float]:
    """Each weighted term's share of the gradient's L2 norm at ``at`` (the fused image), for the log."""
    norms = {}
    for name, loss in losses.items():
        (gradient,) = torch.autograd.grad(loss * weights[name], at, retain_graph=True)
        norms[name] = float(gradient.norm())
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
