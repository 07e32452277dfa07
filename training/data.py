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

from models.outputs import CHROMA_FACTOR
from training.degradations import KINDS, Degradation, apply_with_transmission, sample_degradations, severity_vector
from training.images import luma_of_rgb, read_luma, read_rgb
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


DARK_LEVEL = 45
"""Median grey level of the visible picture below which it counts as dark."""

NOT_WHEN_DARK = frozenset(("low_light", "over_exposure"))

FIELD_PX = 128
"""Smaller crops are cut from degraded pieces of this size: veils and blur have the scale of a scene, not of a crop."""

HIDDEN, SEEN = 0.05, 0.3
"""Transmission of a veil below which the scene behind it is lost, and above which it can be made out."""

CLIPS = "m3svd/clips/"
GRAIN = (0.3, 1.8)
"""Sigma, in grey levels, of the noise by which two moments of one scene differ: that of sensors and of compression."""

CELL = CHROMA_FACTOR
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
"""BT.601 (ITU-R BT.601-7): luma, Cb and Cr of full-range RGB."""

COLOURLESS = np.float32((4 / 255) ** 2)
"""Mean square of chroma below which a cell has no colour worth keeping."""


def default_data_root() -> Path:
    """``NIGHTGLASS_DATA``, else ``../shared/data`` from the project's root."""
    root = Path(__file__).resolve().parent.parent
    return Path(os.environ.get("NIGHTGLASS_DATA", root.parent / "shared" / "data"))


@dataclass(frozen=True, slots=True)
class Pair:
    """One registered pair: 8-bit luma (H, W) of both, ``colour`` (RGB, (H, W, 3)), the brightness to aim for."""

    infrared: NDArray[np.uint8]
    visible: NDArray[np.uint8]
    colour: NDArray[np.uint8]
    target: NDArray[np.uint8]
    origin: str
    weight: float
    dark: bool
    """The visible picture is a night's: there is no light left to take away."""

    def allowed(self, kinds: Sequence[str]) -> list[str]:
        """Those of the kinds of degradation that this picture can get."""
        return [kind for kind in kinds if not (self.dark and kind in NOT_WHEN_DARK)]


def load_pairs(root: Path, folders: dict[str, float] | None = None) -> list[Pair]:
    """Read all pairs of the folders. Raises FileNotFoundError naming a missing folder, ValueError on bad pairs."""
    pairs = []
    for folder, weight in (folders or TRAIN_FOLDERS).items():
        if "test" in Path(folder).parts:
            raise ValueError(f"{folder}: test folders are never trained on")
        base = root / folder
        names = sorted(path.name for path in (base / "ir").iterdir())
        for name in names:
            infrared, colour = read_luma(base / "ir" / name), read_rgb(base / "vi" / name)
            visible = luma_of_rgb(colour)
            if infrared.shape != visible.shape:
                raise ValueError(f"{base}: {name}: infrared {infrared.shape} and visible {visible.shape} differ")
            target = intensity_target(infrared, visible)
            dark = float(np.median(visible)) < DARK_LEVEL
            pairs.append(Pair(infrared, visible, colour, target, f"{folder}/{name}", weight, dark))
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
    """Crops, float32 tensors (n, 1, crop, crop) in 0..1 where nothing else is said.

    ``infrared``, ``visible``: what the network sees, perhaps degraded. ``clean_infrared``, ``clean_visible``,
    ``target``: what it is judged by; where a veil hides the visible scene altogether, ``clean_visible`` is infrared,
    because no network can know what is behind. ``severity``: strength of each kind (n, kinds); ``dark``: bool (n,), the
    picture was a dark one from the start. ``chroma_gain``, ``chroma_power``: at 1/8 resolution, the factor that brings
    the seen chroma closest to the clean one, and how much it matters. ``partners``: so many crops at the end are the
    next moment of as many before them.
    """

    infrared: Tensor
    visible: Tensor
    clean_infrared: Tensor
    clean_visible: Tensor
    target: Tensor
    chroma_gain: Tensor
    chroma_power: Tensor
    severity: Tensor
    dark: Tensor
    partners: int = 0

    @property
    def degradations(self) -> list[tuple[Degradation, ...]]:
        """What was done to each crop."""
        return degradations_of(self.severity)


def degradations_of(severity: Tensor) -> list[tuple[Degradation, ...]]:
    """What rows of strengths by kind, (n, kinds), stand for: the reverse of ``severity_vector``."""
    return [tuple(Degradation(kind, float(s)) for kind, s in zip(KINDS, row, strict=True) if s > 0) for row in severity]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Which piece of a picture a crop is, and how it is turned."""

    y: int
    x: int
    size: int
    halve: bool
    mirror: bool
    turns: int

    def __call__(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        span = 2 * self.size if self.halve else self.size
        piece = plane[self.y : self.y + span, self.x : self.x + span]
        if self.halve:
            quads = piece.reshape(self.size, 2, self.size, 2, *piece.shape[2:]).sum(axis=(1, 3), dtype=np.uint16)
            piece = ((quads + 2) // 4).astype(np.uint8)
        if self.mirror:
            piece = piece[:, ::-1]
        return np.rot90(piece, self.turns)


class CropSampler:
    """Random square crops with flips, quarter turns and halving of large images, degraded where asked for.

    ``clean_share``: share of crops left as they are; 1 switches degradation off. ``kinds``: what the others get.
    ``partners``: so many crops of each batch are repeated as the camera would see them a moment later. The generator's
    state can be saved and restored, so that a resumed run goes on with the same sequence.
    """

    def __init__(
        self,
        pairs: list[Pair],
        crop_px: int,
        rng: np.random.Generator,
        clean_share: float = 1.0,
        kinds: Sequence[str] = tuple(KINDS),
        partners: int = 0,
    ) -> None:
        self.pairs = pairs
        self.crop_px = crop_px
        self.rng = rng
        self.clean_share = clean_share
        self.kinds = tuple(kinds)
        self.partners = partners
        weights = np.array([pair.weight for pair in pairs])
        self._cumulated = np.cumsum(weights / weights.sum())
        self._cumulated[-1] = 1.0

    def sample(self, count: int) -> Batch:
        """``count`` crops, partners included."""
        drawn = []
        for _ in range(count - 2 * self.partners):
            index = int(np.searchsorted(self._cumulated, self.rng.random()))
            drawn.append(self._crop(index, self._cut(self.pairs[index]), int(self.rng.integers(2**62))))
        moments: list[list[_Planes]] = [[], []]
        for _ in range(self.partners):
            index = int(np.searchsorted(self._cumulated, self.rng.random()))
            cut, seed = self._cut(self.pairs[index]), int(self.rng.integers(2**62))
            grain = self.rng.uniform(*GRAIN, 2) / 255
            for moment, frame in zip(moments, (index, self._next(index)), strict=True):
                moment.append(self._crop(frame, cut, seed, grain))
        drawn += moments[0] + moments[1]
        parts = [torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True)]
        planes, chroma, severity, dark = parts
        infrared, visible, clean_infrared, clean_visible, target = planes.split(1, dim=1)
        gain, power = chroma.split(1, dim=1)
        return Batch(
            infrared, visible, clean_infrared, clean_visible, target, gain, power, severity, dark, self.partners
        )

    def _next(self, index: int) -> int:
        """The frame after this one where there is one, else the same."""
        after = index + 1
        if after == len(self.pairs) or not self.pairs[index].origin.startswith(CLIPS):
            return index
        folder = self.pairs[index].origin.rpartition("/")[0]
        return after if self.pairs[after].origin.rpartition("/")[0] == folder else index

    def _cut(self, pair: Pair) -> _Cut:
        rng = self.rng
        height, width = pair.infrared.shape
        size = max(self.crop_px, min(FIELD_PX, min(height, width) // CELL * CELL))
        # Large pictures are often halved: the student must see coarse and fine texture alike.
        halve = min(height, width) >= 2 * size and rng.random() < (0.75 if height > 900 else 0.3)
        span = 2 * size if halve else size
        y, x = int(rng.integers(height - span + 1)), int(rng.integers(width - span + 1))
        return _Cut(y, x, size, halve, rng.random() < 0.5, int(rng.integers(4)) if rng.random() < 0.3 else 0)

    def _crop(self, index: int, cut: _Cut, seed: int, grain: NDArray[np.float64] | None = None) -> _Planes:
        """One crop; the same ``seed`` degrades it in the same way. ``grain``: sigma of fresh noise on both sources."""
        pair, rng = self.pairs[index], np.random.default_rng(seed)
        infrared, visible, target = (_unit(cut(plane)) for plane in (pair.infrared, pair.visible, pair.target))
        done: tuple[Degradation, ...] = ()
        if self.clean_share < 1:
            double_share = min(0.3, 1 - self.clean_share)
            done = sample_degradations(rng, self.clean_share, double_share, pair.allowed(self.kinds))
        colour = _unit(cut(pair.colour))
        seen_infrared, seen_visible, judged = infrared, visible, visible
        seen_colour = colour
        if done:
            seen_infrared, seen_colour, passed = apply_with_transmission(infrared, colour, done, rng)
            if seen_colour is not colour:
                seen_visible = seen_colour @ LUMA
            shown = np.clip((passed - HIDDEN) / (SEEN - HIDDEN), 0, 1)
            judged = infrared + shown * (visible - infrared)
        if grain is not None:
            seen_infrared, seen_visible = (
                np.clip(plane + np.float32(sigma) * self.rng.standard_normal(plane.shape, np.float32), 0, 1)
                for plane, sigma in zip((seen_infrared, seen_visible), grain, strict=True)
            )
        planes = np.stack([seen_infrared, seen_visible, infrared, judged, target])
        y, x = (int(rng.integers((length - self.crop_px) // CELL + 1)) * CELL for length in infrared.shape)
        window = (slice(y, y + self.crop_px), slice(x, x + self.crop_px))
        chroma = np.stack(chroma_cells(seen_colour[window], colour[window]))
        return planes[(slice(None), *window)], chroma, severity_vector(done), np.bool_(pair.dark)


_Planes = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], np.bool_]


def chroma_cells(
    seen: NDArray[np.float32], clean: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Best chroma gain and its weight in cells of 8x8 pixels, float32 (H/8, W/8), from RGB (H, W, 3) in 0..1.

    Least squares of gain * seen chroma against clean chroma, drawn towards 1 where there is hardly any colour.
    """
    power = np.zeros((seen.shape[0] // CELL, seen.shape[1] // CELL), np.float32)
    product = np.zeros_like(power)
    for row in CHROMA:
        a, b = seen @ row, clean @ row
        power += _cell_means(a * a)
        product += _cell_means(a * b)
    gain = np.clip((product + COLOURLESS) / (power + COLOURLESS), 0, 4)
    return gain.astype(np.float32), power + COLOURLESS


def _cell_means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = plane.shape
    return plane.reshape(height // CELL, CELL, width // CELL, CELL).mean(axis=(1, 3))


def _unit(plane: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.ascontiguousarray(plane, np.float32) / np.float32(255)
