"""Cameras that are fixed to each other, METU's: do maps that are found independently agree?

Two questions. Of single pairs: does each frame by itself give the map that the other frames of its scene give? Of
``calibrate`` as people use it, with all frames of a scene: does each scene give the map that the other scenes of the
same recording give?
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.alignment_support import errors_px, frames_of, timed
from stream.homography import Matrix

Pairs = Sequence[tuple[Path, Path]]


def single_frames(pairs: Pairs) -> dict[str, Any]:
    """One estimate a pair of frames, compared within each scene."""
    return _compared([(infrared.stem, scene_of(infrared), [(infrared, visible)]) for infrared, visible in pairs])


def whole_scenes(pairs: Pairs) -> dict[str, Any]:
    """One estimate a scene, from all of its frames, compared within each recording."""
    scenes: dict[str, list[tuple[Path, Path]]] = {}
    for infrared, visible in pairs:
        scenes.setdefault(scene_of(infrared), []).append((infrared, visible))
    return _compared([(scene, scene.partition("__")[0], frames) for scene, frames in scenes.items()])


def scene_of(path: Path) -> str:
    """What METU's file names have before their last double underscore, such as ``cloudy__scene_7``.

    What they have before the first is the recording: the cameras were set up anew between the two.
    """
    return path.stem.rpartition("__")[0]


def _compared(cases: Sequence[tuple[str, str, Pairs]]) -> dict[str, Any]:
    """Estimates of cases (name, group, pairs of frames), and how far the accepted ones of each group lie apart."""
    rows: list[dict[str, Any]] = []
    maps: dict[str, list[Matrix]] = {}
    for name, group, pairs in cases:
        infrared, visible = ([frames_of(pair[side], "visible", 1)[0] for pair in pairs] for side in (0, 1))
        found, row = timed(infrared, visible)
        row.update(name=name, group=group, frames=len(pairs))
        if found.accepted:
            others = maps.setdefault(group, [])
            misses = [errors_px(found.homography, one) for one in others]
            row["agree_px"] = [round(corner_px, 2) for corner_px, _ in misses]
            row["agree_field_px"] = [round(field_px, 2) for _, field_px in misses]
            others.append(found.homography)
        rows.append(row)
        print(json.dumps(row), flush=True)
    apart = [px for row in rows for px in row.get("agree_px", [])]
    over_field = [px for row in rows for px in row.get("agree_field_px", [])]
    return {
        "summary": {
            "cases": len(rows),
            "accepted": sum(row["accepted"] for row in rows),
            "compared": len(apart),
            "within_4px": sum(px <= 4 for px in apart),
            "field_within_4px": sum(px <= 4 for px in over_field),
        },
        "cases": rows,
    }
