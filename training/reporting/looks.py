"""Contact sheets in colour: what the cameras gave and what methods made of it, side by side, as small WebP files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.colour import chroma_of, rgb_of, with_gain
from training.degradations import KINDS
from training.fusers import STUDENT, TEACHER
from training.images import InputError
from training.metrics import Image
from training.reporting.findings import Look
from training.suites import Shown

WIDTH_PX = 256
ROWS = 6
QUALITY = 70

_FUSED_COLUMNS = ("Max", TEACHER, STUDENT, f"{STUDENT}, clean pair")
_TITLE_PX = 20
_GAP_PX = 3


def look_at(
    sheet: str,
    label: str,
    shown: Shown,
    fused: Mapping[str, Image],
    gain: NDArray[np.float32] | None = None,
    kind: str = "",
) -> Look:
    """One row: both inputs as given, then ``Max``, the teacher and the student, as far as ``fused`` has them.

    Fused pictures get the visible picture's colours, the student's own after its chroma ``gain``, float32 (h, w).
    """
    cells = {"infrared": _grey(shown.infrared), "visible": _grey(shown.visible)}
    if shown.colour is not None:
        cells["visible"] = shown.colour
    for name in _FUSED_COLUMNS:
        if name not in fused:
            continue
        if shown.colour is None:
            cells[name] = _grey(fused[name])
            continue
        chroma = chroma_of(shown.colour)
        if name == STUDENT and gain is not None:
            chroma = with_gain(chroma, gain)
        cells[name] = rgb_of(fused[name], chroma)
    return Look(sheet, label, kind, {name: _small(image) for name, image in cells.items()})


def choose(looks: Sequence[Look], count: int = ROWS) -> list[Look]:
    """At most ``count`` of them, evenly; of degraded pairs one of each kind, of different pictures where it can be."""
    if not any(look.kind for look in looks):
        places = np.unique(np.linspace(0, len(looks) - 1, count).round().astype(int)) if looks else ()
        return [looks[place] for place in places]
    chosen = []
    for place, kind in enumerate(KINDS):
        own = [look for look in looks if look.kind == kind]
        if own:
            chosen.append(own[place % len(own)])
    return chosen


def sheet_of(looks: Sequence[Look]) -> Image:
    """Lay rows out one below another, uint8 (H, W, 3) RGB. Raises ValueError without rows."""
    if not looks:
        raise ValueError("a contact sheet needs at least one row")
    bands = []
    for look in looks:
        cells = [
            _titled(cell, f"{title}  {look.label}" if title == "infrared" else title)
            for title, cell in look.cells.items()
        ]
        bands.append(np.hstack(cells))
    width = max(band.shape[1] for band in bands)
    return np.vstack([np.pad(band, ((0, 0), (0, width - band.shape[1]), (0, 0))) for band in bands])


def write_looks(path: Path, looks: Sequence[Look]) -> None:
    """Write a contact sheet as WebP. Raises InputError if the path cannot be written."""
    bgr = cv2.cvtColor(sheet_of(looks), cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(path), bgr, [cv2.IMWRITE_WEBP_QUALITY, QUALITY]):
        raise InputError(f"{path}: cannot be written; check the folder's permissions and room")


def _grey(image: Image) -> Image:
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)


def _small(image: Image) -> Image:
    height, width = image.shape[:2]
    size = (WIDTH_PX, max(1, round(height * WIDTH_PX / width)))
    method = cv2.INTER_AREA if width > WIDTH_PX else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=method).astype(np.uint8, copy=False)


def _titled(cell: Image, title: str) -> Image:
    framed = np.pad(cell, ((_TITLE_PX, 0), (0, _GAP_PX), (0, 0)))
    cv2.putText(framed, title, (3, _TITLE_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return framed
