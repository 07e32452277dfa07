"""What the ground is made of: asphalt with markings, paving, concrete."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene.surfaces import F32, Paintwork, cell_hash, fractal, seen

ROAD_HALF_M = 5.3
ZEBRA_M = (12.2, 14.8)


def street(x: F32, z: F32, footprint: F32, tile: F32, air_c: float) -> Paintwork:
    """A two-lane asphalt road with kerbs and paved sides; the road runs along Z."""
    work = Paintwork.blank(x.size)
    fine, large = fractal(tile, x, z, 0.012), fractal(tile, x * 0.6 + 7, z * 0.25, 0.06)
    side = np.abs(x)
    near = seen(footprint, 0.03)
    asphalt = 0.085 * (1 + 0.30 * fine * near + 0.16 * large)
    patch = cell_hash(np.floor(x / 2.4 + 0.3 * np.sin(z * 0.3)), np.floor(z / 5.5), 3)
    asphalt *= np.where(patch > 0.78, 0.72, 1.0)
    crack = (np.abs(fractal(tile, x + 31, z, 0.02) + 0.4 * fine) < 0.035) & (large > 0.5)
    asphalt *= 1 - 0.5 * crack * near
    wheels = np.exp(-(((np.abs(side - 1.75) - 0.75) / 0.28) ** 2))
    asphalt *= 1 + 0.12 * wheels
    work.albedo[:] = np.array((1.0, 0.98, 0.95), np.float32) * asphalt[:, None]
    work.celsius[:] = air_c + 3.2 + 0.40 * large + 0.25 * fine * near + 0.9 * wheels - 0.4 * (patch > 0.78)

    _markings(work, x, z, side, fine, air_c)
    kerb = (side > ROAD_HALF_M) & (side < ROAD_HALF_M + 0.28)
    work.albedo[kerb] = (0.24 * (1 + 0.12 * fine * near) * np.where(z % 1.0 < 0.03, 0.5, 1.0))[kerb, None]
    work.celsius[kerb] = air_c + 1.6 + 0.2 * fine[kerb]
    gutter = (side < ROAD_HALF_M) & (side > ROAD_HALF_M - 0.3)
    work.albedo[gutter] *= 0.6
    _paving(work, side >= ROAD_HALF_M + 0.28, x, z, footprint, fine, large, air_c)
    return work


def _markings(work: Paintwork, x: F32, z: F32, side: F32, fine: F32, air_c: float) -> None:
    zebra = (z > ZEBRA_M[0]) & (z < ZEBRA_M[1]) & (side < ROAD_HALF_M - 0.35) & ((x + 50) % 1.0 < 0.52)
    in_crossing = (z > ZEBRA_M[0] - 1.6) & (z < ZEBRA_M[1] + 1.6)
    dashes = (side < 0.07) & (z % 6 < 3) & ~in_crossing
    stop = (
        ((z > ZEBRA_M[1] + 0.9) & (z < ZEBRA_M[1] + 1.25) & (x < 0))
        | ((z > ZEBRA_M[0] - 1.25) & (z < ZEBRA_M[0] - 0.9) & (x > 0))
    ) & (side < 3.3)
    bay = (np.abs(side - 3.35) < 0.05) & ~in_crossing
    worn = fine > -1.5
    paint = (zebra | dashes | stop | bay) & worn
    work.albedo[paint] = (0.50 + 0.06 * fine[paint])[:, None]
    work.celsius[paint] -= 0.9


def _paving(
    work: Paintwork, where: NDArray[np.bool_], x: F32, z: F32, footprint: F32, fine: F32, large: F32, air_c: float
) -> None:
    x, z, fine, large = x[where], z[where], fine[where], large[where]
    joint = ((x % 0.6) < 0.035) | ((z + 0.3 * (np.floor(x / 0.6) % 2)) % 0.6 < 0.035)
    slab = cell_hash(np.floor(x / 0.6), np.floor((z + 0.3 * (np.floor(x / 0.6) % 2)) / 0.6), 17)
    near = seen(footprint[where], 0.06)
    value = 0.17 * (1 + 0.12 * fine * near + 0.14 * large + 0.28 * (slab - 0.5) * seen(footprint[where], 0.6))
    value *= 1 - 0.4 * joint * near
    work.albedo[where] = np.array((1.0, 0.97, 0.92), np.float32) * value[:, None]
    work.celsius[where] = air_c + 1.9 + 0.3 * large + 0.15 * fine * near + 0.35 * (slab - 0.5)


def concrete(x: F32, z: F32, footprint: F32, tile: F32, air_c: float) -> Paintwork:
    """A concrete yard of big slabs, with oil stains, tyre marks, puddles and a gravel edge far away."""
    work = Paintwork.blank(x.size)
    fine, large = fractal(tile, x, z, 0.012), fractal(tile, x * 0.7 + 5, z * 0.4, 0.05)
    near = seen(footprint, 0.03)
    slab_x, slab_z = np.floor((x + 1) / 4.5), np.floor(z / 4.5)
    slab = cell_hash(slab_x, slab_z, 23)
    joint = ((x + 1) % 4.5 < 0.04) | (z % 4.5 < 0.04)
    value = 0.30 * (1 + 0.13 * fine * near + 0.08 * large + 0.14 * (slab - 0.5))
    value *= 1 - 0.5 * joint * seen(footprint, 0.06)
    stain = np.clip(fractal(tile, x + 17, z * 0.6, 0.035) - 0.9, 0, 1)
    value *= 1 - 0.5 * stain
    swing = 1.3 * np.sin(z * 0.16)
    tyres = np.exp(-(((np.abs(x - 1.5 - swing) - 0.8) / 0.14) ** 2))
    value *= 1 - 0.28 * tyres * np.clip(0.7 + 0.4 * large, 0, 1)
    puddle = np.clip((fractal(tile, x * 0.5 + 40, z * 0.25, 0.12) - 1.9) * 2.5, 0, 1)
    tint = np.array((1.0, 0.97, 0.91), np.float32)
    work.albedo[:] = tint * (value * (1 - 0.55 * puddle))[:, None]
    work.albedo += np.array((0.10, 0.12, 0.14), np.float32) * puddle[:, None]
    work.celsius[:] = (
        air_c + 4.5 + 0.35 * large + 0.25 * fine * near + 0.8 * (slab - 0.5) + 0.6 * tyres - 2.2 * puddle - 0.6 * joint
    )
    grass = z > 33 + 1.2 * large
    blade = 1 + 0.45 * fine + 0.2 * large
    work.albedo[grass] = np.array((0.085, 0.11, 0.04), np.float32) * blade[grass, None]
    work.celsius[grass] = air_c + 1.2 + 0.4 * fine[grass]
    return work
