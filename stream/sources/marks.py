"""What the marks of decoded pictures ask for and is not done: said once of each."""

from __future__ import annotations

import logging
from collections.abc import Set

import av

from stream.sources.decode import quarter_turns

log = logging.getLogger("nightglass")

_CONSTANT_LUMINANCE = 10
_HDR = {16: "PQ", 18: "HLG"}
"""Matrix and transfer as ITU-T H.273 numbers them."""


class Marks:
    """What one source's pictures have been found to ask for."""

    def __init__(self, name: str, turns: Set[int]) -> None:
        """``name``: the source, for the log. ``turns``: the quarter turns that are done."""
        self._name = name
        self._turns = turns
        self._told: set[str] = set()

    def tell(self, picture: av.VideoFrame) -> None:
        """Warn of what this picture asks for, if it has not been said yet."""
        for mark in _unmet(picture, self._turns):
            if mark not in self._told:
                self._told.add(mark)
                log.warning("%s: %s", self._name, mark)


def _unmet(picture: av.VideoFrame, turns: Set[int]) -> list[str]:
    marks = []
    if picture.rotation and quarter_turns(picture.rotation) not in (0, *turns):
        marks.append(
            f"its mark to turn pictures by {picture.rotation} degrees is ignored: they are taken as stored; "
            "turn them in the camera or with a video tool"
        )
    if int(picture.colorspace) == _CONSTANT_LUMINANCE:
        marks.append("its colours are BT.2020 with constant luminance, and are come near to only")
    # Older PyAV does not give it.
    if (kind := _HDR.get(int(getattr(picture, "color_trc", 0)))) is not None:
        marks.append(f"its pictures are HDR ({kind}) and are shown pale; set the camera to standard dynamic range")
    return marks
