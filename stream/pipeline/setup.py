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
    if calibration is None or config.sync.infrared_offset_ms is not None:
        return config.sync
    return config.sync.model_copy(update={"infrared_offset_ms": calibration.infrared_offset_ms})


def recorded_drift_ppm(config: NightglassConfig, calibration: Calibration | None) -> float:
    """Growth of the calibration's time offset in recordings, millionths; 0 where the configuration sets the offset.

    Not for live cameras: their stamps are brought to this machine's clock all the time, and a drift that is off by
    10 ppm would be almost a second within a day.
    """
    if calibration is None or config.sync.infrared_offset_ms is not None:
        return 0.0
    return calibration.infrared_drift_ppm or 0.0


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
