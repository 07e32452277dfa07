"""Train teachers, then students, side by side on one GPU: ``python -m training together --config YAML``.

All networks of a phase share one pool of crops and do their steps in turn, each as a captured graph on a stream of its
own, so that small kernels overlap. Arms of one seed see the same crops at the same step. The pool is drawn by other
processes and grows while training runs. Without a GPU everything runs as well, only slowly.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from models.checkpoint import load_student, load_teacher, save_network
from models.student import make_student
from models.teacher import EMBEDDING_DIM, Teacher, make_teacher
from training.captured import CapturedStep, Terms
from training.command import started
from training.config import StrictConfig, StudentRunConfig, TeacherRunConfig, load_run_config
from training.data import CropSampler, Pair, default_data_root, load_pairs
from training.degradations import KINDS
from training.device_pool import DevicePool, Draw, Told, key_numbers, prepared
from training.distill import student_terms
from training.distillation import Adapters, Lesson
from training.loop import Run, half_cosine, seed_all
from training.losses import task_losses, weighted_terms
from training.pool import draw_batches
from training.sentences import Key, SentenceBank
from training.teach import severity_loss
from training.temporal import drift

log = logging.getLogger("nightglass.training")

GROUP = 8
"""Crops drawn together, partners among them; a batch is some of these groups."""

GROUPS_A_TASK = 25
STEPS_AHEAD = 10
"""Steps that are queued before anyone looks at the clock."""

Count = Annotated[int, Field(gt=0)]


class TogetherConfig(StrictConfig):
    """What is trained."""

    output: Path
    """Folder of all runs."""
    base: StudentRunConfig
    """What all students have in common, and what the pool is drawn with; its ``run`` is not used."""
    teachers: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Name -> keys of a teacher's run."""
    students: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Name -> keys of a student's run that differ, and ``taught_by``: a teacher of this file."""
    taught: dict[str, Path] = Field(default_factory=dict)
    """Name -> weights of further teachers, which are there already."""
    workers: Count = 2
    """Processes that draw crops."""
    first: Count = 4_000
    """Crops that must be there before training begins; the rest of ``base.pool`` comes while it runs."""
    teachers_limit_s: float | None = None
    """Seconds after which the teachers end early, the learning rate brought down in time; None: they do all steps."""
    students_limit_s: float | None = None

    def teacher_run(self, name: str) -> TeacherRunConfig:
        """The configuration of one teacher. Raises ValidationError for a key that a run does not have."""
        return TeacherRunConfig.model_validate({"run": self.output / name, **self.teachers[name]})

    def student_run(self, name: str) -> tuple[StudentRunConfig, str | None]:
        """The configuration of one student, and the name of its teacher."""
        own = dict(self.students[name])
        taught_by = own.pop("taught_by", None)
        run = self.base.model_dump() | {"run": self.output / name} | own
        return StudentRunConfig.model_validate(run), taught_by


@dataclass(slots=True)
class Arm:
    """One network in training."""

    run: Run
    config: TeacherRunConfig | StudentRunConfig
    step: CapturedStep
    draw: Draw
    facts: dict[str, str]

    def save(self, done: int) -> Path:
        """Write the averaged weights."""
        path = self.run.folder / f"{self.config.preset}.safetensors"
        facts = {"step": str(done), "seed": str(self.config.seed), "batch": str(self.config.batch), **self.facts}
        save_network(self.step.average.network, self.config.preset, path, facts)
        return path


class Feeder:
    """Fills the pool from other processes, started before anything touches the GPU."""

    def __init__(self, config: TogetherConfig, pairs: list[Pair]) -> None:
        self._executor = ProcessPoolExecutor(
            config.workers,
            multiprocessing.get_context("fork"),
            _keep,
            (pairs, config.base, key_numbers(SentenceBank())),
        )
        tasks = -(-config.base.pool // (GROUP * GROUPS_A_TASK))
        self._waiting: list[Future[Any]] = [
            self._executor.submit(_drawn, config.base.seed, number) for number in range(tasks)
        ]

    def feed(self, pool: DevicePool, at_least: int = 0) -> None:
        """Move into the pool what is done; wait until it holds ``at_least`` groups."""
        while True:
            done = [one for one in self._waiting if one.done()]
            self._waiting = [one for one in self._waiting if one not in done]
            for one in done:
                pool.add({name: torch.from_numpy(array) for name, array in one.result().items()})
            if pool.filled >= at_least or not self._waiting:
                return
            time.sleep(0.05)

    def close(self) -> None:
        """End the processes; what they have not begun is not drawn."""
        self._executor.shutdown(wait=False, cancel_futures=True)


_KEPT: tuple[list[Pair], StudentRunConfig, dict[Key, int]] | None = None


def _keep(*what: Any) -> None:
    global _KEPT
    _KEPT = what
    torch.set_num_threads(1)


def _drawn(seed: int, number: int) -> dict[str, NDArray[Any]]:
    assert _KEPT is not None
    pairs, config, numbers = _KEPT
    rng = np.random.default_rng((seed, number))
    kinds = tuple(config.kinds or KINDS)
    sampler = CropSampler(pairs, config.crop_px, rng, config.clean_share, kinds, config.partners)
    groups = prepared(draw_batches(sampler, GROUPS_A_TASK, GROUP), numbers, config.losses, config.clean_weight)
    # As arrays: tensors would travel as open files, and of those there are too many.
    return {name: tensor.numpy() for name, tensor in groups.items()}


def teacher_arm(config: TeacherRunConfig, pool: DevicePool, generator: torch.Generator) -> Arm:
    """A teacher and its step."""
    teacher = started(config, make_teacher, load_teacher).to(pool.device, memory_format=torch.contiguous_format)
    draw = pool.draw(config.batch // GROUP, generator)

    def compute() -> Terms:
        batch, weights, keys = pool.batch(draw)
        told, said = pool.told.embeddings(keys, draw.chance, config.neutral_share)
        out = teacher(batch.infrared, batch.visible, told if config.text else torch.zeros_like(told))
        losses = task_losses(out.luma, batch.clean_infrared, batch.clean_visible, batch.target, config.detail_gain)
        terms = weighted_terms(losses, weights)
        if config.text:
            terms["severity"] = config.severity_weight * severity_loss(out.severity, batch, said)
        return terms

    step = CapturedStep(teacher, nn.Module(), compute, pool.device, config.ema)
    return Arm(Run(config.run), config, step, draw, {"text": str(config.text)})


def student_arm(
    config: StudentRunConfig, taught_by: str | None, teacher: Teacher | None, pool: DevicePool, rng: torch.Generator
) -> Arm:
    """A student and its step; its teacher's answers must be in the pool."""
    student = started(config, make_student, load_student).to(pool.device, memory_format=torch.contiguous_format)
    adapters = None if teacher is None else Adapters(student.preset, teacher.preset).to(pool.device)
    draw = pool.draw(config.batch // GROUP, rng)

    def compute() -> Terms:
        batch, weights, _ = pool.batch(draw)
        lesson = None if taught_by is None else pool.lesson(taught_by, draw)
        return student_terms(config, student, adapters, drift(batch, draw.drift), lesson, weights)[1]

    step = CapturedStep(student, adapters or nn.Module(), compute, pool.device, config.ema)
    return Arm(Run(config.run), config, step, draw, {"teacher": str(taught_by or "none")})


def train_arms(arms: list[Arm], pool: DevicePool, limit_s: float | None, feed: Callable[[], None]) -> dict[str, Path]:
    """All steps of all arms, side by side; the weights by the name of the run's folder."""
    begun = saved = time.monotonic()
    steps = max(arm.config.steps for arm in arms)
    generators = {arm.config.seed: torch.Generator(pool.device).manual_seed(1_000 + arm.config.seed) for arm in arms}
    most = {arm.config.seed: max(a.config.batch for a in arms if a.config.seed == arm.config.seed) for arm in arms}
    step = 0
    while step < steps:
        feed()
        elapsed_s = time.monotonic() - begun
        if limit_s is not None and elapsed_s >= limit_s:
            log.info("time is up after %d steps", step)
            break
        block = [
            {seed: pool.draw(most[seed] // GROUP, generator) for seed, generator in generators.items()}
            for _ in range(STEPS_AHEAD)
        ]
        _wait(pool.device)
        for draws in block:
            progress = max(step / steps, 0.0 if limit_s is None else elapsed_s / limit_s)
            for arm in arms:
                config = arm.config
                warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
                rate = config.learning_rate * warm * half_cosine(progress)
                _renew(arm, draws[config.seed], pool)
                arm.step.run(rate)
            step += 1
        _wait(pool.device)
        if step % 500 < STEPS_AHEAD:
            for arm in arms:
                arm.run.log(step, {name: float(term) for name, term in arm.step.terms.items()})
        if time.monotonic() - saved > 60:
            saved = time.monotonic()
            for arm in arms:
                arm.save(step)
    log.info("%d steps in %.0f s, %d groups", step, time.monotonic() - begun, pool.filled)
    return {arm.run.folder.name: arm.save(step) for arm in arms}


def _renew(arm: Arm, fresh: Draw, pool: DevicePool) -> None:
    groups = len(arm.draw.groups)
    own = Draw(
        fresh.groups[:groups],
        fresh.mirrored,
        fresh.chance[: groups * pool.group],
        fresh.drift[:, : groups * pool.partners],
    )
    # On a processor there is no stream, and ``None`` changes nothing.
    with torch.cuda.stream(arm.step.stream):
        arm.draw.renew(own)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def write_lessons(name: str, teacher: Teacher, text: bool, pool: DevicePool, rng: torch.Generator) -> None:
    """A teacher's answers to all of the pool, told the truth."""
    teacher.eval()
    for first in range(0, pool.filled, GROUP):
        groups = slice(first, min(first + GROUP, pool.filled))
        infrared, visible, keys = pool.seen(groups)
        chance = torch.rand(len(keys), 2, generator=rng, device=pool.device)
        told = pool.told.embeddings(keys, chance, 0.0)[0] if text else torch.zeros(len(keys), EMBEDDING_DIM)
        pool.teach(name, groups, Lesson.of(teacher(infrared, visible, told.to(pool.device))))


def train_together(config: TogetherConfig, data_root: Path, device: torch.device) -> dict[str, Path]:
    """All of it; the weights by name."""
    pairs = load_pairs(data_root)
    feeder = Feeder(config, pairs)
    base = config.base
    seed_all(base.seed)
    config.output.mkdir(parents=True, exist_ok=True)
    (config.output / "config.json").write_text(json.dumps(config.model_dump(mode="json"), indent=1) + "\n")
    try:
        told = Told(SentenceBank(), device)
        pool = DevicePool(base.pool // GROUP, GROUP, base.partners, told, device)
        feeder.feed(pool, min(config.first // GROUP, pool.capacity))
        log.info("pool: %d groups to begin with", pool.filled)
        rng = torch.Generator(device).manual_seed(base.seed)
        weights: dict[str, Path] = {}
        if config.teachers:
            arms = []
            for run in map(config.teacher_run, config.teachers):
                torch.manual_seed(run.seed)
                arms.append(teacher_arm(run, pool, rng))
            weights |= train_arms(arms, pool, config.teachers_limit_s, lambda: feeder.feed(pool))
        taught: dict[str, Teacher] = {}
        names = {by for _, by in map(config.student_run, config.students) if by is not None}
        for name in sorted(names):
            taught[name] = load_teacher(weights.get(name) or config.taught[name])[0].to(device)
            write_lessons(name, taught[name], taught[name].reads_text, pool, rng)
            log.info("lessons of %s written", name)
        pupils = []
        for name in config.students:
            student_run, by = config.student_run(name)
            torch.manual_seed(student_run.seed)
            pupils.append(student_arm(student_run, by, None if by is None else taught[by], pool, rng))
        if pupils:
            # What teachers were not asked about stays out.
            feed = (lambda: None) if taught else (lambda: feeder.feed(pool))
            weights |= train_arms(pupils, pool, config.students_limit_s, feed)
        return weights
    finally:
        feeder.close()


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training together", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="YAML, see configs/together.yaml")
    parser.add_argument("--data", type=Path, default=default_data_root(), help="folder of the training data")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try a configuration out")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU; --device cpu runs the same, slowly")
    torch.backends.cudnn.benchmark = True
    for name, path in train_together(load_run_config(args.config, TogetherConfig), args.data, device).items():
        print(f"{name}: {path}")
    return 0
