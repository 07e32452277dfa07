"""What conversion and live fusion set up alike."""

from __future__ import annotations

from collections.abc import Mapping

from models.engines import Engine, load_engine
from stream.calibration import Calibration, load_calibration
from stream.clock import Clock
from stream.config import NightglassConfig, SyncConfig
from stream.fusion import FusionStage
from stream.sources.base import Role, StreamInfo


def calibration_of(config: NightglassConfig) -> Calibration | None:
    """The calibration that the configuration names, if it does. Raises CalibrationError."""
    path = config.registration.calibration
    return None if path is None else load_calibration(path)


def sync_config(config: NightglassConfig, calibration: Calibration | None) -> SyncConfig:
    """The pairing's settings; the calibration's time offset holds where the configuration gives none."""
    if calibration is None or calibration.infrared_offset_ms is None or config.sync.infrared_offset_ms:
        return config.sync
    return config.sync.model_copy(update={"infrared_offset_ms": calibration.infrared_offset_ms})


def fusion_engine(config: NightglassConfig, *, throughput: bool = False) -> Engine:
    """The engine that the configuration asks for, see ``models.engines.load_engine``. Raises EngineError."""
    fusion = config.fusion
    return load_engine(
        fusion.model,
        fusion.engine,
        fusion.precision,
        fusion.threads,
        throughput=throughput,
        resolution=fusion.resolution,
    )


def fusion_stage(
    config: NightglassConfig,
    engine: Engine,
    calibration: Calibration | None,
    clock: Clock,
    infos: Mapping[Role, StreamInfo],
    *,
    stills: bool = False,
) -> FusionStage:
    """The fusion stage for opened sources. ``stills``: their pictures have nothing to do with each other."""
    visible = infos["visible"]
    return FusionStage(
        engine,
        config.normalize,
        calibration,
        clock,
        None if visible.variable_size else (visible.width, visible.height),
        chroma=config.fusion.chroma,
        noise_reduction=config.fusion.noise_reduction,
        shutter=config.fusion.shutter,
        stills=stills,
    )
