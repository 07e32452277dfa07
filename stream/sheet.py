"""A contact sheet: rows of pictures under a line of column titles. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kernels.resize import resize
from stream.frames import Chroma, Picture
from stream.lettering import HEIGHT, PITCH, lettered

_DOT_PX = 2
_MARGIN_PX = 4
_BAND_PX = HEIGHT * _DOT_PX + 2 * _MARGIN_PX
"""Even, as everything here: chroma samples of rows must not mix."""
_NEUTRAL, _WHITE = 128, 255


def contact_sheet(rows: Sequence[tuple[str, Picture]], titles: Sequence[str], width_px: int) -> Picture:
    """Pictures below each other, scaled to ``width_px`` (made even); full range.

    ``rows``: a label and a picture of as many equal columns as there are ``titles``, such as the composed picture
    ``side-by-side``. An empty label takes no room. Raises ValueError without rows, and for unknown signs.
    """
    if not rows:
        raise ValueError("a contact sheet needs at least one row")
    width = width_px // 2 * 2
    bands = [_lettered_band(titles, width)]
    for label, picture in rows:
        if label:
            bands.append(_lettered_band([label], width))
        bands.append(_scaled(picture, width))
    luma = np.vstack([band.luma for band in bands])
    cb, cr = (np.vstack([getattr(band.chroma, plane) for band in bands]) for plane in ("cb", "cr"))
    return Picture(luma, Chroma(cb, cr))


def _lettered_band(texts: Sequence[str], width: int) -> Picture:
    luma = np.zeros((_BAND_PX, width), np.uint8)
    column = width / len(texts)
    for number, text in enumerate(texts):
        room = int((column - _MARGIN_PX) / (PITCH * _DOT_PX))
        mask = lettered(text[:room], _DOT_PX)
        left = round(number * column) + _MARGIN_PX
        luma[_MARGIN_PX : _MARGIN_PX + mask.shape[0], left : left + mask.shape[1]][mask] = _WHITE
    return Picture(luma, _grey(luma))


def _scaled(picture: Picture, width: int) -> Picture:
    height = max(2, round(picture.height * width / picture.width / 2) * 2)
    luma = _resized(picture.luma, width, height)
    if picture.chroma is None:
        return Picture(luma, _grey(luma))
    cb, cr = (_resized(plane, width // 2, height // 2) for plane in (picture.chroma.cb, picture.chroma.cr))
    return Picture(luma, Chroma(cb, cr))


def _resized(plane: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    out = np.empty((height, width), np.uint8)
    resize(plane, out)
    return out


def _grey(luma: NDArray[np.uint8]) -> Chroma:
    planes = [np.full((luma.shape[0] // 2, luma.shape[1] // 2), _NEUTRAL, np.uint8) for _ in range(2)]
    return Chroma(*planes)
