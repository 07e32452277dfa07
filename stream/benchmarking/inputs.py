"""What is measured on: textured planes, and a pair of recordings made by the simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.clock import Clock
from stream.config import RecordConfig, SourceConfig
from stream.picture import picture_of
from stream.sinks.videofile import TICKS_PER_S, VideoFile
from stream.sources.base import Role
from stream.sources.sim import SimSource

RATE_HZ = 30
_CRF = 18


def textured_luma(width_px: int, height_px: int, seed: int) -> NDArray[np.uint8]:
    """Blobs, edges and noise, uint8 (H, W): values neither constant nor without neighbours alike."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    waves = np.sin(x / 37 + seed) * np.cos(y / 23) * 60
    return np.clip(110 + waves + 40 * ((x // 64 + y // 48) % 2) + rng.normal(0, 6, x.shape), 0, 255).astype(np.uint8)


def write_pair(folder: Path, frames: int, size: tuple[int, int], clock: Clock) -> dict[Role, Path]:
    """Record both cameras of the simulated night street as H.264 (CRF 18, limited range, ``RATE_HZ``).

    Raises SinkError when the folder does not take them.
    """
    url = f"sim:night-street?size={size[0]}x{size[1]}&fps={RATE_HZ}&seconds={frames / RATE_HZ:.6f}"
    roles: tuple[Role, ...] = ("infrared", "visible")
    return {role: _record(url, role, folder / f"{role}.mp4", size, clock) for role in roles}


def _record(url: str, role: Role, path: Path, size: tuple[int, int], clock: Clock) -> Path:
    source = SimSource(SourceConfig(url=url), role, clock)
    source.open()
    config = RecordConfig(path=str(path), preset="veryfast", crf=_CRF)
    video = VideoFile(path, config, width_px=size[0], height_px=size[1], rate_hz=RATE_HZ, live=False)
    for frame in source.frames():
        video.write(picture_of(frame), frame.seq * TICKS_PER_S[".mp4"] // RATE_HZ)
    video.close()
    source.close()
    return path
