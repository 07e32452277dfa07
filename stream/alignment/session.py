"""The looks at one running pair of cameras, and the search for another map when there is reason for one.

No clock, no thread: frames go in, what is known comes out. A search takes seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from stream.alignment.apart import Found
from stream.alignment.estimate import Alignment, estimate
from stream.alignment.footage import Size, at_width
from stream.alignment.look import Look, Reading, look, read
from stream.alignment.structure import Luma
from stream.alignment.watch import AWAY_PX, RUN, TELLS, AlignmentWatch, score
from stream.frames import AlignmentNote
from stream.homography import Matrix, corners_apart_px, rescale

Estimator = Callable[[Sequence[Luma], Sequence[Luma]], Alignment | Found]
"""``estimate``, or the same elsewhere."""

AVERAGED = 4
"""Looks that are read together."""

KEPT_PX = 1280
"""Frames that are kept for a search are made no wider than this."""

LEAST_FRAMES = 4
"""Frames that a search wants."""

PAUSE_LOOKS = 10
"""Looks until a search that was refused is tried again; then twice as many, and so on."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a search for the map came to.

    ``homography``: visible -> infrared pixel for pictures of ``infrared_size`` and ``visible_size``, None where it is
    refused; ``reason`` then says why. ``score``: the estimate's own, 0..1. ``moved_px``: how far the corners of the
    visible picture go from the present map (root mean square, pixels of an infrared picture 640 wide).
    """

    homography: Matrix | None
    infrared_size: Size
    visible_size: Size
    score: float
    reason: str
    moved_px: float

    @property
    def elsewhere(self) -> bool:
        """Whether a map was found that is not the present one."""
        return self.homography is not None and self.moved_px >= AWAY_PX


class Session:
    """Starts anew by itself when map or sizes change: what was learned belongs to one map."""

    def __init__(self) -> None:
        self._matrix: Matrix | None = None
        self._sizes: tuple[Size, Size] | None = None
        self._begin()

    def _begin(self, trimmed: bool = False) -> None:
        self.watch = AlignmentWatch(trimmed)
        self.reading: Reading | None = None
        self._looks: deque[Look] = deque(maxlen=AVERAGED)
        self._frames: deque[tuple[Luma, Luma]] = deque(maxlen=RUN)
        self._pause = self._rest = 0

    @property
    def note(self) -> AlignmentNote:
        """What is known now, the score rounded to 0.001."""
        return AlignmentNote(self.watch.state, None if self.reading is None else round(score(self.reading.here), 3))

    def look(self, infrared: Luma, visible: Luma, matrix: Matrix, trimmed: bool = False) -> bool:
        """Look at a pair of frames of one moment, uint8 (H, W) full range; ``matrix``: visible -> infrared pixel;
        ``trimmed``: it is corrected by hand, or chosen for a distance.

        True if a camera is now known to have been knocked and was not before.
        """
        sizes = (_size(infrared), _size(visible))
        if self._matrix is None or self._sizes != sizes or not np.array_equal(self._matrix, matrix):
            self._matrix, self._sizes = matrix, sizes
            self._begin(trimmed)
        self._looks.append(look(infrared, visible, matrix))
        self._frames.append((_kept(infrared), _kept(visible)))
        self.reading = read(self._looks)
        before = self.watch.state
        after = self.watch.push(self.reading.here, self.reading.best, self.reading.offsets_px)
        self._rest = max(0, self._rest - 1)
        if after != "knocked":
            self._pause = 0
        return after == "knocked" != before

    def wants_search(self, asked: bool, recalibrates: bool) -> bool:
        """Whether to search now: somebody ``asked``, a knocked camera is to be followed, or there is nothing to see
        where there was for so long that the map may be far off.
        """
        if len(self._frames) < LEAST_FRAMES:
            return False
        knocked = recalibrates and self.watch.state == "knocked" and self._rest == 0
        return asked or knocked or self.watch.search_due

    def search(self, estimator: Estimator = estimate) -> Search:
        """Estimate the map from the frames of the last looks. What it finds is looked at before it is believed."""
        assert self._matrix is not None and self._frames
        infrared, visible = zip(*self._frames, strict=True)
        found = estimator(infrared, visible)
        sizes = (_size(infrared[0]), _size(visible[0]))
        reason = found.reason
        if found.accepted:
            here = read([look(*pair, found.homography) for pair in list(self._frames)[-AVERAGED:]]).here
            if here < TELLS:
                reason = "the map that was found does not hold when it is looked through"
        if reason:
            self._pause = max(PAUSE_LOOKS, 2 * self._pause)
            self._rest = self._pause
            return Search(None, *sizes, found.score, reason, 0.0)
        present = self._present(*sizes)
        self._rest = PAUSE_LOOKS
        moved_px = corners_apart_px(found.homography, present, sizes[1]) * 640 / sizes[0][0]
        return Search(found.homography, *sizes, found.score, "", moved_px)

    def _present(self, infrared_size: Size, visible_size: Size) -> Matrix:
        """The present map for pictures of other sizes."""
        assert self._matrix is not None and self._sizes is not None
        return rescale(self._sizes[0], infrared_size) @ self._matrix @ rescale(visible_size, self._sizes[1])


def _size(luma: Luma) -> Size:
    return luma.shape[1], luma.shape[0]


def _kept(luma: Luma) -> Luma:
    if luma.shape[1] <= KEPT_PX:
        return luma
    return np.asarray(cv2.resize(luma, at_width(_size(luma), KEPT_PX), interpolation=cv2.INTER_AREA), np.uint8)
