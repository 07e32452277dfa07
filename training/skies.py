"""Open skies and still water, painted over training pictures: large areas where neither camera sees anything.

Smoke and haze leave the visible picture bright and empty. So does an overcast sky over a lake, of which the training
pictures have hardly any; but there infrared is empty, too, and the horizon is sharp.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

SKY_SHARE, WATER_SHARE = 0.7, 0.4
"""How often each of the two is painted: at least the sky where the water is not."""

FURTHEST = 0.55
"""Share of the height that one of them covers at most."""

VISIBLE, INFRARED = (0.3, 1.0), (0.0, 0.5)
"""Range of an area's brightness, by camera: skies and water are cold."""


def with_open_areas(infrared: Plane, visible: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Both pictures, float32 (H, W) in 0..1, with a sky, water or both in the same places."""
    height, width = visible.shape
    sky, water = rng.random() < SKY_SHARE, rng.random() < WATER_SHARE
    y = np.arange(height, dtype=np.float32)[:, None]
    for up in [True] * (sky or not water) + [False] * water:
        edge = rng.uniform(0.1, FURTHEST) * height + _skyline(width, rng) * rng.uniform(0, 0.1) * height
        distance = (edge - y if up else y - (height - edge)).astype(np.float32)
        cover = np.clip(distance / np.float32(rng.uniform(1, 4)) + 0.5, 0, 1)
        infrared = infrared + cover * (_empty(distance / height, rng.uniform(*INFRARED), rng) - infrared)
        visible = visible + cover * (_empty(distance / height, rng.uniform(*VISIBLE), rng) - visible)
    return infrared.astype(np.float32), visible.astype(np.float32)


def _skyline(width: int, rng: np.random.Generator) -> Plane:
    """Heights of a skyline in about -1..1, (W,): few waves, and steps as of roofs."""
    x = np.linspace(0, 2 * np.pi, width)
    waves = np.sin(rng.uniform(0.5, 4) * x + rng.uniform(0, 6)) * rng.uniform(0, 0.6)
    roofs = np.repeat(rng.uniform(-0.4, 0.4, 1 + width // 24), 24)[:width]
    return (waves + roofs * rng.integers(2)).astype(np.float32)


def _empty(distance: Plane, level: float, rng: np.random.Generator) -> Plane:
    """A level with a gradient away from the horizon, soft clouds or ripples, and the grain of a sensor."""
    clouds = np.repeat(rng.normal(0, rng.uniform(0, 0.02), 1 + distance.shape[0] // 16), 16)[: distance.shape[0], None]
    grain = rng.standard_normal(distance.shape, np.float32) * np.float32(rng.uniform(0.2, 1.5) / 255)
    return np.clip(level + rng.uniform(-0.3, 0.3) * distance + clouds + grain, 0, 1).astype(np.float32)
