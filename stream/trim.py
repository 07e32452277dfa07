"""A correction of the map by hand, for the distance of what matters: parallax depends on it, a calibration cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream.errors import CalibrationError
from stream.homography import Matrix

MAX_SHIFT = 0.25
"""As a share of the visible picture's width."""

LEAST_SCALE, MOST_SCALE = 0.8, 1.25


@dataclass(frozen=True, slots=True)
class Trim:
    """How infrared is moved on the visible picture, beside what the calibration says.

    ``shift_x_px`` (right) and ``shift_y_px`` (down): visible pixels at the calibration's visible size. ``scale``: how
    much larger, about the middle of the visible picture. Raises CalibrationError for more than a trim should be.
    """

    shift_x_px: float = 0.0
    shift_y_px: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not np.isfinite([self.shift_x_px, self.shift_y_px, self.scale]).all():
            raise CalibrationError("a trim's shift and scale must be finite numbers")
        if not LEAST_SCALE <= self.scale <= MOST_SCALE:
            raise CalibrationError(
                f"a trim's scale must be {LEAST_SCALE} to {MOST_SCALE}, got {self.scale:g}: calibrate anew instead"
            )

    @property
    def is_none(self) -> bool:
        """Whether it changes nothing."""
        return self == NO_TRIM

    def check(self, visible_size: tuple[int, int]) -> None:
        """Raises CalibrationError where the shift is larger than a quarter of the visible picture's width."""
        most_px = MAX_SHIFT * visible_size[0]
        if max(abs(self.shift_x_px), abs(self.shift_y_px)) > most_px:
            raise CalibrationError(
                f"a trim's shift must be at most {most_px:g} pixels (a quarter of the visible width), got "
                f"{self.shift_x_px:g}, {self.shift_y_px:g}: calibrate anew instead"
            )

    def undone(self, visible_size: tuple[int, int]) -> Matrix:
        """Visible pixel -> the visible pixel that shows the same of infrared without the trim; float64 (3, 3)."""
        x, y = (visible_size[0] - 1) / 2, (visible_size[1] - 1) / 2
        k = 1 / self.scale
        return np.array(
            [
                [k, 0.0, x - k * (x + self.shift_x_px)],
                [0.0, k, y - k * (y + self.shift_y_px)],
                [0.0, 0.0, 1.0],
            ]
        )


NO_TRIM = Trim()
