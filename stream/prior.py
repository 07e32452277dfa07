"""What the student says is wrong with its input, made fit to be read: steady in time, and in words. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from models.engines import KINDS
from stream.frames import Prior
from stream.smoothing import step_share

TIME_CONSTANT_S = 1.0
ON_FROM = 0.6
OFF_BELOW = 0.4
"""Between the two a kind stays what it was, so that a caption does not blink."""

NOTHING = "clear"
_DECIMALS = 3


class PriorTracker:
    """Turns each frame's scores into a ``Prior``: scores smoothed in time, and what of them counts as there.

    Frames come in their order. After a long gap, and when time goes backwards, it starts anew (see ``step_share``).
    """

    def __init__(self) -> None:
        self._scores: dict[str, float] = {}
        self._present: frozenset[str] = frozenset()
        self._last_ns: int | None = None

    def push(self, scores: Mapping[str, float], capture_ns: int) -> Prior:
        """Add a frame. ``scores``: 0..1 by kind, the same kinds (of ``KINDS``) each time. ``capture_ns``: ns."""
        share = step_share(self._last_ns, capture_ns, TIME_CONSTANT_S)
        if share is None:
            self._scores, self._present = dict(scores), frozenset()
        else:
            self._scores = {kind: old + (scores[kind] - old) * share for kind, old in self._scores.items()}
        self._last_ns = capture_ns
        self._present = frozenset(
            kind
            for kind, score in self._scores.items()
            if score >= ON_FROM or (kind in self._present and score >= OFF_BELOW)
        )
        shown = {kind: round(score, _DECIMALS) for kind, score in self._scores.items()}
        return Prior(shown, caption(self._present), tuple(kind for kind in KINDS if kind in self._present))


def caption(present: Collection[str]) -> str:
    """Kinds in words, by camera, in the order of ``KINDS``: "visible: haze, noise; infrared: stripes", or "clear"."""
    by_modality: dict[str, list[str]] = {}
    for name, kind in KINDS.items():
        if name in present:
            by_modality.setdefault(kind.modality, []).append(kind.words)
    return "; ".join(f"{modality}: {', '.join(words)}" for modality, words in by_modality.items()) or NOTHING
