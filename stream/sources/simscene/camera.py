"""The pinhole camera of a simulated scene, and the view that each of the two cameras has through it.

World: X right, Y up, Z away from the camera, metres; the ground is Y = 0. The camera looks along Z, level; its
picture is moved up or down by ``horizon`` (a lens shift), so that upright things stay upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from stream.sources.base import Role
from stream.sources.simscene.spec import SimSpec


@dataclass(frozen=True)
class Lens:
    """Where a scene's camera stands. ``focal``: focal length over picture width; ``horizon``: share of the height."""

    x_m: float
    height_m: float
    focal: float
    horizon: float


@dataclass(frozen=True)
class View:
    """One camera's picture of the world: the lens in visible pixels, then ``matrix`` (3x3) to its own pixels."""

    lens: Lens
    visible_size: tuple[int, int]
    size: tuple[int, int]
    matrix: NDArray[np.float64]

    @property
    def focal_px(self) -> float:
        """Focal length in visible pixels."""
        return self.lens.focal * self.visible_size[0]

    @property
    def horizon_px(self) -> float:
        """Row of the horizon in the visible picture."""
        return self.lens.horizon * self.visible_size[1]

    @cached_property
    def zoom(self) -> float:
        """Own pixels to a visible pixel."""
        return float(np.hypot(self.matrix[0, 0], self.matrix[1, 0]))

    def project(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Own pixel coordinates of world points (..., 3), Z > 0: (..., 2)."""
        scaled = self.focal_px / points_m[..., 2]
        x = (self.visible_size[0] - 1) / 2 + scaled * (points_m[..., 0] - self.lens.x_m)
        y = self.horizon_px + scaled * (self.lens.height_m - points_m[..., 1])
        m = self.matrix
        pixels = np.empty((*x.shape, 2))
        pixels[..., 0] = m[0, 0] * x + m[0, 1] * y + m[0, 2]
        pixels[..., 1] = m[1, 0] * x + m[1, 1] * y + m[1, 2]
        return pixels

    def scale_px(self, depth_m: float) -> float:
        """Own pixels to a metre at a depth."""
        return self.focal_px * self.zoom / depth_m

    def may_show(self, x_m: float, z_m: float, radius_m: float) -> bool:
        """Whether a thing within ``radius_m`` of an upright axis could reach into the picture."""
        if z_m < 1.0:
            return False
        axis = self.project(np.array([(x_m, 0.0, z_m), (x_m, 2.0, z_m)]))
        reach = (radius_m + 1.0) * self.scale_px(z_m)
        low, high = axis.min(axis=0) - reach, axis.max(axis=0) + reach
        return bool(high[0] >= 0 and high[1] >= 0 and low[0] < self.size[0] and low[1] < self.size[1])

    def rays(self, oversample: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Directions (dx, dy up) with dz = 1 of every sub-pixel, float32 (H*n, W*n) each."""
        width, height = self.size
        step = 1 / oversample
        xs = (np.arange(width * oversample) + 0.5) * step - 0.5
        ys = (np.arange(height * oversample) + 0.5) * step - 0.5
        inverse = np.linalg.inv(self.matrix)
        x = inverse[0, 0] * xs[None, :] + inverse[0, 1] * ys[:, None] + inverse[0, 2]
        y = inverse[1, 0] * xs[None, :] + inverse[1, 1] * ys[:, None] + inverse[1, 2]
        dx = (x - (self.visible_size[0] - 1) / 2) / self.focal_px
        dy = (self.horizon_px - y) / self.focal_px
        return dx.astype(np.float32), dy.astype(np.float32)


def view_of(spec: SimSpec, lens: Lens, role: Role) -> View:
    """The view of one of the two cameras."""
    matrix = spec.homography_infrared_from_visible() if role == "infrared" else np.eye(3)
    return View(lens, spec.size_of("visible"), spec.size_of(role), matrix)
