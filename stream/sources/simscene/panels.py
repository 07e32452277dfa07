"""Sprites stood up in the world: flat four-cornered panels seen in perspective."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene import raster
from stream.sources.simscene.canvas import Canvas
from stream.sources.simscene.sprites import Sprite


def draw_panel(
    canvas: Canvas,
    corners_m: NDArray[np.float64],
    sprite: Sprite,
    gain: NDArray[np.float64] | None,
    depth_m: float,
    *,
    fixed: bool = False,
    two_sided: bool = False,
    warmer_c: float = 0.0,
) -> None:
    """Draw ``sprite`` on the panel ``corners_m`` (4, 3): its top left, top right, bottom right, bottom left corners.

    ``gain``: light on it, RGB (visible only). ``depth_m``: the depth at which the still world hides it. ``fixed``:
    it joins the still world. Panels seen from behind are left out unless ``two_sided``.
    """
    if corners_m[:, 2].min() < 0.5:
        return
    pixels = canvas.view.project(corners_m)
    area2 = 0.0
    for (x0, y0), (x1, y1) in zip(pixels, np.roll(pixels, -1, axis=0), strict=True):
        area2 += x0 * y1 - x1 * y0
    if abs(area2) < 0.5 or (area2 < 0 and not two_sided):
        return
    height, width = canvas.depth.shape
    low, high = np.floor(pixels.min(axis=0)) - 1, np.ceil(pixels.max(axis=0)) + 1
    if high[0] < 0 or high[1] < 0 or low[0] >= width or low[1] >= height:
        return
    levels = sprite.levels(canvas.role)
    texels_per_px = np.sqrt(levels[0].shape[0] * levels[0].shape[1] / (abs(area2) / 2))
    level = int(np.clip(np.round(np.log2(max(texels_per_px, 1e-3))), 0, len(levels) - 1))
    sheet = levels[level]
    rows, columns = sheet.shape[:2]
    uv = np.array([(0, 0), (columns - 1, 0), (columns - 1, rows - 1), (0, rows - 1)], np.float64)
    channels = sheet.shape[2] - 1
    if canvas.role == "visible":
        gains, bias = np.ones(3) if gain is None else gain, np.zeros(3)
    else:
        gains, bias = np.ones(channels), np.full(channels, warmer_c)
    raster.draw_quad(
        canvas.image,
        canvas.depth,
        np.float32(depth_m),
        _homography(pixels, uv),
        _edges(pixels, np.sign(area2)),
        sheet,
        gains.astype(np.float32),
        bias.astype(np.float32),
        np.array([*low, *high], np.int32),
        fixed,
        False,
    )


def _homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 3x3 map that takes four points to four points (direct linear transform)."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solution = np.linalg.solve(np.array(rows), target.reshape(-1))
    return np.append(solution, 1.0).reshape(3, 3)


def _edges(pixels: NDArray[np.float64], turn: float) -> NDArray[np.float32]:
    """The four edge lines (a, b, c), positive inwards, in pixels."""
    following = np.roll(pixels, -1, axis=0)
    along = following - pixels
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
    a, b = -turn * along[:, 1] / length, turn * along[:, 0] / length
    return np.stack([a, b, -(a * pixels[:, 0] + b * pixels[:, 1])], axis=1).astype(np.float32)
