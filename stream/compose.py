"""What the viewer sees: a composed picture from a fused frame. Pure; everything is full range, 4:2:0 or grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.config import Mode, Palette
from stream.frames import Chroma, FusedFrame, Picture, chroma_size

_BORDER_PX = 2
"""Width of the line around the inset: even, so that chroma samples belong to one side of it."""
_LARGEST_MARGIN_PX = 16
_SMALLEST_SIDE_PX = 16


def compose(fused: FusedFrame, mode: Mode, palette: Palette, pip_scale: float) -> Picture:
    """The picture for ``mode``.

    ``fused``: the fused picture, in the visible camera's colours (corrected by the student).
    ``infrared``: the registered infrared picture in ``palette``. ``visible``: as the visible camera gives it.
    ``side-by-side``: infrared | visible | fused, each at full size; 3 W wide, for odd W ``3 W + 2`` (the first two are
    widened by a repeated column, so that chroma stays aligned).
    ``pip``: the fused picture, the infrared one in ``palette`` inset at bottom right, ``pip_scale`` (0..0.5] of its
    width and height, with a thin white line around it.

    The picture is grey (no chroma) where all it shows is grey. Its arrays may be the frame's own: read them only.
    Raises ValueError for an unknown mode or palette, and in ``pip`` for ``pip_scale`` out of range or frames smaller
    than 16x16.
    """
    camera = Picture(fused.visible, fused.camera_chroma or fused.chroma)
    match mode:
        case "fused":
            return Picture(fused.luma, fused.chroma)
        case "visible":
            return camera
        case "infrared":
            return _infrared(fused.infrared, palette)
        case "side-by-side":
            return _beside([_infrared(fused.infrared, palette), camera, Picture(fused.luma, fused.chroma)])
        case "pip":
            return _inset(fused, palette, pip_scale)
    raise ValueError(f"unknown mode {mode!r}; there are fused, side-by-side, pip, infrared, visible")


def _infrared(luma: NDArray[np.uint8], palette: Palette) -> Picture:
    if palette == "white-hot":
        return Picture(luma, None)
    # Not at the top: most runs show no palette, and their start need not load (the first one ever compile) it.
    from kernels.palette import colourise

    y, cb, cr = colourise(luma, palette)
    return Picture(y, None if cb is None or cr is None else Chroma(cb, cr))


def _neutral(width_px: int, height_px: int) -> Chroma:
    """Colourless chroma planes for a picture of that size."""
    w, h = chroma_size(width_px, height_px)
    return Chroma(np.full((h, w), 128, np.uint8), np.full((h, w), 128, np.uint8))


def _beside(pictures: list[Picture]) -> Picture:
    """Pictures of one size from left to right."""
    width, height = pictures[0].width, pictures[0].height
    pitch = width + width % 2
    luma = np.empty((height, pitch * (len(pictures) - 1) + width), np.uint8)
    for index, picture in enumerate(pictures):
        luma[:, index * pitch : index * pitch + width] = picture.luma
        if width % 2 and index + 1 < len(pictures):
            luma[:, index * pitch + width] = picture.luma[:, -1]
    if all(picture.chroma is None for picture in pictures):
        return Picture(luma, None)
    planes = [picture.chroma or _neutral(width, height) for picture in pictures]
    return Picture(luma, Chroma(np.hstack([p.cb for p in planes]), np.hstack([p.cr for p in planes])))


def _inset(fused: FusedFrame, palette: Palette, scale: float) -> Picture:
    from kernels.resize import resize

    height, width = fused.luma.shape
    if not 0 < scale <= 0.5:
        raise ValueError(f"pip_scale must be above 0 and at most 0.5, got {scale}")
    if min(width, height) < _SMALLEST_SIDE_PX:
        raise ValueError(f"pip needs frames of at least {_SMALLEST_SIDE_PX}x{_SMALLEST_SIDE_PX}, got {width}x{height}")
    # Even sizes and offsets throughout: the inset's chroma samples then fall on those of the picture.
    w, h = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
    margin = min(_LARGEST_MARGIN_PX, min(width, height) // 20) // 2 * 2
    x = (width - margin - _BORDER_PX - w) // 2 * 2
    y = (height - margin - _BORDER_PX - h) // 2 * 2
    small = np.empty((h, w), np.uint8)
    resize(fused.infrared, small)
    inset = _infrared(small, palette)

    luma = fused.luma.copy()
    _paste(luma, inset.luma, x, y, _BORDER_PX, 255)
    if fused.chroma is None and inset.chroma is None:
        return Picture(luma, None)
    base = fused.chroma or _neutral(width, height)
    top = inset.chroma or _neutral(w, h)
    cb, cr = base.cb.copy(), base.cr.copy()
    for plane, part in ((cb, top.cb), (cr, top.cr)):
        _paste(plane, part, x // 2, y // 2, _BORDER_PX // 2, 128)
    return Picture(luma, Chroma(cb, cr))


def _paste(plane: NDArray[np.uint8], part: NDArray[np.uint8], x: int, y: int, border: int, border_value: int) -> None:
    h, w = part.shape
    plane[y - border : y + h + border, x - border : x + w + border] = border_value
    plane[y : y + h, x : x + w] = part
