"""The student's correction of the visible camera's colours, steady in time. Pure but for the kernel it calls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.chroma import apply_chroma_gain
from stream.frames import Chroma
from stream.smoothing import step_share

TIME_CONSTANT_S = 0.3
"""Short beside the prior's: colours must follow the camera's movement."""


class GainSmoother:
    """Smooths the gain maps of a stream, so that colours do not flicker. Frames come in their order.

    It starts anew with a map of another size, after a long gap, and when time goes backwards (see ``step_share``).
    """

    def __init__(self) -> None:
        self._gain: NDArray[np.float32] | None = None
        self._last_ns: int | None = None

    def push(self, gain: NDArray[np.float32], capture_ns: int) -> NDArray[np.float32]:
        """The smoothed map, float32 (h, w) as ``gain``; it is not changed later. ``capture_ns``: ns.

        ``gain`` is kept: it must not be changed later either.
        """
        share = step_share(self._last_ns, capture_ns, TIME_CONSTANT_S)
        if share is None or self._gain is None or self._gain.shape != gain.shape:
            self._gain = gain
        else:
            self._gain = self._gain + (gain - self._gain) * np.float32(share)
        self._last_ns = capture_ns
        return self._gain


def gained(chroma: Chroma, gain: NDArray[np.float32]) -> Chroma:
    """Full-range chroma with its distance from neutral multiplied by the enlarged ``gain``, float32 (h, w), 0..4."""
    cb, cr = np.empty(chroma.cb.shape, np.uint8), np.empty(chroma.cr.shape, np.uint8)
    apply_chroma_gain(chroma.cb, gain, cb)
    apply_chroma_gain(chroma.cr, gain, cr)
    return Chroma(cb, cr)
