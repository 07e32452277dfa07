"""Each per-pixel kernel by itself, on one VGA picture, in one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernels.agc import curve_to_lut, histogram, plateau_curve
from kernels.blocks import FACTOR, PIXELS, VALUES, halved_size
from kernels.chroma import apply_chroma_gain, halve
from kernels.coverage import fill_uncovered
from kernels.detail import raise_detail
from kernels.halved import apply_maps_doubled, pack_lumas_halved
from kernels.level import PARTS, mean_level, shift_by
from kernels.levels import LIMITED_TO_FULL_LUMA, apply_lut
from kernels.maps import apply_maps, pack_lumas
from kernels.matrix import to_bt601
from kernels.palette import colourise
from kernels.register import register_normalize, scale_matrix
from kernels.resize import resize
from kernels.steady import steady
from kernels.unrest import UnrestMeter
from stream.benchmarking.inputs import textured_luma
from stream.benchmarking.timing import measure_ms
from stream.clock import Clock

WIDTH_PX, HEIGHT_PX = 640, 480


def measure_kernels(clock: Clock, budget_s: float) -> list[dict[str, Any]]:
    """Measure every kernel for about ``budget_s`` seconds."""
    return [
        {"kernel": name, "width": WIDTH_PX, "height": HEIGHT_PX, "ms": measure_ms(call, clock, budget_s).as_json()}
        for name, call in kernel_calls().items()
    ]


def kernel_calls() -> dict[str, Callable[[], object]]:
    """What is measured: a name and a call with everything ready for it."""
    luma, other = textured_luma(WIDTH_PX, HEIGHT_PX, 1), textured_luma(WIDTH_PX, HEIGHT_PX, 2)
    small = textured_luma(WIDTH_PX // 2, HEIGHT_PX // 2, 3)
    counts = (luma * 16.0 + 7000.0).astype(np.uint16)
    out, half = np.empty_like(luma), np.empty_like(small)
    identity = np.arange(256, dtype=np.uint8)
    hist = histogram(counts)
    curve = plateau_curve(hist, 0.02, 0.5)
    lut = curve_to_lut(curve)
    scaled = scale_matrix((WIDTH_PX // 2, HEIGHT_PX // 2), (WIDTH_PX, HEIGHT_PX))
    turned = np.array([[0.98, 0.02, 3.0], [-0.02, 0.98, 5.0], [1e-6, 0.0, 1.0]])
    blocks = (HEIGHT_PX // FACTOR, WIDTH_PX // FACTOR)
    packed = np.empty((*blocks, 2 * PIXELS), np.float32)
    maps = np.full((*blocks, 3 * VALUES), 0.3, np.float32)
    fewer = (halved_size(HEIGHT_PX) // FACTOR, halved_size(WIDTH_PX) // FACTOR)
    packed_half = np.empty((*fewer, 2 * PIXELS), np.float32)
    maps_half = np.full((*fewer, 3 * VALUES), 0.3, np.float32)
    unrest = UnrestMeter()
    mean = luma.astype(np.uint16) * np.uint16(PARTS)
    fused, levels = mean.copy(), np.empty_like(mean)
    parts = np.full_like(luma, PARTS // 2)
    gain = np.full((HEIGHT_PX // 16, WIDTH_PX // 16), 1.2, np.float32)
    return {
        "register_normalize, scale, 8 bit": lambda: register_normalize(small, scaled, identity, out),
        "register_normalize, homography, 8 bit": lambda: register_normalize(luma, turned, identity, out),
        "register_normalize, homography, 16 bit": lambda: register_normalize(counts, turned, lut, out),
        "apply_lut, 8 bit": lambda: apply_lut(luma, LIMITED_TO_FULL_LUMA, out),
        "histogram, 16 bit": lambda: histogram(counts),
        "plateau_curve, 16 bit": lambda: plateau_curve(hist, 0.02, 0.5),
        "curve_to_lut, 16 bit": lambda: curve_to_lut(curve),
        "fill_uncovered": lambda: fill_uncovered(luma, other, luma, out),
        "pack_lumas": lambda: pack_lumas(luma, other, packed),
        "apply_maps": lambda: apply_maps(maps, luma, other, out),
        "pack_lumas_halved": lambda: pack_lumas_halved(luma, other, packed_half),
        "apply_maps_doubled": lambda: apply_maps_doubled(maps_half, luma, other, out),
        "bt709_to_bt601": lambda: to_bt601(luma, small, small, "bt709", full=False),
        "raise_detail": lambda: raise_detail(luma, levels),
        "steady": lambda: steady(fused, (luma, other), (other, luma), 0.6, mean, out, parts),
        "mean_level": lambda: mean_level(luma),
        "shift_by": lambda: shift_by(0.4, out, parts),
        "unrest": lambda: unrest.push(luma, other, luma),
        "apply_chroma_gain, one plane": lambda: apply_chroma_gain(small, gain, half),
        "halve": lambda: halve(luma, half),
        "resize, to half": lambda: resize(luma, half),
        "colourise, ironbow": lambda: colourise(luma, "ironbow"),
    }
