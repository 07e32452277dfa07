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

ROWS, COLUMNS = 6, 8
"""Parts of the picture whose changes are looked at singly. What moves must not stand for what a sensor's noise is: when
smoke leaves, or a car, the change of the whole picture falls to a small share of what it was."""

REFRESH = 8
"""What living pictures usually change by is worked out anew every so many of them, and at each one at first."""

LEARNING = 16
"""Changes that must be known before anything is called still."""

MEMORY = 64
"""Changes of living pictures that are remembered."""

STILL = 0.4
"""Share of its change in the calmest quarter of living pictures, up to which a part repeats the last one; a picture
does where three quarters of its parts do.

Not nothing: an encoder refines what it repeats (0.34 was seen). Recordings, smoke coming and going, had 0.47
and more.
"""

ALIVE = 0.5
"""The same share, from which a picture that stood still may live again; two in a row do. An encoder refines what it
repeats, once in a while and by a part of what a sensor's noise is."""

LEAST = 0.02
"""Mean change, in grey levels (or counts), below which a part of living pictures cannot be told from a repeated one."""

LEAST_PARTS = 6
"""With fewer parts that can be told there is no telling."""

REPEATS = 2
"""Repeats beyond those that the stream has anyway (a 9 Hz camera in a 30 Hz stream) that make a shutter."""

LONGEST_S = 5.0
"""A picture that stands still for longer is no shutter: nothing moves there, and the camera is too clean to tell."""


class ShutterWatch:
    """Whether an infrared stream stands still; frames come in their order."""

    def __init__(self) -> None:
        self._last: NDArray[np.int32] | None = None
        self._last_seq: int | None = None
        self._changes: deque[NDArray[np.float64]] = deque(maxlen=MEMORY)
        self._usual: NDArray[np.float64] | None = None
        self._runs: deque[int] = deque(maxlen=32)
        self._run = 0
        self._began_ns = 0
        self._noted = False
        self._known = 0
        self._since_usual = 0
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
            self._changes.clear()
            self._usual = None
            return False
        self._follow(_by_part(np.abs(sample - last)), capture_ns)
        return self.frozen

    def _share(self, change: NDArray[np.float64]) -> tuple[float, bool]:
        """The change as a share of what living pictures' is, of three quarters of the parts at most; and whether enough
        of them can be told.
        """
        usual = np.zeros(change.shape) if self._usual is None else self._usual
        tells = usual > LEAST
        if not tells.any():
            return (np.inf if change.mean() > LEAST else 0.0), False
        share = float(_quartile(change[tells] / usual[tells], 3))
        return share, int(np.count_nonzero(tells)) >= min(LEAST_PARTS, change.size)

    def _follow(self, change: NDArray[np.float64], capture_ns: int) -> None:
        self._known += 1
        share, tells = self._share(change)
        self._alive = self._alive + 1 if share > ALIVE else 0
        if self._alive > 1 if self.frozen else share > STILL:
            if self._run and not self.frozen and not self._noted:
                self._runs.append(self._run)
            self._changes.append(change)
            self._since_usual += 1
            if len(self._changes) <= LEARNING or self._since_usual >= REFRESH:
                self._usual, self._since_usual = _quartile(np.stack(self._changes), 1), 0
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
        elif self._known > LEARNING and len(self._changes) > LEARNING // 4 and tells:
            self.frozen = self.frozen or self._run >= REPEATS + max(self._runs, default=0)


def _by_part(change: NDArray[np.int32]) -> NDArray[np.float64]:
    """Mean change in each part, (parts,); what is left over at the right and below counts for none."""
    rows, columns = min(ROWS, change.shape[0]), min(COLUMNS, change.shape[1])
    height, width = change.shape[0] // rows, change.shape[1] // columns
    # Rows first: numpy adds whole rows at once, but the few pixels across a part one by one.
    across = change[: rows * height, : columns * width].reshape(rows, height, -1).sum(axis=1)
    return across.reshape(rows, columns, width).sum(axis=2).ravel() / (height * width)


def _quartile(values: NDArray[np.float64], number: int) -> NDArray[np.float64]:
    """The first (1) to third (3) quartile along the first axis, interpolated linearly, as ``numpy.percentile`` gives
    it, in a tenth of its time for so few values.
    """
    place = (len(values) - 1) * number / 4
    low = int(place)
    ordered = np.sort(values, axis=0)
    lower, upper = ordered[low], ordered[min(low + 1, len(values) - 1)]
    return np.asarray(lower + (place - low) * (upper - lower))


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
