"""What is asked of the simulator: the ``sim:NAME?key=value&...`` URL, parsed strictly."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from numpy.typing import NDArray

from stream.errors import SourceError
from stream.sources.base import Role

SCENES = ("night-street", "smoke-yard")


@dataclass(frozen=True, slots=True)
class Outage:
    """A span, counted from a camera's first frame, in which it delivers nothing."""

    start_s: float
    duration_s: float

    def covers(self, t_s: float) -> bool:
        """Whether a frame taken ``t_s`` seconds after the first one is lost."""
        return self.start_s <= t_s < self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class SimSpec:
    """A simulated pair of cameras. Frozen and hashable; both cameras are made from equal specs.

    ``size``, ``ir_size``: (width, height) in pixels. ``fps``, ``ir_fps``: exact frame rates in hertz.
    ``seconds``: length, 0 for endless. ``offset_ms``: added to infrared stamps (positive: stamped too late).
    ``jitter_ms``: a live frame is delivered up to this much after its capture.
    ``scale``: size of things in the infrared picture, relative to its width, over that in the visible one
    (below 1: the infrared camera has the wider view). ``rotate_deg``: turn of the infrared picture, clockwise on
    screen. ``shift_x``, ``shift_y``: its shift right and down, in shares of its width and height.
    ``dropout``: share of each camera's frames that is lost. ``noise``, ``stripes``: strengths, 1 is usual, 0 none.
    ``bits``: 8, or 16 for raw infrared counts.
    """

    scene: str
    size: tuple[int, int] = (640, 480)
    fps: Fraction = Fraction(30)
    seconds: float = 10.0
    seed: int = 1
    offset_ms: float = 0.0
    jitter_ms: float = 0.0
    scale: float = 1.0
    rotate_deg: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    dropout: float = 0.0
    stripes: float = 1.0
    noise: float = 1.0
    bits: int = 8
    ir_size: tuple[int, int] | None = None
    ir_fps: Fraction | None = None
    ir_outage: Outage | None = None
    vi_outage: Outage | None = None

    def size_of(self, role: Role) -> tuple[int, int]:
        """Width and height of one camera's pictures, pixels."""
        return self.ir_size if role == "infrared" and self.ir_size is not None else self.size

    def fps_of(self, role: Role) -> Fraction:
        """Frame rate of one camera, hertz."""
        return self.ir_fps if role == "infrared" and self.ir_fps is not None else self.fps

    def outage_of(self, role: Role) -> Outage | None:
        """The long outage of one camera, if it has one."""
        return self.ir_outage if role == "infrared" else self.vi_outage

    def offset_ns_of(self, role: Role) -> int:
        """What is added to the true time to make one camera's stamp, nanoseconds."""
        return round(self.offset_ms * 1e6) if role == "infrared" else 0

    def homography_infrared_from_visible(self) -> NDArray[np.float64]:
        """The true map, 3x3, from visible to infrared pixels (pixel centres at whole numbers).

        A similarity: turned and scaled about the two picture centres, equal pictures side to side by their widths.
        """
        (w_vi, h_vi), (w_ir, h_ir) = self.size_of("visible"), self.size_of("infrared")
        factor = self.scale * w_ir / w_vi
        angle = math.radians(self.rotate_deg)
        cos, sin = factor * math.cos(angle), factor * math.sin(angle)
        cx_vi, cy_vi = (w_vi - 1) / 2, (h_vi - 1) / 2
        cx_ir, cy_ir = (w_ir - 1) / 2 + self.shift_x * w_ir, (h_ir - 1) / 2 + self.shift_y * h_ir
        return np.array(
            [
                [cos, -sin, cx_ir - cos * cx_vi + sin * cy_vi],
                [sin, cos, cy_ir - sin * cx_vi - cos * cy_vi],
                [0.0, 0.0, 1.0],
            ]
        )


def parse_spec(url: str) -> SimSpec:
    """Read a ``sim:`` URL. Raises SourceError naming the parameter at fault and what is allowed."""
    name, _, query = url.removeprefix("sim:").partition("?")
    if not url.startswith("sim:") or name not in SCENES:
        raise SourceError(f"{url}: no such simulated scene; there are " + " and ".join(f"sim:{s}" for s in SCENES))
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise SourceError(f"{url}: parameters are written key=value&key=value") from None
    values: dict[str, Any] = {}
    for key, text in pairs:
        if key not in _PARAMETERS:
            raise SourceError(f"{url}: unknown parameter '{key}' (allowed: {', '.join(_PARAMETERS)})")
        if key in values:
            raise SourceError(f"{url}: parameter '{key}' is given twice; give it once")
        parse, allowed = _PARAMETERS[key]
        value = parse(text)
        if value is None:
            raise SourceError(f"{url}: parameter '{key}' must be {allowed}, got {text!r}")
        values[key] = value
    return SimSpec(scene=name, **values)


def _number(low: float, high: float) -> tuple[Callable[[str], float | None], str]:
    def parse(text: str) -> float | None:
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text, re.ASCII):
            return None
        value = float(text)
        return value if low <= value <= high else None

    return parse, f"a number from {low:g} to {high:g}"


def _whole(low: int, high: int) -> tuple[Callable[[str], int | None], str]:
    def parse(text: str) -> int | None:
        if not re.fullmatch(r"\d{1,10}", text, re.ASCII):
            return None
        return int(text) if low <= int(text) <= high else None

    return parse, f"a whole number from {low} to {high}"


def _rate(text: str) -> Fraction | None:
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)(?:/(\d{1,6}))?", text, re.ASCII)
    if match is None or (match[2] is not None and int(match[2]) == 0):
        return None
    value = Fraction(match[1]) / int(match[2] or 1)
    return value if Fraction(1, 10) <= value <= 240 else None


def _size(text: str) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text, re.ASCII)
    if match is None or not all(64 <= int(side) <= 4096 for side in match.groups()):
        return None
    return int(match[1]), int(match[2])


def _bits(text: str) -> int | None:
    return int(text) if text in ("8", "16") else None


def _outage(text: str) -> Outage | None:
    match = re.fullmatch(r"(\d{1,6}\.?\d*):(\d{1,6}\.?\d*)", text, re.ASCII)
    if match is None or float(match[2]) == 0:
        return None
    return Outage(float(match[1]), float(match[2]))


_SIZE = (_size, "WIDTHxHEIGHT with sides from 64 to 4096")
_RATE = (_rate, "a rate from 0.1 to 240 such as 30, 29.97 or 30000/1001")
_OUTAGE = (_outage, "START:DURATION in seconds, such as 3:1.5")

_PARAMETERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "size": _SIZE,
    "fps": _RATE,
    "seconds": _number(0, 1e6),
    "seed": _whole(0, 2**31 - 1),
    "offset_ms": _number(-10_000, 10_000),
    "jitter_ms": _number(0, 10_000),
    "scale": _number(0.25, 4),
    "rotate_deg": _number(-45, 45),
    "shift_x": _number(-0.5, 0.5),
    "shift_y": _number(-0.5, 0.5),
    "dropout": _number(0, 0.95),
    "stripes": _number(0, 100),
    "noise": _number(0, 100),
    "bits": (_bits, "8 or 16"),
    "ir_size": _SIZE,
    "ir_fps": _RATE,
    "ir_outage": _OUTAGE,
    "vi_outage": _OUTAGE,
}
