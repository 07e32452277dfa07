"""Infrared counts to 8 bit: a look-up table for each frame, smoothed in time. Pure; time comes with the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.agc import curve_to_lut, histogram, linear_curve, plateau_curve, smooth_curve
from kernels.levels import IDENTITY, LIMITED_TO_FULL_LUMA, apply_lut
from stream.config import NormalizeConfig
from stream.frames import Frame


class Normalizer:
    """Gives the look-up table that turns one infrared frame's counts into 8-bit full-range grey values.

    8-bit streams pass as they are (limited range is widened) unless an ``agc`` is asked for; 16-bit streams always
    need one. Smoothing starts anew with a frame of another size or depth: it is another camera's, or another mode.
    """

    def __init__(self, config: NormalizeConfig) -> None:
        self._config = config
        self._curve: NDArray[np.float32] | None = None
        self._curve_for: tuple[tuple[int, ...], np.dtype[Any]] | None = None
        self._last_ns = 0

    def normalized(self, frame: Frame) -> NDArray[np.uint8]:
        """The frame's luma as grey values, uint8 (H, W), in its own geometry."""
        out = np.empty(frame.luma.shape, np.uint8)
        apply_lut(frame.luma, self.lut(frame), out)
        return out

    def lut(self, frame: Frame) -> NDArray[np.uint8]:
        """uint8 (256,) for 8-bit frames, (65536,) for 16-bit ones."""
        eight_bit = frame.luma.dtype == np.uint8
        agc = self._config.agc
        if agc == "auto":
            agc = "none" if eight_bit else "plateau"
        if agc == "none" and eight_bit:
            return LIMITED_TO_FULL_LUMA if frame.color_range == "limited" else IDENTITY
        counts = histogram(frame.luma)
        if agc == "plateau":
            current = plateau_curve(counts, self._config.plateau, self._config.clip_percent)
        else:
            current = linear_curve(counts, self._config.clip_percent)
        kind = (frame.luma.shape, frame.luma.dtype)
        if kind != self._curve_for:
            self._curve, self._curve_for = None, kind
        dt_s = (frame.capture_ns - self._last_ns) / 1e9
        self._curve = smooth_curve(self._curve, current, dt_s, self._config.smoothing_s)
        self._last_ns = frame.capture_ns
        return curve_to_lut(self._curve)
