"""Letters for labels, drawn without any font: a bare server has none, and OpenCV may not load there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HEIGHT = 7
PITCH = 6
"""Height of a letter and distance from one to the next, in dots."""

# Five columns of seven dots each, two hexadecimal digits a column, the lowest bit on top.
_COLUMNS = {
    " ": "0000000000",
    "-": "0808080808",
    ".": "0060600000",
    "0": "3e5149453e",
    "1": "00427f4000",
    "2": "4261514946",
    "3": "2141454b31",
    "4": "1814127f10",
    "5": "2745454539",
    "6": "3c4a494930",
    "7": "0171090503",
    "8": "3649494936",
    "9": "064949291e",
    "A": "7e1111117e",
    "B": "7f49494936",
    "C": "3e41414122",
    "D": "7f4141221c",
    "E": "7f49494941",
    "F": "7f09090901",
    "G": "3e4149497a",
    "H": "7f0808087f",
    "I": "00417f4100",
    "J": "2040413f01",
    "K": "7f08142241",
    "L": "7f40404040",
    "M": "7f020c027f",
    "N": "7f0408107f",
    "O": "3e4141413e",
    "P": "7f09090906",
    "Q": "3e4151215e",
    "R": "7f09192946",
    "S": "4649494931",
    "T": "01017f0101",
    "U": "3f4040403f",
    "V": "1f2040201f",
    "W": "3f4038403f",
    "X": "6314081463",
    "Y": "0708700807",
    "Z": "6151494543",
}


def lettered(text: str, dot_px: int) -> NDArray[np.bool_]:
    """The text in capitals as a mask, bool (7 * dot_px, 6 * dot_px * len(text)). Raises ValueError for other signs."""
    unknown = sorted({letter for letter in text.upper() if letter not in _COLUMNS})
    if unknown or not text or dot_px < 1:
        raise ValueError(f"cannot letter {text!r} with dots of {dot_px} pixels: no signs for {unknown}")
    columns = [np.frombuffer(bytes.fromhex(_COLUMNS[letter] + "00"), np.uint8) for letter in text.upper()]
    dots = (np.concatenate(columns)[None, :] >> np.arange(HEIGHT, dtype=np.uint8)[:, None]) & 1
    return np.kron(dots, np.ones((dot_px, dot_px), np.uint8)).astype(bool)
