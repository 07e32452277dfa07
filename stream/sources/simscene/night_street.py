"""``night-street``: a street at night, lit by lamps, windows and headlights; people hardly show outside the light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sources.base import Role
from stream.sources.simscene import raster
from stream.sources.simscene.camera import Lens, View
from stream.sources.simscene.canvas import Actor, Canvas, Rgb
from stream.sources.simscene.cars import Car, Paint, sheets_of
from stream.sources.simscene.figures import Look, cyclist, dog, random_look, walker
from stream.sources.simscene.ground import ROAD_HALF_M, ZEBRA_M, street
from stream.sources.simscene.painting import OVERSAMPLE, Layers, blur
from stream.sources.simscene.panels import Panel, draw_panels
from stream.sources.simscene.raycast import GROUND, SKY, Box, cast, crevice
from stream.sources.simscene.scene import Scene, Still
from stream.sources.simscene.sensor import Window
from stream.sources.simscene.spec import SimSpec
from stream.sources.simscene.surfaces import F32, TREE_M, Front, Paintwork, fractal, house_front, tree

_AIR_C = 8.0
_WALL_M = 9.6
_CYCLE_S = 24.0
_SPAN_M = 120.0
_LAMP_HEIGHT_M = 6.4
_SKYGLOW = np.array((0.006, 0.0075, 0.011))
_SODIUM: Rgb = (1.0, 0.60, 0.24)
_LED: Rgb = (0.92, 0.96, 1.0)
_CAR_COLOURS: tuple[Rgb, ...] = (
    (0.35, 0.35, 0.36),
    (0.03, 0.03, 0.035),
    (0.22, 0.03, 0.03),
    (0.04, 0.07, 0.16),
    (0.14, 0.14, 0.15),
    (0.10, 0.14, 0.10),
)


@dataclass(frozen=True, slots=True)
class Lamp:
    """A street lamp; ``power``: irradiance over pi at one metre."""

    x_m: float
    z_m: float
    colour: Rgb
    power: float


@dataclass(frozen=True, slots=True)
class _Driver:
    lane_m: float
    approaching: bool
    speed_mps: float
    delay_s: float
    paint: Paint

    def front_z(self, t_s: float) -> float:
        """Z of the front bumper; beyond the far end while the car is away."""
        run_m = self.speed_mps * ((t_s - self.delay_s) % _CYCLE_S)
        if self.approaching:
            return _SPAN_M - run_m
        return run_m


@dataclass(frozen=True, slots=True)
class _Stroller:
    look: Look
    x_m: float
    approaching: bool
    speed_mps: float
    start_m: float
    phase: float
    with_dog: bool = False


class NightStreet(Scene):
    """See the module."""

    lens = Lens(x_m=0.9, height_m=3.4, focal=0.92, horizon=0.40)
    window = Window(low_c=2.5, high_c=35.0)

    def __init__(self, spec: SimSpec) -> None:
        super().__init__(spec)
        random = np.random.default_rng(spec.seed * 11 + 5)
        self._lamps = [
            Lamp(side * 5.75, z, _SODIUM if random.random() < 0.7 else _LED, float(random.uniform(26, 34)))
            for z, side in ((15.5, -1), (27.0, 1), (43.0, -1), (60.0, 1), (80.0, -1))
        ]
        self._fronts, self._boxes = self._build(random)
        self._parked = self._park(random)
        self._trees = [
            (
                side * (6.6 + float(random.uniform(0, 0.5))),
                z + float(random.uniform(-1.5, 1.5)),
                int(random.integers(1 << 20)),
            )
            for side, z in ((1, 19.5), (-1, 23.0), (1, 36.0), (-1, 37.0), (1, 52.0), (-1, 66.0))
        ]
        paints = [Paint(_CAR_COLOURS[int(random.integers(len(_CAR_COLOURS)))], _AIR_C, 1.0) for _ in range(4)]
        self._drivers = [
            _Driver(-1.75, True, 9.5, float(random.uniform(-6.5, -4.5)), paints[0]),
            _Driver(-1.75, True, 9.5, float(random.uniform(4.0, 6.5)), paints[1]),
            _Driver(1.75, False, 8.5, float(random.uniform(-1.5, 0.5)), paints[2]),
            _Driver(1.75, False, 8.5, float(random.uniform(9.0, 12.0)), paints[3]),
        ]
        self._strollers = self._people(random)
        self._crosser = random_look(random, _AIR_C)
        self._crossing_s = self._safe_crossing(float(random.uniform(0, 4)))
        self._rider = random_look(random, _AIR_C)
        self._rider_m = float(random.uniform(0, 30))

    # --- the still world ---

    @staticmethod
    def _build(random: np.random.Generator) -> tuple[list[Front | None], list[Box]]:
        fronts: list[Front | None] = []
        boxes: list[Box] = []
        for side in (-1, 1):
            z = -6.0 - float(random.uniform(0, 6))
            while z < 98:
                length, height = float(random.uniform(11, 19)), float(random.uniform(8.5, 17))
                setback = float(random.uniform(0, 0.35))
                near, far = side * (_WALL_M + setback), side * (_WALL_M + 14)
                boxes.append(Box("front", (min(near, far), 0, z), (max(near, far), height, z + length)))
                fronts.append(
                    Front(
                        int(random.integers(1 << 16)),
                        height,
                        _AIR_C,
                        float(random.uniform(0.2, 0.42)),
                        bool(random.random() < 0.4),
                    )
                )
                z += length + (float(random.uniform(2.5, 5)) if random.random() < 0.3 else 0.0)
        boxes.append(Box("front", (-40, 0, 104), (40, 15, 118)))
        fronts.append(Front(int(random.integers(1 << 16)), 15, _AIR_C, 0.25, False))
        return fronts, boxes

    def _posts(self) -> list[Box]:
        boxes = []
        for lamp in self._lamps:
            foot = math.copysign(ROAD_HALF_M + 0.75, lamp.x_m)
            low, high = sorted((foot, foot - math.copysign(1.5, foot)))
            boxes.append(
                Box("post", (foot - 0.07, 0, lamp.z_m - 0.07), (foot + 0.07, _LAMP_HEIGHT_M + 0.25, lamp.z_m + 0.07))
            )
            boxes.append(
                Box(
                    "post",
                    (low, _LAMP_HEIGHT_M + 0.17, lamp.z_m - 0.05),
                    (high, _LAMP_HEIGHT_M + 0.27, lamp.z_m + 0.05),
                )
            )
        return boxes

    @staticmethod
    def _park(random: np.random.Generator) -> list[Car]:
        cars = []
        for side in (-1, 1):
            z = 17.5 + float(random.uniform(0, 3))
            while z < 88:
                if random.random() < 0.62:
                    colour = _CAR_COLOURS[int(random.integers(len(_CAR_COLOURS)))]
                    warmth = float(random.choice([0.0, 0.0, 0.0, 0.45]))
                    # Parked as they drive: on the left they show their fronts.
                    heading, front = (math.pi, z) if side < 0 else (0.0, z + 4.4)
                    x = side * (4.35 + float(random.uniform(-0.12, 0.12)))
                    cars.append(Car(Paint(colour, _AIR_C, warmth), x, front, heading, lamps=False, fixed=True))
                z += float(random.uniform(5.4, 6.6))
        return sorted(cars, key=lambda car: -car.depth_m)

    def paint(self, view: View, role: Role) -> Still:
        """Paint streets and houses, then stand trees and parked cars in them, then add the lamps' glare."""
        boxes = self._boxes + self._posts()
        hits = cast(view, boxes, OVERSAMPLE)
        layers = Layers(hits)
        on_ground = hits.box == GROUND
        layers.put(
            on_ground, street(hits.x[on_ground], hits.z[on_ground], hits.footprint_m[on_ground], self.tile, _AIR_C)
        )
        along, up = hits.on_wall()
        for number, box in enumerate(boxes):
            where = hits.box == number
            front = self._fronts[number] if number < len(self._fronts) else None
            if front is None:
                layers.albedo[where] = 0.06
                layers.celsius[where] = _AIR_C - 0.5
            elif where.any():
                layers.put(
                    where, house_front(front, along[where] - box.low[2], up[where], hits.footprint_m[where], self.tile)
                )
        sky = hits.box == SKY
        layers.put(sky, self._sky(hits.x[sky], hits.y[sky]))
        image = layers.temperature() if role == "infrared" else layers.light(self._irradiance(layers))
        depth = layers.depth()
        canvas = Canvas(role, view, image, depth, self.tile)
        self._furnish(canvas)
        ground = layers.ground()
        if role == "infrared":
            canvas = Canvas(role, view, blur(image, 0.2), depth, self.tile)
        self._draw_lamps(canvas)
        for driver in self._drivers:
            sheets_of(driver.paint)
        return Still(view, canvas.image, depth, ground)

    def _sky(self, x: F32, y: F32) -> Paintwork:
        work = Paintwork.blank(x.size)
        cloud = fractal(self.tile, x / (0.12 + y), 1 / (0.12 + y), 0.035)
        near = np.exp(-np.maximum(y, 0) / 0.16)
        level = 0.0028 * (1 + 0.35 * cloud) + 0.010 * near
        work.glow[:] = np.array((0.85, 0.75, 0.8), np.float32) * np.maximum(level, 0.0008)[:, None]
        work.celsius[:] = -9 + 9.5 * near + 1.6 * np.clip(cloud, -1.5, 2)
        return work

    def _irradiance(self, layers: Layers) -> F32:
        """Light of sky and lamps on every sub-pixel, (H, W, 3)."""
        hits = layers.hits
        total = np.empty((*hits.x.shape, 3), np.float32)
        total[:] = _SKYGLOW
        for lamp in self._lamps:
            dx, dy, dz = lamp.x_m - hits.x, _LAMP_HEIGHT_M - hits.y, lamp.z_m - hits.z
            distance2 = dx * dx + dy * dy + dz * dz + 0.3
            facing = np.where(
                hits.box == GROUND, dy, np.where(hits.axis == 0, np.abs(dx), np.where(hits.axis == 2, dz * -1, dy))
            )
            # The lantern throws its light down: little goes above its own height.
            throw = np.clip(0.30 + 1.1 * dy / np.sqrt(distance2), 0.02, 1.0)
            strength = lamp.power * np.maximum(facing, 0.0) * throw / distance2**1.5
            total += strength[..., None] * np.array(lamp.colour, np.float32)
        for front, box in zip(self._fronts, self._boxes, strict=True):
            if front is not None and front.shop and box.low[2] < 90:
                total += self._shop_spill(hits.x, hits.y, hits.z, box)[..., None] * np.array(
                    (1.0, 0.8, 0.55), np.float32
                )
        total *= crevice(hits, [box for box in self._boxes if box.low[2] < 80], 0.9)[..., None]
        return total

    @staticmethod
    def _shop_spill(x: F32, y: F32, z: F32, box: Box) -> F32:
        """What a lit shop window throws on the pavement before it."""
        out_z = np.maximum(np.maximum(box.low[2] + 0.5 - z, z - box.high[2] + 0.5), 0)
        wall = box.low[0] if box.low[0] > 0 else box.high[0]
        away = np.abs(wall - x)
        return 0.30 * np.exp(-out_z / 1.2) * np.exp(-away / 1.9) * (y < 0.5)

    def _furnish(self, canvas: Canvas) -> None:
        things: list[tuple[float, Car | tuple[float, float, int]]] = [(car.depth_m, car) for car in self._parked]
        things += [(place[1], place) for place in self._trees]
        for _, thing in sorted(things, key=lambda one: -one[0]):
            if isinstance(thing, Car):
                thing.draw(canvas, self.light)
                continue
            x, z, seed = thing
            left, right, top = x - TREE_M[0] / 2, x + TREE_M[0] / 2, TREE_M[1]
            corners = ((left, top, z), (right, top, z), (right, 0, z), (left, 0, z))
            # Leaves let light through and are lit from all around.
            light = 1.0 * self.light(x, 3.2, z) + 0.7 * self.light(x, 5.0, z - 1)
            draw_panels(canvas, [Panel(tree(seed, _AIR_C), corners)], light, z, fixed=True)

    def _draw_lamps(self, canvas: Canvas) -> None:
        for lamp in sorted(self._lamps, key=lambda one: -one.z_m):
            point = (math.copysign(ROAD_HALF_M - 0.55, lamp.x_m), _LAMP_HEIGHT_M + 0.08, lamp.z_m)
            if canvas.role == "visible":
                colour = tuple(3.0 * c + 0.3 for c in lamp.colour)
                canvas.glow(point, 0.2, (colour[0], colour[1], colour[2]), 0.055, 0.8, 0.0)
            else:
                canvas.glow(point, 0.2, (17.0, 0, 0), 0.0, 0.2, 0.0)

    # --- what moves ---

    @staticmethod
    def _people(random: np.random.Generator) -> list[_Stroller]:
        strollers = []
        # (side of the street, where at the start, towards the camera): the first four are near enough to be looked at.
        places = ((1, 11.5, False), (-1, 21, True), (1, 24, True), (-1, 13.5, False), (1, 45, True), (-1, 58, False))
        for number, (side, start, approaching) in enumerate(places):
            strollers.append(
                _Stroller(
                    look=random_look(random, _AIR_C),
                    x_m=side * float(random.uniform(6.5, 8.6)),
                    approaching=approaching,
                    speed_mps=float(random.uniform(1.1, 1.5)),
                    start_m=start + float(random.uniform(-1.5, 2.5)),
                    phase=float(random.uniform(0, 6)),
                    with_dog=number == 2,
                )
            )
        return strollers

    def _crosser_x(self, t_s: float) -> float:
        """The one who crosses at the zebra: over in about 16 s, away for the rest of the cycle."""
        return -10.5 + 1.35 * ((t_s - self._crossing_s) % _CYCLE_S)

    def _safe_crossing(self, wish_s: float) -> float:
        """The start nearest to a wish at which no car meets the person on the crossing."""
        middle = sum(ZEBRA_M) / 2
        for step in range(96):
            self._crossing_s = wish_s - _CYCLE_S + step * 0.25
            clear = True
            for tick in np.arange(0, _CYCLE_S, 0.1):
                x = self._crosser_x(tick)
                for driver in self._drivers:
                    front = driver.front_z(tick)
                    low, high = (front, front + 4.4) if driver.approaching else (front - 4.4, front)
                    clear &= abs(x - driver.lane_m) > 1.7 or high < middle - 3 or low > middle + 3
            if clear:
                break
        return self._crossing_s

    def _cars(self, t_s: float) -> list[Car]:
        cars = []
        for driver in self._drivers:
            front = driver.front_z(t_s)
            if front > 100.0:
                continue
            heading = math.pi if driver.approaching else 0.0
            cars.append(Car(driver.paint, driver.lane_m, front, heading, lamps=True))
        return cars

    def actors(self, t_s: float) -> list[Actor]:
        """Cars, people, the dog and the cyclist."""
        actors: list[Actor] = list(self._cars(t_s))
        for one in self._strollers:
            gone_m = one.speed_mps * t_s
            way_m = (one.start_m + (-gone_m if one.approaching else gone_m) - 4) % 80 + 4
            heading = math.pi if one.approaching else 0.0
            actors.append(walker(one.look, one.x_m, way_m, heading, gone_m % 1e4, one.phase))
            if one.with_dog:
                actors.append(
                    dog(
                        one.x_m - 0.65,
                        way_m + (-0.7 if one.approaching else 0.7),
                        heading,
                        gone_m % 1e4,
                        one.phase,
                        _AIR_C,
                    )
                )
        x = self._crosser_x(t_s)
        if x < 10.5:
            actors.append(walker(self._crosser, x, sum(ZEBRA_M) / 2, math.pi / 2, (x + 20), 0.4))
        ridden_m = 4.2 * t_s
        way_m = 95 - (self._rider_m + ridden_m) % 100
        actors.append(cyclist(self._rider, -3.1, way_m, math.pi, ridden_m % 1e4, 1.0))
        return actors

    def light(self, x_m: float, y_m: float, z_m: float) -> NDArray[np.float64]:
        """Sky and lamps on an upright thing."""
        total = _SKYGLOW.copy()
        for lamp in self._lamps:
            dx, dy, dz = lamp.x_m - x_m, _LAMP_HEIGHT_M - y_m, lamp.z_m - z_m
            distance2 = dx * dx + dy * dy + dz * dz + 0.3
            throw = min(1.0, max(0.02, 0.30 + 1.1 * dy / math.sqrt(distance2)))
            # Lamps behind a thing light only its rim.
            side = 0.75 if dz < 0 else 0.3
            total += side * lamp.power * throw / distance2 * np.array(lamp.colour)
        return total

    def before(self, canvas: Canvas, t_s: float) -> None:
        """Headlights on the road."""
        if canvas.role != "visible":
            return
        view = canvas.view
        for car in self._cars(t_s):
            x, z = car.front
            raster.add_beam(
                canvas.image,
                self.prepare("visible").ground,
                canvas.depth,
                np.float32(view.focal_px),
                np.float32(view.lens.x_m),
                np.float32(view.lens.height_m),
                np.float32(view.horizon_px),
                np.float32(x),
                np.float32(z),
                np.float32(car.heads),
                np.array((2.6, 2.5, 2.2), np.float32),
            )
