"""Published methods' means, measured elsewhere and given as a file, so that a student's ranks have company."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from training.images import InputError
from training.ranks import RANKED_METRICS, Means

Peers = dict[str, dict[str, dict[str, float]]]
"""Data set -> method -> metric -> mean."""

TOLERANCE = 0.01
"""Baselines in the file may differ so much, relative, from those measured here: implementations round differently."""


def read_peers(path: Path) -> Peers:
    """Read ``{"about": {"metrics": [...]}, "means": {data set: {method: [values]}}}``.

    Raises InputError, one line, for a file that is not that, or that lacks a metric of which ranks are taken.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        metrics = data["about"]["metrics"]
        peers = {
            dataset: {
                method: {metric: float(value) for metric, value in zip(metrics, values, strict=True)}
                for method, values in methods.items()
            }
            for dataset, methods in data["means"].items()
        }
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a file of peers' means: {type(error).__name__} {error}") from error
    if missing := [metric for metric in RANKED_METRICS if metric not in metrics]:
        raise InputError(f"{path}: lacks {', '.join(missing)}, of which ranks are taken")
    return peers


def disagreement(peers: Means, own: Means) -> float | None:
    """Largest relative difference over the methods that both have measured, baselines; None where there is none.

    Where it is large, the peers' figures are of other pictures, or of other definitions.
    """
    found = [
        abs(values[metric] - own[method][metric]) / max(abs(own[method][metric]), 1e-9)
        for method, values in peers.items()
        if method in own
        for metric in RANKED_METRICS
    ]
    return max(found, default=None)


def newcomers(peers: Mapping[str, Mapping[str, float]], own: Means) -> dict[str, dict[str, float]]:
    """The peers that were not measured here."""
    return {method: dict(values) for method, values in peers.items() if method not in own}
