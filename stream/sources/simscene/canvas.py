"""What actors draw on, and what every actor is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream.sources.base import Role
from stream.sources.simscene import raster
from stream.sources.simscene.camera import View

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class WarmBox:
    """Where a warm thing is, in visible pixels: ``x0 <= x < x1``, ``y0 <= y < y1`` (may reach past the frame).

    ``kind``: ``person``, ``cyclist``, ``dog``, ``car`` or ``fire``. ``depth_m``: its distance.
    ``hidden``: the share of the box that the still world hides, 0..1.
    """

    kind: str
    x0: float
    y0: float
    x1: float
    y1: float
    depth_m: float
    hidden: float


@dataclass(frozen=True)
class Canvas:
    """One camera's picture in the making: float32 (H, W, 3) of light or (H, W, 1) of degrees Celsius."""

    role: Role
    view: View
    image: NDArray[np.float32]
    depth: NDArray[np.float32]
    tile: NDArray[np.float32]

    @property
    def soft_px(self) -> float:
        """Half the width of an edge: a thermal lens is softer."""
        return 0.9 if self.role == "infrared" else 0.65

    def glow(
        self,
        point_m: tuple[float, float, float],
        radius_m: float,
        colour: Rgb,
        halo: float,
        halo_m: float,
        stretch: float,
    ) -> None:
        """Add a lamp's light and glare where the still world does not hide it."""
        (x, y) = self.view.project(np.array(point_m))
        column, row = round(x), round(y)
        height, width = self.depth.shape
        inside = 0 <= column < width and 0 <= row < height
        if inside and self.depth[row, column] < point_m[2] - 0.3:
            return
        metre_px = self.view.scale_px(point_m[2])
        raster.add_glow(
            self.image,
            np.float32(x),
            np.float32(y),
            np.float32(max(radius_m * metre_px, 0.8)),
            np.float32(max(halo_m * metre_px, 0.006 * width)),
            np.array(colour, np.float32),
            np.float32(halo),
            np.float32(stretch),
        )


class Light(Protocol):
    """The light that falls on a thing."""

    def __call__(self, x_m: float, y_m: float, z_m: float) -> NDArray[np.float64]:
        """Irradiance over pi, linear RGB (3,), at a point."""


class Actor(Protocol):
    """Something that moves, at one moment."""

    kind: str
    depth_m: float

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw it for the canvas's role; ``light`` matters to the visible camera only."""

    def extent_px(self, view: View) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in the view's pixels."""
