"""A contact sheet: sources and fusions of some pictures side by side, to look at what the figures are about."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from training.images import InputError
from training.metrics import Image

Thumbnails = dict[str, Image]
"""Column's title -> small picture, uint8 (h, w)."""

MAX_ROWS = 8

_THUMBNAIL_WIDTH_PX = 320
_TITLE_HEIGHT_PX = 22
_GAP_PX = 4
_WHITE = 255


def thumbnails(images: dict[str, Image]) -> Thumbnails:
    """Shrink (or enlarge) pictures of one size, uint8 (H, W), to the sheet's column width."""
    height, width = next(iter(images.values())).shape
    size = (_THUMBNAIL_WIDTH_PX, max(1, round(height * _THUMBNAIL_WIDTH_PX / width)))
    method = cv2.INTER_AREA if width > _THUMBNAIL_WIDTH_PX else cv2.INTER_CUBIC
    return {name: cv2.resize(image, size, interpolation=method).astype(np.uint8) for name, image in images.items()}


def contact_sheet(rows: dict[str, Thumbnails]) -> Image:
    """Lay out at most MAX_ROWS rows, evenly chosen, one a picture, as uint8 (H, W). Raises ValueError without rows."""
    if not rows:
        raise ValueError("a contact sheet needs at least one row")
    names = list(rows)
    chosen = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, MAX_ROWS).round().astype(int))]
    bands: list[Image] = []
    for name in chosen:
        cells = [
            _titled(cell, f"{title}  {name}" if title == "infrared" else title) for title, cell in rows[name].items()
        ]
        bands.append(cv2.hconcat(cells).astype(np.uint8))
    return cv2.vconcat(bands).astype(np.uint8)


def write_sheet(path: Path, rows: dict[str, Thumbnails]) -> None:
    """Write the contact sheet as a picture. Raises InputError if the path cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        written = cv2.imwrite(str(path), contact_sheet(rows))
    except cv2.error as error:
        raise InputError(f"{path}: not a picture's ending; name the sheet something.png") from error
    if not written:
        raise InputError(f"{path}: cannot be written; check the folder's permissions and room")


def _titled(cell: Image, title: str) -> Image:
    framed = cv2.copyMakeBorder(cell, _TITLE_HEIGHT_PX, 0, 0, _GAP_PX, cv2.BORDER_CONSTANT, value=(0,))
    baseline = (4, _TITLE_HEIGHT_PX - 7)
    cv2.putText(framed, title, baseline, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (_WHITE,), 1, cv2.LINE_AA)
    return framed.astype(np.uint8, copy=False)
