"""The time between two cameras that share no clock, from what moves in both pictures; or why it cannot be told. Pure.

Motion (``stream.sync.motion``) of both streams is correlated cell by cell over lags of some seconds
(``stream.sync.correlate``). Where both see the same things move, the correlation has one peak that stands alone and
that every part of the footage has at the same lag. Where they do not, the highest peak is one of many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.sync.correlate import STEP_S, Pieces, correlate
from stream.sync.motion import Motion, Views, motion

REACH_S = 2.5
"""Offsets up to this are looked for, both ways."""

MARGIN_S = 0.25
"""So much farther is looked, so that a peak at the end of the reach can be told from a slope."""

LEAST_S = 8.0
"""Footage that both streams must share at the offset found, seconds."""

LEAST_PEAK = 0.05
"""Correlation of motion below this is what strangers reach."""

MOST_RIVAL = 0.55
"""The second-best peak may be so high, as a share of the best."""

LEAST_VOTES = 3.6
"""Standard deviations by which the pieces of the footage together stand out at the peak, each with one voice."""

LEAST_OF_HALF = 0.5
"""In each half of the footage the common peak must reach this share of that half's highest."""

LEAST_CONFIDENCE = 0.15
"""Barely past one of the limits above is not enough."""

APART_SPANS, APART_S = 1.2, 0.06
"""How far halves of the footage may disagree, in periods of the slower stream, but at least ``APART_S``."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest point of a correlation curve: its lag and ``height``, and the ``rival``, the next peak's height."""

    lag_s: float
    height: float
    rival: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for an offset.

    ``peak``: correlation of the motions there, -1..1; ``rival``: the second-best peak as a share of it; ``votes``:
    see ``Pieces.votes``; ``apart_s``: how far two halves of the footage disagree; ``of_half``: how high, as a share of
    the half's own highest, the weaker half stands there; ``shared_s``: footage that both streams have at that offset;
    ``span_s``: the slower stream's period.
    """

    peak: float
    rival: float
    votes: float
    apart_s: float
    of_half: float
    shared_s: float
    span_s: float


@dataclass(frozen=True, slots=True)
class OffsetEstimate:
    """What the footage says about the time between its streams.

    ``offset_s``: to add to infrared times; not to be used unless ``accepted``. ``confidence``: 0..1, 0 where refused.
    ``reason``: empty when accepted, else what is wrong and what helps. ``seen``: None where there was nothing to see.
    """

    offset_s: float
    confidence: float
    accepted: bool
    reason: str
    seen: Evidence | None


def estimate_offset(infrared: Views, visible: Views, center_s: float = 0.0, reach_s: float = REACH_S) -> OffsetEstimate:
    """The offset to add to infrared times, within ``center_s`` +- ``reach_s``.

    The views must be of one field (``stream.sync.motion.as_seen_by``), of equal size, and stamped in seconds by clocks
    that agree but for the offset. Raises ValueError for views of different sizes.
    """
    compared = compare(infrared, visible, center_s, reach_s + MARGIN_S)
    if compared is None:
        return OffsetEstimate(0.0, 0.0, False, "too few frames: give at least ten seconds of both cameras", None)
    pieces, sign, span_s = compared
    found = highest(pieces.lags_s, pieces.curve(span_s / 2), span_s)
    at = int(np.argmin(np.abs(pieces.lags_s - found.lag_s)))
    apart_s, share = _halves(pieces, found.lag_s, span_s)
    seen = Evidence(
        found.height,
        found.rival / found.height if found.height > 0 else 1.0,
        pieces.votes(at),
        apart_s,
        share,
        float(pieces.shared_s[:, at].sum()),
        span_s,
    )
    offset_s, confidence = sign * found.lag_s, _confidence(seen)
    reason = _why_not(seen, abs(offset_s - center_s), reach_s)
    if not reason and confidence < LEAST_CONFIDENCE:
        reason = "all signs are weak: give longer footage with more movement"
    return OffsetEstimate(offset_s, 0.0 if reason else confidence, not reason, reason, seen)


def compare(infrared: Views, visible: Views, center_s: float, reach_s: float) -> tuple[Pieces, int, float] | None:
    """Both motions correlated; 1 or -1, which turns lags into offsets of infrared; the slower stream's period, seconds.

    None for streams without two frames or without a common field.
    """
    if infrared.covered.shape != visible.covered.shape:
        raise ValueError(f"views must be of one size, got {infrared.covered.shape} and {visible.covered.shape}")
    span_s = max(infrared.period_s, visible.period_s)
    covered = infrared.covered & visible.covered
    if not np.isfinite(span_s) or not covered.any():
        return None
    motions: list[Motion] = [motion(views, span_s, covered) for views in (infrared, visible)]
    if min(part.cells.size for part in motions) == 0:
        return None
    # The faster stream is the one to interpolate.
    if infrared.period_s >= visible.period_s:
        return correlate(motions[0], motions[1], center_s, reach_s), 1, span_s
    return correlate(motions[1], motions[0], -center_s, reach_s), -1, span_s


def highest(lags_s: NDArray[np.float64], curve: NDArray[np.float64], span_s: float) -> Peak:
    """The highest peak, finer than the lags' spacing by a parabola, and the next peak that is not its shoulder."""
    top = int(np.argmax(curve))
    around = max(2, round(span_s / 2 / STEP_S))
    near = np.s_[max(0, top - around) : top + around + 1]
    a, b, _ = np.polyfit(lags_s[near] - lags_s[top], curve[near], 2)
    shift_s = float(np.clip(-b / (2 * a), -around * STEP_S, around * STEP_S)) if a < 0 else 0.0
    inner = np.flatnonzero((curve[1:-1] >= curve[:-2]) & (curve[1:-1] >= curve[2:])) + 1
    far = inner[np.abs(lags_s[inner] - lags_s[top]) > max(0.12, 1.5 * span_s)]
    return Peak(float(lags_s[top]) + shift_s, float(curve[top]), float(curve[far].max(initial=0.0)))


def _halves(pieces: Pieces, lag_s: float, span_s: float) -> tuple[float, float]:
    """How far apart both halves (every other piece) put the peak, and its share of the weaker half's best."""
    near = np.abs(pieces.lags_s - lag_s) <= max(0.12, 1.5 * span_s)
    at_s, shares = [], []
    for half in (np.s_[0::2], np.s_[1::2]):
        curve = pieces.curve(span_s / 2, half)
        best = float(curve.max(initial=0.0))
        if best <= 0 or not near.any():
            return np.inf, 0.0
        local = highest(pieces.lags_s[near], curve[near], span_s)
        at_s.append(local.lag_s)
        shares.append(local.height / best)
    return abs(at_s[0] - at_s[1]), min(shares)


def _apart_limit_s(span_s: float) -> float:
    return max(APART_S, APART_SPANS * span_s)


def _confidence(seen: Evidence) -> float:
    """0..1: the weakest of the signs, each 0 where it would be refused and 1 where there is no doubt."""
    signs = (
        (seen.peak - LEAST_PEAK) / (2 * LEAST_PEAK),
        (MOST_RIVAL - seen.rival) / (MOST_RIVAL - 0.2),
        (seen.votes - LEAST_VOTES) / (6.0 - LEAST_VOTES),
        (seen.of_half - LEAST_OF_HALF) / (1 - LEAST_OF_HALF),
        1.5 - 1.5 * seen.apart_s / _apart_limit_s(seen.span_s),
    )
    return float(np.clip(min(signs), 0.01, 1.0))


def _why_not(seen: Evidence, from_center_s: float, reach_s: float) -> str:
    """Why an offset is not to be trusted, and what helps; empty where it is."""
    if seen.shared_s < LEAST_S:
        return f"only {seen.shared_s:.1f} s of common footage: give at least ten seconds of both cameras at one time"
    if seen.peak < LEAST_PEAK:
        return "the two cameras do not see the same things move: give footage with people or vehicles in both views"
    if seen.rival > MOST_RIVAL or seen.of_half < LEAST_OF_HALF:
        return "several offsets fit alike: give longer footage, with more than one repeated movement"
    if seen.votes < LEAST_VOTES:
        return "too little moves to be sure: give longer footage with more movement"
    if seen.apart_s > _apart_limit_s(seen.span_s):
        return f"parts of the footage differ by {1000 * seen.apart_s:.0f} ms: give longer footage with more movement"
    if from_center_s > reach_s + seen.span_s / 2:
        return f"the offset is more than {reach_s:g} s: set the cameras' clocks, or trim the recordings"
    return ""
