"""An open fire: flames and embers that light up and heat, as many soft blobs that rise and die."""

from __future__ import annotations

import math

import numpy as np

from stream.sources.simscene.camera import View
from stream.sources.simscene.canvas import Canvas, Light
from stream.sources.simscene.schedule import unit_hash

_FLAMES = 22
_LIFE_S = 0.85


class Fire:
    """A fire on a round bed at (x_m, y_m, z_m), ``wide_m`` across, at one moment."""

    kind = "fire"

    def __init__(self, x_m: float, y_m: float, z_m: float, wide_m: float, t_s: float, seed: int) -> None:
        self._place = (x_m, y_m, z_m)
        self._wide_m, self._t_s, self._seed = wide_m, t_s, seed
        self.depth_m = z_m

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Add the flames: orange light, or heat."""
        x, y, z = self._place
        if not canvas.view.may_show(x, z, 2.0):
            return
        if canvas.role == "visible":
            flicker = 0.8 + 0.2 * math.sin(17 * self._t_s) * math.sin(11.3 * self._t_s + 1)
            canvas.glow((x, y + 0.25, z - 0.35), 0.1, (flicker, 0.45 * flicker, 0.12 * flicker), 0.10, 0.5, 0.0)
        for number in range(_FLAMES):
            age = self._t_s / _LIFE_S + number / _FLAMES
            life, age = math.floor(age), age - math.floor(age)
            side = unit_hash(self._seed, number, life) - 0.5
            sway = 0.10 * math.sin(7 * self._t_s + 5 * age + number)
            rise = 0.9 * age * (0.6 + 0.6 * unit_hash(self._seed, number, life, 2))
            point = (x + self._wide_m * side * (1 - 0.7 * age) + sway * age, y + rise, z - 0.35)
            size = 0.13 * (1 - 0.75 * age) + 0.02
            if canvas.role == "visible":
                heat = (1 - age) ** 1.2
                colour = (1.1 * heat, (0.55 - 0.35 * age) * heat, 0.12 * heat * (1 - age))
                canvas.glow(point, size, colour, 0.0, 0.35, 0.0)
            else:
                canvas.glow(point, size * 1.1, (26 * (1 - age) + 3, 0, 0), 0.0, 0.2, 0.0)

    def extent_px(self, view: View) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in the view's pixels: bed and the flames' lower half."""
        x, y, z = self._place
        half = self._wide_m / 2
        corners = view.project(
            np.array([(x - half, y + 0.4, z), (x + half, y + 0.4, z), (x - half, y, z), (x + half, y, z)])
        )
        return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
