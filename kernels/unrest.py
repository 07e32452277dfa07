"""How much calmer the fused picture must become: its unrest where both sources rest, measured against theirs.

A fused picture that sees further through haze or darkness also shows more of the sources' noise and of thin smoke's
drift. How much more changes from scene to scene; noise reduction that is right for smoke would blur the fine ripples of
a lake. So what is shown is measured, and the filter is set by it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEP = 4
"""Every so many-th pixel in each direction is looked at: enough for a mean over the picture."""

WINDOW_FRAMES = 8
"""Frames over which the deviation of each pixel is taken, as in ``training.flicker``."""

STATIC_RANGE = 9
"""Grey levels that a source's pixel may span in a window where it still counts as resting: noise, and slow drift."""

ENOUGH = 50
"""Resting pixels without which a window says nothing."""

CALMER = 0.96
"""The fused picture is to be a little calmer than its less steady source."""

STEEPNESS = 2.5
"""Exponent by which the filter follows the measured ratio from window to window."""

FIRST_SHARE, SMALLEST_SHARE, LARGEST_SHARE = 0.2, 0.04, 0.8

Plane = NDArray[np.uint8]


class UnrestMeter:
    """Follows the unrest of a stream's shown picture and of its sources, and says how slowly resting places may follow.

    ``share``: of a new picture, that a resting place takes, 0.04..0.8.
    """

    def __init__(self) -> None:
        self.share = FIRST_SHARE
        self._frames: list[NDArray[np.uint8]] = []

    def push(self, shown: Plane, infrared: Plane, visible: Plane) -> None:
        """Note a picture as it is shown, and its sources, all uint8 (H, W); they may be changed afterwards."""
        self._frames.append(np.stack([plane[::STEP, ::STEP] for plane in (shown, infrared, visible)]))
        if len(self._frames) == WINDOW_FRAMES:
            self.share = next_share(self.share, *_unrest(np.stack(self._frames)))
            self._frames.clear()


def _unrest(window: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean deviation where both sources rest, in grey levels: of what is shown, and of the less steady source.

    ``window``: uint8 (frames, 3, h, w), what is shown first. Both are 0 where hardly anything rests.
    """
    spans = window[:, 1:].max(axis=0) - window[:, 1:].min(axis=0)
    resting = (spans <= STATIC_RANGE).all(axis=0)
    if np.count_nonzero(resting) < ENOUGH:
        return 0.0, 0.0
    shown, infrared, visible = window[:, :, resting].astype(np.float32).std(axis=0).mean(axis=-1).tolist()
    return shown, max(infrared, visible)


def next_share(share: float, shown: float, source: float) -> float:
    """The next window's share, from this one's and from the mean deviations of what is shown and of the sources.

    Lower where what is shown is less calm than it is to be, higher where it is calmer than it need be.
    """
    if shown <= 0 or source <= 0:
        return share
    ratio = min(CALMER * source / shown, 2.0)
    factor = min(max(ratio**STEEPNESS, 0.5), 1.5)
    return min(max(share * factor, SMALLEST_SHARE), LARGEST_SHARE)
