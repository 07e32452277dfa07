"""What the parts of ``benchmarks.alignment`` share: pictures of recordings, estimates with their time, and errors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.alignment.estimate import Alignment, estimate
from stream.clock import SystemClock
from stream.config import SourceConfig
from stream.homography import Matrix, apply
from stream.picture import full_range_luma
from stream.sources.base import Role
from stream.sources.opening import open_source

INFRARED_SIZE, VISIBLE_SIZE = (640, 512), (1280, 720)
"""Width and height of the warped views; METU's pictures have the same."""

Luma = NDArray[np.uint8]


def frames_of(path: Path, role: Role, count: int) -> list[Luma]:
    """``count`` frames of a recording, evenly spread, or the one picture of an image. Raises SourceError."""
    source = open_source(SourceConfig(url=str(path)), role, SystemClock())
    try:
        total = source.open().frame_count or count
        wanted = set(np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist())
        return [full_range_luma(frame).copy() for frame in source.frames() if frame.seq in wanted]
    finally:
        source.close()


def pairs_in(folder: Path) -> list[tuple[Path, Path]]:
    """Infrared and visible files of one name (whatever its ending)."""
    visible = {path.stem: path for path in (folder / "vi").iterdir()}
    return [(path, visible[path.stem]) for path in sorted((folder / "ir").iterdir()) if path.stem in visible]


def timed(infrared: Sequence[Luma], visible: Sequence[Luma]) -> tuple[Alignment, dict[str, Any]]:
    """An estimate and what it says of itself."""
    start_s, start_cpu_s = time.monotonic(), time.process_time()
    found = estimate(infrared, visible)
    return found, {
        "accepted": found.accepted,
        "score": round(found.score, 3),
        "evidence": round(found.trust.evidence, 2),
        "split_px": round(min(found.trust.split_px, 999.0), 2),
        "wall_s": round(time.monotonic() - start_s, 2),
        "cpu_s": round(time.process_time() - start_cpu_s, 2),
    }


def errors_px(found: Matrix, truth: Matrix) -> tuple[float, float]:
    """Mean distance over the common field's corners and over a grid on it, infrared pixels at 640 wide.

    ``found`` and ``truth``: pixel of a visible picture of VISIBLE_SIZE -> pixel of an infrared one of INFRARED_SIZE.
    """
    seen_outline = apply(truth, outline(VISIBLE_SIZE)).astype(np.float32)
    _, common = cv2.intersectConvexConvex(seen_outline, outline(INFRARED_SIZE).astype(np.float32))
    width, height = INFRARED_SIZE
    grid = np.stack(np.meshgrid(np.linspace(0, width - 1, 17), np.linspace(0, height - 1, 13)), -1).reshape(-1, 2)
    seen = apply(np.linalg.inv(truth), grid)
    grid = grid[((seen >= 0) & (seen <= np.array(VISIBLE_SIZE) - 1)).all(axis=1)]

    def miss(points: NDArray[np.float64]) -> float:
        back = apply(found, apply(np.linalg.inv(truth), points))
        return float(np.linalg.norm(back - points, axis=1).mean() * 640 / width)

    return miss(common.reshape(-1, 2).astype(np.float64)), miss(grid)


def view_of(luma: Luma, homography: Matrix, size: tuple[int, int]) -> Luma:
    """A picture seen through a map (its pixel -> view pixel)."""
    shrinks = np.sqrt(abs(np.linalg.det(homography[:2, :2])))
    if shrinks < 0.75:
        luma = cv2.GaussianBlur(luma, (0, 0), 0.5 / shrinks)
    return cv2.warpPerspective(luma, homography, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def outline(size: tuple[int, int]) -> NDArray[np.float64]:
    """Corners of a picture of a size (width, height), at the outer edges of its pixels, float64 (4, 2)."""
    right, bottom = size[0] - 0.5, size[1] - 0.5
    return np.array([[-0.5, -0.5], [right, -0.5], [right, bottom], [-0.5, bottom]])
