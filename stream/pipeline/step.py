"""The end of a pair's way through fusion, and composition, measured: what conversion and live fusion do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.clock import Clock
from stream.compose import compose
from stream.config import ComposeConfig
from stream.frames import FusedFrame, Picture
from stream.stats import RunStats

if TYPE_CHECKING:
    from stream.fusion import FusionStage, Steadied


def finish_and_compose(
    steadied: Steadied, stage: FusionStage, shown: ComposeConfig, stats: RunStats, clock: Clock
) -> tuple[Picture, FusedFrame]:
    """The picture to show and the fused frame it was made of; times, skew, prior and degradation go into ``stats``."""
    fused, pair = stage.finish(steadied), steadied.prepared.pair
    for name, ms in fused.stage_ms.items():
        stats.stage(name, ms)
    began = clock.monotonic_ns()
    picture = compose(fused, shown.mode, shown.palette, shown.pip_scale)
    stats.stage("compose", (clock.monotonic_ns() - began) / 1e6)
    if pair.infrared is not None and pair.visible is not None:
        stats.skew(pair.skew_ns / 1e6)
    if fused.prior is not None:
        stats.prior(fused.prior)
    stats.count("degraded_frames", int(pair.degraded != "none"))
    return picture, fused
