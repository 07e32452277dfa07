"""Teach a trained student to tell the kinds of degradation, on whole pictures: ``python -m training prior``.

Distillation works on small crops, of which the prior sees averages; live it sees whole pictures, whose averages are
calmer and mix more. What the reader of kinds sees of many degraded training pictures is computed once, and only its few
layers are trained on it; with a teacher, its code is drawn towards the teacher's for the true sentence. The rest of the
network, and the reader that steers it, are left alone. A third of the pictures is kept apart and decides where each
kind's threshold lies (``training.thresholds``).
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint import load_student, load_teacher, save_network
from models.geometry import SIZE_MULTIPLE
from models.prior import KIND_NAMES
from models.student import EVERY_CELLS_TRAINING, PROBE_CELLS, Bands, Student, mean_and_size, packed_lumas
from models.teacher import Teacher
from training.data import Pair, default_data_root, load_pairs
from training.degradations import KINDS, apply, sample_degradations, severity_vector
from training.distill import like_night
from training.distillation import prior_loss, severity_loss
from training.loop import seed_all
from training.sentences import SentenceBank
from training.skies import with_open_areas
from training.thresholds import best_threshold

log = logging.getLogger("nightglass.training")

SMALLEST_PX, LARGEST_PX = 256, 640
CLEAN_SHARE, DOUBLE_SHARE = 0.3, 0.25
GAMMA = (0.7, 1.4)
"""Exposure of the clean pictures varies by this much, so that a brightness alone is no degradation."""

OPEN_SHARE = 0.3
"""Share of the pictures that get an open sky or still water, see ``training.skies``."""

ALIGNED_SHARE = 0.5
"""Share of the pieces that keep the grid of the blocks in which a picture was compressed."""

BLOCKS, BLOCKS_SEEN = 192, 64
"""Blocks of 8x8 pixels that are kept of each picture, and how many of them a step sees."""

BATCH = 128
SAME = 5e-3
"""Standard deviation of a feature over the pictures below which it says nothing: it is dead, or next to it."""

KEPT_APART = 3
"""Every so many-th picture (frames of one clip go together) is not trained on, but decides on the thresholds."""

FALSE_ALARMS = 0.006
"""Share of clean pictures kept apart that may be called degraded, for one kind of twelve."""

VEIL_FALSE_ALARMS = 0.02
"""The same for haze and smoke: smoke that goes unnoticed is worse than one false word of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Readings:
    """What the prior sees of pictures: ``coarse`` features, summed up (n, features); ``blocks``: some of those that are
    looked at in detail, 8-bit lumas (n, blocks, 32, 2, 2); ``severity`` (n, kinds); ``dark`` bool (n,); ``code``: the
    teacher's for a true sentence, (n, code), or None.
    """

    coarse: Tensor
    blocks: Tensor
    severity: Tensor
    dark: Tensor
    code: Tensor | None

    def rows(self, index: Tensor) -> Readings:
        """Some of them."""
        code = None if self.code is None else self.code[index]
        return Readings(self.coarse[index], self.blocks[index], self.severity[index], self.dark[index], code)


def split(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Pictures to train on and pictures kept apart; all frames of a clip fall on one side."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        folder = pair.origin.rpartition("/")[0]
        groups.setdefault(folder if "clips" in folder else pair.origin, []).append(pair)
    training: list[Pair] = []
    apart: list[Pair] = []
    for number, group in enumerate(groups.values()):
        (apart if number % KEPT_APART == 0 else training).extend(group)
    return training, apart


@torch.inference_mode()
def read_pictures(
    student: Student, pairs: Sequence[Pair], count: int, rng: np.random.Generator, teacher: Teacher | None
) -> Readings:
    """``count`` pictures drawn and degraded at random, as the student's prior sees them."""
    bank = SentenceBank() if teacher is not None and teacher.reads_text else None
    rows: list[tuple[Tensor, ...]] = []
    for number in range(count):
        pair = pairs[int(rng.integers(len(pairs)))]
        done = sample_degradations(rng, CLEAN_SHARE, DOUBLE_SHARE, pair.allowed(tuple(KINDS)))
        infrared, visible = apply(*_piece(pair, rng), done, rng)
        # Cameras give 8 bits, and rounding to them hides the faintest detail.
        lumas = (np.rint(255 * plane.clip(0, 1)) / np.float32(255) for plane in (infrared, visible))
        packed = packed_lumas(*(torch.from_numpy(luma)[None, None] for luma in lumas))
        row = [student.coarse_summary(packed)[0], _blocks(packed, rng)]
        row += [torch.from_numpy(severity_vector(done)), torch.tensor(pair.dark)]
        if bank is not None and teacher is not None:
            row.append(teacher.read(bank.right(done, rng)[None])[0])
        rows.append(tuple(row))
        if number % 500 == 0:
            log.info("pictures: %d of %d", number, count)
    columns = [torch.stack(column) for column in zip(*rows, strict=True)]
    coarse, blocks, severity, dark, *code = columns
    return Readings(coarse, blocks, severity, dark, code[0] if code else None)


def _blocks(packed: Tensor, rng: np.random.Generator) -> Tensor:
    """Some of the blocks that a student looks at in detail, 8-bit, (BLOCKS, 32, 2, 2)."""
    step = EVERY_CELLS_TRAINING
    all_blocks = (
        packed[0].unfold(1, PROBE_CELLS, step).unfold(2, PROBE_CELLS, step).permute(1, 2, 0, 3, 4).flatten(0, 1)
    )
    chosen = rng.choice(len(all_blocks), BLOCKS, len(all_blocks) < BLOCKS)
    return (255 * all_blocks[torch.from_numpy(chosen)]).round().to(torch.uint8)


def _piece(pair: Pair, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A large piece of a pair, mirrored half the time, the visible one's exposure varied; float32 in 0..1.

    Half of the pieces start at a multiple of 16 pixels, and are not mirrored: in a compressed picture as it comes from
    a camera the codec's blocks lie on the network's, and what compression took away there looks like blur.
    """
    spans = []
    aligned = rng.random() < ALIGNED_SHARE
    for length in pair.infrared.shape:
        most = min(length, LARGEST_PX) // SIZE_MULTIPLE
        span = int(rng.integers(min(SMALLEST_PX // SIZE_MULTIPLE, most), most + 1)) * SIZE_MULTIPLE
        start = int(rng.integers(length - span + 1))
        if aligned:
            start -= start % SIZE_MULTIPLE
        spans.append(slice(start, start + span))
    flip = slice(None, None, -1 if rng.random() < 0.5 and not aligned else 1)
    infrared, visible = (
        plane[spans[0], spans[1]][:, flip].astype(np.float32) / np.float32(255)
        for plane in (pair.infrared, pair.visible)
    )
    visible = visible ** np.float32(rng.uniform(*GAMMA))
    return with_open_areas(infrared, visible, rng) if rng.random() < OPEN_SHARE else (infrared, visible)


def read_summary(student: Student, readings: Readings) -> Tensor:
    """The summary of the reader of kinds, as ``Student.trunk`` makes it, from the blocks kept: (n, features)."""
    bands = student.bands(student.bands.filters(readings.blocks.flatten(0, 1).float() / 255)).flatten(1)
    bands = bands.unflatten(0, readings.blocks.shape[:2]).transpose(1, 2)[..., None]
    return torch.cat([readings.coarse, mean_and_size(bands)], dim=1)


def train_reader(student: Student, readings: Readings, steps: int, code_weight: float) -> float:
    """Train the reader of kinds in place, its code towards the teacher's if that is known; mean of the last losses.

    Its layers start anew and are trained on a summary scaled to mean 0 and variance 1 (a feature's average may be a
    thousandth); the scaling is then folded into them.
    """
    layers = [*student.kinds_read, *student.judge]
    student.bands.load_state_dict(Bands().state_dict())
    for layer in layers:
        if isinstance(layer, nn.Linear):
            layer.reset_parameters()
    with torch.no_grad():
        summary = torch.cat([read_summary(student, readings.rows(rows)) for rows in _in_parts(readings)])
    mean, spread = summary.mean(dim=0), summary.std(dim=0)
    scale = torch.where(spread > SAME, 1 / spread, 0.0)

    def loss_of(rows: Tensor) -> Tensor:
        batch = readings.rows(rows)
        blocks = batch.blocks[:, torch.randperm(batch.blocks.shape[1])[:BLOCKS_SEEN]]
        scaled = (read_summary(student, dataclasses.replace(batch, blocks=blocks)) - mean) * scale
        # A little noise stands for the pictures that are not in the training set.
        code, logits = student.judged(scaled + 0.05 * torch.randn_like(scaled))
        known = severity_loss(logits, batch.severity, batch.dark, like_night(logits.device)).mean()
        return known if batch.code is None else known + code_weight * prior_loss(code, batch.code).mean()

    parameters = [parameter for part in (student.bands, *layers) for parameter in part.parameters()]
    last = _descend(parameters, loss_of, len(readings.coarse), steps)
    for first in (student.kinds_read[0], student.judge[0]):
        _fold_scaling(first, mean, scale)
    return last


@torch.no_grad()
def _fold_scaling(layer: nn.Module, mean: Tensor, scale: Tensor) -> None:
    """Let a layer whose last inputs are a scaled summary take the summary as it is."""
    assert isinstance(layer, nn.Linear)
    weight = layer.weight[:, -len(mean) :]
    weight *= scale
    layer.bias -= weight @ mean


def _in_parts(readings: Readings) -> tuple[Tensor, ...]:
    return torch.arange(len(readings.coarse)).split(BATCH)


def _descend(parameters: list[nn.Parameter], loss_of: Callable[[Tensor], Tensor], count: int, steps: int) -> float:
    optimizer = torch.optim.AdamW(parameters, lr=3e-3, weight_decay=1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    last: list[float] = []
    for step in range(steps):
        loss = loss_of(torch.randint(count, (BATCH,)))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        last = [*last[-99:], float(loss.detach())]
        if step % 500 == 0:
            log.info("step %d of %d: loss %.4f", step, steps, sum(last) / len(last))
    return sum(last) / len(last)


@torch.inference_mode()
def move_thresholds(student: Student, readings: Readings) -> dict[str, tuple[float, float]]:
    """Move each kind's threshold into the bias; by kind its recall and its share of false alarms on ``readings``."""
    parts = [student.judged(read_summary(student, readings.rows(rows)))[1] for rows in _in_parts(readings)]
    logits = torch.cat(parts).double().numpy()
    severity = readings.severity.numpy()
    clean = (severity == 0).all(axis=1)
    found = {}
    for index, kind in enumerate(KIND_NAMES):
        usable = clean & ~readings.dark.numpy() if like_night(torch.device("cpu"))[index] else clean
        there = severity[:, index] >= 0.3
        most = VEIL_FALSE_ALARMS if kind in ("haze", "smoke") else FALSE_ALARMS
        threshold = best_threshold(logits[usable, index], logits[there, index], most)
        student.judge[-1].bias[index] -= threshold
        recall, alarms = (float((logits[rows, index] >= threshold).mean()) for rows in (there, usable))
        found[kind] = (recall, alarms)
    return found


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training prior", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of a trained student")
    parser.add_argument("--teacher", type=Path, help="the teacher's weights: its code is a second aim")
    parser.add_argument("--output", type=Path, required=True, help="the student with the prior taught anew")
    parser.add_argument("--pictures", type=int, default=6000, help="degraded pictures to learn from (default 6000)")
    parser.add_argument("--steps", type=int, default=6000, help="steps on their averages (default 6000)")
    parser.add_argument("--code-weight", type=float, default=0.3, help="weight of the teacher's code (default 0.3)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=default_data_root(), help="folder of the training data")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(args.threads)
    rng = seed_all(args.seed)
    student, preset = load_student(args.weights)
    teacher = None if args.teacher is None else load_teacher(args.teacher)[0]
    training, apart = split(load_pairs(args.data))
    readings = read_pictures(student, training, args.pictures, rng, teacher)
    checked = read_pictures(student, apart, max(200, args.pictures // 3), rng, teacher)
    log.info("loss %.4f", train_reader(student, readings, args.steps, args.code_weight))
    for kind, (recall, alarms) in move_thresholds(student, checked).items():
        print(f"{kind:<16} found {recall:6.1%}   false alarms {alarms:6.1%}")
    save_network(student, preset, args.output, {"prior": "taught on whole pictures"})
    return 0
