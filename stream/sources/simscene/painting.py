"""From hits and surface properties to a finished still picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene.raycast import GROUND, SKY, Hits
from stream.sources.simscene.surfaces import F32, Paintwork

OVERSAMPLE = 2


class Layers:
    """Surface properties of every sub-pixel, filled in surface by surface."""

    def __init__(self, hits: Hits) -> None:
        self.hits = hits
        rows, columns = hits.x.shape
        self.albedo = np.zeros((rows, columns, 3), np.float32)
        self.glow = np.zeros((rows, columns, 3), np.float32)
        self.celsius = np.zeros((rows, columns), np.float32)

    def put(self, where: NDArray[np.bool_], work: Paintwork) -> None:
        """Set the sub-pixels ``where`` (True: N of them, in order)."""
        self.albedo[where] = work.albedo
        self.glow[where] = work.glow
        self.celsius[where] = work.celsius

    def light(self, irradiance: F32) -> F32:
        """The lit picture at full resolution, float32 (H, W, 3)."""
        return shrink(np.minimum(self.albedo * irradiance + self.glow, 4.0))

    def temperature(self) -> F32:
        """Degrees Celsius at full resolution, float32 (H, W, 1)."""
        return shrink(self.celsius[..., None])

    def depth(self) -> F32:
        """Distance along Z at full resolution; the sky is infinitely far. The nearest sub-pixel counts."""
        hits = self.hits
        far = np.where(hits.box == SKY, np.float32(1e6), hits.z)
        rows, columns = far.shape
        return far.reshape(rows // OVERSAMPLE, OVERSAMPLE, columns // OVERSAMPLE, OVERSAMPLE).min(axis=(1, 3))

    def ground(self) -> F32:
        """Mean albedo where the ground is seen, 0 elsewhere, float32 (H, W)."""
        grey = np.where(self.hits.box == GROUND, self.albedo.mean(axis=2), 0)
        return np.ascontiguousarray(shrink(grey[..., None])[..., 0])


def shrink(image: F32) -> F32:
    """Average the sub-pixels, then blur by a lens's point spread (about 0.6 pixels)."""
    rows, columns, channels = image.shape
    small = image.reshape(rows // OVERSAMPLE, OVERSAMPLE, columns // OVERSAMPLE, OVERSAMPLE, channels).mean(axis=(1, 3))
    return blur(small.astype(np.float32), 0.16)


def blur(image: F32, side: float) -> F32:
    """Three taps (side, 1 - 2 side, side) along both axes, edges repeated."""
    for axis in (0, 1):
        ahead = np.concatenate([image.take(range(1, image.shape[axis]), axis), image.take([-1], axis)], axis)
        behind = np.concatenate([image.take([0], axis), image.take(range(image.shape[axis] - 1), axis)], axis)
        image = ((1 - 2 * side) * image + side * (ahead + behind)).astype(np.float32)
    return np.ascontiguousarray(image)
