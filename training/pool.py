"""A fixed pool of batches with the teacher's answers, made once and shared by all runs that are to be compared.

The teacher costs ten times what the student's step does; its answers to a fixed set of crops cost that once. (Stored
answers of a large teacher, as in TinyViT: Wu et al., ECCV 2022.)
"""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.teacher import Teacher
from training.data import Batch, CropSampler
from training.distillation import Lesson
from training.sentences import SentenceBank

log = logging.getLogger("nightglass.training")

_LUMAS = ("infrared", "visible", "clean_infrared", "clean_visible", "target")
_HALVES = ("chroma_gain", "chroma_power", "severity")


class Pool:
    """Batches and lessons, 8-bit and half precision in memory. ``len`` is the number of batches."""

    def __init__(self, items: list[tuple[dict[str, Tensor], int]]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def get(self, index: int, mirrored: bool) -> tuple[Batch, Lesson | None]:
        """One batch and its lesson, all of it mirrored left to right if asked for."""
        stored, partners = self._items[index]
        values = {
            name: tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor for name, tensor in stored.items()
        }
        values = {name: tensor.float() if tensor.dtype == torch.half else tensor for name, tensor in values.items()}
        if mirrored:
            values = {name: tensor.flip(-1) if tensor.ndim == 4 else tensor for name, tensor in values.items()}
        fields = {field.name for field in dataclasses.fields(Batch)}
        batch = Batch(**{name: tensor for name, tensor in values.items() if name in fields}, partners=partners)
        if "taught_luma" not in values:
            return batch, None
        lesson = Lesson(**{field.name: values[f"taught_{field.name}"] for field in dataclasses.fields(Lesson)})
        return batch, lesson

    def save(self, path: Path) -> None:
        """Write all of it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        torch.save(self._items, fresh)
        fresh.replace(path)

    @staticmethod
    def load(path: Path) -> Pool:
        """Read what ``save`` wrote."""
        return Pool(torch.load(path, weights_only=False))


def make_pool(
    sampler: CropSampler,
    batches: int,
    size: int,
    teacher: Teacher | None,
    bank: SentenceBank | None,
    rng: np.random.Generator,
) -> Pool:
    """Draw ``batches`` batches of ``size`` crops; with a teacher, its answers, told the truth if there is a bank."""
    items = []
    for number in range(batches):
        batch = sampler.sample(size)
        stored = {name: _bytes(getattr(batch, name)) for name in _LUMAS}
        stored |= {name: getattr(batch, name).half() for name in _HALVES} | {"dark": batch.dark}
        if teacher is not None:
            lesson = teach(teacher, bank, batch, rng)
            stored["taught_luma"] = _bytes(lesson.luma)
            stored |= {f"taught_{name}": getattr(lesson, name).half() for name in ("code", "eighth", "sixteenth")}
        items.append((stored, batch.partners))
        if number % 100 == 0:
            log.info("pool: %d of %d batches", number, batches)
    return Pool(items)


@torch.inference_mode()
def teach(teacher: Teacher, bank: SentenceBank | None, batch: Batch, rng: np.random.Generator) -> Lesson:
    """The teacher's answers to a batch; without bank it is told nothing (and must have been trained so)."""
    if bank is None:
        told = torch.zeros(len(batch.infrared), teacher.embedding_dim)
    else:
        told = torch.stack([bank.right(done, rng) for done in batch.degradations])
    return Lesson.of(teacher(batch.infrared, batch.visible, told))


def _bytes(lumas: Tensor) -> Tensor:
    return (lumas.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
