"""The still world, seen pixel by pixel: which surface each ray meets, and where on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene.camera import View

GROUND = -1
SKY = -2
FAR_M = 1e6

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright box, metres: ``low`` and ``high`` are its (x, y, z) corners. ``material``: the painter's name."""

    material: str
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Hits:
    """What each of the (H, W) rays meets. All arrays (H, W).

    ``box``: index of the box, or GROUND or SKY. ``axis``: 0, 1, 2, the axis that the surface is square to.
    ``x``, ``y``, ``z``: the point in metres (for the sky, the direction). ``footprint_m``: size of a sub-pixel there.
    """

    box: NDArray[np.int16]
    axis: NDArray[np.int8]
    x: F32
    y: F32
    z: F32
    footprint_m: F32

    def on_wall(self) -> tuple[F32, F32]:
        """(along, up) coordinates in metres on upright faces."""
        return np.where(self.axis == 0, self.z, self.x), self.y


def cast(view: View, boxes: list[Box], oversample: int) -> Hits:
    """Meet every sub-pixel's ray with the boxes and the ground."""
    dx, dy = view.rays(oversample)
    origin = (view.lens.x_m, view.lens.height_m, 0.0)
    with np.errstate(divide="ignore"):
        reach = np.where(dy < 0, -origin[1] / dy, FAR_M).astype(np.float32)
    index = np.where(reach < FAR_M, GROUND, SKY).astype(np.int16)
    axis = np.ones(reach.shape, np.int8)
    for number, box in enumerate(boxes):
        near, face = _enter(box, origin, (dx, dy))
        closer = (near > 0) & (near < reach)
        reach = np.where(closer, near, reach)
        index[closer] = number
        axis[closer] = face[closer]
    footprint = reach / np.float32(view.focal_px * view.zoom * oversample)
    sky = index == SKY
    reach = np.where(sky, np.float32(1), reach)
    return Hits(index, axis, origin[0] + dx * reach, origin[1] * ~sky + dy * reach, reach.astype(np.float32), footprint)


def lit(hits: Hits, boxes: list[Box], towards: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Whether the sun in direction ``towards`` reaches each point (no box in between)."""
    shadow = np.zeros(hits.x.shape, bool)
    nudge = 0.02
    origin = (hits.x + nudge * towards[0], hits.y + nudge * towards[1], hits.z + nudge * towards[2])
    for box in boxes:
        entry = np.full(hits.x.shape, nudge, np.float32)
        leave = np.full(hits.x.shape, FAR_M, np.float32)
        for k in range(3):
            inverse = 1 / towards[k]
            a, b = (box.low[k] - origin[k]) * inverse, (box.high[k] - origin[k]) * inverse
            entry = np.maximum(entry, np.minimum(a, b))
            leave = np.minimum(leave, np.maximum(a, b))
        shadow |= entry < leave
    return ~shadow


def crevice(hits: Hits, boxes: list[Box], radius_m: float) -> F32:
    """Light left on the ground by the walls around it (ambient occlusion), 0.45 at a wall's foot to 1."""
    factor = np.ones(hits.x.shape, np.float32)
    on_ground = hits.box == GROUND
    x, z = hits.x[on_ground], hits.z[on_ground]
    total = np.zeros(x.shape, np.float32)
    for box in boxes:
        out_x = np.maximum(np.maximum(box.low[0] - x, x - box.high[0]), 0)
        out_z = np.maximum(np.maximum(box.low[2] - z, z - box.high[2]), 0)
        near = np.exp(-np.hypot(out_x, out_z) / radius_m) * min(1.0, (box.high[1] - box.low[1]) / radius_m)
        total = np.maximum(total, near)
    factor[on_ground] = 1 - 0.55 * total
    return factor


def _enter(box: Box, origin: tuple[float, float, float], direction: tuple[F32, F32]) -> tuple[F32, NDArray[np.int8]]:
    """Distance along rays (x, y, 1) at which they enter a box (0 or less: they miss it), and through which axis."""
    near = np.full(direction[0].shape, box.low[2] - origin[2], np.float32)
    far = np.full(direction[0].shape, box.high[2] - origin[2], np.float32)
    face = np.full(direction[0].shape, 2, np.int8)
    for k, along in enumerate(direction):
        inverse = 1 / np.where(np.abs(along) < 1e-9, np.float32(1e-9), along)
        a, b = (box.low[k] - origin[k]) * inverse, (box.high[k] - origin[k]) * inverse
        first, last = np.minimum(a, b), np.maximum(a, b)
        face[first > near] = k
        near = np.maximum(near, first)
        far = np.minimum(far, last)
    return np.where(near < far, near, np.float32(-1)), face
