"""A fixed pool of batches, and a teacher's answers to them: made once, shared by all runs that are to be compared.

The teacher costs more than the student's whole step; its answers to a fixed set of crops cost that once. (Stored
answers of a large teacher, as in TinyViT: Wu et al., ECCV 2022.)
"""

from __future__ import annotations

import dataclasses
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.engines.processors import usable_processors
from models.teacher import Teacher
from training.data import Batch, CropSampler, degradations_of
from training.distillation import Lesson
from training.sentences import SentenceBank, embeddings_for

log = logging.getLogger("nightglass.training")

Stored = dict[str, Tensor]

_LUMAS = ("infrared", "visible", "clean_infrared", "clean_visible", "target")
_HALVES = ("chroma_gain", "chroma_power", "severity")
_ANSWERS = ("code", "eighth", "sixteenth")


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """Batches and, where a teacher has seen them, lessons; 8-bit and half precision in memory."""

    batches: list[tuple[Stored, int]]
    lessons: list[Stored]

    def __len__(self) -> int:
        return len(self.batches)

    def get(self, index: int, mirrored: bool) -> tuple[Batch, Lesson | None]:
        """One batch and its lesson, all of it mirrored left to right if asked for."""
        stored, partners = self.batches[index]
        batch = Batch(**_floats(stored, mirrored), partners=partners)
        return batch, Lesson(**_floats(self.lessons[index], mirrored)) if self.lessons else None


def draw_batches(sampler: CropSampler, count: int, size: int) -> list[tuple[Stored, int]]:
    """``count`` batches of ``size`` crops."""
    drawn = []
    for number in range(count):
        batch = sampler.sample(size)
        stored = {name: _bytes(getattr(batch, name)) for name in _LUMAS}
        stored |= {name: getattr(batch, name).half() for name in _HALVES} | {"dark": batch.dark}
        drawn.append((stored, batch.partners))
        _progress("pool", number, count)
    return drawn


def write_lessons(
    batches: list[tuple[Stored, int]],
    teacher: Teacher,
    bank: SentenceBank | None,
    rng: np.random.Generator,
    neutral_share: float = 0.0,
) -> list[Stored]:
    """A teacher's answers to batches, on all processors at once; see ``embeddings_for`` for what it hears."""
    sentences = [
        embeddings_for(bank, degradations_of(stored["severity"].float()), rng, neutral_share) for stored, _ in batches
    ]
    pool = Pool(batches, [])

    def one(number: int) -> Stored:
        lesson = teach(teacher, pool.get(number, False)[0], sentences[number])
        _progress("lessons", number, len(batches))
        return {"luma": _bytes(lesson.luma)} | {name: getattr(lesson, name).half() for name in _ANSWERS}

    # One thread for each batch wastes less than several for one. Flushing denormals is a property of a thread.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(usable_processors(), initializer=_start_worker) as workers:
            return list(workers.map(one, range(len(batches))))
    finally:
        torch.set_num_threads(threads)


def _start_worker() -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)


@torch.inference_mode()
def teach(teacher: Teacher, batch: Batch, embeddings: Tensor) -> Lesson:
    """The teacher's answers to a batch under sentences (n, dim)."""
    return Lesson.of(teacher(batch.infrared, batch.visible, embeddings))


def keep(what: list[tuple[Stored, int]] | list[Stored], path: Path) -> None:
    """Write batches or lessons; a kill leaves nothing half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    torch.save(what, fresh)
    fresh.replace(path)


def _floats(stored: Stored, mirrored: bool) -> Stored:
    values = {}
    for name, tensor in stored.items():
        value = tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor
        value = value.float() if tensor.dtype == torch.half else value
        values[name] = value.flip(-1) if mirrored and value.ndim == 4 else value
    return values


def _bytes(lumas: Tensor) -> Tensor:
    return (lumas.clamp(0, 1) * 255 + 0.5).to(torch.uint8)


def _progress(what: str, number: int, count: int) -> None:
    if number % 100 == 0:
        log.info("%s: %d of %d batches", what, number, count)
