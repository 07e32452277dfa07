"""What a live stream has shown lately: small pictures with their stamps, for the time between two cameras. Pure.

The small pictures are those of ``stream.sync.motion``, made cheaply: a few lines of each row of cells are enough, as
noise averages out over hundreds of pictures.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.frames import ClockName, LumaArray
from stream.sync.motion import HEIGHT_PX, WIDTH_PX, Thumbnail

KEPT_S = 20.0
"""So much of a stream is kept."""

MOST_HZ = 32.0
"""Faster streams are thinned out: more pictures cost memory and time, and say nothing more."""

LONGEST_GAP_S = 3.0
"""After a longer gap, or a step back of stamps by as much, the camera was connected anew: what was before it may have
been stamped otherwise, and is forgotten."""

LINES = 4
"""Lines that are read of each row of small pixels."""

COLUMNS = 640
"""Of wider pictures every second, third, ... column is read, so that at least so many are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """For pictures of one size: which ``lines`` to read (rows of small pixels times lines of each), every how-many-th
    column (``step``), of those that are read the first one of each small pixel (``starts``), and one over how many
    pixels are summed up in each (``share``, float32 (width,)).
    """

    lines: NDArray[np.intp]
    step: int
    starts: NDArray[np.intp]
    share: NDArray[np.float32]


class Glimpser:
    """Makes small pictures of one stream; remembers how for its size."""

    def __init__(self) -> None:
        self._size: tuple[int, int] | None = None
        self._plan: _Plan | None = None

    def glimpse(self, luma: LumaArray) -> Thumbnail | None:
        """A picture, uint8 or uint16 (H, W), made small: float32 (``HEIGHT_PX``, ``WIDTH_PX``), in its own grey levels.

        None for pictures smaller than that.
        """
        if self._size != luma.shape:
            self._size = (luma.shape[0], luma.shape[1])
            self._plan = _plan(luma.shape[1], luma.shape[0])
        plan = self._plan
        if plan is None:
            return None
        read = luma[plan.lines, :: plan.step]
        lines = read.reshape(HEIGHT_PX, -1, read.shape[1])
        sums = lines[:, 0].astype(np.float32)
        for number in range(1, lines.shape[1]):
            sums += lines[:, number]
        # Not as a matrix product: BLAS would use every processor for it, and let them spin afterwards.
        small: Thumbnail = np.add.reduceat(sums, plan.starts, axis=1) * plan.share
        return small


def _plan(width_px: int, height_px: int) -> _Plan | None:
    if width_px < WIDTH_PX or height_px < HEIGHT_PX:
        return None
    row = height_px // HEIGHT_PX
    count = min(row, LINES)
    first = np.arange(HEIGHT_PX) * height_px // HEIGHT_PX
    # From the middle of each part of a row, so that they are spread evenly.
    lines = (first[:, None] + (2 * np.arange(count) + 1) * row // (2 * count)).ravel()
    step = max(1, width_px // COLUMNS)
    columns = np.arange(0, width_px, step)
    starts = np.searchsorted(columns, np.arange(WIDTH_PX) * width_px // WIDTH_PX)
    counts = np.diff(np.append(starts, len(columns)))
    return _Plan(lines, step, starts, (1 / (counts * count)).astype(np.float32))


class Recent:
    """The last ``KEPT_S`` seconds of one stream. One thread at a time."""

    def __init__(self) -> None:
        self._stamps_ns: deque[int] = deque()
        self._pictures: deque[Thumbnail] = deque()
        self._clock: ClockName | None = None

    @property
    def span_s(self) -> float:
        """Seconds from the oldest picture to the newest one."""
        return (self._stamps_ns[-1] - self._stamps_ns[0]) / 1e9 if self._stamps_ns else 0.0

    def wants(self, capture_ns: int, clock: ClockName) -> bool:
        """Whether a picture of this moment would be kept; forgets the rest where it is of another reckoning."""
        if not self._stamps_ns:
            self._clock = clock
            return True
        since_s = (capture_ns - self._stamps_ns[-1]) / 1e9
        if abs(since_s) > LONGEST_GAP_S or clock != self._clock:
            self._stamps_ns.clear()
            self._pictures.clear()
            self._clock = clock
            return True
        return since_s >= 1 / MOST_HZ

    def add(self, capture_ns: int, picture: Thumbnail) -> None:
        """Keep a picture that is wanted."""
        self._stamps_ns.append(capture_ns)
        self._pictures.append(picture)
        while self.span_s > KEPT_S:
            self._stamps_ns.popleft()
            self._pictures.popleft()

    def all(self) -> tuple[list[int], list[Thumbnail]]:
        """Stamps, nanoseconds, and pictures, oldest first."""
        return list(self._stamps_ns), list(self._pictures)
