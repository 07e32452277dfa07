"""Train the same student in several ways and compare: ``python -m training ablate --config configs/ablation.yaml``.

All arms see the same crops in the same number of steps, each from several seeds; what differs is the teacher. Measured
on the degraded suite of the test sets, against the clean sources. A run that is there already is resumed, or only read.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from training.config import StrictConfig, StudentRunConfig, load_run_config
from training.data import DARK_LEVEL, NOT_WHEN_DARK, default_data_root
from training.distill import train_student
from training.metrics import Scorer
from training.ranks import RANKED_METRICS, SUMMED_METRICS
from training.reporting.markdown import table
from training.reporting.pairs import PairFiles, list_pairs, read_pair
from training.reporting.work import ordered_map
from training.suites import cases, degrade, is_dark
from training.torch_fusers import TorchStudent, share_threads

CLEAN = "clean"
Scores = dict[str, dict[str, float]]
"""Kind of degradation (or ``clean``) -> metric -> mean."""


class AblationConfig(StrictConfig):
    """What is compared."""

    output: Path
    """Folder of all runs and of ``ablation.json`` and ``ablation.md``."""
    base: StudentRunConfig | None = None
    """What all arms have in common; its ``run`` is not used."""
    arms: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Name -> keys of a student's run that differ in this arm."""
    trained: dict[str, tuple[Path, ...]] = Field(default_factory=dict)
    """Name -> weights that are there already, of one training each, as ``python -m training together`` leaves them."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0, 1)
    test: tuple[str, ...] = ("msrs/test", "roadscene/test")
    every: Annotated[int, Field(gt=0)] = 8
    """Every so many-th picture of the test sets is degraded and measured."""
    workers: Annotated[int, Field(gt=0)] = 2

    def run_of(self, arm: str, seed: int) -> StudentRunConfig:
        """The configuration of one run. Raises ValidationError for a key that a run does not have."""
        if self.base is None:
            raise ValueError("key 'base': needed for key 'arms'")
        own = self.base.model_dump() | {"run": self.output / f"{arm}-{seed}", "seed": seed} | self.arms[arm]
        return StudentRunConfig.model_validate(own)


def measure(weights: Path, files: Sequence[PairFiles], workers: int) -> Scores:
    """Means over the pictures of all metrics, by kind, at all strengths of the suite."""
    student = TorchStudent.load(weights)
    share_threads(workers)

    def one(file: PairFiles) -> list[tuple[str, dict[str, float]]]:
        pair = read_pair(file)
        scorer = Scorer(pair.infrared, pair.visible)
        rows = [(CLEAN, scorer.score(student.fuse(pair).luma))]
        done = cases(is_dark(pair.visible, DARK_LEVEL), NOT_WHEN_DARK)
        return rows + [(case.kind, scorer.score(student.fuse(degrade(pair, case)).luma)) for case in done]

    rows = [row for part in ordered_map(one, files, workers, weights.parent.name) for row in part]
    kinds = dict.fromkeys(kind for kind, _ in rows)
    return {
        kind: {name: float(np.mean([row[name] for own, row in rows if own == kind])) for name in RANKED_METRICS}
        for kind in kinds
    }


def overall(scores: Scores) -> dict[str, float]:
    """Mean over the kinds of degradation of each metric, and ``sum``: of VIF, Qabf and SSIM."""
    kinds = [values for kind, values in scores.items() if kind != CLEAN]
    mean = {name: float(np.mean([values[name] for values in kinds])) for name in RANKED_METRICS}
    return mean | {"sum": sum(mean[name] for name in SUMMED_METRICS)}


def as_table(results: dict[str, list[Scores]]) -> str:
    """Markdown: arms by metric, mean and half of the range over the seeds."""
    names = [*SUMMED_METRICS, "sum"]
    lines = []
    for arm, runs in results.items():
        every = [overall(run) for run in runs]
        cells = []
        for name in names:
            values = [one[name] for one in every]
            cells.append(f"{np.mean(values):.4f} ± {(max(values) - min(values)) / 2:.4f}")
        clean = [sum(run[CLEAN][name] for name in SUMMED_METRICS) for run in runs]
        lines.append([arm, *cells, f"{np.mean(clean):.4f} ± {(max(clean) - min(clean)) / 2:.4f}"])
    return table(["arm", *names, "sum, clean pairs"], lines)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training ablate", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="YAML, see configs/ablation.yaml")
    parser.add_argument("--data", type=Path, default=default_data_root(), help="folder of the data")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    config = load_run_config(args.config, AblationConfig)
    files = [file for name in config.test for file in list_pairs(args.data, name)[:: config.every]]
    config.output.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[Scores]] = {}

    def add(arm: str, weights: Path) -> None:
        results.setdefault(arm, []).append(measure(weights, files, config.workers))
        report = {"pictures": len(files), "arms": results}
        (config.output / "ablation.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    for arm, trained in config.trained.items():
        for weights in trained:
            add(arm, weights)
    for seed in config.seeds:
        for arm in config.arms:
            add(arm, train_student(config.run_of(arm, seed), args.data))
    text = as_table(results)
    (config.output / "ablation.md").write_text(text + "\n", encoding="utf-8")
    print(text)
    return 0
