"""Degradations of training pairs, and sentences that describe them. NumPy and OpenCV only, no torch."""

from training.degradations.kinds import KINDS, Kind
from training.degradations.sampling import (
    Degradation,
    apply,
    apply_with_transmission,
    sample_degradations,
    severity_vector,
)

__all__ = [
    "KINDS",
    "Degradation",
    "Kind",
    "apply",
    "apply_with_transmission",
    "sample_degradations",
    "severity_vector",
]
