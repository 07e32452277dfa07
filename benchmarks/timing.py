"""How surely the time between two cameras is found from what moves: known offsets and drifts put on recordings and on
the simulator, streams that do not belong together, and scenes in which nothing moves.

    .venv/bin/python -m benchmarks.timing --json timing.json [--quick]

Recordings are looked for where the tests look: in the folder that NIGHTGLASS_DATA names, else in ../shared/data.

Every frame of a scene is made small once; a case then takes the frames nearest to the times of a camera of another rate
(25 and 9 Hz from 30 Hz, so their distances jitter by up to half a frame of 30 Hz; stamps stay true), cuts a stretch out
and shifts or stretches the infrared stamps. ``right``: accepted, and within half a frame of the slower stream;
``wrong``: accepted, and not. Long footage for drift is the scene played forwards and backwards until it is long enough.
The recordings' own offset is not known; it counts as 0.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.command import figures_command
from stream.clock import SystemClock
from stream.footage import Footage, read_footage
from stream.sync.drift_estimate import estimate_drift
from stream.sync.motion import HEIGHT_PX, WIDTH_PX, Views
from stream.sync.offset_estimate import OffsetEstimate, estimate_offset

VIDEOS = ("0113_1714", "0117_1605", "0117_1620")
SIMULATED = ("night-street?seed=1", "night-street?seed=7", "smoke-yard?seed=1")
FRESH = ("night-street?seed=3", "night-street?seed=11", "smoke-yard?seed=5")
"""Limits of what is accepted were set on the recordings and ``SIMULATED``; these were looked at afterwards."""
RATES_HZ = (9, 25, 30)
LENGTHS_S = (10.0, 13.0, 30.0)
COVERED = np.ones((HEIGHT_PX, WIDTH_PX), bool)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Both streams of a scene at 30 Hz, as small pictures, float32 (N, H, W)."""

    name: str
    infrared: NDArray[np.float32]
    visible: NDArray[np.float32]

    @property
    def length_s(self) -> float:
        """Seconds that both streams have."""
        return min(len(self.infrared), len(self.visible)) / 30


def small(footage: Footage) -> NDArray[np.float32]:
    """All frames of a stretch of footage, small."""
    return np.stack(footage.thumbnails)


def load_scenes(data: Path, seconds: float) -> list[Scene]:
    """The recordings and the simulated scenes. Raises SourceError."""
    urls = [(name, *(str(data / f"m3svd/videos/{side}/{name}.mp4") for side in ("ir", "vi"))) for name in VIDEOS]
    urls += [(name, *[f"sim:{name}&size=320x240&seconds={seconds:g}"] * 2) for name in (*SIMULATED, *FRESH)]
    clock = SystemClock()
    return [
        Scene(
            name,
            small(read_footage(infrared, "infrared", clock, seconds)),
            small(read_footage(visible, "visible", clock, seconds)),
        )
        for name, infrared, visible in urls
    ]


def camera(frames: NDArray[np.float32], rate_hz: int, phase: float, begin_s: float, end_s: float) -> Views:
    """What a camera of a rate would have taken of 30 Hz frames between two moments, stamped with the true times."""
    times_s = (np.arange(int(end_s * rate_hz) + 2) + phase) / rate_hz
    numbers = np.unique(np.rint(times_s[(times_s >= begin_s) & (times_s < end_s)] * 30).astype(int))
    numbers = numbers[numbers < len(frames)]
    return Views(numbers / 30, frames[numbers], COVERED)


def stamped(views: Views, times_s: NDArray[np.float64]) -> Views:
    """The same pictures with other stamps."""
    return Views(times_s, views.pictures, views.covered)


def verdict(found: OffsetEstimate, truth_s: float | None, rates_hz: Sequence[int]) -> dict[str, Any]:
    """What came out of a case."""
    error_s = None if truth_s is None else found.offset_s - truth_s
    good = error_s is not None and abs(error_s) <= 0.5 / min(rates_hz)
    return {
        "outcome": "refused" if not found.accepted else "right" if good else "wrong",
        "rates_hz": sorted(int(rate) for rate in rates_hz),
        "error_ms": None if error_s is None else round(1000 * error_s, 1),
        "confidence": round(found.confidence, 2),
        "reason": found.reason,
    }


def offsets(scene: Scene, length_s: float, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two cameras switched on at about one time, whose clocks differ by up to 2 s."""
    rows = []
    for number in range(count):
        rates_hz = rng.choice(RATES_HZ, 2)
        truth_s = float(rng.uniform(-2, 2))
        begin_s = float(rng.uniform(0, max(0.0, scene.length_s - length_s)))
        infrared = camera(scene.infrared, rates_hz[0], rng.random(), begin_s, begin_s + length_s)
        visible_from_s = max(0.0, begin_s - truth_s)
        visible = camera(scene.visible, rates_hz[1], rng.random(), visible_from_s, visible_from_s + length_s)
        found = estimate_offset(stamped(infrared, infrared.times_s - truth_s), visible)
        rows.append({"scene": scene.name, "case": number, "length_s": length_s} | verdict(found, truth_s, rates_hz))
    return rows


def strangers(scenes: Sequence[Scene], count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Streams of two scenes, and of one scene farther apart than is looked for. All must be refused."""
    rows = []
    for one in scenes:
        for other in scenes:
            for _ in range(count):
                rates_hz = rng.choice(RATES_HZ, 2)
                length_s = float(rng.choice(LENGTHS_S)) if one is not other else 10.0
                begin_s = apart_s = 0.0
                if one is other:
                    begin_s = float(rng.uniform(0, one.length_s - length_s - 3.5))
                    apart_s = float(rng.uniform(3.5, one.length_s - length_s - begin_s))
                infrared = camera(one.infrared, rates_hz[0], rng.random(), begin_s, begin_s + length_s)
                later_s = begin_s + apart_s
                visible = camera(other.visible, rates_hz[1], rng.random(), later_s, later_s + length_s)
                found = estimate_offset(infrared, stamped(visible, visible.times_s - apart_s))
                row = verdict(found, None, rates_hz)
                rows.append({"scene": f"{one.name} with {other.name}", "length_s": length_s} | row)
    return rows


def stills(scenes: Sequence[Scene], rng: np.random.Generator) -> list[dict[str, Any]]:
    """One picture of each scene and a sensor's noise: all must be refused."""
    rows = []
    for scene in scenes:
        for rates_hz in ((30, 30), (9, 25)):
            views = []
            for frames, rate_hz in zip((scene.infrared, scene.visible), rates_hz, strict=True):
                seen = camera(frames, rate_hz, 0.0, 0.0, 20.0)
                noise = rng.normal(0, 0.3, seen.pictures.shape).astype(np.float32)
                views.append(Views(seen.times_s, frames[:1] + noise, COVERED))
            rows.append({"scene": scene.name} | verdict(estimate_offset(*views), None, rates_hz))
    return rows


def drifts(scene: Scene, minutes: float, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Long footage with a drift of up to 200 ppm and an offset. The offset is judged at the first and last moment."""
    rows = []
    there_and_back = np.r_[np.arange(len(scene.infrared)), np.arange(len(scene.infrared))[::-1]]
    numbers = np.resize(there_and_back, round(minutes * 1800))
    for _ in range(count):
        rates_hz = rng.choice(RATES_HZ, 2)
        drift, offset_s = float(rng.uniform(-200e-6, 200e-6)), float(rng.uniform(-2, 2))
        views = []
        for frames, rate_hz in zip((scene.infrared, scene.visible), rates_hz, strict=True):
            at = np.unique(np.rint(np.arange(0, len(numbers) - 1, 30 / rate_hz)).astype(int))
            views.append(Views(at / 30, frames[numbers[at].clip(max=len(frames) - 1)], COVERED))
        # true time = stamp + offset + drift x stamp
        infrared = stamped(views[0], (views[0].times_s - offset_s) / (1 + drift))
        found = estimate_offset(infrared, views[1])
        row: dict[str, Any] = {"scene": scene.name, "minutes": minutes, "rates_hz": sorted(int(r) for r in rates_hz)}
        if not found.accepted:
            rows.append(row | {"outcome": "refused", "reason": found.reason})
            continue
        result = estimate_drift(infrared, views[1], found)
        ends_s = infrared.times_s[[0, -1]]
        truth_s = offset_s + drift * ends_s
        told_s = result.offset_s + (result.drift_ppm or 0.0) * 1e-6 * (ends_s - ends_s[0])
        worst_s = float(np.abs(told_s - truth_s).max())
        good = worst_s <= 0.5 / min(rates_hz)
        rows.append(
            row
            | {
                "outcome": "unknown" if result.drift_ppm is None else "right" if good else "wrong",
                "true_ppm": round(drift * 1e6, 1),
                "drift_ppm": None if result.drift_ppm is None else round(result.drift_ppm, 1),
                "standard_error_ppm": round(result.error_ppm, 1) if np.isfinite(result.error_ppm) else None,
                "worst_ms": round(1000 * worst_s, 1),
            }
        )
    return rows


def summary(rows: Sequence[dict[str, Any]], by: Callable[[dict[str, Any]], str]) -> dict[str, dict[str, int]]:
    """Counts of outcomes by some property, and over all."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for key in {by(row), "all"}:
            counts.setdefault(key, Counter())[row["outcome"]] += 1
    return {key: dict(counts[key]) for key in sorted(counts)}


def rates_of(row: dict[str, Any]) -> str:
    """Rate pair of a case."""
    return " and ".join(str(rate) for rate in row["rates_hz"])


def run(data: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures."""
    rng = np.random.default_rng(0)
    scenes = load_scenes(data, 20.0)
    count = 2 if quick else 12
    parts: dict[str, tuple[Callable[[], list[dict[str, Any]]], dict[str, Callable[[dict[str, Any]], str]]]] = {
        "offsets": (
            lambda: [row for scene in scenes for length_s in LENGTHS_S for row in offsets(scene, length_s, count, rng)],
            {"scene": lambda row: row["scene"], "rates": rates_of, "length_s": lambda row: f"{row['length_s']:g}"},
        ),
        "strangers": (lambda: strangers(scenes, 1 if quick else 2, rng), {"all": lambda row: "all"}),
        "stills": (lambda: stills(scenes, rng), {"all": lambda row: "all"}),
        "drifts": (
            lambda: [row for scene in scenes for row in drifts(scene, 5.0, 1 if quick else 2, rng)],
            {"scene": lambda row: row["scene"]},
        ),
    }
    report: dict[str, Any] = {}
    for name, (cases, by) in parts.items():
        rows = cases()
        report[name] = {key: summary(rows, what) for key, what in by.items()} | {"cases": rows}
        for key in by:
            say(f"{name} by {key}: {json.dumps(report[name][key])}")
        for row in rows:
            if row["outcome"] == "wrong":
                say(f"{name} wrong: {json.dumps(row)}")
    return report


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Command line; gives the exit status."""
    return figures_command(__doc__, run, arguments, say)


if __name__ == "__main__":
    sys.exit(main())
