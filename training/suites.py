"""The degraded suite: what is done to every test picture, with the same pixels in every run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from training.degradations import KINDS, Degradation, apply
from training.images import InputError, luma_of_rgb
from training.metrics import Image

STRENGTHS = (0.3, 0.6, 0.9)
"""Slight, clear and severe: the middles of what training draws (0.2..1), roughly."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A registered pair as a fuser sees it.

    ``infrared``, ``visible``: luma, uint8 (H, W). ``colour``: the visible picture in colour, uint8 (H, W, 3) RGB;
    None where there is only luma. ``done``: what was done to the pair, nothing for a clean one. ``key``: names picture
    and degradation; whatever a fuser draws at random for this pair it draws from this.
    """

    key: str
    infrared: Image
    visible: Image
    colour: Image | None = None
    done: tuple[Degradation, ...] = ()


def seed_of(*parts: str | int | float) -> int:
    """A seed in 0..2^64-1 from what names a thing, the same on every machine and in every run (unlike ``hash``)."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8], "big")


def clean_pair(key: str, infrared: Image, colour: Image) -> Shown:
    """A pair as recorded: ``infrared`` uint8 (H, W), ``colour`` uint8 (H, W, 3) RGB. Raises InputError on two sizes."""
    if infrared.shape != colour.shape[:2]:
        raise InputError(f"{key}: infrared is {infrared.shape}, visible {colour.shape[:2]}; register them first")
    return Shown(key, infrared, luma_of_rgb(colour), colour)


def is_dark(visible: Image, level: float) -> bool:
    """Whether a luma picture, uint8 (H, W), is a night's: its median is below ``level`` (0..255)."""
    return float(np.median(visible)) < level


def cases(dark: bool, not_when_dark: Collection[str], strengths: Sequence[float] = STRENGTHS) -> list[Degradation]:
    """What is done to a picture, one after another: each kind at each strength.

    ``not_when_dark``: kinds that a ``dark`` picture does not get, because it has no light left to take or to burn.
    """
    kinds = [kind for kind in KINDS if not (dark and kind in not_when_dark)]
    return [Degradation(kind, strength) for kind in kinds for strength in strengths]


def degrade(pair: Shown, degradation: Degradation, seed: int = 0) -> Shown:
    """The pair with one degradation, rounded to 8 bits; visible kinds act on the colours, from which luma is taken.

    Raises ValueError for a pair without colours.
    """
    if pair.colour is None:
        raise ValueError(f"{pair.key}: has no colours; the suite degrades colour pictures")
    key = f"{pair.key}/{degradation.kind}/{degradation.strength:.3f}"
    rng = np.random.default_rng(seed_of(seed, key))
    infrared, colour = apply(_unit(pair.infrared), _unit(pair.colour), [degradation], rng)
    rgb = _bytes(colour)
    return Shown(key, _bytes(infrared), luma_of_rgb(rgb), rgb, (degradation,))


def _unit(image: Image) -> np.ndarray:
    return image.astype(np.float32) / np.float32(255)


def _bytes(image: np.ndarray) -> Image:
    levels: Image = np.rint(np.clip(image, 0, 1) * np.float32(255)).astype(np.uint8)
    return levels
