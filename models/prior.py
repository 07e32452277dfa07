"""The kinds of degradation that the prior tells apart. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: which camera's picture suffers from it, and how a caption calls it beside the camera's name."""

    modality: Literal["visible", "infrared"]
    words: str


KINDS: dict[str, Kind] = {
    "haze": Kind("visible", "haze"),
    "smoke": Kind("visible", "smoke"),
    "rain": Kind("visible", "rain"),
    "visible_blur": Kind("visible", "blur"),
    "over_exposure": Kind("visible", "over-exposure"),
    "low_light": Kind("visible", "low light"),
    "visible_noise": Kind("visible", "noise"),
    "infrared_blur": Kind("infrared", "blur"),
    "low_contrast": Kind("infrared", "low contrast"),
    "infrared_noise": Kind("infrared", "noise"),
    "stripes": Kind("infrared", "stripes"),
    "dead_pixels": Kind("infrared", "dead pixels"),
}
"""In the order of the weights' entries, which is that of ``training.degradations.KINDS``: append, never reorder."""

KIND_NAMES: tuple[str, ...] = tuple(KINDS)

CODE_DIM = 32
"""Length of the code that stands between text and networks."""
