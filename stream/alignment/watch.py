"""From readings of a running pair of cameras to a verdict: has a camera been knocked? Pure, and needs no OpenCV.

A false alarm is worse than a late one. So only a displacement counts that stands out from chance, is the same over
many looks, and was not there before: of every scene something is learned first, as no calibration fits it exactly
(things at several distances, edges of heat beside those of light). Smoke, night and empty skies tell nothing, and
that is a state of its own.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from stream.frames import AlignmentState

TELLS = 6.0
"""Least evidence of the best displacement that counts. Pictures of different scenes reached 5.0."""

LEAST_WINDOWS = 8
"""With fewer there is no telling."""

RUN = 6
"""Readings in a row that must agree."""

AWAY_PX = 3.0
"""From so far beside the usual on (root mean square over the windows, pixels of a picture 640 wide) a map is off."""

BACK_PX = 2.0
"""Within so much of the usual a camera that was knocked is back."""

FAR_PX, GAIN = 8.0, 2.0
"""So far beside the map, with so much more evidence there than here, a map is off even if it always was."""

SPREAD_PX, SPREAD_SHARE = 1.5, 0.25
"""How far readings that agree may lie from their median: pixels, or a share of how far they are off."""

FOLLOW = 0.02
"""Share by which an aligned reading moves what is usual: things come and go, the sun turns."""

BLIND = 3
"""Readings in a row that tell nothing until that is said."""

LOST = 12
"""Readings in a row that tell nothing, where the scene told before, until it is worth a search for a map farther away;
then after twice as many, and so on: smoke and night last."""

FULL = 10.0
"""Evidence that counts as a score of 1."""


class AlignmentWatch:
    """Judges readings through one map, in their order. Start a new one with every other map."""

    def __init__(self, trimmed: bool = False) -> None:
        """``trimmed``: the map is corrected by hand, or chosen for a distance: lying beside what fits best is meant."""
        self._trimmed = trimmed
        self.state: AlignmentState = "learning"
        self._usual: NDArray[np.float64] | None = None
        self._run: deque[tuple[NDArray[np.float64], float]] = deque(maxlen=RUN)
        self._blind = 0

    @property
    def offset_px(self) -> float | None:
        """How far the last readings lie beside the usual (root mean square, pixels of a picture 640 wide); None where
        they tell nothing or the usual is not known.
        """
        if self._usual is None or not self._run:
            return None
        return _rms(np.median([offsets for offsets, _ in self._run], axis=0) - self._usual)

    @property
    def run(self) -> int:
        """How many readings in a row told something, at most ``RUN``."""
        return len(self._run)

    @property
    def search_due(self) -> bool:
        """Whether nothing has agreed for so long, where it did before, that a map farther away should be looked for."""
        times, rest = divmod(self._blind, LOST)
        return self._usual is not None and times > 0 and rest == 0 and times & (times - 1) == 0

    def found_away(self) -> None:
        """A search has found the map elsewhere: the camera was knocked farther than readings reach."""
        self.state = "knocked"

    def push(self, here: float, best: float, offsets_px: NDArray[np.float64]) -> AlignmentState:
        """Judge one more reading (see ``look.Reading``); the state after it."""
        if best < TELLS or len(offsets_px) < LEAST_WINDOWS:
            self._blind += 1
            self._run.clear()
            if self._blind >= BLIND and self.state != "knocked":
                self.state = "cannot_tell"
            return self.state
        self._blind = 0
        self._run.append((offsets_px, best - here))
        middle = self._agreed()
        if self._usual is None:
            if middle is None:
                self.state = "learning"
                return self.state
            self._usual = middle
        away_px = _rms(offsets_px - self._usual)
        if middle is not None and (self._beside(middle) or self._far(middle)):
            self.state = "knocked"
        elif away_px < AWAY_PX and (self.state != "knocked" or self._is_back(middle)):
            self.state = "aligned"
            self._usual = self._usual + FOLLOW * (offsets_px - self._usual)
        return self.state

    def _agreed(self) -> NDArray[np.float64] | None:
        """What a whole run of readings agrees on."""
        if len(self._run) < RUN:
            return None
        middle = np.median([offsets for offsets, _ in self._run], axis=0)
        allowed_px = max(SPREAD_PX, SPREAD_SHARE * _rms(middle - (0 if self._usual is None else self._usual)))
        return middle if all(_rms(offsets - middle) <= allowed_px for offsets, _ in self._run) else None

    def _beside(self, middle: NDArray[np.float64]) -> bool:
        assert self._usual is not None
        return _rms(middle - self._usual) >= AWAY_PX

    def _far(self, middle: NDArray[np.float64]) -> bool:
        return not self._trimmed and _rms(middle) >= FAR_PX and all(gain >= GAIN for _, gain in self._run)

    def _is_back(self, middle: NDArray[np.float64] | None) -> bool:
        assert self._usual is not None
        return middle is not None and _rms(middle - self._usual) < BACK_PX


def score(here: float) -> float:
    """How well infrared lies on visible, 0..1, from the evidence that it does."""
    return float(np.clip(here / FULL, 0.0, 1.0))


def _rms(offsets_px: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.sum(offsets_px**2, axis=1))))
