"""Cars: a body of painted panels, lamps in the visible, warm parts in the infrared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from stream.sources.simscene import raster
from stream.sources.simscene.camera import View
from stream.sources.simscene.canvas import Canvas, Light, Rgb
from stream.sources.simscene.panels import Panel, draw_panels
from stream.sources.simscene.sprites import Sheet, Sprite

_PX_PER_M = 64.0
LENGTH_M, WIDTH_M, HEIGHT_M = 4.4, 1.78, 1.46
_WAIST_M, _BONNET_M = 0.95, 0.78
_WHEELS_M = (0.85, 3.45)
_WHEEL_M = 0.32
_GLASS: Rgb = (0.02, 0.025, 0.03)
_RUBBER: Rgb = (0.02, 0.02, 0.02)
Edge = tuple[float, float, float]


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
    def heads(self) -> int:
        """-1 towards the camera, 1 away from it."""
        return -1 if self._cos < 0 else 1

    def _corner(self, back: float, up: float, right: float) -> tuple[float, float, float]:
        """World point of ``back`` metres behind the front, ``up``, and ``right`` of its axis as the driver sees it."""
        return self._x_m - back * self._sin + right * self._cos, up, self._z_m - back * self._cos - right * self._sin

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw the panels that face the camera, far ones first, then the lamps' glare."""
        x, _, z = self._corner(LENGTH_M / 2, 0, 0)
        if not canvas.view.may_show(x, z, 3.0):
            return
        if canvas.role == "visible":
            self._shadow(canvas)
        panels = self._panels()
        eye = (canvas.view.lens.x_m, canvas.view.lens.height_m, 0.0)
        panels.sort(key=lambda panel: -sum(math.dist(corner, eye) for corner in panel.corners_m))
        nearest = min(corner[2] for panel in panels for corner in panel.corners_m)
        draw_panels(canvas, panels, light(x, 1.0, z), nearest, fixed=self._fixed)
        if self._lamps:
            self._draw_lamps(canvas)

    def extent_px(self, view: View) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in the view's pixels."""
        corners = np.array([corner for panel in self._panels() for corner in panel.corners_m])
        corners[:, 2] = np.maximum(corners[:, 2], 0.5)
        pixels = view.project(corners)
        return (*pixels.min(axis=0).tolist(), *pixels.max(axis=0).tolist())

    def _panels(self) -> list[Panel]:
        sheets = sheets_of(self._paint)
        c, half, roof = self._corner, WIDTH_M / 2, 0.62
        # Half widths of the edges that panels share, from front to back: (behind the front, up, half width).
        nose, cowl, top_front, top_back = (
            (0.0, _BONNET_M, half),
            (1.1, _WAIST_M, 0.84),
            (1.9, 1.44, roof),
            (3.35, 1.42, roof),
        )
        deck, tail = (4.1, _WAIST_M, 0.84), (LENGTH_M, 0.94, half)

        def across(name: str, high: Edge, low: Edge, side: int, up: float) -> Panel:
            corners = (
                c(*high[:2], side * high[2]),
                c(*high[:2], -side * high[2]),
                c(*low[:2], -side * low[2]),
                c(*low[:2], side * low[2]),
            )
            return Panel(sheets[name], corners, up)

        panels = [
            across("front", nose, (0.0, 0.0, half), 1, 0.0),
            across("bonnet", cowl, nose, 1, 1.0),
            across("screen", top_front, cowl, 1, 0.6),
            across("roof", top_back, top_front, 1, 1.0),
            across("rear_screen", top_back, deck, -1, 0.5),
            across("boot", deck, tail, -1, 1.0),
            across("rear", tail, (LENGTH_M, 0.0, half), -1, 0.0),
        ]
        for side in (1, -1):
            # Seen from its right a car's front is at the picture's right, as in the sheets.
            start, end, ending = (LENGTH_M, 0.0, "") if side > 0 else (0.0, LENGTH_M, "_mirrored")
            for name, high, low in (
                ("side", (_WAIST_M, half), (0.0, half)),
                ("windows", (1.44, roof), (_WAIST_M, 0.86)),
            ):
                corners = tuple(
                    c(back, up, wide * side)
                    for back, (up, wide) in ((start, high), (end, high), (end, low), (start, low))
                )
                panels.append(Panel(sheets[name + ending], corners))
        return panels

    def _shadow(self, canvas: Canvas) -> None:
        x, _, z = self._corner(LENGTH_M / 2, 0, 0)
        foot = canvas.view.project(np.array((x, 0.0, z)))
        long = canvas.view.project(np.array([self._corner(-0.4, 0, 0), self._corner(LENGTH_M + 0.4, 0, 0)]))
        metre_px = canvas.view.scale_px(z)
        rx = max(abs(float(long[0, 0] - long[1, 0])) * 0.6, 1.35 * metre_px)
        ry = max(abs(float(long[0, 1] - long[1, 1])) * 0.62, 0.2 * metre_px)
        raster.shade_ground(canvas.image, canvas.depth, foot[0], foot[1], rx, ry, 0.75)

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
def sheets_of(paint: Paint) -> dict[str, Sprite]:
    """The painted panels of a car, by name (made at the first call: some 20 ms)."""
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
    sheet.spread_heat(3)
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
    sheet.spread_heat(3)
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
    sheet.spread_heat(3)
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
    sheet.spread_heat(3)
    return sheet.finish()
