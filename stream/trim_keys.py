"""Which key of a viewer's window asks for which trim or distance of a running ``live``. Pure: keys in, commands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stream.distance import MOST_M
from stream.errors import CalibrationError
from stream.trim import NO_TRIM, Trim

FINE_PX, COARSE_PX = 1.0, 10.0
"""How far a key moves infrared, visible pixels."""

FINE_SCALE, COARSE_SCALE = 0.002, 0.02
"""How much larger or smaller a key makes it."""

FINE_PER_M, COARSE_PER_M = 0.005, 0.05
"""By what a key changes 1/distance, 1/m. So infrared moves as far with every press: by about half a visible pixel in
Full HD, with cameras 6 cm apart."""

HELP = "A D W S: shift   + -: scale   N M: nearer, farther   F: steps   0: no trim   K: keep"
"""What the window says of the keys."""

_SHIFTS = {"a": (-1, 0), "d": (1, 0), "w": (0, -1), "s": (0, 1)}
_DISTANCES = {"n": 1, "m": -1}
_SCALES = {"+": 1, "=": 1, "-": -1}


@dataclass(frozen=True, slots=True)
class TrimKeys:
    """What keys do; ``coarse``: in steps ten times as large.

    Capitals are the same keys: not every window tells them apart.
    """

    coarse: bool = False

    def after(self, key: str) -> TrimKeys:
        """What holds after a key, one character: F changes between fine and coarse steps."""
        return TrimKeys(not self.coarse) if key.lower() == "f" else self

    def command(self, key: str, now: Trim, distance_m: float | None = None) -> dict[str, Any] | None:
        """The ``trim`` command that a key asks for where the trim is ``now``; None for a key that asks for none.

        ``distance_m``: what the map is for, metres, None where that is not known. Raises CalibrationError where that
        would be more than a trim can be, and for another distance where there is none.
        """
        key = key.lower()
        if key == "k":
            return {"command": "trim", "save": True}
        if key in _DISTANCES:
            if distance_m is None:
                raise CalibrationError("live's calibration has no maps of several distances to choose from")
            per_m = 1 / distance_m + _DISTANCES[key] * (COARSE_PER_M if self.coarse else FINE_PER_M)
            return {"command": "trim", "save": False, "distance_m": 1 / max(per_m, 1 / MOST_M)}
        trim = self._moved(key, now)
        if trim is None:
            return None
        values = {"shift_x_px": trim.shift_x_px, "shift_y_px": trim.shift_y_px, "scale": trim.scale}
        return {"command": "trim", "save": False, **values}

    def _moved(self, key: str, now: Trim) -> Trim | None:
        step_px, step = (COARSE_PX, COARSE_SCALE) if self.coarse else (FINE_PX, FINE_SCALE)
        if key == "0":
            return NO_TRIM
        if key in _SHIFTS:
            right, down = _SHIFTS[key]
            return Trim(now.shift_x_px + right * step_px, now.shift_y_px + down * step_px, now.scale)
        if key in _SCALES:
            # Rounded, so that as many steps back lead to where one came from.
            return Trim(now.shift_x_px, now.shift_y_px, round(now.scale + _SCALES[key] * step, 6))
        return None


def trim_of(answer: dict[str, Any]) -> Trim:
    """The trim in ``live``'s answer to a ``trim`` command. Raises CalibrationError for an answer without one."""
    values = answer.get("trim")
    names = ("shift_x_px", "shift_y_px", "scale")
    if not isinstance(values, dict) or not all(isinstance(values.get(name), int | float) for name in names):
        raise CalibrationError("the answer has no trim; does live there have this version?")
    return Trim(*(float(values[name]) for name in names))


def distance_of(answer: dict[str, Any]) -> float | None:
    """The distance, metres, in ``live``'s answer to a ``trim`` command; None where its map is for none in particular.

    Raises CalibrationError for an answer that has something else there.
    """
    distance_m = answer.get("distance_m")
    if distance_m is None:
        return None
    if not isinstance(distance_m, int | float):
        raise CalibrationError("the answer's distance is no number; does live there have this version?")
    return float(distance_m)


def said(trim: Trim, distance_m: float | None, saved: str | None, coarse: bool) -> str:
    """A trim and the distance of the map in a few words."""
    text = f"trim {trim.shift_x_px:+g}, {trim.shift_y_px:+g} px, scale {trim.scale:g}"
    text += "" if distance_m is None else f", {distance_m:.4g} m"
    return text + (", coarse steps" if coarse else "") + (f"; saved in {saved}" if saved else "")
