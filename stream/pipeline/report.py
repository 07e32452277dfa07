"""The report of a run, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from models.engines import Engine
from stream.errors import SinkError
from stream.stats import RunStats
from stream.sync.pairing import SyncCounters


def build_report(stats: RunStats, elapsed_s: float, engine: Engine, counters: SyncCounters | None) -> dict[str, Any]:
    """All fields of the design's report contract. ``counters`` None: paired by name, not in time."""
    report = stats.snapshot(elapsed_s)
    report |= {"engine": engine.name, "precision": engine.precision, "model": engine.model}
    if counters is not None:
        report["sync"] = {
            "pairs": counters.pairs,
            "held": counters.held,
            "degraded": counters.degraded,
            "unpaired": counters.unpaired,
            "late": counters.late,
        }
    return report


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write it. Raises SinkError naming the path."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise SinkError(f"{path}: cannot write the report: {error.strerror}") from None
