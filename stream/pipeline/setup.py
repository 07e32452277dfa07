"""What conversion and live fusion set up alike."""

from __future__ import annotations

from stream.calibration import Calibration, load_calibration
from stream.config import NightglassConfig, SyncConfig


def calibration_of(config: NightglassConfig) -> Calibration | None:
    """The calibration that the configuration names, if it does. Raises CalibrationError."""
    path = config.registration.calibration
    return None if path is None else load_calibration(path)


def sync_config(config: NightglassConfig, calibration: Calibration | None) -> SyncConfig:
    """The pairing's settings; the calibration's time offset holds where the configuration gives none."""
    if calibration is None or calibration.infrared_offset_ms is None or config.sync.infrared_offset_ms:
        return config.sync
    return config.sync.model_copy(update={"infrared_offset_ms": calibration.infrared_offset_ms})
