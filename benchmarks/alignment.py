"""How well, how surely and how fast the spatial calibration finds an alignment: known warps of registered recordings,
pictures that do not belong together, and unregistered pairs with landmarks.

    .venv/bin/python -m benchmarks.alignment --json alignment.json [--quick]

Recordings are looked for where the tests look: in the folder that NIGHTGLASS_DATA names, else in ../shared/data.

A warp makes two views of a registered pair, both inside the original, so that neither has the black border that would
give a warp away: relative scale 0.6-1.5, rotation +-6 degrees, shift +-15 %, mild perspective; infrared 640x512,
visible 1280x720. The error is the mean distance, in infrared pixels at 640 wide, over the corners of the common field
(``corner_px``) and over a grid on it (``field_px``). ``drift_px`` is that over the grid against the estimate on the
unwarped pair taken through the same warp, ``drift_corner_px`` over the corners: they leave out what the data set's own
registration is off by. For MSRS, whose pairs all come from one pair of cameras, ``rig_corner_px`` and ``rig_field_px``
are errors against the map that pairs of the other half of the names give together when seen through the same warp (see
``alignment_rig``), and ``rig_apart_px`` is how far two halves of those disagree at the corners. METU's frames of one
scene have one map, and so have its scenes of one recording: ``agree_px`` is how far two maps that were found
independently, from single frames or from whole scenes, put the common field's corners apart (``agree_field_px``: a
grid on it).
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alignment_fixed import single_frames, whole_scenes
from benchmarks.alignment_rig import Rig, halves
from benchmarks.alignment_support import (
    INFRARED_SIZE,
    VISIBLE_SIZE,
    Luma,
    errors_px,
    frames_of,
    outline,
    pairs_in,
    timed,
    view_of,
)
from benchmarks.command import Say, figures_command
from stream.homography import Matrix, apply, rescale
from stream.sources.base import Role

VIDEOS = ("0113_1714", "0117_1605", "0117_1620")

TOGETHER = 8
"""So many single pairs of the same cameras are also given together."""


def random_warp(rng: np.random.Generator, size: tuple[int, int]) -> tuple[Matrix, Matrix, Matrix]:
    """Original -> infrared view, original -> visible view, visible view -> infrared view; pixels."""
    scale = np.exp(rng.uniform(np.log(0.6), np.log(1.5)))
    angle, shift = np.deg2rad(rng.uniform(-6, 6)), rng.uniform(-0.15, 0.15, 2)
    relative = np.eye(3)
    relative[:2, :2] = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    relative[:2, 2] = shift * (1, INFRARED_SIZE[1] / INFRARED_SIZE[0])
    relative[2, :2] = rng.uniform(-0.03, 0.03, 2)
    between = _from_unit(INFRARED_SIZE) @ relative @ np.linalg.inv(_from_unit(VISIBLE_SIZE))
    both = np.vstack([outline(INFRARED_SIZE), apply(between, outline(VISIBLE_SIZE))])
    low, high = both.min(axis=0), both.max(axis=0)
    zoom = float(np.min(np.array(size) / (high - low)))
    middle = (np.array(size) - 1) / 2 - zoom * (low + high) / 2
    view = np.array([[zoom, 0, middle[0]], [0, zoom, middle[1]], [0, 0, 1.0]])
    return np.linalg.inv(view), np.linalg.inv(view @ between), between / between[2, 2]


def _from_unit(size: tuple[int, int]) -> Matrix:
    """From widths about the middle to pixels."""
    return np.array([[size[0], 0, (size[0] - 1) / 2], [0, size[0], (size[1] - 1) / 2], [0, 0, 1.0]])


def warped_cases(
    name: str, infrared: list[Luma], visible: list[Luma], seeds: Sequence[int], rig: Rig | None = None
) -> list[dict[str, Any]]:
    """One recording or single pair under several warps. ``rig``: other pairs of its cameras."""
    size = (infrared[0].shape[1], infrared[0].shape[0])
    to_visible = rescale(size, (visible[0].shape[1], visible[0].shape[0]))
    plain, _ = timed(infrared, visible)
    rows = []
    for seed in seeds:
        to_infrared_view, to_visible_view, truth = random_warp(np.random.default_rng(seed), size)
        seen_by_visible = to_visible_view @ np.linalg.inv(to_visible)
        found, row = timed(
            [view_of(luma, to_infrared_view, INFRARED_SIZE) for luma in infrared],
            [view_of(luma, seen_by_visible, VISIBLE_SIZE) for luma in visible],
        )
        corner_px, field_px = errors_px(found.homography, truth)
        through = to_infrared_view @ plain.homography @ np.linalg.inv(seen_by_visible)
        drift_corner_px, drift_px = errors_px(found.homography, through)
        row.update(
            name=name,
            seed=seed,
            corner_px=round(corner_px, 2),
            field_px=round(field_px, 2),
            drift_px=round(drift_px, 2) if plain.accepted else None,
            drift_corner_px=round(drift_corner_px, 2) if plain.accepted else None,
        )
        if rig is not None:
            local, apart_px = rig.through(to_infrared_view, seen_by_visible)
            rig_corner_px, rig_field_px = errors_px(found.homography, local)
            row.update(rig_corner_px=round(rig_corner_px, 2), rig_field_px=round(rig_field_px, 2))
            row["rig_apart_px"] = round(apart_px, 2)
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def several_pairs(pairs: Sequence[tuple[Path, Path]], rigs: tuple[Rig, Rig], cases: int) -> list[dict[str, Any]]:
    """``TOGETHER`` pairs of one half of the names through one warp, judged by the rig of the other half."""
    middle = len(pairs) // 2
    rows = []
    for seed in range(1000, 1000 + cases):
        side = seed % 2
        half = pairs[middle:] if side else pairs[:middle]
        chosen = np.random.default_rng(seed).choice(len(half), TOGETHER, replace=False)
        infrared, visible = ([frames_of(half[i][role], "visible", 1)[0] for i in chosen] for role in (0, 1))
        names = " ".join(half[i][0].stem for i in chosen)
        rows += warped_cases(names, infrared, visible, [seed], rigs[1 - side])
    return rows


def mismatched(pairs: Sequence[tuple[Path, Path]], count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Infrared of one scene with visible of another: must be refused."""
    rows = []
    for _ in range(count):
        one, other = rng.choice(len(pairs), 2, replace=False)
        infrared, visible = pairs[one][0], pairs[other][1]
        _, row = timed(frames_of(infrared, "infrared", 1), frames_of(visible, "visible", 1))
        row["name"] = f"{infrared.name} with {visible.name}"
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def mismatched_videos(data: Path, frames: int) -> list[dict[str, Any]]:
    """Infrared of one recording with visible of another, all ways: must be refused."""
    rows = []
    for one, other in itertools.permutations(VIDEOS, 2):
        _, row = timed(video_frames(data, one, "infrared", frames), video_frames(data, other, "visible", frames))
        row["name"] = f"{one} with {other}"
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def video_frames(data: Path, name: str, role: Role, frames: int) -> list[Luma]:
    """Frames of one camera of one of ``VIDEOS``, evenly spread. Raises SourceError."""
    folder = data / "m3svd/videos" / ("ir" if role == "infrared" else "vi")
    return frames_of(next(path for path in folder.iterdir() if name in path.stem), role, frames)


def landmarks(folder: Path) -> list[dict[str, Any]]:
    """Unregistered pairs with landmarks set by hand: mean distance in infrared pixels."""
    rows = []
    for name, marks in json.loads((folder / "landmarks.json").read_text(encoding="utf-8")).items():
        infrared, visible = (frames_of(folder / side / f"{name}.png", "visible", 1) for side in ("ir", "vi"))
        found, row = timed(infrared, visible)
        # Landmarks count pixels from 1.
        moved = apply(found.homography, np.array(marks["LMfix"]) - 1)
        misses = np.linalg.norm(moved - (np.array(marks["LMmov"]) - 1), axis=1)
        row.update(name=name, mean_px=round(float(misses.mean()), 2), worst_px=round(float(misses.max()), 2))
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def summary(rows: Sequence[dict[str, Any]], key: str, limit_px: float) -> dict[str, Any]:
    """Shares that the figures to aim for speak of."""
    errors = [row[key] for row in rows]
    accepted = [row[key] for row in rows if row["accepted"]]
    return {
        "cases": len(rows),
        "accepted": len(accepted),
        f"within_{limit_px:g}px": sum(error <= limit_px for error in errors),
        "accepted_within_5px": sum(error <= 5 for error in accepted),
        "median_px": round(float(np.median(errors)), 2) if errors else None,
        "median_cpu_s": round(float(np.median([row["cpu_s"] for row in rows])), 2) if rows else None,
    }


def run(data: Path, quick: bool) -> dict[str, Any]:
    """All figures."""
    rng = np.random.default_rng(0)
    report: dict[str, Any] = {}
    frames, warps = (4, 2) if quick else (30, 34)
    rows = []
    for number, name in enumerate(VIDEOS):
        infrared = video_frames(data, name, "infrared", frames)
        seeds = range(100 * number, 100 * number + warps)
        rows += warped_cases(name, infrared, video_frames(data, name, "visible", frames), seeds)
    report["video_warps"] = {"summary": summary(rows, "corner_px", 2.0), "cases": rows}
    rows = mismatched_videos(data, 4 if quick else 15)
    report["mismatched_videos"] = {"refused": sum(not row["accepted"] for row in rows), "cases": rows}
    for key, folder in (("msrs_test", "msrs/test"), ("roadscene_test", "roadscene/test")):
        pairs = pairs_in(data / folder)
        rigs = halves(pairs) if key == "msrs_test" else None
        chosen = rng.choice(len(pairs), 6 if quick else len(pairs), replace=False)
        rows = []
        for index in chosen:
            infrared, visible = (frames_of(path, "visible", 1) for path in pairs[index])
            rig = rigs[int(index < len(pairs) // 2)] if rigs else None
            rows += warped_cases(f"{folder}/{pairs[index][0].stem}", infrared, visible, [int(index)], rig)
        report[key] = {"summary": summary(rows, "rig_corner_px" if rigs else "corner_px", 2.0), "cases": rows}
        if rigs:
            rows = several_pairs(pairs, rigs, 2 if quick else 20)
            report[f"{key}_several"] = {"summary": summary(rows, "rig_corner_px", 2.0), "cases": rows}
        rows = mismatched(pairs, 6 if quick else 100, rng)
        report[f"{key}_mismatched"] = {"refused": sum(not row["accepted"] for row in rows), "cases": rows}
    rows = landmarks(data / "landmarks_unregistered")
    report["landmarks"] = {"summary": summary(rows, "mean_px", 3.0), "cases": rows}
    metu = pairs_in(data / "metu_unregistered")[: 6 if quick else None]
    report["metu"] = single_frames(metu)
    report["metu_scenes"] = whole_scenes(metu)
    return report


def reported(data: Path, quick: bool, say: Say) -> dict[str, Any]:
    """All figures, their summaries said."""
    report = run(data, quick)
    for key, part in report.items():
        say(f"{key}: {part.get('summary') or {'refused': part['refused'], 'cases': len(part['cases'])}}")
    return report


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Command line; gives the exit status."""
    return figures_command(__doc__, reported, arguments, say)


if __name__ == "__main__":
    sys.exit(main())
