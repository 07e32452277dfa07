"""What moves in a stream, as small pictures with their times show it. Pure: no clock, no files, no OpenCV.

Two cameras of different kinds disagree about grey levels, but where and when something moves they see alike. Motion is
measured cell by cell on a coarse grid: one number for a whole picture confuses a walker here with smoke there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.homography import Matrix, apply

WIDTH_PX, HEIGHT_PX = 64, 48
"""Size of the small pictures."""

CELL_PX = 2
"""Cells of so many small pixels a side: 32 x 24 of them. Coarser ones confuse a car with its light on the road before
it, which a visible camera sees earlier."""

SURROUNDING_PX = 5
"""Pictures are looked at without the mean of so many small pixels around each, a side. Light that runs ahead of a car
has no edges, the car has: with it, a 9 Hz camera of a simulated night street was 40 ms off, without it 10."""

HIGH_PASS_S = 0.8
"""Slower changes of motion than this say little about the moment, and drown those that do."""

LIMIT = 6.0
"""Motion is cut off here, in units of what is usual: a shutter event or a cut must not rule."""

SAMPLE_STEP = 5
"""Every so many-th small pixel is asked for what all do alike."""

Thumbnail = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """One stream as seen small: ``times_s`` float64 (N,), increasing; ``pictures`` float32 (N, H, W), any unit.

    ``covered``: bool (H, W), where the picture shows anything. Raises ValueError for other shapes and for times that
    do not increase.
    """

    times_s: NDArray[np.float64]
    pictures: NDArray[np.float32]
    covered: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.pictures.ndim != 3 or self.times_s.shape != self.pictures.shape[:1]:
            raise ValueError(f"as many times as pictures are needed, got {self.times_s.shape}, {self.pictures.shape}")
        if self.covered.shape != self.pictures.shape[1:]:
            raise ValueError(f"the cover must be of the pictures' size, got {self.covered.shape}")
        if (np.diff(self.times_s) <= 0).any():
            raise ValueError("times must increase")

    @property
    def period_s(self) -> float:
        """Median distance of the pictures, seconds; infinite for fewer than two."""
        return float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else np.inf


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Motion of one stream: ``times_s`` float64 (M,), ``cells`` float32 (M, cells), about -1 to ``LIMIT``, mean 0."""

    times_s: NDArray[np.float64]
    cells: NDArray[np.float32]


def thumbnail(luma: NDArray[np.uint8] | NDArray[np.uint16], size: tuple[int, int] = (WIDTH_PX, HEIGHT_PX)) -> Thumbnail:
    """A picture, (H, W), averaged down to ``size`` (width, height), float32 (height, width), in its own grey levels.

    Raises ValueError for a picture that is smaller than that.
    """
    width_px, height_px = size
    if luma.shape[0] < height_px or luma.shape[1] < width_px:
        raise ValueError(f"the picture must be at least {width_px}x{height_px}, got {luma.shape[1]}x{luma.shape[0]}")
    rows = np.arange(height_px) * luma.shape[0] // height_px
    columns = np.arange(width_px) * luma.shape[1] // width_px
    sums = np.add.reduceat(np.add.reduceat(luma, rows, axis=0, dtype=np.uint32), columns, axis=1)
    areas = np.diff(rows, append=luma.shape[0])[:, None] * np.diff(columns, append=luma.shape[1])
    return (sums / areas).astype(np.float32)


def as_seen(times_s: Sequence[float], thumbnails: Sequence[Thumbnail]) -> Views:
    """The views of a stream as they are; pictures whose time is not after the one before are left out."""
    kept, newest_s = [], -np.inf
    for number, time_s in enumerate(times_s):
        if time_s > newest_s:
            kept.append(number)
            newest_s = time_s
    if not kept:
        empty = np.zeros((0, HEIGHT_PX, WIDTH_PX), np.float32)
        return Views(np.zeros(0), empty, np.ones(empty.shape[1:], bool))
    pictures = np.stack([thumbnails[number] for number in kept])
    return Views(np.array([times_s[number] for number in kept]), pictures, np.ones(pictures.shape[1:], bool))


def as_seen_by(views: Views, homography: Matrix, own_size: tuple[int, int], other_size: tuple[int, int]) -> Views:
    """Views moved into another camera's picture, at the same number of small pixels.

    ``homography``: pixel of the other camera -> pixel of this one, for full pictures of ``other_size`` and
    ``own_size`` (width, height). Small pixels that this camera does not see are not ``covered``.
    """
    height_px, width_px = views.pictures.shape[1:]
    x, y = np.meshgrid(np.arange(width_px), np.arange(height_px))
    small = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float64)
    per_small = np.array([other_size[0] / width_px, other_size[1] / height_px])
    own_per_small = np.array([own_size[0] / width_px, own_size[1] / height_px])
    at = (apply(homography, (small + 0.5) * per_small - 0.5) + 0.5) / own_per_small - 0.5
    limits = np.array([width_px - 1, height_px - 1])
    covered = ((at >= -0.5) & (at <= limits + 0.5)).all(axis=1)
    at = np.clip(at, 0, limits)
    low = np.minimum(np.floor(at).astype(int), np.maximum(limits - 1, 0))
    (u, v), (left, top) = (at - low).T.astype(np.float32), low.T
    p = views.pictures
    upper = p[:, top, left] * (1 - u) + p[:, top, left + 1] * u
    lower = p[:, top + 1, left] * (1 - u) + p[:, top + 1, left + 1] * u
    pictures = (upper * (1 - v) + lower * v).reshape(p.shape)
    return Views(views.times_s, pictures, covered.reshape(height_px, width_px) & views.covered)


def motion(views: Views, span_s: float, covered: NDArray[np.bool_]) -> Motion:
    """How much moves in each cell, and when: changes over about ``span_s``, slow ones taken out, made comparable.

    ``span_s``: at least a period of the slower of two streams, so that both see changes over the same time.
    ``covered``: bool (H, W), the small pixels to look at; cells that are covered by less than half are left out.
    """
    step = max(1, round(span_s / views.period_s))
    if len(views.times_s) <= step:
        return Motion(np.zeros(0), np.zeros((0, 0), np.float32))
    times_s, pictures = views.times_s, views.pictures - _surroundings(views.pictures)
    lengths_s = times_s[step:] - times_s[:-step]
    # Over a gap everything changes, at an unknown moment; one lost frame does no harm.
    whole = lengths_s < (step + 1.5) * views.period_s
    at_s = ((times_s[step:] + times_s[:-step]) / 2)[whole]
    changes = (pictures[step:] - pictures[:-step])[whole]
    # Where frames were lost more has changed: two streams that lose them regularly would find each other by that.
    changes *= (step * views.period_s / lengths_s[whole]).astype(np.float32)[:, None, None]
    # What all pixels do alike is the camera's gain or the light, not motion. A sample of them tells.
    changes -= np.median(changes[:, covered][:, ::SAMPLE_STEP], axis=1)[:, None, None]
    np.abs(changes, out=changes)
    pooled = _pooled(changes, covered)
    cells = pooled - _moving_mean(at_s, pooled, HIGH_PASS_S)
    usual = np.sqrt((cells**2).mean(axis=0)) + np.sqrt((cells**2).mean()) if cells.size else np.ones(1)
    return Motion(at_s, np.minimum(cells / np.maximum(usual, 1e-6), LIMIT).astype(np.float32))


def _surroundings(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the square of ``SURROUNDING_PX`` around each pixel; borders go on as they are."""
    size = (SURROUNDING_PX, SURROUNDING_PX)
    means = [cv2.blur(picture, size, borderType=cv2.BORDER_REPLICATE) for picture in pictures]
    return np.asarray(means, dtype=np.float32)


def _pooled(changes: NDArray[np.float32], covered: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Means over the covered pixels of each cell, (M, cells)."""
    rows, columns = (size // CELL_PX for size in covered.shape)
    weights = np.zeros((rows, columns), np.float32)
    sums = np.zeros((len(changes), rows, columns), np.float32)
    for y in range(CELL_PX):
        for x in range(CELL_PX):
            part = np.s_[..., y : rows * CELL_PX : CELL_PX, x : columns * CELL_PX : CELL_PX]
            weights += covered[part]
            sums += changes[part] * covered[part]
    enough = weights >= CELL_PX * CELL_PX / 2
    return (sums[:, enough] / weights[enough]).astype(np.float32, copy=False)


def _moving_mean(times_s: NDArray[np.float64], values: NDArray[np.float32], width_s: float) -> NDArray[np.float64]:
    """Mean of the values within half of ``width_s`` of each time."""
    sums = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    first = np.searchsorted(times_s, times_s - width_s / 2, "left")
    last = np.searchsorted(times_s, times_s + width_s / 2, "right")
    return (sums[last] - sums[first]) / (last - first)[:, None]
