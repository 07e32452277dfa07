"""What stands in the yard: corrugated containers, a plank shed, pallets, a wire fence, a barrel, trees beyond."""

from __future__ import annotations

import numpy as np

from stream.sources.simscene.canvas import Rgb
from stream.sources.simscene.raycast import Box
from stream.sources.simscene.surfaces import F32, Paintwork, cell_hash, fractal, seen


def container(
    box: Box, colour: Rgb, axis: F32, along: F32, up: F32, footprint: F32, tile: F32, air_c: float
) -> Paintwork:
    """A steel freight container: ribs, rust, corner posts, doors with locking bars at its narrow ends."""
    work = Paintwork.blank(along.size)
    low = np.where(axis == 0, box.low[2], box.low[0])
    high = np.where(axis == 0, box.high[2], box.high[0])
    at, top = along - low, box.high[1]
    ribs = np.clip(np.sin(at * 2 * np.pi / 0.28) * 2.2, -1, 1) * seen(footprint, 0.14)
    grime = fractal(tile, along * 0.8 + box.seed, up * 0.8, 0.03)
    streaks = fractal(tile, along * 1.4 + box.seed, up * 0.12, 0.03)
    value = 1 + 0.20 * ribs + 0.10 * grime + 0.08 * streaks
    frame = (at < 0.14) | (high - along < 0.14) | (up < box.low[1] + 0.16) | (up > top - 0.14)
    value = np.where(frame, 0.85 + 0.06 * grime, value)
    rust = np.clip(grime + 0.5 * streaks - 1.5, 0, 1)
    paint = np.array(colour, np.float32) * value[:, None]
    work.albedo[:] = paint * (1 - rust[:, None]) + np.array((0.16, 0.07, 0.03), np.float32) * rust[:, None]
    ends = (high - low < 3.2) & ~frame
    bars = ends & (np.abs((at % 0.61) - 0.3) < 0.025)
    gap = ends & (np.abs(at - (high - low) / 2) < 0.02)
    work.albedo[bars] = (0.30, 0.30, 0.29)
    work.albedo[gap] *= 0.3
    letters = (high - low > 4) & (up > top - 0.95) & (up < top - 0.45) & (at > 0.8) & (at < 3.4)
    written = letters & (cell_hash(np.floor(at / 0.09), np.floor(up / 0.1), box.seed) > 0.45) & (at % 0.36 < 0.27)
    work.albedo[written] = (0.55, 0.55, 0.52)
    level = axis == 1
    work.celsius[:] = (
        air_c
        + 1.2
        + 0.5 * ribs
        + 0.3 * grime
        + 0.7 * rust
        - 0.6 * frame
        + 2.2 * np.clip((up - 0.5) / 2.6, 0, 1)
        - 4.5 * level
    )
    return work


def shed(box: Box, axis: F32, along: F32, up: F32, footprint: F32, tile: F32, air_c: float) -> Paintwork:
    """A timber shed: vertical planks, two doors (one ajar, warm light of a heated room), a window, a tin roof edge."""
    work = Paintwork.blank(along.size)
    plank = np.floor(along / 0.16)
    tone = cell_hash(plank, plank * 0, 41)
    grain = fractal(tile, along * 4, up * 0.35, 0.04)
    joint = along % 0.16 < 0.016
    near = seen(footprint, 0.08)
    value = (0.75 + 0.45 * tone + 0.14 * grain * near) * (1 - 0.55 * joint * near)
    work.albedo[:] = np.array((0.24, 0.17, 0.11), np.float32) * value[:, None]
    work.celsius[:] = air_c + 2.0 + 0.9 * (tone - 0.5) + 0.3 * grain - 0.5 * joint
    front, at = axis == 2, along - box.low[0]
    for start, colour, warm_c in ((1.0, (0.09, 0.16, 0.12), 1.5), (3.4, (0.10, 0.13, 0.22), 2.2)):
        leaf = front & (at > start) & (at < start + 1.5) & (up < 2.25)
        edge = leaf & ((at < start + 0.09) | (at > start + 1.41) | (up > 2.15) | (np.abs(up - 1.1) < 0.05))
        work.albedo[leaf] = np.array(colour, np.float32) * (0.9 + 0.2 * tone[leaf, None])
        work.albedo[edge] *= 0.6
        work.celsius[leaf] = air_c + warm_c + 0.3 * grain[leaf]
    ajar = front & (at > 4.78) & (at < 4.9) & (up < 2.15)
    work.albedo[ajar], work.celsius[ajar] = (0.01, 0.01, 0.01), air_c + 9
    glass = front & (at > 5.5) & (at < 6.6) & (up > 1.1) & (up < 2.0)
    cross = glass & (
        (np.abs(at - 6.05) < 0.03) | (np.abs(up - 1.55) < 0.03) | (at < 5.56) | (at > 6.54) | (up < 1.16) | (up > 1.94)
    )
    work.albedo[glass], work.celsius[glass] = (0.10, 0.12, 0.14), air_c + 4.5
    work.albedo[cross], work.celsius[cross] = (0.5, 0.5, 0.48), air_c + 3
    eaves = up > box.high[1] - 0.22
    work.albedo[eaves] = (0.20, 0.20, 0.21) * (1 + 0.3 * np.sin(along[eaves] * 40) * near[eaves])[:, None]
    work.celsius[eaves] = air_c - 1.0
    roof = axis == 1
    work.albedo[roof], work.celsius[roof] = (0.24, 0.23, 0.22), air_c - 4.0
    return work


def pallets(box: Box, axis: F32, along: F32, up: F32, tile: F32, air_c: float) -> Paintwork:
    """A stack of pallets: boards with dark gaps."""
    work = Paintwork.blank(along.size)
    layer, height_in = np.floor(up / 0.15), up % 0.15
    side = np.where(axis == 0, box.low[2], box.low[0])
    block = ((along - side) % 0.5) < 0.13
    board = (height_in < 0.025) | (height_in > 0.115) | block
    tone = cell_hash(layer, np.floor(along / 0.5), box.seed)
    grain = fractal(tile, along * 0.6, up * 4, 0.03)
    value = np.where(board, 0.8 + 0.4 * tone + 0.12 * grain, 0.10)
    top = axis == 1
    value = np.where(top, np.where((along % 0.14) < 0.025, 0.15, 0.95 + 0.12 * grain), value)
    work.albedo[:] = np.array((0.36, 0.27, 0.17), np.float32) * value[:, None]
    work.celsius[:] = air_c + np.where(board | top, 2.2 + 0.6 * tone, 0.6) + 0.2 * grain
    return work


def barrel(along: F32, up: F32, tile: F32, air_c: float) -> Paintwork:
    """A steel barrel with a fire in it: rusty, hotter towards its rim."""
    work = Paintwork.blank(along.size)
    rings = (np.abs(up - 0.3) < 0.02) | (np.abs(up - 0.6) < 0.02) | (up > 0.85)
    rust = np.clip(0.5 + 0.4 * fractal(tile, along, up, 0.02), 0, 1)
    work.albedo[:] = np.array((0.07, 0.06, 0.06), np.float32) + np.array((0.14, 0.05, 0.01), np.float32) * rust[:, None]
    work.albedo[rings] *= 1.5
    work.glow[:] = np.array((0.5, 0.08, 0.0), np.float32) * np.clip((up - 0.45) / 0.5, 0, 1)[:, None] ** 3
    work.celsius[:] = air_c + 5 + 24 * np.clip(up / 0.9, 0, 1) ** 2 + 3 * rust + 3 * rings
    return work


def fence(x: F32, up: F32, footprint: F32, tile: F32, air_c: float) -> Paintwork:
    """What is seen through and around a wire fence at the yard's end: posts, mesh, a hedge and trees behind."""
    work = Paintwork.blank(x.size)
    leaves, clumps = fractal(tile, x, up, 0.03), fractal(tile, x * 0.5 + 60, up * 0.5, 0.10)
    tone = 1 + 0.34 * leaves + 0.35 * clumps
    hedge = np.array((0.065, 0.085, 0.04), np.float32) * np.clip(tone, 0.2, 2)[:, None]
    work.albedo[:] = hedge
    work.celsius[:] = air_c + 0.5 + 0.5 * leaves + 0.6 * clumps
    mesh = ((x + up) % 0.5 < 0.05) | ((x - up) % 0.5 < 0.05)
    wire = 0.30 * mesh * seen(footprint, 0.2) + 0.06
    below = up < 2.2
    work.albedo[below] = hedge[below] * (1 - wire[below, None]) + 0.34 * wire[below, None]
    post = below & (np.abs((x + 1.3) % 3.0 - 1.5) < 0.06)
    rail = (np.abs(up - 2.2) < 0.035) | (np.abs(up - 0.2) < 0.03)
    work.albedo[post | rail] = 0.30
    work.celsius[post | rail] = air_c + 1.8
    return work
