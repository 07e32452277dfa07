"""Which degradations a training pair gets, and their application."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from training.degradations.arrays import FloatImage
from training.degradations.kinds import KINDS, NEVER_TOGETHER

WEAKEST = 0.2
"""Least strength that is drawn: below it a picture counts as clean."""


@dataclass(frozen=True, slots=True)
class Degradation:
    """A kind of ``KINDS`` at a strength in (0, 1]. Raises ValueError for anything else."""

    kind: str
    strength: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"degradation {self.kind!r} is unknown; choose from {', '.join(KINDS)}")
        if not 0 < self.strength <= 1:
            raise ValueError(f"degradation {self.kind}: strength must be in (0, 1], got {self.strength}")


def sample_degradations(
    rng: np.random.Generator,
    none_share: float = 0.25,
    double_share: float = 0.3,
    kinds: Sequence[str] = tuple(KINDS),
) -> tuple[Degradation, ...]:
    """None, one or two degradations, in the order of ``KINDS``; strengths even in 0.2..1.

    ``none_share``, ``double_share``: probabilities of none and of two; the rest gets one, out of ``kinds``. Two are
    never a pair of ``NEVER_TOGETHER``. Raises ValueError if the shares are negative or their sum is above 1.
    """
    if none_share < 0 or double_share < 0 or none_share + double_share > 1:
        raise ValueError(
            f"none_share {none_share} and double_share {double_share} must be shares of at most 1 together"
        )
    draw = rng.random()
    count = 0 if draw < none_share else 2 if draw < none_share + double_share else 1
    return draw_from(rng, kinds, count)


def draw_from(rng: np.random.Generator, kinds: Sequence[str], count: int) -> tuple[Degradation, ...]:
    """``count`` degradations (or as many as go together) of the given kinds, in the order of ``KINDS``."""
    chosen: list[str] = []
    for kind in rng.permutation(list(kinds)):
        if len(chosen) == count:
            break
        if all(frozenset((kind, other)) not in NEVER_TOGETHER for other in chosen):
            chosen.append(str(kind))
    return tuple(Degradation(kind, float(rng.uniform(WEAKEST, 1.0))) for kind in KINDS if kind in chosen)


def apply_with_transmission(
    infrared: FloatImage, visible: FloatImage, degradations: Iterable[Degradation], rng: np.random.Generator
) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Degrade a pair, always in the order of ``KINDS``; the third result is what veils let through.

    ``infrared``: float32 (H, W) in 0..1; ``visible``: the same, or (H, W, 3) RGB. The transmission is float32 (H, W) in
    0..1, 1 where the visible scene is not hidden by haze or smoke: a weight for losses. Inputs are not changed; without
    degradations they are given back themselves. Raises ValueError on other shapes or types.
    """
    if infrared.ndim != 2 or visible.shape not in (infrared.shape, (*infrared.shape, 3)):
        raise ValueError(f"infrared must be (H, W), visible (H, W) or (H, W, 3): got {infrared.shape}, {visible.shape}")
    if infrared.dtype != np.float32 or visible.dtype != np.float32:
        raise ValueError(f"images must be float32 in 0..1, got {infrared.dtype} and {visible.dtype}")
    transmission = np.ones(infrared.shape, np.float32)
    strengths = {degradation.kind: degradation.strength for degradation in degradations}
    for name, kind in KINDS.items():
        if name not in strengths:
            continue
        if kind.modality == "infrared":
            infrared = kind.function(infrared, strengths[name], rng)
        elif kind.veil is not None:
            visible, passed = kind.veil(visible, strengths[name], rng)
            transmission *= passed
        else:
            visible = kind.function(visible, strengths[name], rng)
    return infrared, visible, transmission


def apply(
    infrared: FloatImage, visible: FloatImage, degradations: Iterable[Degradation], rng: np.random.Generator
) -> tuple[FloatImage, FloatImage]:
    """``apply_with_transmission`` without its third result."""
    infrared, visible, _ = apply_with_transmission(infrared, visible, degradations, rng)
    return infrared, visible


def severity_vector(degradations: Iterable[Degradation]) -> np.ndarray:
    """Strengths by kind, float32 (len(KINDS),), in the order of ``KINDS``; 0 where absent."""
    strengths = {degradation.kind: degradation.strength for degradation in degradations}
    return np.array([strengths.get(name, 0.0) for name in KINDS], np.float32)
