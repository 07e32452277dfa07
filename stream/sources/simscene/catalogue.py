"""The scenes there are, by the names that ``sim:NAME`` takes."""

from __future__ import annotations

from stream.sources.simscene.night_street import NightStreet
from stream.sources.simscene.scene import Scene
from stream.sources.simscene.smoke_yard import SmokeYard
from stream.sources.simscene.spec import SimSpec

_MADE_BY: dict[str, type[Scene]] = {"night-street": NightStreet, "smoke-yard": SmokeYard}


def load_scene(spec: SimSpec) -> Scene:
    """Make the scene that a spec names (cheap: painting is left to ``prepare``)."""
    return _MADE_BY[spec.scene](spec)
