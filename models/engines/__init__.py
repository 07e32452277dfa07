"""Engines: what runs a student. ``load_engine`` is all that the stream needs to know."""

from __future__ import annotations

import logging

from models.engines.base import Engine, EngineError, FusionResult, Resolution
from models.engines.first import fuse_first
from models.prior import KINDS
from models.steering import STEERING_TIME_CONSTANT_S, Steering

__all__ = [
    "KINDS",
    "STEERING_TIME_CONSTANT_S",
    "Engine",
    "EngineError",
    "FusionResult",
    "Resolution",
    "Steering",
    "fuse_first",
    "load_engine",
]

log = logging.getLogger("nightglass")


def load_engine(
    model: str = "stream",
    engine: str = "auto",
    precision: str = "auto",
    threads: int = 0,
    *,
    throughput: bool = False,
    resolution: Resolution = "auto",
) -> Engine:
    """Build an engine for a shipped model's name or the path of exported weights.

    ``auto`` is ``openvino``: with it nothing but the base install is needed, and torch is not imported.
    ``throughput``: for recordings, where many pictures in an hour count more than one picture soon: an engine that can
    then fuses several at once (see ``Engine.parallel``), with fewer threads each.
    ``resolution``: at which the student looks at big pictures.
    Raises EngineError, one line that says what is missing and how to get it.
    """
    if engine in ("auto", "openvino"):
        from models.engines.openvino import OpenVinoEngine

        return OpenVinoEngine(model, precision, threads, throughput=throughput, resolution=resolution)
    if engine == "torch":
        from models.engines.torch_engine import TorchEngine

        return TorchEngine(model, precision, threads, resolution)
    if engine == "cuda_graph":
        from models.engines.cuda_graph import CudaGraphEngine

        return CudaGraphEngine(model, precision, threads, resolution)
    raise EngineError(f"unknown engine {engine!r}; there are: auto, openvino, torch, cuda_graph")
