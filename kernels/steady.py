"""Temporal noise reduction: where both sources rest, the fused picture keeps close to its mean; where one moves, it is
shown as it is. An edge of the mean is calmed less: cameras tremble, which moves it by a part of a pixel, too little to
count as motion, and the mean of many frames would blur it.

The mean is a first-order recursive filter with a motion-dependent coefficient, as in surveillance cameras (Dubois and
Sabri, Noise Reduction in Image Sequences Using Motion-Compensated Temporal Filtering, IEEE Trans. Commun. 32, 1984,
without the motion compensation). It is not shown itself: what a picture differs from it is made smaller by a factor,
fast noise and slow alike, where a filter that calms slow noise as much would wipe out all that is fast. Motion is
looked for in the sources and not in the fused picture, whose noise may be amplified.

All is reckoned in 16-bit integers, levels in 256ths and shares in 65536ths: of big pictures the time goes to memory,
and twice as many of them fit a vector register as of 32-bit numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit, uint16, uint64
from numpy.typing import NDArray

from kernels.checks import check_contiguous, check_plane
from kernels.detail import raise_detail
from kernels.level import PARTS, LevelLimiter, mean_level, shift_by
from kernels.signatures import U8_IN, U8_OUT, U8_ROWS_OUT, U16_ROWS_IN, U16_ROWS_OUT
from kernels.unrest import UnrestMeter

i16, u8, u16, u32 = np.int16, np.uint8, np.uint16, np.uint32

REACH = 2
"""Motion is judged by the mean change over (2 * 2 + 1)^2 pixels, in which noise averages out."""

AREA = (2 * REACH + 1) ** 2
RESTING = 1.5
MOVING = 4.0
"""Change of the 5x5 mean, in grey levels, up to which a place rests, and from which it moves."""
SLOW = 0.08
"""Share of the new picture that a resting place's mean takes: a memory of about 12 frames."""
EDGE = 12.0
"""Grey levels between a pixel's two neighbours in the mean, across or down, from which it is not calmed when nearly all
is kept; where only a share of differences is kept, so much more as the share is less."""

# Sums over the area count twice, so that both bounds are whole numbers.
_MOVES = i16(2 * AREA * MOVING)
_SPAN = i16(2 * AREA * (MOVING - RESTING))
_STEP = u16(65535 // int(_SPAN))
RESTS: Final = int(_SPAN) * int(_STEP)
"""What ``resting`` says of a place that rests."""


# Scalar functions, shared with the GPU. (No min and max: in CUDA kernels Numba cannot compile them without a device.)
# Each result has its type named: Numba's own choice is 64 bits.


def resting(infrared, visible):
    """How much a place rests, uint16 0 (moves) to ``RESTS``, from the sums (int16) of both sources' changes."""
    infrared = infrared if infrared > i16(0) else i16(-infrared)
    visible = visible if visible > i16(0) else i16(-visible)
    most = infrared if infrared > visible else visible
    left = i16(_MOVES - i16(most + most))
    left = left if left > i16(0) else i16(0)
    left = left if left < _SPAN else _SPAN
    return u16(u16(left) * _STEP)


def part_of(value, share):
    """``share`` (uint16, 65536ths) of a value (uint16), rounded down."""
    return u16((u32(value) * u32(share)) >> u32(16))


def odd(share):
    """A share (uint16), made odd, as mixing wants it."""
    return u16(share | u16(1))


def left_of(share):
    """What a share (uint16, 65536ths, not 0) leaves of the whole."""
    return u16(u16(u16(65535) - share) + u16(1))


def edge(left, right, above, below, most):
    """The larger difference between opposite neighbours, levels as uint16, at most ``most`` (uint16)."""
    # Larger less smaller: LLVM turns that into vector code, and a choice between two differences not.
    across = u16((right if right > left else left) - (left if right > left else right))
    down = u16((below if below > above else above) - (above if below > above else below))
    larger = across if across > down else down
    return larger if larger < most else most


def spared(calmed, part):
    """``calmed`` (uint16) less what an edge frees: ``part`` (uint16) of it, in 8192ths."""
    freed = u16(part << u16(3))
    return u16((calmed if calmed > freed else freed) - freed)


_resting = njit(resting)
_part_of = njit(part_of)
_odd = njit(odd)
_left_of = njit(left_of)
_edge = njit(edge)
_spared = njit(spared)


@njit
def _mixed(first, second, share):
    """Of two levels (uint16, 256ths, up to 255) a mean in which the first one has ``share`` (uint16, 65536ths, odd).

    Both products are rounded down, by 1 in all on average, which is added. A share is odd, so that neither product is
    whole: two equal levels then give just that level, and a share of 1 gives the second level (but always 1 for 0).
    """
    return u16(u16(_part_of(first, share) + _part_of(second, _left_of(share))) + u16(1))


def share_at_rest(share: float) -> np.uint16:
    """A share, 0..1, of which ``part_of`` what ``resting`` says of a resting place is the share itself, in 65536ths."""
    return u16(min(round(share * 65536 * 65536 / RESTS), 65535))


def calming(kept: float) -> tuple[np.uint16, np.uint16, np.uint16]:
    """What a resting place without an edge gives to the mean; from which edge on, in 256ths of a grey level, it gives
    nothing; and what part of an edge ``spared`` takes, in 65536ths.
    """
    calmed = share_at_rest(1 - kept)
    most = u16(min(EDGE * 256 / max(kept, 1e-3), 65535))
    return calmed, most, u16(int(calmed) * 8192 // int(most))


OF_MEAN = share_at_rest(1 - SLOW)
"""What a resting place's mean keeps of itself."""


@njit
def _add_changes(sums, now, last, row):
    """Add a row's changes (this frame less the last one) to the column sums, ``REACH`` wider on either side."""
    for x in range(now.shape[1]):
        sums[x + REACH] += i16(now[row, x]) - i16(last[row, x])


@njit
def _move_down(sums, now, last, above, below):
    """Column sums a row further down: row ``below`` comes in, row ``above`` goes out, the edges are repeated."""
    width = now.shape[1]
    for x in range(width):
        comes = i16(now[below, x]) - i16(last[below, x])
        goes = i16(now[above, x]) - i16(last[above, x])
        sums[x + REACH] += i16(comes - goes)
    for k in range(REACH):
        sums[k] = sums[REACH]
        sums[width + REACH + k] = sums[width + REACH - 1]


@njit
def _note_resting(ir, vi, rests):
    """How much each place of a row rests, from the column sums."""
    for x in range(rests.shape[0]):
        a = i16(ir[x] + ir[x + 1] + ir[x + 2] + ir[x + 3] + ir[x + 4])
        b = i16(vi[x] + vi[x + 1] + vi[x + 2] + vi[x + 3] + vi[x + 4])
        rests[x] = _resting(a, b)


@njit
def _note_edges(mean, y, above, most, edges):
    """The edge of the mean, as it was before this frame, at each place of a row; the picture's own edges are repeated.

    ``above``: the mean's row above before this frame, at the top row itself; the row itself afterwards.
    """
    height, width = mean.shape
    row, below = mean[y], mean[min(y + 1, height - 1)]
    for x in range(1, width - 1):
        edges[x] = _edge(row[x - 1], row[x + 1], above[x], below[x], most)
    for x in (0, width - 1):
        edges[x] = _edge(row[max(x - 1, 0)], row[min(x + 1, width - 1)], above[x], below[x], most)
    for x in range(width):
        above[x] = row[x]


@njit
def _mix_row(levels, y, rests, of_mean, calmed, freeing, lines, mean):
    """A row of the mean moved, and what is then shown of it, plus half a level, in ``lines[0]``; edges: ``lines[1]``"""
    shown, edges, share, share_shown = lines[0], lines[1], lines[2], lines[3]
    width = rests.shape[0]
    # One loop for each product: LLVM would otherwise go on with 32-bit numbers from one to the next.
    for x in range(width):
        share[x] = _odd(_part_of(rests[x], of_mean))
    for x in range(width):
        edges[x] = _part_of(edges[x], freeing)
    for x in range(width):
        share_shown[x] = _odd(_part_of(rests[x], _spared(calmed, edges[x])))
    for x in range(width):
        moved = _mixed(mean[y, x], levels[y, x], share[x])
        mean[y, x] = moved
        shown[x] = u16(_mixed(moved, levels[y, x], share_shown[x]) + u16(128))


@njit
def _split_row(shown, y, out, parts):
    """Levels and parts of a row; its sum."""
    for x in range(shown.shape[0]):
        out[y, x] = u8(shown[x] >> u16(8))
        parts[y, x] = u8(shown[x])
    total = u32(0)
    for x in range(shown.shape[0]):
        total = u32(total + shown[x])
    return total


@njit(
    [uint64(U16_ROWS_IN, *(U8_IN,) * 4, uint16, uint16, uint16, uint16, U16_ROWS_OUT, U8_OUT, U8_ROWS_OUT)],
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _steady(levels, infrared, visible, last_infrared, last_visible, of_mean, calmed, most, freeing, mean, out, parts):
    height, width = levels.shape
    # 16 bits hold twice 25 changes of up to 255.
    ir = np.zeros(width + 2 * REACH, np.int16)
    vi = np.zeros(width + 2 * REACH, np.int16)
    rests = np.empty(width, np.uint16)
    lines = np.empty((4, width), np.uint16)
    above_in_mean = mean[0].copy()
    total = np.uint64(0)
    for k in range(-REACH - 1, REACH):
        row = min(max(k, 0), height - 1)
        _add_changes(ir, infrared, last_infrared, row)
        _add_changes(vi, visible, last_visible, row)
    for y in range(height):
        above, below = min(max(y - REACH - 1, 0), height - 1), min(y + REACH, height - 1)
        _move_down(ir, infrared, last_infrared, above, below)
        _move_down(vi, visible, last_visible, above, below)
        # Many small loops, which LLVM turns into vector code; one loop that does it all is 5x slower.
        _note_resting(ir, vi, rests)
        _note_edges(mean, y, above_in_mean, most, lines[1])
        _mix_row(levels, y, rests, of_mean, calmed, freeing, lines, mean)
        total += np.uint64(_split_row(lines[0], y, out, parts))
    return total


def steady(
    levels: NDArray[np.uint16],
    sources: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    last_sources: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    kept: float,
    mean: NDArray[np.uint16],
    out: NDArray[np.uint8],
    parts: NDArray[np.uint8],
) -> float:
    """Move ``mean`` towards ``levels``, and write what is between the two to ``out``; give back its mean, 0..255.

    ``levels``: the fused picture, uint16 (H, W), C-contiguous, in 256ths of a grey level, up to 255 levels.
    ``sources``, ``last_sources``: infrared and visible of this frame and of the one before, uint8 (H, W). ``kept``: how
    much of its difference to the mean a place without edges keeps where both rest, 0.001..1. ``mean``: as ``levels``;
    it is changed, and at first the first fused picture. ``out``: uint8 (H, W), rounded. ``parts``: uint8 (H, W),
    C-contiguous, what rounding took from it, see ``kernels.level.PARTS``. Raises ValueError on other shapes and types.
    """
    check_plane("levels", levels, (np.uint16,))
    check_contiguous("levels", levels)
    for name, plane in zip(("infrared", "visible"), sources, strict=True):
        check_plane(name, plane, (np.uint8,), levels.shape)
    for name, plane in zip(("last infrared", "last visible"), last_sources, strict=True):
        check_plane(name, plane, (np.uint8,), levels.shape)
    check_plane("mean", mean, (np.uint16,), levels.shape)
    check_contiguous("mean", mean)
    check_plane("out", out, (np.uint8,), levels.shape)
    check_plane("parts", parts, (np.uint8,), levels.shape)
    check_contiguous("parts", parts)
    total = _steady(levels, *sources, *last_sources, OF_MEAN, *calming(kept), mean, out, parts)
    return (int(total) / levels.size - PARTS // 2) / PARTS


class Steadier:
    """``raise_detail`` and ``steady`` over the frames of a stream, which come in their order, without jumps of
    brightness.
    """

    def __init__(self) -> None:
        self._levels = np.empty((0, 0), np.uint16)
        self._mean = np.empty((0, 0), np.uint16)
        self._parts = np.empty((0, 0), np.uint8)
        self._last: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
        self._level = LevelLimiter()
        self._unrest = UnrestMeter()

    def push(
        self, fused: NDArray[np.uint8], infrared: NDArray[np.uint8], visible: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """The steadied picture, uint8 (H, W), as all three given. It starts anew with a picture of another size.

        The sources are kept until the next frame: they must not be changed before.
        """
        if self._levels.shape != fused.shape:
            self._levels, self._parts = np.empty(fused.shape, np.uint16), np.empty(fused.shape, np.uint8)
            self._last, self._level, self._unrest = None, LevelLimiter(), UnrestMeter()
        raise_detail(fused, self._levels)
        out = np.empty_like(fused)
        if self._last is None:
            self._mean = self._levels.copy()
        last = self._last or (infrared, visible)
        level = steady(self._levels, (infrared, visible), last, self._unrest.kept, self._mean, out, self._parts)
        self._last = (infrared, visible)
        shift = self._level.push(level, mean_level(infrared), mean_level(visible))
        if shift:
            shift_by(shift, out, self._parts)
        self._unrest.push(out, infrared, visible)
        return out
