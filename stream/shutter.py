"""The shutter of a thermal camera: it closes for a moment every few minutes, and the picture stands still. Pure.

Uncooled cameras hold a shutter before the sensor to correct its drift (flat-field correction) and repeat the last
picture meanwhile, for 0.3 to 2 s. What is shown as warm then is where people were, not where they are. A picture that
stands still is told by what never rests: the noise of the sensor.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_STEP = 4
"""Every so many-th pixel in each direction is compared."""

LEARNING = 16
"""Changes that must be known before anything is called still."""

MEMORY = 64
"""Changes of living pictures that are remembered."""

STILL = 0.15
"""Share of the change of the calmest quarter of living pictures, up to which a picture repeats the last one.

Not nothing: an encoder's rounding makes repeated pictures differ a little.
"""

ALIVE = 0.5
"""The same share, from which a picture that stood still may live again; two in a row do. An encoder refines what it
repeats, once in a while and by a part of what a sensor's noise is."""

LEAST = 0.02
"""Mean change, in grey levels (or counts), below which living pictures cannot be told from repeated ones."""

REPEATS = 2
"""Repeats beyond those that the stream has anyway (a 9 Hz camera in a 30 Hz stream) that make a shutter."""

LONGEST_S = 5.0
"""A picture that stands still for longer is no shutter: nothing moves there, and the camera is too clean to tell."""


class ShutterWatch:
    """Whether an infrared stream stands still; frames come in their order."""

    def __init__(self) -> None:
        self._last: NDArray[np.int32] | None = None
        self._last_seq: int | None = None
        self._changes: deque[float] = deque(maxlen=MEMORY)
        self._runs: deque[int] = deque(maxlen=32)
        self._run = 0
        self._began_ns = 0
        self._noted = False
        self._known = 0
        self._alive = 0
        self.frozen = False

    def push(self, luma: NDArray[np.uint8] | NDArray[np.uint16], seq: int, capture_ns: int) -> bool:
        """Whether the picture, uint8 or uint16 (H, W), and those before it repeat one another.

        ``seq``: its number in its stream; a frame that is given twice is not looked at twice.
        """
        if seq == self._last_seq:
            return self.frozen
        sample = luma[::SAMPLE_STEP, ::SAMPLE_STEP].astype(np.int32)
        last, self._last, self._last_seq = self._last, sample, seq
        if last is None or last.shape != sample.shape:
            self.frozen, self._run = False, 0
            return False
        self._follow(float(np.abs(sample - last).mean()), capture_ns)
        return self.frozen

    def _follow(self, change: float, capture_ns: int) -> None:
        self._known += 1
        usual = float(np.percentile(self._changes, 25)) if self._changes else 0.0
        self._alive = self._alive + 1 if change > max(LEAST, ALIVE * usual) else 0
        if self._alive > 1 if self.frozen else change > max(LEAST, STILL * usual):
            if self._run and not self.frozen and not self._noted:
                self._runs.append(self._run)
            self._changes.append(change)
            self.frozen, self._noted, self._run = False, False, 0
            return
        if not self._run:
            self._began_ns = capture_ns
        self._run += 1
        if capture_ns - self._began_ns > LONGEST_S * 1e9:
            self.frozen = False
            if not self._noted:
                self._runs.append(self._run)
                self._noted = True
        elif self._known > LEARNING and len(self._changes) > LEARNING // 4 and usual > LEAST / STILL:
            self.frozen = self.frozen or self._run >= REPEATS + max(self._runs, default=0)


FADE_OUT_S, FADE_IN_S = 0.15, 1.0
"""How fast infrared leaves the picture, and comes back: slowly, so that nothing flashes."""


@dataclass(frozen=True, slots=True)
class InfraredShare:
    """How much of infrared is used: 1 all, 0 visible in its place. ``at_ns``: when that was, None at the start."""

    share: float = 1.0
    at_ns: int | None = None

    def moved(self, frozen: bool, now_ns: int) -> InfraredShare:
        """The share at ``now_ns`` (capture time): less while the picture is frozen, more when it lives."""
        passed_s = 0.0 if self.at_ns is None else max(0, now_ns - self.at_ns) / 1e9
        step = -passed_s / FADE_OUT_S if frozen else passed_s / FADE_IN_S
        return InfraredShare(min(max(self.share + step, 0.0), 1.0), now_ns)
