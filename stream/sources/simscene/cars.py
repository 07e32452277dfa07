"""Cars: a body of painted panels, lamps in the visible, warm parts in the infrared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene import raster
from stream.sources.simscene.camera import View
from stream.sources.simscene.canvas import Canvas, Light, Rgb
from stream.sources.simscene.panels import draw_panel
from stream.sources.simscene.sprites import Sheet, Sprite

_PX_PER_M = 64.0
LENGTH_M, WIDTH_M, HEIGHT_M = 4.4, 1.78, 1.46
_WAIST_M, _BONNET_M = 0.95, 0.78
_WHEELS_M = (0.85, 3.45)
_WHEEL_M = 0.32
_GLASS: Rgb = (0.02, 0.025, 0.03)
_RUBBER: Rgb = (0.02, 0.02, 0.02)


@dataclass(frozen=True, slots=True)
class Paint:
    """How a car looks: its colour, the air's temperature, and ``warmth`` (0 stands since long, 1 drives)."""

    colour: Rgb
    ambient_c: float
    warmth: float


class Car:
    """A car at one moment; the centre of its front bumper's foot is at (x_m, z_m)."""

    kind = "car"

    def __init__(
        self, paint: Paint, x_m: float, z_m: float, heading_rad: float, *, lamps: bool, fixed: bool = False
    ) -> None:
        self._paint, self._x_m, self._z_m = paint, x_m, z_m
        self._sin, self._cos = math.sin(heading_rad), math.cos(heading_rad)
        self._lamps, self._fixed = lamps, fixed
        self.depth_m = z_m - 0.5 * LENGTH_M * self._cos

    @property
    def front(self) -> tuple[float, float]:
        """(x, z) of the middle of the front bumper, metres."""
        return self._x_m, self._z_m

    @property
    def comes_closer(self) -> bool:
        """Whether its lamps point at the camera."""
        return self._lamps and self._cos < -0.7

    def _corner(self, back: float, up: float, right: float) -> tuple[float, float, float]:
        """World point of ``back`` metres behind the front, ``up``, and ``right`` of its axis as the driver sees it."""
        return self._x_m - back * self._sin + right * self._cos, up, self._z_m - back * self._cos - right * self._sin

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the panels that face the camera, far ones first, then the lamps' glare."""
        if min(self._corner(b, 0, 0)[2] for b in (0, LENGTH_M)) < 2.0:
            return
        if canvas.role == "visible":
            self._shadow(canvas)
        panels = self._panels()
        eye = np.array([canvas.view.lens.x_m, canvas.view.lens.height_m, 0.0])
        panels.sort(key=lambda panel: -float(np.linalg.norm(panel[1].mean(axis=0) - eye)))
        level = light(*self._corner(LENGTH_M / 2, 1.0, 0))
        nearest = min(float(corners[:, 2].min()) for _, corners, _ in panels)
        for sprite, corners, facing_up in panels:
            gain = level * (0.65 + 0.5 * facing_up)
            draw_panel(canvas, corners, sprite, gain, nearest, fixed=self._fixed)
        if self._lamps:
            self._draw_lamps(canvas)

    def extent_px(self, view: View) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in the view's pixels."""
        corners = np.concatenate([corners for _, corners, _ in self._panels()])
        corners[:, 2] = np.maximum(corners[:, 2], 0.5)
        pixels = view.project(corners)
        return (*pixels.min(axis=0).tolist(), *pixels.max(axis=0).tolist())

    def _panels(self) -> list[tuple[Sprite, NDArray[np.float64], float]]:
        """(sprite, four corners, how much it faces up)."""
        sheets = _sheets(self._paint)
        c, half, roof_half = self._corner, WIDTH_M / 2, 0.62
        roof0, roof1 = (1.9, 1.44), (3.35, 1.42)
        quads = [
            ("front", (c(0, _BONNET_M, half), c(0, _BONNET_M, -half), c(0, 0, -half), c(0, 0, half)), 0.0),
            (
                "bonnet",
                (c(1.1, _WAIST_M, 0.84), c(1.1, _WAIST_M, -0.84), c(0, _BONNET_M, -half), c(0, _BONNET_M, half)),
                1.0,
            ),
            (
                "screen",
                (c(*roof0, roof_half), c(*roof0, -roof_half), c(1.1, _WAIST_M, -0.84), c(1.1, _WAIST_M, 0.84)),
                0.6,
            ),
            ("roof", (c(*roof1, roof_half), c(*roof1, -roof_half), c(*roof0, -roof_half), c(*roof0, roof_half)), 1.0),
            (
                "rear_screen",
                (c(*roof1, -roof_half), c(*roof1, roof_half), c(4.1, _WAIST_M, 0.84), c(4.1, _WAIST_M, -0.84)),
                0.5,
            ),
            (
                "rear",
                (
                    c(LENGTH_M, _WAIST_M, -half),
                    c(LENGTH_M, _WAIST_M, half),
                    c(LENGTH_M, 0, half),
                    c(LENGTH_M, 0, -half),
                ),
                0.0,
            ),
            (
                "boot",
                (c(4.1, _WAIST_M, -0.84), c(4.1, _WAIST_M, 0.84), c(LENGTH_M, 0.94, half), c(LENGTH_M, 0.94, -half)),
                1.0,
            ),
        ]
        for side in (1, -1):
            start, end = (LENGTH_M, 0.0) if side > 0 else (0.0, LENGTH_M)
            lower = (
                c(start, _WAIST_M, half * side),
                c(end, _WAIST_M, half * side),
                c(end, 0, half * side),
                c(start, 0, half * side),
            )
            upper = (
                c(start, 1.44, roof_half * side),
                c(end, 1.44, roof_half * side),
                c(end, _WAIST_M, 0.86 * side),
                c(start, _WAIST_M, 0.86 * side),
            )
            # Seen from its right a car's front is at the picture's right, as in the sheets.
            ending = "" if side > 0 else "_mirrored"
            quads += [("side" + ending, lower, 0.0), ("windows" + ending, upper, 0.0)]
        return [(sheets[name], np.array(corners), up) for name, corners, up in quads]

    def _shadow(self, canvas: Canvas) -> None:
        x, _, z = self._corner(LENGTH_M / 2, 0, 0)
        foot = canvas.view.project(np.array((x, 0.0, z)))
        long = canvas.view.project(np.array([self._corner(-0.4, 0, 0), self._corner(LENGTH_M + 0.4, 0, 0)]))
        metre_px = float(canvas.view.scale_px(z))
        rx = max(abs(float(long[0, 0] - long[1, 0])) * 0.6, 1.35 * metre_px)
        ry = max(abs(float(long[0, 1] - long[1, 1])) * 0.62, 0.2 * metre_px)
        raster.shade_ground(canvas.image, canvas.depth, *foot.astype(np.float32), rx, ry, 0.75)

    def _draw_lamps(self, canvas: Canvas) -> None:
        towards = self._cos < 0
        for side in (0.66, -0.66):
            if towards:
                point, colour, radius, halo, halo_m = (
                    self._corner(-0.03, 0.64, side),
                    (3.2, 3.1, 2.8),
                    0.13,
                    0.075,
                    0.45,
                )
            else:
                point, colour, radius, halo, halo_m = (
                    self._corner(LENGTH_M + 0.03, 0.8, side),
                    (1.1, 0.05, 0.03),
                    0.09,
                    0.10,
                    0.22,
                )
            if point[2] < 2:
                continue
            if canvas.role == "visible":
                canvas.glow(point, radius, colour, halo, halo_m, 3.0 if towards else 0.0)
            else:
                canvas.glow(point, radius * 0.9, (9.0, 0, 0), 0.0, 0.1, 0.0)


@lru_cache(maxsize=32)
def _sheets(paint: Paint) -> dict[str, Sprite]:
    cold_c, hot = paint.ambient_c - 2.5, paint.warmth
    sheets = {
        "front": _front(paint, cold_c, hot),
        "rear": _rear(paint, cold_c, hot),
        "bonnet": _plate(paint, 1.75, 1.12, cold_c - 1 + hot * 13, middle_c=hot * 7),
        "roof": _plate(paint, 1.25, 1.5, cold_c - 2 + hot, middle_c=0),
        "boot": _plate(paint, 1.7, 0.35, cold_c - 1 + hot * 2, middle_c=0),
        "screen": _screen(cold_c + hot * 5, paint),
        "rear_screen": _screen(cold_c + hot * 3, paint),
    }
    for mirrored in (False, True):
        ending = "_mirrored" if mirrored else ""
        sheets["side" + ending] = _side(paint, cold_c, hot, mirrored)
        sheets["windows" + ending] = _windows(paint, cold_c + hot * 3, mirrored)
    return sheets


def _plate(paint: Paint, width_m: float, height_m: float, edge_c: float, *, middle_c: float) -> Sprite:
    sheet = Sheet(width_m, height_m, _PX_PER_M)
    x, y = sheet.x / width_m - 0.5, sheet.y / height_m - 0.5
    dome = np.exp(-(x**2 * 7 + (y + 0.15) ** 2 * 5))
    everywhere = np.ones(sheet.x.shape, bool)
    sheet.fill(everywhere, paint.colour, edge_c + middle_c * dome, 0.85 + 0.35 * dome)
    crease = (np.abs(np.abs(x) - 0.3) < 0.012) & (height_m > 0.6)
    sheet.fill(crease, paint.colour, edge_c + middle_c * dome, np.full_like(sheet.x, 0.55))
    return sheet.finish()


def _screen(glass_c: float, paint: Paint) -> Sprite:
    sheet = Sheet(1.6, 0.95, _PX_PER_M)
    everywhere = np.ones(sheet.x.shape, bool)
    sheet.fill(everywhere, paint.colour, glass_c - 1)
    glass = sheet.polygon([(0.08, 0.04), (1.52, 0.04), (1.50, 0.9), (0.10, 0.9)])
    sheet.fill(glass, (0.05, 0.06, 0.075), glass_c + 1.5 * sheet.y, 0.5 + 0.8 * sheet.y)
    for seat in (0.45, 1.15):
        rest = sheet.polygon([(seat - 0.18, 0.04), (seat + 0.18, 0.04), (seat + 0.14, 0.45), (seat - 0.14, 0.45)])
        sheet.fill(rest | sheet.ellipse(seat, 0.55, 0.1, 0.12), (0.015, 0.015, 0.018), glass_c + 1.2)
    return sheet.finish()


def _front(paint: Paint, cold_c: float, hot: float) -> Sprite:
    sheet = Sheet(WIDTH_M, _BONNET_M, _PX_PER_M)
    sheet.fill(
        sheet.polygon([(0.12, 0.05), (1.66, 0.05), (1.66, 0.3), (0.12, 0.3)]), (0.004, 0.004, 0.004), cold_c + hot * 18
    )
    for x in (0.1, 1.46):
        sheet.fill(sheet.polygon([(x, 0), (x + 0.22, 0), (x + 0.22, 0.35), (x, 0.35)]), _RUBBER, cold_c + hot * 13)
    body = sheet.polygon([(0.03, 0.22), (1.75, 0.22), (1.78, 0.5), (1.7, 0.78), (0.08, 0.78), (0, 0.5)])
    sheet.fill(body, paint.colour, cold_c + hot * 6, 0.75 + 0.35 * sheet.y)
    grille = sheet.polygon([(0.5, 0.46), (1.28, 0.46), (1.2, 0.7), (0.58, 0.7)])
    sheet.fill(grille, (0.02, 0.02, 0.02), cold_c + hot * 20, 0.6 + 0.8 * (np.sin(sheet.y * 200) > 0))
    sheet.fill(
        sheet.polygon([(0.35, 0.25), (1.43, 0.25), (1.4, 0.38), (0.38, 0.38)]), (0.015, 0.015, 0.015), cold_c + hot * 17
    )
    sheet.fill(
        sheet.polygon([(0.63, 0.38), (1.15, 0.38), (1.15, 0.48), (0.63, 0.48)]), (0.55, 0.55, 0.5), cold_c + hot * 8
    )
    for x in (0.23, 1.55):
        sheet.fill(sheet.ellipse(x, 0.64, 0.17, 0.09), (0.4, 0.42, 0.45), cold_c + hot * 10)
    return sheet.finish()


def _rear(paint: Paint, cold_c: float, hot: float) -> Sprite:
    sheet = Sheet(WIDTH_M, _WAIST_M, _PX_PER_M)
    sheet.fill(
        sheet.polygon([(0.12, 0.05), (1.66, 0.05), (1.66, 0.35), (0.12, 0.35)]),
        (0.004, 0.004, 0.004),
        cold_c + hot * 13,
    )
    for x in (0.1, 1.46):
        sheet.fill(sheet.polygon([(x, 0), (x + 0.22, 0), (x + 0.22, 0.38), (x, 0.38)]), _RUBBER, cold_c + hot * 14)
    body = sheet.polygon([(0.04, 0.26), (1.74, 0.26), (1.78, 0.55), (1.7, 0.95), (0.08, 0.95), (0, 0.55)])
    sheet.fill(body, paint.colour, cold_c + hot * 4, 0.7 + 0.35 * sheet.y)
    sheet.fill(
        sheet.polygon([(0.6, 0.62), (1.18, 0.62), (1.18, 0.74), (0.6, 0.74)]), (0.5, 0.45, 0.2), cold_c + hot * 3
    )
    sheet.fill(np.abs(sheet.y - 0.5) < 0.012, (0.01, 0.01, 0.01), cold_c + hot * 4)
    for x in (0.2, 1.58):
        sheet.fill(
            sheet.polygon([(x - 0.15, 0.7), (x + 0.15, 0.7), (x + 0.15, 0.9), (x - 0.15, 0.9)]),
            (0.25, 0.02, 0.02),
            cold_c + hot * 5,
        )
    sheet.fill(sheet.ellipse(1.35, 0.25, 0.055, 0.055), (0.02, 0.02, 0.02), cold_c + hot * 48)
    return sheet.finish()


def _side(paint: Paint, cold_c: float, hot: float, mirrored: bool) -> Sprite:
    """The lower side; the front is at the right unless ``mirrored``."""
    sheet = Sheet(LENGTH_M, _WAIST_M, _PX_PER_M)
    if not mirrored:
        sheet.x = LENGTH_M - sheet.x
    outline = [(0.0, 0.3), (0.15, 0.2), (4.25, 0.22), (4.4, 0.35), (4.38, 0.93), (1.1, 0.95), (0.06, 0.78)]
    engine = hot * 8 * np.exp(-(((sheet.x - 0.6) / 0.6) ** 2))
    sheet.fill(sheet.polygon(outline), paint.colour, cold_c + hot * 2 + engine, 0.55 + 0.6 * (sheet.y / _WAIST_M) ** 2)
    for x in (1.15, 2.25, 3.2):
        sheet.fill(
            (np.abs(sheet.x - x) < 0.012) & (sheet.y > 0.3) & (sheet.y < 0.95), (0.01, 0.01, 0.01), cold_c + hot * 2
        )
    sheet.fill(
        (np.abs(sheet.y - 0.62) < 0.015) & (sheet.x > 0.3) & (sheet.x < 4.2),
        paint.colour,
        cold_c + hot * 2,
        np.full_like(sheet.x, 0.4),
    )
    for wheel in _WHEELS_M:
        arch = sheet.ellipse(wheel, _WHEEL_M + 0.02, 0.4, 0.4)
        sheet.fill(arch & (sheet.y > 0.2), (0.006, 0.006, 0.006), cold_c + hot * 9)
        sheet.fill(sheet.ellipse(wheel, _WHEEL_M, _WHEEL_M, _WHEEL_M), _RUBBER, cold_c + hot * 12)
        sheet.fill(sheet.ellipse(wheel, _WHEEL_M, 0.2, 0.2), (0.22, 0.22, 0.23), cold_c + hot * 17)
        sheet.fill(sheet.ellipse(wheel, _WHEEL_M, 0.09, 0.09), (0.08, 0.08, 0.08), cold_c + hot * 24)
    return sheet.finish()


def _windows(paint: Paint, glass_c: float, mirrored: bool) -> Sprite:
    """The upper side; the front is at the right unless ``mirrored``."""
    sheet = Sheet(LENGTH_M, 0.52, _PX_PER_M)
    if not mirrored:
        sheet.x = LENGTH_M - sheet.x
    sheet.fill(sheet.polygon([(1.1, 0), (1.9, 0.52), (3.35, 0.52), (4.1, 0)]), paint.colour, glass_c - 1)
    for corners in (
        [(1.32, 0.04), (1.98, 0.46), (2.55, 0.46), (2.55, 0.04)],
        [(2.64, 0.04), (2.64, 0.46), (3.3, 0.46), (3.85, 0.04)],
    ):
        sheet.fill(sheet.polygon(corners), _GLASS, glass_c + 1.5, 0.8 + 1.6 * sheet.y)
    return sheet.finish()
