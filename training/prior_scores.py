"""How well a student tells what is wrong with a pair: its scores of the kinds of degradation, beside the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from training.degradations import KINDS
from training.degradations.kinds import ALIKE

THRESHOLD = 0.5
"""A kind is reported from this score (0..1) on."""

LEAST_STRENGTH = 0.3

UNSURE_WHEN_DARK = frozenset(("low_light", "visible_noise", "over_exposure"))
"""Kinds of which it cannot be said that a picture of the night, as recorded, has none."""


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """Scores of one pair. ``kind``: what was done to it at ``strength``; "" for a pair as recorded. ``dark``: at night.

    ``scores``: kind -> 0..1, for all of ``KINDS``.
    """

    dataset: str
    picture: str
    dark: bool
    kind: str
    strength: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Of one kind: ``found``: share of pairs with it that were reported; ``passed``: share of those without that were
    not; ``balanced``: mean of both, 0.5 for a guess. None where there was no such pair."""

    positives: int
    negatives: int
    found: float | None
    passed: float | None

    @property
    def balanced(self) -> float | None:
        return None if self.found is None or self.passed is None else (self.found + self.passed) / 2


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """Of ``pictures`` clean pairs. ``any``: share with some kind reported; ``by_kind``: share by kind; ``mean``: mean
    of these. On dark pairs ``UNSURE_WHEN_DARK`` does not count; ``when_dark``: its shares on the ``dark_pictures``.
    """

    pictures: int
    dark_pictures: int
    any: float | None
    by_kind: dict[str, float | None]
    mean: float | None
    when_dark: dict[str, float | None]


def accuracy(rows: Iterable[ScoreRow], kind: str) -> Accuracy:
    """Balanced accuracy of one kind, over clean and degraded pairs.

    With the kind are pairs that got it at 0.3 or more. Without it are clean pairs and pairs that got another, unless
    the two are alike (``ALIKE``), or the pair is dark and the kind one of ``UNSURE_WHEN_DARK``.
    """
    found, passed = [], []
    for row in rows:
        reported = row.scores[kind] >= THRESHOLD
        if row.kind == kind:
            if row.strength >= LEAST_STRENGTH:
                found.append(reported)
        elif frozenset((kind, row.kind)) not in ALIKE and not (row.dark and kind in UNSURE_WHEN_DARK):
            passed.append(not reported)
    return Accuracy(len(found), len(passed), share(found), share(passed))


def false_alarms(rows: Iterable[ScoreRow]) -> FalseAlarms:
    """What is reported of clean pairs. Degraded ones among ``rows`` are passed over."""
    clean = [row for row in rows if not row.kind]
    dark = [row for row in clean if row.dark]
    by_kind = {kind: share([_reported(row, kind) for row in clean if _counts(row, kind)]) for kind in KINDS}
    known = [value for value in by_kind.values() if value is not None]
    return FalseAlarms(
        pictures=len(clean),
        dark_pictures=len(dark),
        any=share([any(_reported(row, kind) for kind in KINDS if _counts(row, kind)) for row in clean]),
        by_kind=by_kind,
        mean=sum(known) / len(known) if known else None,
        when_dark={kind: share([_reported(row, kind) for row in dark]) for kind in KINDS if kind in UNSURE_WHEN_DARK},
    )


def smoke_score(scores: dict[str, float]) -> float:
    """Smoke or haze, whichever scores higher: the two are one to a user, and hard to tell apart."""
    return max(scores["haze"], scores["smoke"])


def share(flags: Sequence[bool]) -> float | None:
    """Share of true ones, 0..1; None of nothing."""
    return sum(flags) / len(flags) if flags else None


def _reported(row: ScoreRow, kind: str) -> bool:
    return row.scores[kind] >= THRESHOLD


def _counts(row: ScoreRow, kind: str) -> bool:
    return not (row.dark and kind in UNSURE_WHEN_DARK)
