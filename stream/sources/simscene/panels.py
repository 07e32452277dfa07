"""Sprites stood up in the world: flat four-cornered panels seen in perspective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene import raster
from stream.sources.simscene.canvas import Canvas
from stream.sources.simscene.sprites import Sprite


@dataclass(frozen=True, slots=True)
class Panel:
    """``corners_m``: top left, top right, bottom right, bottom left as seen from its front, world metres.

    ``facing_up``: 0 for upright panels, 1 for level ones: how much of the sky lights it.
    """

    sprite: Sprite
    corners_m: tuple[tuple[float, float, float], ...]
    facing_up: float = 0.0


def draw_panels(
    canvas: Canvas, panels: list[Panel], light: NDArray[np.float64], depth_m: float, *, fixed: bool = False
) -> None:
    """Draw the panels whose front is seen, in the order given.

    ``light``: on an upright panel, RGB (visible only). ``depth_m``: where the still world hides them. ``fixed``:
    they join the still world.
    """
    corners = np.array([panel.corners_m for panel in panels])
    nearest = corners[..., 2].min(axis=1)
    corners[..., 2] = np.maximum(corners[..., 2], 0.1)
    pixels = canvas.view.project(corners)
    following = np.roll(pixels, -1, axis=1)
    areas = 0.5 * (pixels[..., 0] * following[..., 1] - following[..., 0] * pixels[..., 1]).sum(axis=1)
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    height, width = canvas.depth.shape
    seen = (areas > 0.25) & (nearest > 0.5) & (high > 0).all(axis=1) & (low[:, 0] < width) & (low[:, 1] < height)
    for number in np.flatnonzero(seen):
        panel = panels[number]
        levels = panel.sprite.levels(canvas.role)
        rows, columns = levels[0].shape[:2]
        level = round(0.5 * np.log2(max(rows * columns / areas[number], 1.0)))
        sheet = levels[min(level, len(levels) - 1)]
        if canvas.role == "visible":
            gain = (light * (0.65 + 0.5 * panel.facing_up)).astype(np.float32)
        else:
            gain = np.ones(1, np.float32)
        raster.draw_quad(canvas.image, canvas.depth, depth_m, pixels[number], sheet, gain, fixed)
