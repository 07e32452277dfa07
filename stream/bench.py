"""The ``bench`` command: measures, prints tables, and writes JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream.benchmarking.conversion import find_ffmpeg, measure_conversion
from stream.benchmarking.engines import measure_engines
from stream.benchmarking.facts import machine_facts
from stream.benchmarking.inputs import write_pair
from stream.benchmarking.kernels import measure_kernels
from stream.benchmarking.table import conversion_lines, engine_lines, facts_lines, kernel_lines
from stream.clock import SystemClock
from stream.config import FusionConfig
from stream.pipeline.report import write_report

JSON_VERSION = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured; the defaults take some five minutes on two idle cores.

    ``sizes``: of the student's pictures, (width, height). ``engine_s``, ``kernel_s``: for each row.
    ``frames``, ``frame_size``: of the recordings. ``rounds``, ``rounds_s``: most rounds of conversions, and the time
    after which no new one starts.
    """

    sizes: tuple[tuple[int, int], ...] = ((640, 480), (1280, 720), (1920, 1080))
    engine_s: float = 2.5
    kernel_s: float = 0.4
    frames: int = 1800
    frame_size: tuple[int, int] = (640, 480)
    rounds: int = 7
    rounds_s: float = 120.0


def run_benchmarks(json_path: Path | None, say: Callable[[str], None], plan: Plan) -> None:
    """Measure engine, kernels and conversion; ``say`` gets the text line by line as it becomes known.

    Raises SinkError if the JSON file cannot be written, NightglassError if our own conversion fails.
    """
    clock = SystemClock()
    facts = machine_facts(clock)
    for line in facts_lines(facts):
        say(line)
    say("")
    engines = measure_engines(FusionConfig().model, plan.sizes, clock, plan.engine_s)
    for line in engine_lines(engines.measured, engines.unavailable):
        say(line)
    say("")
    kernels = measure_kernels(clock, plan.kernel_s)
    for line in kernel_lines(kernels):
        say(line)
    say("")
    with tempfile.TemporaryDirectory(prefix="nightglass-bench-") as folder:
        pair = write_pair(Path(folder), plan.frames, plan.frame_size, clock)
        conversion = measure_conversion(
            pair, plan.frames, plan.frame_size, clock, rounds=plan.rounds, budget_s=plan.rounds_s, ffmpeg=find_ffmpeg()
        )
    conversion |= {"width": plan.frame_size[0], "height": plan.frame_size[1]}
    for line in conversion_lines(conversion):
        say(line)
    if json_path is not None:
        figures: dict[str, Any] = {
            "version": JSON_VERSION,
            "machine": facts,
            "engine": engines.measured,
            "engine_unavailable": engines.unavailable,
            "kernels": kernels,
            "conversion": conversion,
        }
        write_report(figures, json_path)
