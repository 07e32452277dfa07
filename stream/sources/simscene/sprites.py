"""Painting of sprites: flat pictures in metres that later lie on surfaces of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sources.base import Role
from stream.sources.simscene.canvas import Rgb

_OVERSAMPLE = 2
F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sprite:
    """A painted sheet. ``visible``: float32 (h, w, 4), linear RGB albedo and opacity; ``infrared``: (h, w, 2), degrees
    Celsius and opacity. Each is a list of ever smaller copies (halved), for things far away.
    """

    visible: list[F32]
    infrared: list[F32]

    def levels(self, role: Role) -> list[F32]:
        """The copies for one camera."""
        return self.visible if role == "visible" else self.infrared


class Sheet:
    """A sheet to paint on: origin bottom left, x right, y up, metres."""

    def __init__(self, width_m: float, height_m: float, px_per_m: float) -> None:
        self.columns, self.rows = round(width_m * px_per_m), round(height_m * px_per_m)
        columns, rows = self.columns * _OVERSAMPLE, self.rows * _OVERSAMPLE
        xs = ((np.arange(columns) + 0.5) * width_m / columns).astype(np.float32)
        ys = (height_m - (np.arange(rows) + 0.5) * height_m / rows).astype(np.float32)
        self.x = xs[None, :].repeat(rows, 0)
        self.y = ys[:, None].repeat(columns, 1)
        self.rgb = np.zeros((rows, columns, 3), np.float32)
        self.celsius = np.zeros((rows, columns), np.float32)
        self.opacity = np.zeros((rows, columns), np.float32)

    def polygon(self, corners: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
        """Where a polygon covers the sheet (even-odd rule)."""
        inside = np.zeros(self.x.shape, bool)
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if y0 == y1:
                continue
            crosses = (y0 > self.y) != (y1 > self.y)
            inside ^= crosses & (self.x < x0 + (self.y - y0) * (x1 - x0) / (y1 - y0))
        return inside

    def ellipse(self, x: float, y: float, rx: float, ry: float) -> NDArray[np.bool_]:
        """Where an ellipse covers the sheet."""
        return ((self.x - x) / rx) ** 2 + ((self.y - y) / ry) ** 2 < 1

    def fill(
        self,
        where: NDArray[np.bool_],
        colour: Rgb,
        celsius: float | NDArray[np.floating],
        shade: NDArray[np.floating] | None = None,
    ) -> None:
        """Paint an area in both bands. ``shade``: factor on the colour, the sheet's shape."""
        if shade is None:
            self.rgb[where] = np.array(colour, np.float32)
        else:
            self.rgb[where] = np.array(colour, np.float32) * shade[where][:, None]
        self.celsius[where] = celsius[where] if isinstance(celsius, np.ndarray) else celsius
        self.opacity[where] = 1.0

    def spread_heat(self, passes: int) -> None:
        """Let temperatures flow into one another within the painted area, as in sheet metal."""
        kept = self.opacity
        for _ in range(passes):
            for axis in (0, 1):
                heat = sum(np.roll(self.celsius * kept, shift, axis) for shift in (-2, 0, 2))
                weight = sum(np.roll(kept, shift, axis) for shift in (-2, 0, 2))
                self.celsius = np.where(kept > 0, heat / np.maximum(weight, 1), self.celsius).astype(np.float32)

    def finish(self) -> Sprite:
        """Average the sub-pixels and make the smaller copies."""
        visible = np.concatenate([self.rgb, self.opacity[..., None]], axis=2)
        infrared = np.stack([self.celsius, self.opacity], axis=2)
        return Sprite(_pyramid(visible), _pyramid(infrared))


def _pyramid(sheet: F32) -> list[F32]:
    levels = [_halve(sheet)]
    while min(levels[-1].shape[:2]) >= 6:
        levels.append(_halve(levels[-1]))
    return levels


def _halve(sheet: F32) -> F32:
    """Average 2x2. Colours count by their opacity, or dark fringes would grow around every hole."""
    rows, columns = sheet.shape[0] // 2 * 2, sheet.shape[1] // 2 * 2
    sheet = sheet[:rows, :columns]
    opacity = sheet[..., -1:]
    weighted = np.concatenate([sheet[..., :-1] * opacity, opacity], axis=2)
    total = (weighted[::2, ::2] + weighted[1::2, ::2] + weighted[::2, 1::2] + weighted[1::2, 1::2]) * np.float32(0.25)
    total[..., :-1] /= np.maximum(total[..., -1:], np.float32(1e-6))
    return np.ascontiguousarray(total)
