"""From light and temperature to what the two cameras deliver."""
# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stream.frames import Chroma, LumaArray, chroma_size
from stream.sources.base import Role
from stream.sources.simscene.noise import white_noise
from stream.sources.simscene.schedule import unit_hash
from stream.sources.simscene.spec import SimSpec

_NOISE_COUNT = 1 << 19
_SHOT = 0.0016
"""Variance of the light over its mean, of a small pixel at night gain; light 1 is white."""
_READ = 0.0032
"""Standard deviation of the light in the dark."""
_NETD_C = 0.10
"""Temporal noise of an uncooled camera, degrees Celsius."""
COUNTS_AT_0_C = 7250.0
COUNTS_PER_C = 1 / 0.030
"""30 mK a count, as uncooled cameras give in their high-gain mode."""
_DEAD_SHARE = 6e-5


@dataclass(frozen=True, slots=True)
class Rendered:
    """One picture. ``luma`` uint8 or uint16 (H, W); ``chroma`` (visible only): 4:2:0, limited range."""

    luma: LumaArray
    chroma: Chroma | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Temperatures, degrees Celsius, that the 8-bit infrared picture shows as 0 and (nearly) 255.

    The upper fifth of the grey levels bends over, so that fire and exhausts stay apart from bodies.
    """

    low_c: float
    high_c: float


class VisibleSensor:
    """Light to noisy limited-range Y'CbCr 4:2:0 (ITU-R BT.601 matrix; tone curve: square root)."""

    def __init__(self, spec: SimSpec, light_noise: float = 1.0) -> None:
        self._spec = spec
        self._noise = white_noise(spec.seed * 2 + 1, _NOISE_COUNT)
        self._strength = np.float32(spec.noise * light_noise)

    def expose(self, light: NDArray[np.float32], key: int, *, clean: bool) -> Rendered:
        """``light``: float32 (H, W, 3), 1 is white. ``key`` names the moment: equal keys, equal noise."""
        height, width = light.shape[:2]
        luma = np.empty((height, width), np.uint8)
        chroma_width, chroma_height = chroma_size(width, height)
        cb = np.empty((chroma_height, chroma_width), np.uint8)
        cr = np.empty_like(cb)
        strength = np.float32(0) if clean else self._strength
        offsets = _row_offsets(self._spec.seed, key, height, 3 * width)
        _expose_visible(light, self._noise, offsets, strength, luma, cb, cr)
        return Rendered(luma, Chroma(cb, cr))


class InfraredSensor:
    """Temperature to 8-bit grey, or to raw 16-bit counts with dead pixels."""

    def __init__(self, spec: SimSpec, window: Window) -> None:
        self._spec = spec
        width, height = spec.size_of("infrared")
        random = np.random.default_rng(spec.seed * 2 + 2)
        self._noise = white_noise(spec.seed * 2 + 2, _NOISE_COUNT)
        columns = random.standard_normal(width) * 0.16
        columns[random.random(width) < 0.03] *= 2.5
        self._columns_c = (columns * spec.stripes).astype(np.float32)
        self._netd_c = np.float32(_NETD_C * spec.noise)
        dead = random.random((height, width)) < _DEAD_SHARE
        dead[height // 3, width // 5] = dead[height // 2, 3 * width // 4] = True
        self._dead = np.flatnonzero(dead)
        self._dead_counts = np.where(random.random(self._dead.size) < 0.5, 0, 16383).astype(np.uint16)
        self._window = window

    @property
    def dead_pixels(self) -> NDArray[np.intp]:
        """Flat indices of the pixels of raw pictures that are stuck at 0 or 16383."""
        return self._dead

    def expose(self, celsius: NDArray[np.float32], key: int, *, clean: bool) -> Rendered:
        """``celsius``: degrees Celsius, float32 (H, W, 1)."""
        height, width = celsius.shape[:2]
        offsets = _row_offsets(self._spec.seed, key, height, width)
        netd_c = np.float32(0) if clean else self._netd_c
        columns_c = np.zeros(width, np.float32) if clean else self._columns_c
        # Rows share a little of the read-out's noise, new in every frame.
        rows_c = self._noise[offsets] * netd_c * np.float32(0.4)
        if self._spec.bits == 16:
            counts = np.empty((height, width), np.uint16)
            _expose_counts(celsius, self._noise, offsets, netd_c, columns_c, rows_c, counts)
            if not clean:
                counts.reshape(-1)[self._dead] = self._dead_counts
            return Rendered(counts)
        grey = np.empty((height, width), np.uint8)
        low, high = np.float32(self._window.low_c), np.float32(self._window.high_c)
        _expose_grey(celsius, self._noise, offsets, netd_c, columns_c, rows_c, low, high, grey)
        return Rendered(grey)


def _row_offsets(seed: int, key: int, rows: int, row_length: int) -> NDArray[np.int32]:
    """Where in the noise table each row begins in this frame."""
    start = int(unit_hash(seed, key) * _NOISE_COUNT)
    stride = 2 * int(unit_hash(seed, key, 1) * _NOISE_COUNT / 2) + 1
    return ((start + np.arange(rows, dtype=np.int64) * stride) % (_NOISE_COUNT - row_length)).astype(np.int32)


def moment_key(role: Role, t_s: float) -> int:
    """A whole number for a role and a moment, to the microsecond."""
    return 2 * round(t_s * 1e6) + (role == "infrared")


@njit(
    "void(float32[:,:,::1],float32[::1],int32[::1],float32,uint8[:,::1],uint8[:,::1],uint8[:,::1])",
    nogil=True,
    cache=True,
    fastmath=True,
)
def _expose_visible(light, noise, offsets, strength, luma, cb, cr):  # pragma: no cover - compiled
    height, width, _ = light.shape
    shot, read = np.float32(_SHOT) * strength * strength, np.float32(_READ * _READ) * strength * strength
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    blue = np.empty(width + 1, np.float32)
    red = np.empty(width + 1, np.float32)
    rgb = np.empty(3 * width, np.float32)
    for y in range(height):
        row = light[y].reshape(3 * width)
        table = noise[offsets[y] : offsets[y] + 3 * width]
        for i in range(3 * width):
            value = max(row[i], zero)
            value = max(value + table[i] * np.sqrt(shot * min(value, one) + read), zero)
            rgb[i] = min(np.sqrt(value), one)
        if y % 2 == 0:
            blue[:] = 0
            red[:] = 0
        for x in range(width):
            r, g, b = rgb[3 * x], rgb[3 * x + 1], rgb[3 * x + 2]
            grey = np.float32(0.299) * r + np.float32(0.587) * g + np.float32(0.114) * b
            luma[y, x] = np.uint8(np.float32(16.5) + np.float32(219) * grey)
            blue[x] += b - grey
            red[x] += r - grey
        if y % 2 == 1 or y == height - 1:
            rows = 1 + y % 2
            for i in range(cb.shape[1]):
                count = rows * (2 if 2 * i + 1 < width else 1)
                scale_b = np.float32(224 / 1.772) / count
                scale_r = np.float32(224 / 1.402) / count
                second = 2 * i + 1 if 2 * i + 1 < width else width
                cb[y // 2, i] = np.uint8(np.float32(128) + half + scale_b * (blue[2 * i] + blue[second]))
                cr[y // 2, i] = np.uint8(np.float32(128) + half + scale_r * (red[2 * i] + red[second]))


@njit(
    "void(float32[:,:,::1],float32[::1],int32[::1],float32,float32[::1],float32[::1],float32,float32,uint8[:,::1])",
    nogil=True,
    cache=True,
    fastmath=True,
)
def _expose_grey(celsius, noise, offsets, netd_c, columns_c, rows_c, low_c, high_c, grey):  # pragma: no cover
    height, width, _ = celsius.shape
    scale = np.float32(1.0) / (high_c - low_c)
    knee = np.float32(0.8)
    for y in range(height):
        table = noise[offsets[y] : offsets[y] + width]
        for x in range(width):
            value = celsius[y, x, 0] + netd_c * table[x] + columns_c[x] + rows_c[y]
            level = max((value - low_c) * scale, np.float32(0))
            if level > knee:
                over = (level - knee) * np.float32(5.0)
                level = knee + np.float32(0.2) * over / (np.float32(1.0) + over)
            grey[y, x] = np.uint8(np.float32(255) * level + np.float32(0.5))


@njit(
    "void(float32[:,:,::1],float32[::1],int32[::1],float32,float32[::1],float32[::1],uint16[:,::1])",
    nogil=True,
    cache=True,
    fastmath=True,
)
def _expose_counts(celsius, noise, offsets, netd_c, columns_c, rows_c, counts):  # pragma: no cover - compiled
    height, width, _ = celsius.shape
    for y in range(height):
        for x in range(width):
            value = celsius[y, x, 0] + netd_c * noise[offsets[y] + x] + columns_c[x] + rows_c[y]
            count = np.float32(COUNTS_AT_0_C) + np.float32(COUNTS_PER_C) * value
            counts[y, x] = np.uint16(min(max(count, np.float32(1)), np.float32(16382)) + np.float32(0.5))
