"""Figures as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns: the first one to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        return "  ".join(cells).rstrip()

    return [line(head), *map(line, rows)]


def facts_lines(facts: dict[str, Any]) -> Iterator[str]:
    """The machine in a few lines."""
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if version)
    yield f"{facts['cpu'] or 'unknown processor'}, {facts['processors_usable']} of {facts['processors']} processors"
    yield f"flags: {' '.join(facts['cpu_flags']) or 'none known'}"
    yield f"{facts['system']}, python {facts['python']}, {packages}"
    yield f"{facts['ffmpeg'] or 'no ffmpeg executable'}; commit {facts['commit'] or 'unknown'}"
    load, processors = facts["load_average_1min"], facts["processors_usable"]
    if load is not None and load > processors / 2:
        yield f"WARNING: the machine is busy (load {load} on {processors} processors): it would be faster alone"


def engine_lines(figures: list[dict[str, Any]], unavailable: dict[str, str]) -> Iterator[str]:
    """Latency of the student, and what could not be measured."""
    rows = [
        [f"{row['engine']} {row['precision']} {row['width']}x{row['height']}{how}", *_ms_cells(row[ms])]
        for row in figures
        for ms, how in (("ms", ""), ("read_ms", ", and read"))
    ]
    yield from table(["student, two lumas to one", *_MS_HEAD], rows)
    for name, why in unavailable.items():
        yield f"not here: {name}: {why}"


def kernel_lines(figures: list[dict[str, Any]]) -> Iterator[str]:
    """The kernels."""
    rows = [[row["kernel"], *_ms_cells(row["ms"])] for row in figures]
    yield from table(["kernel, 640x480, one thread", *_MS_HEAD], rows)


def conversion_lines(figures: dict[str, Any]) -> Iterator[str]:
    """Conversion, ours and FFmpeg's."""
    rows = []
    for name, label in (("nightglass", "nightglass convert"), ("ffmpeg_blend", "ffmpeg blend=average")):
        if figures[name] is not None:
            seconds, fps = figures[name]["command_s"], figures[name]["command_fps"]
            cells = [f"{seconds[key]:.2f}" for key in ("median", "p10", "p90")]
            rows.append([label, *cells, str(seconds["runs"]), f"{fps['median']:.1f}"])
    head = [f"{figures['frames']} frames, whole command", "median s", "p10", "p90", "runs", "fps"]
    yield from table(head, rows)
    if figures["why_no_ffmpeg"]:
        yield f"FFmpeg's blend filter was not measured: {figures['why_no_ffmpeg']}"
    report = figures["nightglass"]["report"]
    stages = ", ".join(f"{name} {stage['p50']:.2f}" for name, stage in report["stage_ms"].items() if stage["p50"])
    engine = f"{report['model']} on {report['engine']} {report['precision']}"
    yield f"nightglass in its last run, without the interpreter's start: {report['fps']:.1f} fps, {engine}"
    yield f"stages of that run, median ms: {stages}"


_MS_HEAD = ("median ms", "p10", "p90", "min", "runs")


def _ms_cells(ms: dict[str, float]) -> list[str]:
    return [*(f"{ms[key]:.3f}" for key in ("median", "p10", "p90", "min")), str(ms["runs"])]
