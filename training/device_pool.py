"""The pool in a GPU's memory, drawn from without a word to the processor, so that whole steps can be captured.

Groups of crops as ``training.pool.draw_batches`` makes them are appended while training already runs. What a step draws
is decided outside of it: a ``Draw`` holds the numbers at a fixed address, a captured step reads them there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.data import Batch, degradations_of
from training.distillation import Lesson
from training.losses import LossWeights, picture_weights
from training.pool import Stored
from training.sentences import Key, SentenceBank, key_of
from training.temporal import DRIFT_CELLS

Weights = dict[str, Tensor]
"""Loss term -> its weight for each picture, (n,)."""


def key_numbers(bank: SentenceBank) -> dict[Key, int]:
    """What sentences say -> its number."""
    return {key: number for number, key in enumerate(bank.rows_by_key())}


def prepared(
    batches: list[tuple[Stored, int]], numbers: dict[Key, int], weights: LossWeights, clean_weight: float
) -> Stored:
    """Groups of crops as the pool keeps them, (groups, group, ...), on the CPU.

    With them go the weights of their loss terms, and the number (of ``key_numbers``) of what is to be said of them.
    """
    stored = {name: torch.stack([one[name] for one, _ in batches]) for name in batches[0][0]}
    severity = stored["severity"]
    done = degradations_of(severity.float().flatten(0, 1))
    own = {f"weight_{term}": one for term, one in picture_weights(weights, done, clean_weight).items()}
    own["keys"] = torch.tensor([numbers[key_of(degradations)] for degradations in done])
    return stored | {name: tensor.unflatten(0, severity.shape[:2]) for name, tensor in own.items()}


class Told:
    """Sentences on the device, by the number of what they say."""

    def __init__(self, bank: SentenceBank, device: torch.device) -> None:
        rows = bank.rows_by_key().values()
        longest = max(len(own) for own in rows)
        self._rows = torch.tensor([[own[i % len(own)] for i in range(longest)] for own in rows], device=device)
        self._embeddings = bank.embeddings.to(device)
        self._neutral = bank.neutral().to(device)

    def embeddings(self, keys: Tensor, chance: Tensor, neutral_share: float) -> tuple[Tensor, Tensor]:
        """What is said, (n, dim), and whether anything is, float (n,). ``chance``: two numbers in 0..1 each, (n, 2)."""
        phrasings = self._rows.shape[1]
        rows = self._rows[keys, (chance[:, 0] * phrasings).long().clamp_max(phrasings - 1)]
        said = chance[:, 1] >= neutral_share
        return torch.where(said[:, None], self._embeddings[rows], self._neutral), said.float()


@dataclass(frozen=True, slots=True)
class Draw:
    """What a step draws, at fixed addresses.

    ``groups``: int64 (g,); ``mirrored``: bool (1,); ``chance``: in 0..1, (g * group, 2); ``drift``: -1..1, see
    ``training.temporal.drift``.
    """

    groups: Tensor
    mirrored: Tensor
    chance: Tensor
    drift: Tensor

    def renew(self, other: Draw) -> None:
        """Take over the numbers of another draw."""
        for name in ("groups", "mirrored", "chance", "drift"):
            getattr(self, name).copy_(getattr(other, name), non_blocking=True)


class DevicePool:
    """Groups of crops, and what teachers say to them.

    ``group``: crops in a group, the last ``2 * partners`` of them two moments of the same.
    """

    def __init__(self, capacity: int, group: int, partners: int, told: Told, device: torch.device) -> None:
        self.capacity, self.group, self.partners, self.device = capacity, group, partners, device
        self.told = told
        self.filled = 0
        self._stored: Stored = {}
        self._lessons: dict[str, Stored] = {}

    def add(self, fresh: Stored) -> None:
        """Append ``prepared`` groups, as many as there is room for. Raises ValueError on groups of another size."""
        count, group = fresh["severity"].shape[:2]
        if group != self.group:
            raise ValueError(f"groups of {self.group} crops belong here, these have {group}")
        groups = slice(self.filled, min(self.filled + count, self.capacity))
        for name, tensor in fresh.items():
            self._table(self._stored, name, tensor[0])[groups].copy_(tensor[: groups.stop - groups.start])
        self.filled = groups.stop

    def seen(self, groups: slice) -> tuple[Tensor, Tensor, Tensor]:
        """What a network sees of these groups: infrared, visible, (n, 1, H, W), and what is to be said, (n,)."""
        infrared, visible = (self._stored[name][groups].flatten(0, 1).float() / 255 for name in ("infrared", "visible"))
        return infrared, visible, self._stored["keys"][groups].flatten()

    def teach(self, name: str, groups: slice, lesson: Lesson) -> None:
        """Keep a teacher's answers to these groups."""
        table = self._lessons.setdefault(name, {})
        count = groups.stop - groups.start
        luma = (lesson.luma.clamp(0, 1) * 255 + 0.5).to(torch.uint8)
        answers = {"luma": luma, "code": lesson.code, "eighth": lesson.eighth, "sixteenth": lesson.sixteenth}
        for key, tensor in answers.items():
            kept = tensor if tensor.dtype == torch.uint8 else tensor.half()
            kept = kept.unflatten(0, (count, self.group))
            self._table(table, key, kept[0])[groups].copy_(kept)

    def draw(self, groups: int, generator: torch.Generator) -> Draw:
        """Fresh numbers; the same generator, on the pool's device, gives the same ones."""
        options = {"generator": generator, "device": self.device}
        chance = torch.rand(groups * self.group, 2, **options)
        shape = (2, groups * self.partners, 1, DRIFT_CELLS, DRIFT_CELLS)
        return Draw(
            torch.randint(self.filled, (groups,), **options),
            torch.rand(1, **options) < 0.5,
            chance,
            (2 * torch.rand(shape, **options) - 1) * torch.rand((*shape[:2], 1, 1, 1), **options),
        )

    def batch(self, draw: Draw) -> tuple[Batch, Weights, Tensor]:
        """A batch, its partners at the end, the weights of its loss terms, and what is to be said of it, (n,)."""
        values = {name: self._taken(table, draw) for name, table in self._stored.items()}
        weights = {
            name.removeprefix("weight_"): values.pop(name) for name in list(values) if name.startswith("weight_")
        }
        keys = values.pop("keys")
        return Batch(**values, partners=self.partners * len(draw.groups)), weights, keys

    def lesson(self, name: str, draw: Draw) -> Lesson:
        """What a teacher says to the batch of the same draw."""
        return Lesson(**{key: self._taken(table, draw) for key, table in self._lessons[name].items()})

    def _table(self, tables: Stored, name: str, tensor: Tensor) -> Tensor:
        if name not in tables:
            tables[name] = torch.zeros((self.capacity, *tensor.shape), dtype=tensor.dtype, device=self.device)
        return tables[name]

    def _taken(self, table: Tensor, draw: Draw) -> Tensor:
        """Rows of a table as a batch: single crops, then all first moments, then all second ones."""
        taken = table[draw.groups]
        single = self.group - 2 * self.partners
        parts = taken.split([single, self.partners, self.partners], dim=1)
        value = torch.cat([part.flatten(0, 1) for part in parts])
        if value.dtype == torch.uint8:
            value = value.float() / 255
        elif value.dtype == torch.half:
            value = value.float()
        return torch.where(draw.mirrored, value.flip(-1), value) if value.ndim == 4 else value
