"""Living things made of tapered sticks: people who walk, ride or work, and dogs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from stream.sources.simscene import raster
from stream.sources.simscene.camera import View
from stream.sources.simscene.canvas import Canvas, Light, Rgb

_LIGHT_DIRECTION = np.array([-0.25, -0.75, 0.61], np.float32)
_STRIDE_M = 1.42
Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """How a person is built and dressed; colours are linear RGB albedo, ``*_c`` surface temperatures in Celsius."""

    height_m: float
    jacket: Rgb
    trousers: Rgb
    skin: Rgb
    hair: Rgb
    jacket_c: float
    trousers_c: float
    skin_c: float
    hood: bool = False


class Figure:
    """A thing of sticks at one moment. Local axes: forward, up, to the left; metres from where it stands."""

    def __init__(self, kind: str, x_m: float, z_m: float, heading_rad: float, phase: float) -> None:
        self.kind = kind
        self.x_m = x_m
        self.depth_m = z_m
        self._forward = (math.sin(heading_rad), math.cos(heading_rad))
        self._phase = phase
        self._ends: list[tuple[Point, Point]] = []
        self._looks: list[tuple[float, float, float, float, float, float, float, float, float]] = []

    def stick(
        self,
        start: Point,
        end: Point,
        radii_m: tuple[float, float],
        colour: Rgb,
        celsius: float,
        *,
        rim_c: float = 3.0,
        grain: float = 1.0,
    ) -> None:
        """Add a stick. ``rim_c``: how much colder it looks at its silhouette; ``grain``: strength of its texture."""
        self._ends.append((start, end))
        self._looks.append((*radii_m, *colour, celsius, rim_c, grain, len(self._ends) * 0.37 + self._phase))

    def _place(self) -> NDArray[np.float64]:
        """World points of all ends, (N, 2, 3)."""
        local = np.array(self._ends)
        sin, cos = self._forward
        world = np.empty_like(local)
        world[..., 0] = self.x_m + local[..., 0] * sin - local[..., 2] * cos
        world[..., 1] = local[..., 1]
        world[..., 2] = self.depth_m + local[..., 0] * cos + local[..., 2] * sin
        return world

    def draw(self, canvas: Canvas, light: Light) -> None:
        """Draw it, farthest sticks first."""
        view = canvas.view
        if not view.may_show(self.x_m, self.depth_m, 1.0):
            return
        ends, looks = self._place(), np.array(self._looks)
        order = np.argsort(-ends[:, 0, 2] - ends[:, 1, 2], kind="stable")
        ends, looks = ends[order], looks[order]
        pixels = view.project(ends)
        metre_px = view.scale_px(self.depth_m)
        sticks = np.zeros((len(ends), raster.CAPSULE_COLUMNS), np.float32)
        sticks[:, 0:2], sticks[:, 3:5] = pixels[:, 0], pixels[:, 1]
        sticks[:, 2], sticks[:, 5] = looks[:, 0] * metre_px, looks[:, 1] * metre_px
        sticks[:, 6] = self.depth_m - 0.3
        sticks[:, 13] = looks[:, 8]
        if canvas.role == "visible":
            sticks[:, 7:10] = looks[:, 2:5] * light(self.x_m, 1.2, self.depth_m)
            sticks[:, 10] = 1.0
            sticks[:, 11] = 0.25
            sticks[:, 12] = looks[:, 7] * 0.08
            x, y = view.project(np.array((self.x_m, 0.0, self.depth_m)))
            wide = 0.45 * metre_px
            raster.shade_ground(canvas.image, canvas.depth, x, y, wide, wide * 0.3, 0.5)
        else:
            sticks[:, 7] = looks[:, 5]
            sticks[:, 11] = looks[:, 6]
            sticks[:, 12] = looks[:, 7] * 0.45
        raster.draw_capsules(
            canvas.image, canvas.depth, sticks, canvas.tile, _LIGHT_DIRECTION, np.float32(canvas.soft_px)
        )

    def extent_px(self, view: View) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in the view's pixels."""
        radii = np.array(self._looks)[:, 0:2, None] * view.scale_px(self.depth_m)
        pixels = view.project(self._place())
        low, high = (pixels - radii).min(axis=(0, 1)), (pixels + radii).max(axis=(0, 1))
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def walker(look: Look, x_m: float, z_m: float, heading_rad: float, walked_m: float, phase: float) -> Figure:
    """A person walking; ``walked_m`` sets the gait. ``heading_rad``: 0 is away from the camera, turning right."""
    figure = Figure("person", x_m, z_m, heading_rad, phase)
    cycle = 2 * math.pi * walked_m / _STRIDE_M + phase
    h = look.height_m
    hip_y = 0.525 * h - 0.015 * h * abs(math.sin(cycle)) ** 2
    for side in (1, -1):
        swing = math.sin(cycle) * side
        lift = max(0.0, math.cos(cycle) * side)
        _leg(figure, look, hip_y, side, hip_rad=0.42 * swing + 0.12 * lift, knee_rad=0.12 + 0.85 * lift**1.5)
    _upper_body(figure, look, hip_y, lean=0.03)
    for side in (1, -1):
        swing = -math.sin(cycle) * side
        _arm(figure, look, hip_y, side, shoulder_rad=0.42 * swing, elbow_rad=0.25 + 0.25 * max(0.0, swing))
    return figure


def worker(look: Look, x_m: float, z_m: float, heading_rad: float, t_s: float, phase: float) -> Figure:
    """A person who stands, bends a little and works with both arms."""
    figure = Figure("person", x_m, z_m, heading_rad, phase)
    h = look.height_m
    beat = math.sin(3.1 * t_s + phase)
    hip_y = 0.515 * h + 0.012 * h * math.sin(1.3 * t_s + phase)
    for side in (1, -1):
        _leg(figure, look, hip_y, side, hip_rad=0.16 * side, knee_rad=0.1)
    _upper_body(figure, look, hip_y, lean=0.16 + 0.07 * math.sin(1.3 * t_s + phase))
    for side in (1, -1):
        _arm(
            figure,
            look,
            hip_y,
            side,
            shoulder_rad=0.85 + 0.45 * beat * (1 if side > 0 else 0.5),
            elbow_rad=0.7 + 0.2 * beat,
        )
    return figure


def _leg(figure: Figure, look: Look, hip_y: float, side: int, *, hip_rad: float, knee_rad: float) -> None:
    h = look.height_m
    thigh, shin = 0.245 * h, 0.235 * h
    hip: Point = (0.0, hip_y, 0.055 * h * side)
    knee: Point = (thigh * math.sin(hip_rad), hip_y - thigh * math.cos(hip_rad), 0.055 * h * side)
    down = hip_rad - knee_rad
    ankle: Point = (knee[0] + shin * math.sin(down), knee[1] - shin * math.cos(down), 0.05 * h * side)
    toe: Point = (
        ankle[0] + 0.1 * h * math.cos(down * 0.6),
        max(0.02, ankle[1] - 0.025 * h + 0.05 * h * math.sin(down)),
        ankle[2],
    )
    ambient_c = look.trousers_c - 4
    figure.stick(hip, knee, (0.054 * h, 0.038 * h), look.trousers, look.trousers_c + 0.8)
    figure.stick(knee, ankle, (0.038 * h, 0.027 * h), look.trousers, look.trousers_c - 0.6)
    figure.stick(ankle, toe, (0.026 * h, 0.022 * h), (0.03, 0.03, 0.03), ambient_c, rim_c=1)


def _upper_body(figure: Figure, look: Look, hip_y: float, *, lean: float) -> None:
    h = look.height_m
    chest_y, reach = 0.80 * h, 0.28 * h * math.sin(lean)
    for side in (1, -1):
        figure.stick(
            (0.0, hip_y, 0.045 * h * side),
            (reach, chest_y, 0.075 * h * side),
            (0.068 * h, 0.072 * h),
            look.jacket,
            look.jacket_c,
        )
    figure.stick(
        (0.0, hip_y + 0.06 * h, 0.0),
        (reach, chest_y - 0.03 * h, 0.0),
        (0.082 * h, 0.088 * h),
        look.jacket,
        look.jacket_c + 0.7,
    )
    head = reach * 1.35
    figure.stick(
        (reach, chest_y + 0.03 * h, 0.0),
        (head, 0.885 * h, 0.0),
        (0.035 * h, 0.034 * h),
        look.skin,
        look.skin_c - 0.5,
        rim_c=1,
    )
    figure.stick(
        (head, 0.905 * h, 0.0),
        (head, 0.945 * h, 0.0),
        (0.046 * h, 0.05 * h),
        look.skin,
        look.skin_c,
        rim_c=2,
        grain=0.6,
    )
    cap, cap_c = (look.jacket, look.jacket_c) if look.hood else (look.hair, look.skin_c - 6)
    figure.stick(
        (head - 0.016 * h, 0.94 * h, 0.0),
        (head - 0.012 * h, 0.955 * h, 0.0),
        (0.05 * h, 0.049 * h),
        cap,
        cap_c,
        rim_c=2,
    )
    if not look.hood:
        figure.stick(
            (head + 0.022 * h, 0.905 * h, 0.0),
            (head + 0.022 * h, 0.935 * h, 0.0),
            (0.034 * h, 0.036 * h),
            look.skin,
            look.skin_c + 0.6,
            rim_c=1,
            grain=0.6,
        )


def _arm(figure: Figure, look: Look, hip_y: float, side: int, *, shoulder_rad: float, elbow_rad: float) -> None:
    h = look.height_m
    upper, lower = 0.165 * h, 0.145 * h
    out = 0.125 * h * side
    shoulder: Point = (0.01, 0.805 * h + 0.2 * (hip_y - 0.52 * h), out)
    elbow: Point = (
        shoulder[0] + upper * math.sin(shoulder_rad),
        shoulder[1] - upper * math.cos(shoulder_rad),
        out * 1.15,
    )
    up = shoulder_rad + elbow_rad
    hand: Point = (elbow[0] + lower * math.sin(up), elbow[1] - lower * math.cos(up), out * 1.1)
    tip: Point = (hand[0] + 0.05 * h * math.sin(up), hand[1] - 0.05 * h * math.cos(up), out * 1.08)
    figure.stick(shoulder, elbow, (0.036 * h, 0.03 * h), look.jacket, look.jacket_c - 0.4)
    figure.stick(elbow, hand, (0.03 * h, 0.022 * h), look.jacket, look.jacket_c - 1.0)
    figure.stick(hand, tip, (0.021 * h, 0.017 * h), look.skin, look.skin_c - 2.5, rim_c=1)


def cyclist(look: Look, x_m: float, z_m: float, heading_rad: float, ridden_m: float, phase: float) -> Figure:
    """A person on a bicycle; ``ridden_m`` turns wheels and pedals."""
    figure = Figure("cyclist", x_m, z_m, heading_rad, phase)
    steel, rubber = (0.10, 0.10, 0.12), (0.02, 0.02, 0.02)
    wheel_m, cold_c = 0.34, look.trousers_c - 5
    for hub in (-0.5, 0.53):
        rim = [(hub + wheel_m * math.cos(a), wheel_m + wheel_m * math.sin(a), 0.0) for a in np.arange(13) * math.pi / 6]
        for start, end in pairwise(rim):
            figure.stick(start, end, (0.022, 0.022), rubber, cold_c + 2, rim_c=0.5)
        for spoke in range(3):
            angle = ridden_m / wheel_m * -1 + spoke * math.pi / 3
            c, s = 0.32 * math.cos(angle), 0.32 * math.sin(angle)
            figure.stick(
                (hub - c, wheel_m - s, 0.0), (hub + c, wheel_m + s, 0.0), (0.004, 0.004), steel, cold_c, rim_c=0
            )
    saddle, bars, crank = (-0.22, 0.92, 0.0), (0.42, 1.0, 0.0), (-0.05, 0.3, 0.0)
    tubes = ((saddle, crank), (crank, (0.38, 0.78, 0.0)), (bars, (0.53, wheel_m, 0.0)), (crank, (-0.5, wheel_m, 0.0)))
    for start, end in (*tubes, ((-0.2, 0.78, 0.0), (0.38, 0.78, 0.0))):
        figure.stick(start, end, (0.02, 0.02), steel, cold_c, rim_c=0.5)
    turn = ridden_m / 1.9 * 2 * math.pi / 2.6 + phase
    for side in (1, -1):
        hip: Point = (-0.18, 0.98, 0.09 * side)
        angle = turn + (math.pi if side < 0 else 0)
        foot: Point = (crank[0] + 0.17 * math.sin(angle), crank[1] + 0.17 * math.cos(angle), 0.1 * side)
        knee = _bend(hip, foot, 0.43, 0.44)
        figure.stick(hip, knee, (0.09, 0.065), look.trousers, look.trousers_c + 2)
        figure.stick(knee, foot, (0.06, 0.045), look.trousers, look.trousers_c + 1)
        figure.stick(
            foot, (foot[0] + 0.14, foot[1] - 0.02, foot[2]), (0.045, 0.035), (0.04, 0.04, 0.04), look.trousers_c - 3
        )
        shoulder: Point = (0.16, 1.42, 0.17 * side)
        figure.stick(hip, (0.14, 1.38, 0.1 * side), (0.115, 0.125), look.jacket, look.jacket_c)
        figure.stick(shoulder, (0.27, 1.18, 0.23 * side), (0.06, 0.05), look.jacket, look.jacket_c)
        figure.stick(
            (0.27, 1.18, 0.23 * side), (0.44, 1.04, 0.2 * side), (0.048, 0.036), look.jacket, look.jacket_c - 1
        )
        figure.stick((0.44, 1.04, 0.2 * side), (0.48, 1.02, 0.2 * side), (0.035, 0.03), look.skin, look.skin_c - 3)
    figure.stick((0.18, 1.5, 0.0), (0.24, 1.6, 0.0), (0.055, 0.055), look.skin, look.skin_c - 1, rim_c=1)
    figure.stick((0.26, 1.64, 0.0), (0.28, 1.69, 0.0), (0.08, 0.085), look.skin, look.skin_c, rim_c=2)
    figure.stick((0.22, 1.72, 0.0), (0.28, 1.74, 0.0), (0.085, 0.08), (0.3, 0.3, 0.32), look.jacket_c - 3, rim_c=1)
    return figure


def _bend(hip: Point, foot: Point, thigh_m: float, shin_m: float) -> Point:
    """The knee between a hip and a foot, bent forward (law of cosines)."""
    dx, dy = foot[0] - hip[0], foot[1] - hip[1]
    reach = min(math.hypot(dx, dy), thigh_m + shin_m - 1e-3)
    along = (reach**2 + thigh_m**2 - shin_m**2) / (2 * reach)
    out = math.sqrt(max(thigh_m**2 - along**2, 0.0))
    ux, uy = dx / reach, dy / reach
    return hip[0] + ux * along - uy * out, hip[1] + uy * along + ux * out, hip[2]


def dog(x_m: float, z_m: float, heading_rad: float, walked_m: float, phase: float, ambient_c: float) -> Figure:
    """A medium-sized dog trotting."""
    figure = Figure("dog", x_m, z_m, heading_rad, phase)
    fur: Rgb = (0.16, 0.10, 0.06)
    coat_c = ambient_c + 10
    cycle = 2 * math.pi * walked_m / 0.8 + phase
    bob = 0.012 * math.sin(2 * cycle)
    for ahead, offset in ((0.24, 0.0), (-0.26, math.pi * 0.9)):
        for side in (1, -1):
            angle = cycle + offset + (math.pi if side < 0 else 0)
            swing, lift = 0.45 * math.sin(angle), max(0.0, math.cos(angle))
            top: Point = (ahead, 0.40 + bob, 0.08 * side)
            knee: Point = (ahead + 0.2 * math.sin(swing * 0.7), 0.22 + 0.02 * lift, 0.08 * side)
            paw: Point = (knee[0] + 0.2 * math.sin(swing - 0.5 * lift), 0.03 + 0.07 * lift, 0.08 * side)
            figure.stick(top, knee, (0.07, 0.04), fur, coat_c + 1, rim_c=2)
            figure.stick(knee, paw, (0.033, 0.025), fur, coat_c - 1, rim_c=1)
    figure.stick((-0.28, 0.47 + bob, 0.0), (0.26, 0.47 + bob, 0.0), (0.115, 0.135), fur, coat_c, rim_c=3)
    figure.stick((0.3, 0.52 + bob, 0.0), (0.44, 0.66 + bob, 0.0), (0.09, 0.075), fur, coat_c + 2)
    figure.stick((0.45, 0.68 + bob, 0.0), (0.52, 0.67 + bob, 0.0), (0.085, 0.07), fur, coat_c + 6, rim_c=2)
    figure.stick((0.55, 0.65 + bob, 0.0), (0.63, 0.63 + bob, 0.0), (0.045, 0.035), fur, coat_c + 9, rim_c=1)
    for side in (1, -1):
        figure.stick(
            (0.43, 0.75 + bob, 0.05 * side), (0.4, 0.8 + bob, 0.06 * side), (0.03, 0.015), fur, coat_c + 5, rim_c=1
        )
    wag = 0.08 * math.sin(3 * cycle)
    figure.stick((-0.36, 0.52 + bob, 0.0), (-0.52, 0.68 + bob, wag), (0.035, 0.015), fur, coat_c - 2, rim_c=1)
    return figure


def random_look(random: np.random.Generator, ambient_c: float) -> Look:
    """A person of random build and clothes, dressed for ``ambient_c``."""
    jackets: NDArray[np.float64] = np.array(
        [
            (0.03, 0.03, 0.04),
            (0.05, 0.07, 0.14),
            (0.16, 0.04, 0.04),
            (0.10, 0.11, 0.07),
            (0.26, 0.25, 0.24),
            (0.07, 0.05, 0.04),
        ]
    )
    trousers: NDArray[np.float64] = np.array(
        [(0.03, 0.03, 0.035), (0.05, 0.07, 0.13), (0.13, 0.11, 0.08), (0.06, 0.06, 0.06)]
    )
    skins: NDArray[np.float64] = np.array([(0.42, 0.27, 0.20), (0.28, 0.17, 0.11), (0.14, 0.08, 0.05)])
    hairs: NDArray[np.float64] = np.array([(0.03, 0.02, 0.015), (0.10, 0.06, 0.03), (0.20, 0.18, 0.16)])
    return Look(
        height_m=float(random.uniform(1.6, 1.88)),
        jacket=tuple(random.choice(jackets)),
        trousers=tuple(random.choice(trousers)),
        skin=tuple(random.choice(skins)),
        hair=tuple(random.choice(hairs)),
        jacket_c=ambient_c + float(random.uniform(7, 12)),
        trousers_c=ambient_c + float(random.uniform(8, 12)),
        skin_c=float(random.uniform(30, 33)),
        hood=bool(random.random() < 0.25),
    )
