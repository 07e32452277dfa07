"""Timing of repeated calls, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from stream.clock import Clock

LEAST_RUNS = 5
WARM_UP_RUNS = 3


@dataclass(frozen=True, slots=True)
class Spread:
    """Distribution of some measurements, in their unit. With few runs p10 and p90 are interpolated between them."""

    runs: int
    median: float
    p10: float
    p90: float
    min: float
    max: float

    def as_json(self) -> dict[str, float]:
        """As plain numbers, rounded to 4 decimals."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def spread(values: Sequence[float]) -> Spread:
    """Summarize measurements. Raises ValueError for none."""
    if not values:
        raise ValueError("there are no measurements to summarize")
    median, p10, p90 = (float(p) for p in np.percentile(values, (50, 10, 90)))
    return Spread(len(values), median, p10, p90, float(min(values)), float(max(values)))


def measure_ms(call: Callable[[], object], clock: Clock, budget_s: float) -> Spread:
    """Milliseconds that a call takes: after ``WARM_UP_RUNS``, again and again until ``budget_s`` seconds are used.

    At least ``LEAST_RUNS`` are measured, however long they take.
    """
    for _ in range(WARM_UP_RUNS):
        call()
    taken_ms: list[float] = []
    end_ns = clock.monotonic_ns() + round(budget_s * 1e9)
    while len(taken_ms) < LEAST_RUNS or clock.monotonic_ns() < end_ns:
        began_ns = clock.monotonic_ns()
        call()
        taken_ms.append((clock.monotonic_ns() - began_ns) / 1e6)
    return spread(taken_ms)
