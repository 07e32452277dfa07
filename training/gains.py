"""How far one method is ahead of others, and how much of another's quality it keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.ranks import RANKED_METRICS, Means


@dataclass(frozen=True, slots=True)
class Gain:
    """``gain``: (``value`` - ``reference``) / ``reference``; the reference is that of the method ``best``."""

    value: float
    best: str
    reference: float
    gain: float


def gain_over_best(means: Means, method: str, others: Sequence[str], metric: str) -> Gain:
    """A method beside the best of ``others`` by one metric, of which more is better and the values are positive."""
    best = max(others, key=lambda name: means[name][metric])
    value, reference = means[method][metric], means[best][metric]
    if reference <= 0:
        raise ValueError(f"{metric} of {best} is {reference:g}: nothing to be relative to")
    return Gain(value, best, reference, value / reference - 1)


def retention(
    student: Mapping[str, float], teacher: Mapping[str, float], metrics: Sequence[str] = RANKED_METRICS
) -> dict[str, float]:
    """Metric -> student / teacher, and ``mean`` of these; metrics where the teacher's is not positive are left out."""
    kept = {metric: student[metric] / teacher[metric] for metric in metrics if teacher[metric] > 0}
    if not kept:
        raise ValueError("the teacher has no metric above 0: nothing to be relative to")
    return kept | {"mean": sum(kept.values()) / len(kept)}
