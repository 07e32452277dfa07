"""What every simulated scene does: paint its still part once, then draw what moves, then expose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sources.base import Role
from stream.sources.simscene.camera import Lens, View, view_of
from stream.sources.simscene.canvas import Actor, Canvas, WarmBox
from stream.sources.simscene.noise import fractal_tile
from stream.sources.simscene.sensor import InfraredSensor, Rendered, VisibleSensor, Window, moment_key
from stream.sources.simscene.spec import SimSpec


@dataclass(frozen=True)
class Still:
    """The painted still world of one camera. ``image`` as in Canvas; ``ground``: albedo of the ground, 0 elsewhere."""

    view: View
    image: NDArray[np.float32]
    depth: NDArray[np.float32]
    ground: NDArray[np.float32]


class Scene(ABC):
    """A world of which two cameras take pictures: a picture is a function of (spec, role, time) alone.

    Used from one thread. Memory is kept for one picture a role, so that a frame costs no allocation but its own.
    """

    lens: Lens
    window: Window
    light_noise = 1.0
    """The visible camera's noise, over that at night."""

    def __init__(self, spec: SimSpec) -> None:
        self.spec = spec
        self.tile = fractal_tile(spec.seed * 7 + 3, beta=1.6, lowest=4)
        self._stills: dict[Role, Still] = {}
        self._scratch: dict[Role, NDArray[np.float32]] = {}
        self._visible = VisibleSensor(spec, self.light_noise)
        self.infrared_sensor = InfraredSensor(spec, self.window)

    @abstractmethod
    def paint(self, view: View, role: Role) -> Still:
        """Paint the still world for one camera."""

    @abstractmethod
    def actors(self, t_s: float) -> list[Actor]:
        """Everything that moves and gives off heat, at a moment."""

    @abstractmethod
    def light(self, x_m: float, y_m: float, z_m: float) -> NDArray[np.float64]:
        """Irradiance over pi, linear RGB (3,), on a thing at a point."""

    def before(self, canvas: Canvas, t_s: float) -> None:  # noqa: B027 - scenes may have nothing to add
        """Draw what lies under the actors."""

    def after(self, canvas: Canvas, t_s: float, *, clean: bool) -> None:  # noqa: B027 - scenes may have nothing to add
        """Draw what lies over the actors."""

    def prepare(self, role: Role) -> Still:
        """The still world of a role, painted at the first call."""
        if role not in self._stills:
            still = self.paint(view_of(self.spec, self.lens, role), role)
            self._stills[role] = still
            self._scratch[role] = np.empty_like(still.image)
        return self._stills[role]

    def render(self, role: Role, t_s: float, *, clean: bool = False) -> Rendered:
        """The picture at ``t_s`` seconds: see Rendered. Visible luma is limited range, infrared full range or counts.

        ``clean``: without what a fusion should undo: sensor noise, stripes, dead pixels, smoke.
        """
        still = self.prepare(role)
        image = self._scratch[role]
        np.copyto(image, still.image)
        canvas = Canvas(role, still.view, image, still.depth, self.tile)
        self.before(canvas, t_s)
        for actor in sorted(self.actors(t_s), key=lambda one: -one.depth_m):
            if actor.depth_m > 1.5:
                actor.draw(canvas, self.light)
        self.after(canvas, t_s, clean=clean)
        key = moment_key(role, t_s)
        if role == "visible":
            return self._visible.expose(image, key, clean=clean)
        return self.infrared_sensor.expose(image, key, clean=clean)

    def warm_boxes(self, t_s: float) -> list[WarmBox]:
        """The warm things whose box lies at least partly in the visible picture, near ones first."""
        still = self.prepare("visible")
        height, width = still.depth.shape
        boxes = []
        for actor in sorted(self.actors(t_s), key=lambda one: one.depth_m):
            if actor.depth_m < 3:
                continue
            x0, y0, x1, y1 = actor.extent_px(still.view)
            if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
                continue
            part = still.depth[max(0, int(y0)) : int(y1) + 1, max(0, int(x0)) : int(x1) + 1]
            hidden = float((part < actor.depth_m - 0.3).mean()) if part.size else 1.0
            boxes.append(WarmBox(actor.kind, x0, y0, x1, y1, actor.depth_m, hidden))
        return boxes
