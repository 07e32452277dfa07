"""The report's folder: figures as JSON and CSV, text, plots and contact sheets. Needs matplotlib."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.degradations import KINDS
from training.plots import grouped_bars
from training.reporting import degraded, told
from training.reporting.findings import Findings, Summary, write_rows
from training.reporting.looks import choose, write_looks
from training.reporting.summary import markdown

DIGITS = 5
"""Significant digits in JSON."""


def write_folder(folder: Path, summary: Summary, findings: Findings) -> None:
    """Write everything, making the folder. Raises OSError or InputError where that cannot be."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rounded(summary), separators=(",", ":"), indent=0) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    write_rows(folder / "images.csv", findings.rows)
    _plots(folder, summary)
    titles = {}
    for sheet in dict.fromkeys(look.sheet for look in findings.looks):
        file = f"{sheet.replace('/', '-')}.webp"
        write_looks(folder / file, choose([look for look in findings.looks if look.sheet == sheet]))
        if sheet in summary["clean"]:
            titles[file] = sheet
    (folder / "report.md").write_text(markdown(summary, titles), encoding="utf-8")


def rounded(value: Any) -> Any:
    """Plain data with floats to ``DIGITS`` significant digits; what JSON has no number for becomes None."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def _plots(folder: Path, summary: Summary) -> None:
    kinds = summary["degraded"]["kinds"]
    gains = {
        metric: [100 * one["gains"][metric]["gain"] for one in kinds.values()] for metric in degraded.GAINED_METRICS
    }
    grouped_bars(folder / "gains.png", "Gain of the student over the best trivial fusion", "%", list(kinds), gains, 0.0)
    if summary["told"]:
        said = [kind for kind in summary["told"] if kind in KINDS]
        bars = {name: [summary["told"][kind][name]["VIF"] for kind in said] for name in told.TOLD}
        grouped_bars(folder / "told.png", "Teacher's VIF by what it is told", "VIF", said, bars)
    if summary["prior"]:
        accuracies = [one["balanced"] for one in summary["prior"]["kinds"].values()]
        percents = {"balanced accuracy": [None if value is None else 100 * value for value in accuracies]}
        title = "Kinds told by the student (dashed: a guess)"
        grouped_bars(folder / "prior.png", title, "balanced accuracy, %", list(KINDS), percents, 50.0)
