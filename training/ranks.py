"""Ranks of methods over several metrics: figures of different scales in one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RANKED_METRICS = ("EN", "SD", "SF", "AG", "MI", "SCD", "VIF", "Qabf", "SSIM")
"""The nine of ``training.metrics.METRICS`` that ranks are taken of; of each, more is better."""

SUMMED_METRICS = ("VIF", "Qabf", "SSIM")
"""Those that ask for likeness with the sources, and that noise or contrast alone cannot raise."""

DIGITS = 4
"""Published figures have so many decimals: values that are equal then are ties."""

Means = Mapping[str, Mapping[str, float]]
"""Method -> metric -> mean."""


def ranks(values: Mapping[str, float]) -> dict[str, int]:
    """Rank of each method's value, 1 for the highest; equal values share the better rank: 1, 2, 2, 4."""
    rounded = {name: round(value, DIGITS) for name, value in values.items()}
    return {name: 1 + sum(other > own for other in rounded.values()) for name, own in rounded.items()}


def mean_ranks(means: Means, metrics: Sequence[str] = RANKED_METRICS) -> dict[str, float]:
    """Method -> mean of its ranks over the metrics, 1 (best) to the number of methods."""
    by_metric = [ranks({name: values[metric] for name, values in means.items()}) for metric in metrics]
    return {name: sum(each[name] for each in by_metric) / len(by_metric) for name in means}


def likeness(values: Mapping[str, float]) -> float:
    """VIF + Qabf + SSIM."""
    return sum(values[metric] for metric in SUMMED_METRICS)
