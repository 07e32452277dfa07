"""What the training of a teacher and of a student begin with alike: the command line, the data, the network."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from training.config import RunConfig, load_run_config
from training.data import Pair, data_hash, default_data_root, load_pairs
from training.loop import Run, seed_all

Config = TypeVar("Config", bound=RunConfig)
Network = TypeVar("Network", bound=nn.Module)


def begin(config: RunConfig, data_root: Path) -> tuple[list[Pair], Run, np.random.Generator]:
    """The training pairs, the run's folder with its record in it, and the seeded generator that samples."""
    if config.threads:
        torch.set_num_threads(config.threads)
    rng = seed_all(config.seed)
    pairs = load_pairs(data_root)
    run = Run(config.run)
    run.write_record({"config": config.model_dump(mode="json"), "pairs": len(pairs), "data": data_hash(pairs)})
    return pairs, run, rng


def started(config: RunConfig, make: Callable[[str], Network], load: Callable[[Path], tuple[Network, str]]) -> Network:
    """A network to train: fresh, or from the weights that the run starts from. Raises ValueError on another preset."""
    if config.start is None:
        network = make(config.preset)
    else:
        network, preset = load(config.start)
        if preset != config.preset:
            raise ValueError(f"{config.start}: weights of preset {preset!r}; key 'preset' says {config.preset!r}")
    return network.train().to(memory_format=torch.channels_last)


def train_command(
    name: str,
    description: str | None,
    example: str,
    schema: type[Config],
    train: Callable[[Config, Path], Path],
    argv: Sequence[str] | None,
) -> int:
    """``python -m training NAME --config YAML [--data FOLDER]``. ``example``: a configuration to look at."""
    parser = argparse.ArgumentParser(prog=f"python -m training {name}", description=description)
    parser.add_argument("--config", type=Path, required=True, help=f"YAML of the run, see {example}")
    parser.add_argument("--data", type=Path, default=default_data_root(), help="folder of the training data")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    path = train(load_run_config(args.config, schema), args.data)
    print(f"weights written to {path}")
    return 0
