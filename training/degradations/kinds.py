"""The table of all kinds of degradation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.degradations import blur, light, noises, rain, thermal, veils
from training.degradations.arrays import FloatImage

Modality = Literal["infrared", "visible"]
Function = Callable[[FloatImage, float, np.random.Generator], FloatImage]
Veil = Callable[[FloatImage, float, np.random.Generator], tuple[FloatImage, FloatImage]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: ``function(image, strength in 0..1, rng)`` gives an image of the same shape; 0 changes nothing visible.

    ``veil``: for kinds that hide the scene, the same with the transmission map (H, W) beside the image.
    """

    name: str
    modality: Modality
    function: Function
    veil: Veil | None = None


def _veil_kind(name: str, modality: Modality, veil: Veil) -> Kind:
    return Kind(name, modality, lambda image, strength, rng: veil(image, strength, rng)[0], veil)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _veil_kind("haze", "visible", veils.haze),
        _veil_kind("smoke", "visible", veils.smoke),
        Kind("rain", "visible", rain.rain),
        Kind("visible_blur", "visible", blur.visible_blur),
        Kind("over_exposure", "visible", light.over_exposure),
        Kind("low_light", "visible", light.low_light),
        Kind("visible_noise", "visible", noises.visible_noise),
        Kind("infrared_blur", "infrared", blur.infrared_blur),
        Kind("low_contrast", "infrared", thermal.low_contrast),
        Kind("infrared_noise", "infrared", noises.infrared_noise),
        Kind("stripes", "infrared", thermal.stripes),
        Kind("dead_pixels", "infrared", thermal.dead_pixels),
    )
}
"""All kinds, in the order in which light meets them: air, lens, exposure, sensor. The order also numbers the entries of
a severity vector: append to it, never reorder, once weights have been published."""

ALIKE: frozenset[frozenset[str]] = frozenset(
    map(frozenset, (("haze", "smoke"), ("haze", "over_exposure"), ("low_light", "visible_noise")))
)
"""Pairs that cannot be told apart when both are there (a dark picture is noisy, a hazed one is bright)."""

NEVER_TOGETHER: frozenset[frozenset[str]] = ALIKE | frozenset(
    map(frozenset, (("low_light", "over_exposure"), ("visible_blur", "infrared_blur")))
)
"""Pairs that are not drawn together: alike, contradictory, or with no sharp picture left to fuse from."""
