"""Latency of the student: from two 8-bit lumas in memory to the fused one.

Three frames of a video in four at 30 Hz are fused only, the fourth one is read, too (``stream.fusion.READ_EVERY_S``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from models.engines import EngineError, load_engine
from stream.benchmarking.inputs import textured_luma
from stream.benchmarking.timing import measure_ms
from stream.clock import Clock

CANDIDATES = (
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("cuda_graph", "fp16"),
    ("cuda_graph", "bf16"),
)
"""Engines and precisions that are tried. The torch engine, which is for checks, is not."""


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """``measured``: a row for each engine, precision and size; its ``ms`` is of frames that are fused only, its
    ``read_ms`` of those that are read. ``unavailable``: "engine precision" -> why.
    """

    measured: list[dict[str, Any]]
    unavailable: dict[str, str]


def measure_engines(model: str, sizes: Sequence[tuple[int, int]], clock: Clock, budget_s: float) -> EngineFigures:
    """Measure all candidates that this machine runs, each size (width, height) for about ``budget_s`` seconds."""
    measured: list[dict[str, Any]] = []
    unavailable: dict[str, str] = {}
    for name, precision in CANDIDATES:
        try:
            engine = load_engine(model, name, precision)
        except EngineError as error:
            unavailable[f"{name} {precision}"] = str(error)
            continue
        for width, height in sizes:
            infrared, visible = (textured_luma(width, height, seed) for seed in (1, 2))
            code = engine.fuse(infrared, visible).code
            taken, read = (
                measure_ms(partial(engine.fuse, infrared, visible, code, read=read), clock, budget_s / 2)
                for read in (False, True)
            )
            measured.append(
                {
                    "engine": engine.name,
                    "precision": engine.precision,
                    "model": engine.model,
                    "width": width,
                    "height": height,
                    "ms": taken.as_json(),
                    "read_ms": read.as_json(),
                }
            )
        engine.close()
    return EngineFigures(measured, unavailable)
