"""How much an alignment is to be believed: two independent questions.

Rarity: in each window, how many other displacements match at least as well as the one the map asks for? On unrelated
pictures any share is as likely as any other, so that the mean of -log(share) is 1 (Fisher's method of combining
tests: R. Fisher, Statistical Methods for Research Workers, 1932, 21.1).

Agreement: do two halves of the windows, laid out as the fields of a chessboard, give the same map by themselves?
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.alignment.parameters import near_identity
from stream.alignment.refine import fit
from stream.alignment.windows import Parameters, WindowField
from stream.homography import apply

RADIUS_PX = 1
"""A window counts as matched where its correlation is high within so many working pixels of the map's place."""


FULL_EVIDENCE = 7.3
NO_EVIDENCE = 2.0
"""Evidence that counts as 1 and as 0 in the score. The bar that follows (``ACCEPT``) is at 6: of single pairs that do
not belong together the best of all maps has 3.5 +- 0.7, and once 5.6.
"""

MAX_SPLIT_PX = 12.0
"""Where two halves of the windows disagree by so much (pixels of a picture 640 wide) the score is 0."""

ACCEPT = 0.75
"""Least score of a map that is handed out."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the windows say about a map.

    ``evidence``: sum of -log(share) above chance in standard deviations, the mean over the two finest levels; about 0
    for a map drawn at random, a few for the best of many on unrelated pictures, ten where it is right. ``rarity``:
    mean of -log(share) at the finest level, 1 by chance. ``split_px``: root mean square distance of the two halves'
    maps over the windows, in pixels of a picture 640 wide; infinite where there are too few windows to ask.
    ``windows``: how many were asked.
    """

    evidence: float
    rarity: float
    split_px: float
    windows: int


def rarity_of_windows(field: WindowField, places_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """-log of the share of displacements that match at least as well as the given one; float64 (N,), 0 or more."""
    reach = field.reach
    kernel = np.ones((2 * RADIUS_PX + 1, 2 * RADIUS_PX + 1), dtype=np.uint8)
    found = np.zeros(len(places_px))
    for n, (surface, place) in enumerate(zip(field.surfaces, places_px, strict=True)):
        crest = cv2.dilate(surface, kernel)
        x, y = np.clip(np.rint(place) + reach, 0, 2 * reach).astype(int)
        found[n] = -np.log(np.count_nonzero(crest >= crest[y, x]) / crest.size)
    return found


def evidence(field: WindowField, places_px: NDArray[np.float64]) -> tuple[float, float]:
    """Evidence and rarity (see ``Trust``) of displacements, float64 (N, 2)."""
    if not len(field.centres):
        return 0.0, 0.0
    values = rarity_of_windows(field, places_px)
    witnesses = max(1.0, len(values) / field.overlap)
    return float((values.mean() - 1) * np.sqrt(witnesses)), float(values.mean())


def split_px(field: WindowField, so_far: Parameters, sigmas_px: tuple[float, ...]) -> float:
    """How far apart two halves of the windows, fitted separately, put the windows (root mean square, pixels)."""
    columns = np.unique(field.centres[:, 0], return_inverse=True)[1]
    rows = np.unique(field.centres[:, 1], return_inverse=True)[1]
    black = (columns + rows) % 2 == 0
    if min(np.count_nonzero(black), np.count_nonzero(~black)) < 4:
        return float("inf")
    moved = []
    for half in (black, ~black):
        parameters = fit(field.part(half), so_far, sigmas_px)
        # The halves have centres of their own: evaluated by their own, on all windows.
        moved.append(_on_all(field, half, parameters))
    return float(np.sqrt(np.mean(np.sum((moved[0] - moved[1]) ** 2, axis=1))))


def _on_all(field: WindowField, half: NDArray[np.bool_], parameters: Parameters) -> NDArray[np.float64]:
    return apply(near_identity(parameters, field.part(half)), field.centres)


def judge(seen: Trust) -> tuple[float, str]:
    """Score 0..1 and, where it is too low, what is wrong and what helps (else an empty text)."""
    if seen.windows < 8:
        return 0.0, (
            "the two pictures hardly overlap, or one of them is empty: point both cameras at the same scene, "
            "or give points measured by hand (--points)"
        )
    found = float(np.clip((seen.evidence - NO_EVIDENCE) / (FULL_EVIDENCE - NO_EVIDENCE), 0, 1))
    agreed = float(np.clip(1 - seen.split_px / MAX_SPLIT_PX, 0, 1))
    score = found * agreed
    if score >= ACCEPT:
        return score, ""
    if found < ACCEPT:
        return score, (
            "no alignment stands out: use footage with edges that both cameras see (buildings, poles, trees against "
            "the sky, people), by day or in good light, in which both are in focus; check that both show the same "
            "scene at the same time; or give points measured by hand (--points)"
        )
    return score, (
        f"parts of the picture disagree by {seen.split_px:.0f} pixels (of 640): things at very different distances, or "
        "structure in one corner only; use a scene farther away that fills the picture, or give points measured by "
        "hand (--points)"
    )
