"""Sentences about degradations, for the text-guided teacher: many phrasings of the same, all from a given generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.degradations.kinds import ALIKE, KINDS
from training.degradations.phrases import (
    ADVERBS,
    CLEAN,
    INFRARED_NAMES,
    JOINS,
    OTHER_CLEAN,
    PAIR_JOINS,
    PHRASES,
    VISIBLE_NAMES,
)
from training.degradations.sampling import Degradation, draw_from

LEVEL_BOUNDS = (0.4, 0.6, 0.8)
"""Strengths where one of the four levels ends and the next begins: equal shares of what is drawn (0.2..1)."""

OTHER_SHARE = 0.3
"""How often a sentence on one degradation also says that the other camera is clean."""

CLEAN_SHARE = 0.15
"""How often a wrong sentence says that nothing is wrong."""


def level_of(strength: float) -> int:
    """Level 0 (slight) .. 3 (severe) of a strength in 0..1."""
    return sum(strength >= bound for bound in LEVEL_BOUNDS)


def describe(degradations: Sequence[Degradation], rng: np.random.Generator) -> str:
    """One English sentence that names camera, kind and level of every degradation; without any, that all is clean."""
    names = {"vi": _pick(rng, VISIBLE_NAMES), "ir": _pick(rng, INFRARED_NAMES)}
    if not degradations:
        return _sentence(_pick(rng, CLEAN).format(**names))
    order = rng.permutation(len(degradations))
    text = _clause(degradations[order[0]], names, rng)
    joins = JOINS + PAIR_JOINS if len(degradations) == 2 else JOINS
    for index in order[1:]:
        text = _pick(rng, joins).format(a=text, b=_clause(degradations[index], names, rng))
    if len(degradations) == 1 and rng.random() < OTHER_SHARE:
        other = names["ir" if KINDS[degradations[0].kind].modality == "visible" else "vi"]
        text = _pick(rng, OTHER_CLEAN).format(a=text, other=other)
    return _sentence(text)


def neutral_sentence() -> str:
    """What the teacher is told when nothing is known about the pictures."""
    return "Fuse the infrared image and the visible image."


def wrong_sentence(degradations: Sequence[Degradation], rng: np.random.Generator) -> str:
    """A sentence on other kinds than the given ones, none easily mistaken for them; sometimes that all is clean.

    Of a clean pair, it says that something is wrong.
    """
    if degradations and rng.random() < CLEAN_SHARE:
        return describe((), rng)
    there = {degradation.kind for degradation in degradations}
    others = [kind for kind in KINDS if kind not in there and all(frozenset((kind, k)) not in ALIKE for k in there)]
    return describe(draw_from(rng, others, max(1, len(degradations))), rng)


def _clause(degradation: Degradation, names: dict[str, str], rng: np.random.Generator) -> str:
    phrases, level = PHRASES[degradation.kind], level_of(degradation.strength)
    words = {"level": _pick(rng, phrases.levels[level]), "adv": _pick(rng, ADVERBS[level])}
    return _pick(rng, phrases.templates).format(**names, **words)


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _sentence(clause: str) -> str:
    return clause[0].upper() + clause[1:] + "."
