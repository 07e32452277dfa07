"""``smoke-yard``: a works yard in daylight over which smoke drifts; the infrared camera looks through it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from stream.sources.base import Role
from stream.sources.simscene import raster
from stream.sources.simscene.camera import Lens, View
from stream.sources.simscene.canvas import Actor, Canvas, Rgb
from stream.sources.simscene.cars import Car, Paint
from stream.sources.simscene.figures import random_look, walker, worker
from stream.sources.simscene.fire import Fire
from stream.sources.simscene.ground import concrete
from stream.sources.simscene.noise import TILE_PX, fractal_tile
from stream.sources.simscene.painting import OVERSAMPLE, Layers, blur
from stream.sources.simscene.panels import Panel, draw_panels
from stream.sources.simscene.raycast import GROUND, SKY, Box, cast, crevice, lit
from stream.sources.simscene.scene import Scene, Still
from stream.sources.simscene.sensor import Window
from stream.sources.simscene.spec import SimSpec
from stream.sources.simscene.surfaces import F32, TREE_M, Paintwork, fractal, tree
from stream.sources.simscene.yard_surfaces import barrel, container, fence, pallets, shed

_AIR_C = 11.0
_SUN = np.array((-0.74, 0.56, -0.37))
_SUN_LIGHT = np.array((0.95, 0.84, 0.66))
_SKY_LIGHT = np.array((0.46, 0.52, 0.60))
_SMOKE_LIGHT = np.array((0.40, 0.43, 0.46), np.float32)
_CONTAINER_COLOURS: tuple[Rgb, ...] = (
    (0.30, 0.07, 0.04),
    (0.05, 0.13, 0.28),
    (0.07, 0.20, 0.12),
    (0.42, 0.24, 0.05),
    (0.34, 0.34, 0.33),
)
_LOW_RES = 4


class SmokeYard(Scene):
    """See the module."""

    lens = Lens(x_m=0.0, height_m=3.0, focal=0.95, horizon=0.33)
    window = Window(low_c=4.0, high_c=36.0)
    light_noise = 0.45

    def __init__(self, spec: SimSpec) -> None:
        super().__init__(spec)
        random = np.random.default_rng(spec.seed * 13 + 1)
        self._smoke_tile = fractal_tile(spec.seed * 7 + 4, beta=2.2, lowest=8)
        self._boxes = self._build(random)
        self._barrel = (float(random.uniform(2.2, 3.4)), float(random.uniform(14.5, 16.0)))
        x, z = self._barrel
        self._boxes.append(Box("barrel", (x - 0.3, 0, z - 0.3), (x + 0.3, 0.9, z + 0.3)))
        colour: Rgb = ((0.42, 0.42, 0.42), (0.30, 0.05, 0.04), (0.08, 0.13, 0.24))[int(random.integers(3))]
        self._vehicle = Car(
            Paint(colour, _AIR_C + 2, 0.75),
            -5.6 + float(random.uniform(-0.4, 0.4)),
            17.0,
            math.pi + 0.5,
            lamps=False,
            fixed=True,
        )
        self._trees = [
            (float(random.uniform(-20, 20)), float(random.uniform(42, 47)), int(random.integers(1 << 20)))
            for _ in range(9)
        ]
        self._looks = [random_look(random, _AIR_C) for _ in range(5)]
        self._phases = [float(random.uniform(0, 30)) for _ in range(5)]
        self._seed = spec.seed
        self._drift = float(random.uniform(0, TILE_PX))
        self._fields: dict[Role, tuple[F32, F32, F32]] = {}

    @staticmethod
    def _build(random: np.random.Generator) -> list[Box]:
        boxes = []
        colours = list(range(len(_CONTAINER_COLOURS)))
        random.shuffle(colours)
        shift = float(random.uniform(-0.6, 0.6))
        places = [
            (-13.5, 17.0, 2.44, 6.06, 0.0),
            (-9.0 + shift, 24.0, 6.06, 2.44, 0.0),
            (8.2 + shift, 15.5, 2.44, 6.06, 0.0),
        ]
        places += [(8.2 + shift, 15.7, 2.44, 6.06, 2.6), (1.0 - shift, 29.0, 6.06, 2.44, 0.0)]
        for number, (x, z, wide, deep, up) in enumerate(places):
            boxes.append(Box("container", (x, up, z), (x + wide, up + 2.59, z + deep), colours[number % len(colours)]))
        boxes.append(Box("shed", (-3.4, 0, 25.5), (3.6, 3.0, 28.5)))
        for x, z, layers in ((5.2, 19.0, 8), (6.6, 19.3, 5), (-7.6, 13.4, 6)):
            boxes.append(
                Box(
                    "pallets",
                    (x, 0, z),
                    (x + 1.2, 0.15 * (layers + int(random.integers(0, 3))), z + 1.0),
                    int(random.integers(99)),
                )
            )
        boxes.append(Box("fence", (-60, 0, 40.0), (60, 3.1, 40.6)))
        return boxes

    def paint(self, view: View, role: Role) -> Still:
        """Paint yard and sky, stand the vehicle and trees in them."""
        hits = cast(view, self._boxes, OVERSAMPLE)
        layers = Layers(hits)
        ground = hits.box == GROUND
        layers.put(ground, concrete(hits.x[ground], hits.z[ground], hits.footprint_m[ground], self.tile, _AIR_C))
        along, up = hits.on_wall()
        for number, box in enumerate(self._boxes):
            where = hits.box == number
            if where.any():
                # Level faces take their coordinate along X.
                layers.put(
                    where, self._surface(box, hits.axis[where], along[where], up[where], hits.footprint_m[where])
                )
        sky = hits.box == SKY
        layers.put(sky, self._sky(hits.x[sky], hits.y[sky]))
        sunlit = lit(hits, self._boxes, tuple(_SUN.tolist()))
        if role == "infrared":
            # The ground in shadow has stayed colder.
            layers.celsius[ground & ~sunlit] -= 2.6
            image = layers.temperature()
        else:
            image = layers.light(self._irradiance(layers, sunlit))
        canvas = Canvas(role, view, image, layers.depth(), self.tile)
        for x, z, seed in sorted(self._trees, key=lambda one: -one[1]):
            left, right = x - TREE_M[0] * 0.75, x + TREE_M[0] * 0.75
            corners = ((left, TREE_M[1] * 1.5, z), (right, TREE_M[1] * 1.5, z), (right, 0, z), (left, 0, z))
            draw_panels(
                canvas, [Panel(tree(seed, _AIR_C), corners)], 1.9 * (_SKY_LIGHT + 0.5 * _SUN_LIGHT), z, fixed=True
            )
        self._vehicle.draw(canvas, self.light)
        if role == "infrared":
            canvas = Canvas(role, view, blur(canvas.image, 0.2), canvas.depth, self.tile)
        else:
            self._haze(canvas)
        self._fields[role] = self._smoke_shape(canvas)
        return Still(view, canvas.image, canvas.depth, layers.ground())

    def _surface(self, box: Box, axis: F32, along: F32, up: F32, footprint: F32) -> Paintwork:
        if box.material == "container":
            return container(box, _CONTAINER_COLOURS[box.seed], axis, along, up, footprint, self.tile, _AIR_C)
        if box.material == "shed":
            return shed(box, axis, along, up, footprint, self.tile, _AIR_C)
        if box.material == "pallets":
            return pallets(box, axis, along, up, self.tile, _AIR_C)
        if box.material == "barrel":
            return barrel(along, up, self.tile, _AIR_C)
        return fence(along, up, footprint, self.tile, _AIR_C)

    def _sky(self, x: F32, y: F32) -> Paintwork:
        work = Paintwork.blank(x.size)
        cloud = fractal(self.tile, x / (0.10 + y), 1.4 / (0.10 + y), 0.03)
        high = np.clip(y / 0.35, 0, 1)[:, None]
        work.glow[:] = np.array((0.62, 0.64, 0.66)) * (1 - high) + np.array((0.36, 0.46, 0.60)) * high
        work.glow += (0.05 * np.clip(cloud, -1.5, 2) * (0.4 + 0.6 * high[:, 0]))[:, None]
        # A wood far behind the fence, blue with distance.
        edge = (
            0.052
            + 0.010 * fractal(self.tile, x, np.zeros_like(x), 0.05)
            + 0.005 * fractal(self.tile, x + 3, y * 0.3, 0.006)
        )
        wood = y < edge
        leaf = fractal(self.tile, x, y, 0.0035)
        work.celsius[:] = -14 + 15 * np.exp(-np.maximum(y, 0) / 0.12) + 2.5 * np.clip(cloud, -1, 2)
        work.glow[wood] = np.array((0.19, 0.225, 0.215)) * (1 + 0.13 * leaf[wood] + 2.5 * (y - edge)[wood])[:, None]
        work.celsius[wood] = _AIR_C - 0.5 + 0.5 * leaf[wood]
        return work

    def _irradiance(self, layers: Layers, sunlit: NDArray[np.bool_]) -> F32:
        hits = layers.hits
        lens_x = self.lens.x_m
        facing = np.where(
            hits.axis == 1, _SUN[1], np.where(hits.axis == 2, -_SUN[2], -_SUN[0] * np.sign(hits.x - lens_x))
        )
        open_sky = np.where(hits.axis == 1, 1.0, 0.62) * crevice(
            hits, [b for b in self._boxes if b.material != "fence"], 0.8
        )
        sun = (np.clip(facing, 0, 1) * sunlit).astype(np.float32)
        return sun[..., None] * _SUN_LIGHT.astype(np.float32) + open_sky[..., None].astype(
            np.float32
        ) * _SKY_LIGHT.astype(np.float32)

    @staticmethod
    def _haze(canvas: Canvas) -> None:
        """Thin haze that thickens with distance."""
        share = 0.55 * (1 - np.exp(-np.minimum(canvas.depth, 400) / 110))[..., None]
        image = canvas.image
        image *= 1 - share
        image += share * np.array((0.55, 0.58, 0.60), np.float32)

    def _smoke_shape(self, canvas: Canvas) -> tuple[F32, F32, F32]:
        """(nearness, envelope, field): see raster.veil and raster.smoke_field."""
        near = 1 - np.exp(-np.maximum(np.minimum(canvas.depth, 200) - 4.0, 0.0) / 7.0)
        height, width = canvas.depth.shape
        rows, columns = -(-height // _LOW_RES), -(-width // _LOW_RES)
        # Smoke lies low and thins out upwards; the horizon is found in the view's own picture.
        inverse = np.linalg.inv(canvas.view.matrix)
        xs, ys = np.meshgrid(np.arange(columns) * _LOW_RES + 1.5, np.arange(rows) * _LOW_RES + 1.5)
        y_visible = inverse[1, 0] * xs + inverse[1, 1] * ys + inverse[1, 2]
        above = np.clip((canvas.view.horizon_px - y_visible) / canvas.view.visible_size[1], -1, 1)
        envelope = np.where(above > 0, np.exp(-above / 0.22), 1.0 - 0.35 * np.clip(-above / 0.6, 0, 1) ** 2)
        return near.astype(np.float32), envelope.astype(np.float32), np.zeros((rows, columns, 2), np.float32)

    def light(self, x_m: float, y_m: float, z_m: float) -> NDArray[np.float64]:
        """Sun (a little: things are seen from their shaded side too) and sky."""
        return 0.55 * _SUN_LIGHT + 0.8 * _SKY_LIGHT

    def actors(self, t_s: float) -> list[Actor]:
        """People at work and the fire."""
        looks, phases = self._looks, self._phases
        x_fire, z_fire = self._barrel
        actors: list[Actor] = [Fire(x_fire, 0.9, z_fire, 0.5, t_s, self._seed)]
        # Two walk up and down, each on a line of their own.
        for look, phase, x0, x1, z, speed in (
            (looks[0], phases[0], -6.0, 5.0, 11.2, 1.25),
            (looks[1], phases[1], -8.0, 7.0, 21.5, 1.35),
        ):
            way = (speed * t_s + phase) % (2 * (x1 - x0))
            out = way < x1 - x0
            x = x0 + (way if out else 2 * (x1 - x0) - way)
            actors.append(walker(look, x, z, math.pi / 2 if out else -math.pi / 2, way, phase))
        way = (1.2 * t_s + phases[2]) % 36
        z = 9.5 + (way if way < 18 else 36 - way)
        actors.append(
            walker(looks[2], 0.2 - 0.12 * (z - 9.5), z, -0.12 if way < 18 else math.pi - 0.12, way, phases[2])
        )
        actors.append(worker(looks[3], -6.0, 13.9, -1.4, t_s, phases[3]))
        actors.append(worker(looks[4], x_fire - 1.0, z_fire + 0.5, 1.9, t_s, phases[4]))
        return actors

    def after(self, canvas: Canvas, t_s: float, *, clean: bool) -> None:
        """Smoke: over everything in the visible, a trace of it in the infrared."""
        if clean:
            return
        near, envelope, field = self._fields[canvas.role]
        # Layers drift to the right and slowly up, finer ones faster; texels a second.
        scroll = np.array(
            [(-s * t_s + self._drift * k) % TILE_PX for k, s in enumerate((2.6, -0.7, 5.2, -1.6, 10.5, -3.4))],
            np.float32,
        )
        gusts = 2.9 + 0.6 * math.sin(0.37 * t_s + self._drift) + 0.3 * math.sin(0.91 * t_s)
        raster.smoke_field(self._smoke_tile, envelope, field, scroll, gusts)
        if canvas.role == "visible":
            raster.veil(canvas.image, near, field, _SMOKE_LIGHT, 1.0)
        else:
            raster.veil(canvas.image, near, field, np.full(1, _AIR_C + 2.0, np.float32), 0.07)
