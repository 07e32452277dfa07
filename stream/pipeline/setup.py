"""What conversion and live fusion set up alike."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from models.engines import Engine, load_engine
from stream.calibration import Calibration
from stream.calibration_file import load_calibration
from stream.clock import Clock
from stream.config import NightglassConfig, SyncConfig
from stream.errors import CalibrationError
from stream.sources.base import Role, StreamInfo

if TYPE_CHECKING:
    from stream.fusion import FusionStage

log = logging.getLogger("nightglass")


def calibration_of(config: NightglassConfig) -> Calibration | None:
    """The calibration that the configuration names, for the distance that it names, if it does.

    Raises CalibrationError.
    """
    path, distance_m = config.registration.calibration, config.registration.distance_m
    if path is None:
        return None
    calibration = load_calibration(path)
    if distance_m is None:
        return calibration
    if not calibration.maps and calibration.distance_m is not None:
        # The first of several maps to come: it holds everywhere until then.
        return calibration
    try:
        chosen = calibration.at_distance(distance_m)
    except CalibrationError as error:
        raise CalibrationError(f"{path}: registration.distance_m is {distance_m:g}, but {error}") from None
    if chosen.distance_m != distance_m:
        log.warning("%s: registration.distance_m is %g, but %s", path, distance_m, chosen.reach())
    return chosen


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
    size = infos["visible"].size
    if size is not None:
        engine.expect(size[1], size[0])
    # Not at the top: the engine gets ready while the kernels load.
    from stream.fusion import FusionStage

    return FusionStage(
        engine,
        config.normalize,
        calibration,
        clock,
        size,
        infrared_size=infos["infrared"].size,
        chroma=config.fusion.chroma,
        noise_reduction=config.fusion.noise_reduction,
        shutter=config.fusion.shutter,
        stills=stills,
    )
