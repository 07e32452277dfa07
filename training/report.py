"""What an evaluation leaves behind: JSON for programs, CSV by picture, tables for people."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from training.flicker import STATIC_RANGE, WINDOW_FRAMES
from training.metrics import DEFINITIONS_VERSION, METRICS
from training.scoring import Scores

TABLE_METRICS = tuple(name for name in METRICS if not name.startswith("Qabf_"))
"""What the printed table shows; the JSON and CSV files hold all metrics."""


def as_json(scores: Scores, inputs: dict[str, Any]) -> dict[str, Any]:
    """The report as plain data. ``inputs``: what was asked for, copied into it.

    ``means``: method -> metric -> mean. ``images``: picture -> method -> metric. ``flicker``: recording -> report.
    """
    return {
        "definitions": DEFINITIONS_VERSION,
        "inputs": inputs,
        "counts": {"pictures": len(scores.images), "frames_read": scores.frames_read},
        "metrics": list(METRICS),
        "means": scores.means(),
        "flicker_definition": {"window_frames": WINDOW_FRAMES, "static_range": STATIC_RANGE},
        "flicker": {name: dataclasses.asdict(report) for name, report in scores.flicker.items()},
        "images": scores.images,
    }


def write_json(path: Path, scores: Scores, inputs: dict[str, Any]) -> None:
    """Write the report as JSON, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_json(scores, inputs), indent=1) + "\n", encoding="utf-8")


def write_csv(path: Path, scores: Scores) -> None:
    """Write a line for each picture and method: name, method, then all metrics."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["picture", "method", *METRICS])
        for name, methods in scores.images.items():
            for method, values in methods.items():
                writer.writerow([name, method, *(f"{values[metric]:.6g}" for metric in METRICS)])


def print_tables(console: Console, scores: Scores) -> None:
    """Print the means by method, and the flicker of each sequence."""
    table = Table(title=f"Means over {len(scores.images)} pictures (8-bit luma, definitions {DEFINITIONS_VERSION})")
    table.add_column("method", no_wrap=True)
    for metric in TABLE_METRICS:
        table.add_column(metric, justify="right", no_wrap=True)
    for method, values in scores.means().items():
        table.add_row(method, *(f"{values[metric]:.4f}" for metric in TABLE_METRICS))
    console.print(table)
    for name, report in scores.flicker.items():
        title = (
            f"Flicker of {name}: {report.frames} frames, {report.windows} windows of {WINDOW_FRAMES}, "
            f"{report.static_share:.0%} static (grey levels)"
        )
        flicker = Table(title=title)
        flicker.add_column("method", no_wrap=True)
        for heading in ("noise", "excess", "jump"):
            flicker.add_column(heading, justify="right", no_wrap=True)
        flicker.add_row("(infrared source)", _level(report.infrared_noise), "", "")
        flicker.add_row("(visible source)", _level(report.visible_noise), "", "")
        for method, own in report.methods.items():
            flicker.add_row(method, _level(own.noise), _level(own.excess), _level(own.jump))
        console.print(flicker)


def _level(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
