"""The code that steers a video: what the student reads in single frames, smoothed in time. Importable without torch.

A frame's own code jumps with what passes through the picture, and the brightness of the fused picture with it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.prior import CODE_DIM

STEERING_TIME_CONSTANT_S = 1.0

STRENGTH = np.float32(0.4)
"""How much of the code steers a video; a code of 0 says that nothing is known.

One code holds for every place of a picture, and smoke does not: steered by all of it, thin smoke in one corner turned
the whole picture to infrared. On the videos of M3SVD VIF, Qabf and SSIM add up to 2.939, 2.959, 2.965 and 2.968 with
0.25, 0.35, 0.4 and 0.45 of it, flicker is least from 0.4 on, and entropy and SCD fall a little all the way.
"""


def steered_by(code: NDArray[np.float32]) -> NDArray[np.float32]:
    """What steers a picture of a video of which this code, float32 (code,), is known."""
    return STRENGTH * code


class Steering:
    """A first-order low-pass over the codes of a stream's frames, which come in their order."""

    def __init__(self) -> None:
        self._mean: NDArray[np.float32] | None = None

    @property
    def code(self) -> NDArray[np.float32] | None:
        """What steers the next frame, float32 (code,); None: there was no frame yet."""
        return None if self._mean is None else steered_by(self._mean)

    def push(self, code: NDArray[np.float32], share: float | None) -> None:
        """Add a frame's own code, float32 (code,). ``share``: of the step to it that is done, 0..1; None: start
        anew.
        """
        if share is None or self._mean is None:
            self._mean = code
        else:
            self._mean = self._mean + np.float32(share) * (code - self._mean)


def video_share(rate_hz: float) -> float:
    """``Steering.push``'s share for frames of a video of that rate, 0..1."""
    return -math.expm1(-1 / (rate_hz * STEERING_TIME_CONSTANT_S))


def steer_of(code: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """The network's input, float32 (code + 1,): the code and its share, all of it, or none where there is no code."""
    steer = np.zeros(CODE_DIM + 1, np.float32)
    if code is not None:
        steer[:-1], steer[-1] = code, 1
    return steer
