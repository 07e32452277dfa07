"""Training pairs: all images of the train folders held in memory as 8-bit luma, and random crops of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.degradations import KINDS, Degradation, apply, sample_degradations
from training.images import read_luma
from training.targets import intensity_target

TRAIN_FOLDERS: dict[str, float] = {
    "msrs/train": 1.0,
    "roadscene/train": 0.8,
    "llvip": 1.0,
    "m3svd/clips/0111_1753": 1.0,
    "m3svd/clips/0111_1803": 1.0,
    "m3svd/clips/0114_1551": 1.0,
    "m3svd/clips/0115_1831": 1.0,
    "m3svd/clips/0115_1847": 1.0,
}
"""Folders that may be trained on, with the weight of one image of each. Frames of one clip are nearly alike, but its
scenes (smoke, night, water) are few, so they are not weighted down. No ``test`` folder may ever stand here."""


def default_data_root() -> Path:
    """``NIGHTGLASS_DATA``, else ``../shared/data`` from the project's root."""
    root = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("NIGHTGLASS_DATA", root.parent / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Pair:
    """One registered pair: 8-bit luma (H, W) of both, the brightness to aim for, and where it is from."""

    infrared: NDArray[np.uint8]
    visible: NDArray[np.uint8]
    target: NDArray[np.uint8]
    origin: str
    weight: float


def load_pairs(root: Path, folders: dict[str, float] | None = None) -> list[Pair]:
    """Read all pairs of the folders. Raises FileNotFoundError naming a missing folder, ValueError on bad pairs."""
    pairs = []
    for folder, weight in (folders or TRAIN_FOLDERS).items():
        if "test" in Path(folder).parts:
            raise ValueError(f"{folder}: test folders are never trained on")
        base = root / folder
        names = sorted(path.name for path in (base / "ir").iterdir())
        for name in names:
            infrared, visible = read_luma(base / "ir" / name), read_luma(base / "vi" / name)
            if infrared.shape != visible.shape:
                raise ValueError(f"{base}: {name}: infrared {infrared.shape} and visible {visible.shape} differ")
            target = intensity_target(infrared, visible)
            pairs.append(Pair(infrared, visible, target, f"{folder}/{name}", weight))
    return pairs


def data_hash(pairs: list[Pair]) -> str:
    """SHA-256 over names and pixels, so that a run's record says exactly what it saw."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(pair.origin.encode())
        digest.update(pair.infrared.tobytes())
        digest.update(pair.visible.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops, float32 tensors (n, 1, crop, crop) in 0..1.

    ``infrared``, ``visible``: what the network sees, perhaps degraded. ``clean_infrared``, ``clean_visible``,
    ``target``: what it is judged by. ``degradations``: what was done to each crop.
    """

    infrared: Tensor
    visible: Tensor
    clean_infrared: Tensor
    clean_visible: Tensor
    target: Tensor
    degradations: tuple[tuple[Degradation, ...], ...]


class CropSampler:
    """Random square crops with flips, quarter turns and halving of large images, degraded where asked for.

    ``clean_share``: share of crops left as they are; 1 switches degradation off. ``kinds``: what the others get. The
    generator's state can be saved and restored, so that a resumed run goes on with the same sequence.
    """

    def __init__(
        self,
        pairs: list[Pair],
        crop_px: int,
        rng: np.random.Generator,
        clean_share: float = 1.0,
        kinds: Sequence[str] = tuple(KINDS),
    ) -> None:
        self.pairs = pairs
        self.crop_px = crop_px
        self.rng = rng
        self.clean_share = clean_share
        self.kinds = tuple(kinds)
        weights = np.array([pair.weight for pair in pairs])
        self._cumulated = np.cumsum(weights / weights.sum())
        self._cumulated[-1] = 1.0

    def sample(self, count: int) -> Batch:
        """``count`` crops."""
        clean = np.stack([self._one() for _ in range(count)]).astype(np.float32) / np.float32(255)
        seen = clean[:, :2].copy()
        done = []
        for crop in seen:
            degradations: tuple[Degradation, ...] = ()
            if self.clean_share < 1:
                degradations = sample_degradations(
                    self.rng, self.clean_share, min(0.3, 1 - self.clean_share), self.kinds
                )
                crop[0], crop[1] = apply(crop[0], crop[1], degradations, self.rng)
            done.append(degradations)
        network, judge = torch.from_numpy(seen), torch.from_numpy(clean)
        return Batch(network[:, 0:1], network[:, 1:2], judge[:, 0:1], judge[:, 1:2], judge[:, 2:3], tuple(done))

    def _one(self) -> NDArray[np.uint8]:
        rng, size = self.rng, self.crop_px
        pair = self.pairs[int(np.searchsorted(self._cumulated, rng.random()))]
        height, width = pair.infrared.shape
        # Large pictures are often halved: the student must see coarse and fine texture alike.
        halve = min(height, width) >= 2 * size and rng.random() < (0.75 if height > 900 else 0.3)
        span = 2 * size if halve else size
        y, x = rng.integers(height - span + 1), rng.integers(width - span + 1)
        planes = (pair.infrared, pair.visible, pair.target)
        crop = np.stack([plane[y : y + span, x : x + span] for plane in planes])
        if halve:
            quads = crop.reshape(3, size, 2, size, 2).sum(axis=(2, 4), dtype=np.uint16)
            crop = ((quads + 2) // 4).astype(np.uint8)
        if rng.random() < 0.5:
            crop = crop[:, :, ::-1]
        return np.rot90(crop, int(rng.integers(4)) if rng.random() < 0.3 else 0, axes=(1, 2))
