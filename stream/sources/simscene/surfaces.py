"""Surfaces of the still world: brick and plaster fronts, asphalt, paving, foliage; light and temperature of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene.noise import fractal_tile, sample_tile
from stream.sources.simscene.sprites import Sheet, Sprite

F32 = NDArray[np.float32]


@dataclass
class Paintwork:
    """Surface properties of N points: ``albedo`` and ``glow`` (own light), (N, 3); ``celsius`` (N,)."""

    albedo: F32
    glow: F32
    celsius: F32

    @classmethod
    def blank(cls, count: int) -> Paintwork:
        """Black, dark, 0 degrees."""
        return cls(np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32), np.zeros(count, np.float32))


def cell_hash(a: NDArray[np.floating], b: NDArray[np.floating], seed: int) -> F32:
    """A number in [0, 1) for every whole (a, b)."""
    value = np.sin(a * 127.1 + b * 311.7 + seed * 74.7) * 43758.5453
    return (value - np.floor(value)).astype(np.float32)


def fractal(tile: F32, u_m: NDArray[np.floating], v_m: NDArray[np.floating], texel_m: float) -> F32:
    """Samples of a tile laid out with texels of ``texel_m`` metres; (N,)."""
    shape = (1, u_m.size)
    u, v = (u_m / texel_m).astype(np.float32).reshape(shape), (v_m / texel_m).astype(np.float32).reshape(shape)
    return sample_tile(tile, u, v)[0]


def seen(footprint_m: F32, detail_m: float) -> F32:
    """How much is left, 0..1, of detail of a size where a sub-pixel covers ``footprint_m``: keeps distances calm."""
    return (1 / (1 + (footprint_m / (0.35 * detail_m)) ** 2)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Front:
    """A house front. ``air_c``: air temperature; ``lit``: share of windows with light on."""

    seed: int
    height_m: float
    air_c: float
    lit: float
    shop: bool


TREE_M = (5.0, 7.0)

_WALLS = (
    (0.30, 0.13, 0.085),
    (0.40, 0.34, 0.26),
    (0.27, 0.27, 0.27),
    (0.20, 0.085, 0.06),
    (0.34, 0.30, 0.22),
    (0.36, 0.24, 0.17),
)
_LIGHTS = ((1.0, 0.62, 0.28), (1.0, 0.75, 0.42), (0.85, 0.92, 1.0), (1.0, 0.55, 0.22))


def house_front(front: Front, along: F32, up: F32, footprint: F32, tile: F32) -> Paintwork:
    """Bricks or plaster, ledges, windows with frames (some lit, with curtains), doors or a shop below."""
    seed = front.seed
    random = np.random.default_rng(seed)
    wall = np.array(_WALLS[int(random.integers(len(_WALLS)))], np.float32)
    bay, floor_m, sill = float(random.uniform(2.3, 3.0)), float(random.uniform(3.0, 3.4)), 0.85
    window_w, window_h = float(random.uniform(0.5, 0.62)), float(random.uniform(1.45, 1.75))
    work = Paintwork.blank(along.size)
    grime = fractal(tile, along + seed * 3.1, up, 0.05)
    large = fractal(tile, along * 0.5 + seed, up * 0.5, 0.08)
    value = 1 + 0.10 * grime * seen(footprint, 0.15) + 0.12 * large
    if wall[0] > wall[2] * 1.9:
        course = np.floor(up / 0.075)
        shift = np.where(course % 2 == 0, 0.0, 0.12)
        brick = np.floor((along + shift) / 0.24)
        mortar = (up % 0.075 < 0.014) | ((along + shift) % 0.24 < 0.014)
        detail = seen(footprint, 0.075)
        value = value * (1 + detail * (0.35 * (cell_hash(brick, course, seed) - 0.5) + 0.55 * mortar))
    storey = np.floor((up - 0.4) / floor_m)
    height_in = (up - 0.4) - storey * floor_m
    number = np.floor(along / bay)
    across = along - (number + 0.5) * bay
    ledge = (height_in < 0.14) & (storey > 0)
    value = np.where(ledge, value * 1.35, value)
    value = np.where((height_in > floor_m - 0.1) & (storey >= 0), value * 0.6, value)
    cornice = up > front.height_m - 0.5
    value = np.where(cornice, value * np.where(up > front.height_m - 0.12, 0.6, 1.3), value)
    work.albedo[:] = wall * np.clip(value, 0.1, 2.5)[:, None]
    settled = np.exp(-np.maximum(0, up - 0.1) / 1.2)
    work.albedo *= (1 - 0.35 * settled)[:, None]
    work.celsius[:] = front.air_c + 1.6 + float(random.uniform(-0.9, 0.9)) + 0.5 * grime + 0.6 * large
    work.celsius += np.where(ledge, 0.9, 0) - 0.9 * cornice + 0.12 * (value - 1)

    has_windows = (storey >= (1 if front.shop else 0)) & (up < front.height_m - 1.0)
    in_window = has_windows & (np.abs(across) < window_w) & (height_in > sill) & (height_in < sill + window_h)
    surround = (
        has_windows
        & (np.abs(across) < window_w + 0.1)
        & (height_in > sill - 0.12)
        & (height_in < sill + window_h + 0.1)
    )
    below = has_windows & (np.abs(across) < window_w + 0.05) & (height_in > 0.15) & (height_in < sill - 0.12)
    _window_frames(work, surround & ~in_window, below)
    _window_glass(
        work, front, in_window, number, storey, across / window_w, (height_in - sill) / window_h, along, up, tile
    )
    ground = (up < 3.3) & (storey <= 0)
    if front.shop:
        _shop(work, front, ground, along, up, tile)
    else:
        door = ground & (number % 3 == 1) & (np.abs(across) < 0.55) & (up < 2.35)
        work.albedo[door] = np.array((0.10, 0.05, 0.03), np.float32) * (1 + 0.2 * grime[door, None])
        work.celsius[door] = front.air_c + 2.6 + 0.3 * grime[door]
        work.glow[door] = 0
    return work


def _window_frames(work: Paintwork, frame: NDArray[np.bool_], radiator: NDArray[np.bool_]) -> None:
    work.albedo[frame] = np.array((0.42, 0.40, 0.37), np.float32)
    work.celsius[frame] += 0.8
    work.celsius[radiator] += 0.9


def _window_glass(
    work: Paintwork,
    front: Front,
    where: NDArray[np.bool_],
    number: F32,
    storey: F32,
    across: F32,
    height: F32,
    along: F32,
    up: F32,
    tile: F32,
) -> None:
    """``across`` -1..1 and ``height`` 0..1 in the window."""
    number, storey, across, height = number[where], storey[where], across[where], height[where]
    chance = cell_hash(number, storey, front.seed)
    lit = chance < front.lit
    bars = (
        (np.abs(across) < 0.06)
        | (np.abs(height - 0.62) < 0.02)
        | (np.abs(across) > 0.93)
        | (height < 0.04)
        | (height > 0.96)
    )
    kind = cell_hash(number, storey, front.seed + 5)
    tint = np.array(_LIGHTS, np.float32)[(kind * len(_LIGHTS)).astype(int)]
    strength = 0.10 + 0.45 * cell_hash(number, storey, front.seed + 9)
    room = 0.55 + 0.45 * height + 0.18 * fractal(tile, along[where] * 1.0, up[where], 0.02)
    curtain = np.abs(across) > 0.35 + 0.5 * cell_hash(number, storey, front.seed + 11)
    folds = 0.55 + 0.2 * np.sin(across * 40)
    room = np.where(curtain, room * folds, room)
    blind = height > 0.25 + 0.75 * cell_hash(number, storey, front.seed + 13)
    room = np.where(blind & (kind > 0.4), room * 0.6, room)
    glow = tint * (strength * np.clip(room, 0.05, 1.3) * lit * ~bars)[:, None]
    work.glow[where] = glow
    glass = np.where(bars, 0.38, 0.035 + 0.03 * height)
    work.albedo[where] = glass[:, None]
    # Glass mirrors the cold sky in the infrared; behind it a heated room shows a little.
    work.celsius[where] = front.air_c + np.where(bars, 2.4, np.where(lit, 4.2, -1.2) + 0.8 * (1 - height) * (1 - lit))


def _shop(work: Paintwork, front: Front, ground: NDArray[np.bool_], along: F32, up: F32, tile: F32) -> None:
    seed = front.seed
    pane = ground & (up > 0.45) & (up < 2.7)
    sign = ground & (up > 2.85) & (up < 3.3)
    across = along % 2.4
    bars = (across < 0.08) | (across > 2.34) | (np.abs(up - 2.25) < 0.025) | (up < 0.52)
    # Shelves with goods of many colours before a bright back wall, lit from the ceiling.
    shelf = np.floor(up / 0.42)
    width_m = 0.16 + 0.22 * cell_hash(shelf, np.floor(along / 1.2), seed)
    item = np.floor(along / width_m)
    item_top = 0.10 + 0.28 * cell_hash(item, shelf, seed + 1)
    goods = (up % 0.42 < item_top) & (up < 2.1) & (cell_hash(item, shelf, seed + 2) > 0.25)
    wall = 0.55 + 0.25 * np.clip(up / 2.7, 0, 1) + 0.05 * fractal(tile, along, up, 0.05)
    hue = np.stack([cell_hash(item, shelf, seed + k) for k in (3, 4, 5)], axis=-1)
    tint = np.array(_LIGHTS[seed % len(_LIGHTS)], np.float32)
    light = np.where(goods[:, None], 0.10 + 0.55 * hue, wall[:, None]) * tint * 0.8
    light *= np.where((up % 0.42 > 0.395) & (up < 2.1), 0.45, 1.0)[:, None]
    bright = 0.45 + 0.55 * np.clip(1.2 - np.abs(across - 1.2), 0, 1)
    work.albedo[pane] = 0.05
    work.glow[pane] = (light * (bright * ~bars)[:, None])[pane]
    work.celsius[pane] = front.air_c + 3.4 + (1.2 * (up - 0.5) * 0.4 - 1.5 * bars)[pane]
    letter = np.floor(along / 0.34)
    stroke = (cell_hash(np.floor(along / 0.085), np.floor(up / 0.11), seed) > 0.42) & (along % 0.34 < 0.26)
    written = stroke & (up > 2.93) & (up < 3.22) & (cell_hash(np.floor(letter / 7), letter * 0, seed) > 0.3)
    colour = np.array(((0.9, 0.15, 0.1), (0.15, 0.6, 0.9), (0.95, 0.7, 0.2))[seed % 3], np.float32)
    work.glow[sign] = colour * (0.05 + 0.6 * written[sign, None])
    work.albedo[sign] = 0.1
    work.celsius[sign] = front.air_c + 3.0 + 1.8 * written[sign]


@lru_cache(maxsize=32)
def tree(seed: int, air_c: float) -> Sprite:
    """A tree in leaf, TREE_M wide and high: trunk, boughs and clumped foliage with gaps."""
    width_m, height_m = TREE_M
    random = np.random.default_rng(seed)
    sheet = Sheet(width_m, height_m, 32.0)
    x, y = sheet.x - width_m / 2, sheet.y
    trunk = np.abs(x - 0.05 * np.sin(y * 2)) < 0.15 - 0.012 * y
    sheet.fill(
        trunk & (y < height_m * 0.7),
        (0.09, 0.065, 0.045),
        air_c + 1.5,
        0.7 + 0.5 * (x > 0) + 0.2 * np.sin(y * 35 + x * 60),
    )
    for _ in range(7):
        lean, start = float(random.uniform(-0.9, 0.9)), float(random.uniform(0.32, 0.55)) * height_m
        bough = (np.abs(x - lean * (y - start)) < 0.055) & (y > start) & (y < start + 1.6)
        sheet.fill(bough, (0.08, 0.06, 0.04), air_c + 1.2)
    clumps, leaves = fractal_tile(seed, 2.4, 3), fractal_tile(seed + 1, 0.9, 12)
    rows, columns = sheet.x.shape
    clump = np.tile(clumps, (2 + rows // 512, 2 + columns // 512))[:rows, :columns]
    leaf = np.tile(leaves, (2 + rows // 512, 2 + columns // 512))[:rows, :columns]
    crown = np.full(sheet.x.shape, -9.0)
    for _ in range(13):
        cx, cy = float(random.normal(0, width_m * 0.17)), height_m * float(random.uniform(0.5, 0.86))
        radius = float(random.uniform(0.7, 1.25))
        crown = np.maximum(crown, 1 - np.hypot(x - cx, (y - cy) * 1.15) / radius)
    rim = np.hypot(x / (width_m / 2), (y - 0.66 * height_m) / (0.34 * height_m))
    density = crown + 0.28 * clump + 0.16 * leaf - 3.0 * np.maximum(rim - 0.72, 0)
    foliage = density > 0.12
    shade = np.clip(0.75 + 0.35 * leaf + 0.25 * clump + 0.5 * (density - 0.4), 0.12, 2.2)
    sheet.fill(
        foliage, (0.055, 0.095, 0.03), air_c + 1.0 + 0.8 * clump + 0.7 * leaf - 0.8 * np.clip(density, 0, 1), shade
    )
    return sheet.finish()
