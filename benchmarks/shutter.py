"""False alarms of the shutter's detector, how soon it tells a closed shutter, what the picture does when infrared comes
back, and what a hot spot does to the rest of a raw picture.

    .venv/bin/python -m benchmarks.shutter --json shutter.json [--quick]

Recordings are looked for where the tests look: in the folder that NIGHTGLASS_DATA names, else in ../shared/data.

``footage``: frames through the detector alone, stamped at their rate; all of them live, so that each alarm is false.
Recordings are played forwards and backwards (the turning frame once) until they are long enough; static scenes are
single pictures, at half their size, under noise, as a camera on a tripod sees them, some of them through H.264.
``closed``: recordings and static scenes that stand still for 0.3 to 2 s, as behind a shutter, and then go on.
``comeback``: a closed shutter through the whole fusion stage, with an engine that averages. ``hot``: a part of a raw
picture gets 5,000 counts hotter.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.command import figures_command
from models.engines.base import FusionResult
from stream.clock import SystemClock
from stream.config import NormalizeConfig, SourceConfig
from stream.frames import Frame, FramePair
from stream.fusion import FusionStage
from stream.normalize import Normalizer
from stream.shutter import ShutterWatch
from stream.sources.opening import open_source

Luma = NDArray[np.uint8] | NDArray[np.uint16]

VIDEOS = ("0113_1714", "0117_1605", "0117_1620")
SIMULATED = ("night-street?seed=1", "night-street?seed=7", "smoke-yard?seed=1")
RATE_HZ = 30.0
CLOSED_S = (0.3, 0.5, 1.0, 2.0)
SOONEST = 3
"""Frames within which a closed shutter must be told."""
HOT_COUNTS = 5000
SHARES = (0.002, 0.01, 0.05)


def alarms(frames: Iterator[Luma], rate_hz: float = RATE_HZ) -> dict[str, Any]:
    """Frames called frozen, and how many times that began, of frames that all live."""
    watch, before = ShutterWatch(), False
    count = frozen = begun = 0
    for number, luma in enumerate(frames):
        now = watch.push(luma, number, round(number * 1e9 / rate_hz))
        count, frozen, begun = number + 1, frozen + now, begun + (now and not before)
        before = now
    return {"minutes": round(count / rate_hz / 60, 2), "frames": count, "frozen": frozen, "alarms": begun}


def recording(path: str) -> list[Luma]:
    """All infrared frames of a source. Raises SourceError."""
    source = open_source(SourceConfig(url=path), "infrared", SystemClock())
    source.open()
    try:
        return [frame.luma.copy() for frame in source.frames()]
    finally:
        source.close()


def to_and_fro(frames: Sequence[Luma], count: int) -> Iterator[Luma]:
    """Forwards and backwards, without giving an end twice."""
    order = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    for number in range(count):
        yield frames[order[number % len(order)]]


def resting(scene: Luma, count: int, sigma: float, seed: int) -> Iterator[Luma]:
    """A scene in which nothing moves, as a sensor sees it: temporal noise of ``sigma``, in its own levels."""
    rng, most = np.random.default_rng(seed), np.iinfo(scene.dtype).max
    for _ in range(count):
        noisy = scene + sigma * rng.standard_normal(scene.shape, np.float32)
        yield np.clip(np.rint(noisy), 0, most).astype(scene.dtype)


def encoded(frames: Iterator[Luma], crf: int) -> list[Luma]:
    """8-bit frames as they come through H.264, the way a network camera sends them."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"crf": str(crf), "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        for number, luma in enumerate(frames):
            if number == 0:
                stream.height, stream.width = luma.shape[0] // 2 * 2, luma.shape[1] // 2 * 2
            luma = luma[: stream.height, : stream.width]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(luma, np.uint8), format="gray")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        return [np.asarray(one.to_ndarray(format="gray"), np.uint8) for one in container.decode(video=0)]


def stills(data: Path, count: int) -> list[tuple[str, Luma]]:
    """Single infrared pictures: road scenes in 8 bit, and the raw ones."""
    found: list[tuple[str, Luma]] = []
    for path in sorted((data / "msrs/test/ir").iterdir())[:count]:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is not None:
            found.append((path.stem, np.asarray(picture[::2, ::2], np.uint8)))
    for path in sorted((data / "raw16").rglob("*.png")):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture is not None and picture.dtype == np.uint16:
            found.append((f"raw16 {path.stem}", np.asarray(picture[::2, ::2], np.uint16)))
    return found


def footage(data: Path, quick: bool) -> list[dict[str, Any]]:
    """False alarms by kind of footage."""
    minutes = 0.3 if quick else 3.0
    count = round(minutes * 60 * RATE_HZ)
    rows = []
    for name in VIDEOS:
        frames = recording(str(data / f"m3svd/videos/ir/{name}.mp4"))
        rows.append({"footage": f"video {name}"} | alarms(to_and_fro(frames, 2 * count)))
        thinned = [frame for number, frame in enumerate(frames) for _ in range(3 + (number % 3 == 0))][: 3 * count]
        rows.append({"footage": f"video {name} as a 9 Hz camera in 30 Hz"} | alarms(iter(thinned)))
    for name in SIMULATED:
        frames = recording(f"sim:{name}&size=320x240&seconds={8 if quick else 20}")
        rows.append({"footage": f"simulated {name}"} | alarms(to_and_fro(frames, count)))
    for folder in sorted((data / "m3svd/clips").iterdir()):
        clip = [np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8) for path in _images(folder / "ir")]
        rows.append({"footage": f"clip {folder.name}"} | alarms(to_and_fro(clip, count // 4), 15.0))
    scenes = stills(data, 2 if quick else 8)
    for name, scene in scenes:
        sigmas = (0.5, 1.5) if scene.dtype == np.uint8 else (3.0, 15.0)
        for sigma in sigmas:
            noisy = resting(scene, count // 12, sigma, 1)
            rows.append({"footage": f"static {name}, noise {sigma:g}"} | alarms(noisy))
    for name, scene in scenes[: 1 if quick else 3]:
        for sigma, crf in ((1.5, 23), (3.0, 18), (3.0, 28)):
            coded = encoded(resting(scene, count // 12, sigma, 2), crf)
            rows.append({"footage": f"static {name}, noise {sigma:g}, H.264 crf {crf}"} | alarms(iter(coded)))
    rows.append({"footage": "static without any noise"} | alarms(iter([scenes[0][1]] * (count // 3))))
    return rows


def _images(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix in (".webp", ".png", ".jpg")]


def closings(data: Path, quick: bool) -> list[dict[str, Any]]:
    """A shutter that closes for some time, in the middle of recordings and of static scenes."""
    scenes: list[tuple[str, list[Luma]]] = [
        (f"video {name}", recording(str(data / f"m3svd/videos/ir/{name}.mp4"))[:400]) for name in VIDEOS
    ]
    scenes += [(f"simulated {name}", recording(f"sim:{name}&size=320x240&seconds=14")) for name in SIMULATED]
    for name, scene in stills(data, 2):
        sigma = 1.5 if scene.dtype == np.uint8 else 10.0
        scenes.append((f"static {name}", list(resting(scene, 400, sigma, 3))))
    rows = []
    for name, frames in scenes:
        for closed_s in CLOSED_S:
            places = (60, 151) if quick else (60, 97, 151, 203, 260)
            rows += [{"scene": name, "closed_s": closed_s, "at": at} | closing(frames, closed_s, at) for at in places]
    return rows


def closing(frames: Sequence[Luma], closed_s: float, at: int) -> dict[str, Any]:
    """Frame ``at`` is repeated for ``closed_s``; then the recording is where it would have been."""
    closed = round(closed_s * RATE_HZ)
    shown = [*frames[: at + 1], *[frames[at]] * closed, *frames[at + 1 + closed :]]
    watch = ShutterWatch()
    told = [watch.push(luma, number, round(number * 1e9 / RATE_HZ)) for number, luma in enumerate(shown)]
    inside = told[at + 1 : at + 1 + closed]
    after = told[at + 1 + closed :]
    return {
        "told_after": inside.index(True) + 1 if True in inside else None,
        "missed_then": closed - inside.index(True) - sum(inside) if True in inside else closed,
        "false_before": sum(told[: at + 1]),
        "lasts_after": after.index(False) if False in after else len(after),
    }


class _Mean:
    """An engine that averages."""

    name, precision, parallel, model = "mean", "fp32", 1, "none"

    def fuse(self, infrared: NDArray[np.uint8], visible: NDArray[np.uint8], code: object = None) -> FusionResult:
        """Half of either."""
        return FusionResult(((infrared.astype(np.uint16) + visible) // 2).astype(np.uint8))

    def close(self) -> None:
        """Nothing to let go of."""


def comebacks(data: Path, quick: bool) -> list[dict[str, Any]]:
    """Mean grey level from frame to frame after the shutter has opened, beside the same footage without a shutter."""
    rows = []
    for name in VIDEOS:
        sides = [recording(str(data / f"m3svd/videos/{side}/{name}.mp4"))[:220] for side in ("ir", "vi")]
        for closed_s in CLOSED_S[:: 3 if quick else 1]:
            closed, at = round(closed_s * RATE_HZ), 70
            infrared = [*sides[0][: at + 1], *[sides[0][at]] * closed, *sides[0][at + 1 + closed :]]
            steps = [np.diff(_means(shown, sides[1])) for shown in (infrared, sides[0])]
            after = np.s_[at + closed :]
            rows.append(
                {
                    "scene": name,
                    "closed_s": closed_s,
                    "largest_step": round(float(np.abs(steps[0][after]).max()), 2),
                    "without_shutter": round(float(np.abs(steps[1][after]).max()), 2),
                }
            )
    return rows


def _means(infrared: Sequence[Luma], visible: Sequence[Luma]) -> list[float]:
    stage = FusionStage(_Mean(), NormalizeConfig(), None, SystemClock())
    means = []
    for seq, planes in enumerate(zip(infrared, visible, strict=False)):
        at_ns = round(seq * 1e9 / RATE_HZ)
        frames = [Frame(plane, None, "gray", "full", seq / RATE_HZ, at_ns, "file", seq, "camera") for plane in planes]
        means.append(float(stage.fuse(FramePair(frames[0], frames[1], at_ns), seq).luma.mean()))
    return means


def hot_spots(data: Path, quick: bool) -> list[dict[str, Any]]:
    """How much the mean of the rest moves, per cent, when something 5,000 counts hotter comes in and stays 3 s."""
    rows = []
    pictures = [(name, scene) for name, scene in stills(data, 0) if scene.dtype == np.uint16]
    for name, scene in pictures[:: 4 if quick else 1]:
        for share in SHARES:
            agcs = ("plateau", "linear")
            rows += [{"picture": name, "share": share, "agc": agc} | hot_spot(scene, share, agc) for agc in agcs]
    return rows


def hot_spot(scene: NDArray[Any], share: float, agc: Any) -> dict[str, Any]:
    """Largest change of the mean of the rest, from one frame to the next and at the end, per cent."""
    side = round(float(np.sqrt(share * scene.size)))
    top, left = scene.shape[0] // 3, scene.shape[1] // 3
    spot = np.s_[top : top + side, left : left + side]
    hot = scene.copy()
    hot[spot] = np.minimum(hot[spot].astype(np.int64) + HOT_COUNTS, 65535).astype(np.uint16)
    rest = np.ones(scene.shape, bool)
    rest[spot] = False
    normalizer, means = Normalizer(NormalizeConfig(agc=agc)), []
    for number in range(150):
        luma = scene if number < 60 else hot
        frame = Frame(luma, None, "gray16le", "full", 0.0, round(number * 1e9 / RATE_HZ), "file", number, "camera")
        means.append(float(normalizer.normalized(frame)[rest].mean()))
    before = means[59]
    steps = [abs(b - a) for a, b in pairwise(means[59:])]
    return {
        "first_frame_percent": round(100 * abs(means[60] - before) / before, 2),
        "largest_step_percent": round(100 * max(steps) / before, 2),
        "after_3_s_percent": round(100 * abs(means[-1] - before) / before, 2),
    }


def run(data: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """All figures."""
    rows = footage(data, quick)
    for row in rows:
        say(json.dumps(row))
    total = {key: round(sum(row[key] for row in rows), 2) for key in ("minutes", "frames", "frozen", "alarms")}
    say(f"false alarms: {json.dumps(total)}")
    closed = closings(data, quick)
    late = [row for row in closed if row["told_after"] is None or row["told_after"] > SOONEST]
    told = {
        "closings": len(closed),
        f"told_within_{SOONEST}": len(closed) - len(late),
        "false_before": sum(row["false_before"] for row in closed),
        "missed_then": sum(row["missed_then"] for row in closed if row["told_after"] is not None),
        "lasts_after_most": max(row["lasts_after"] for row in closed),
    }
    say(f"closings: {json.dumps(told)}")
    for row in islice(late, 20):
        say(f"late: {json.dumps(row)}")
    back = comebacks(data, quick)
    for row in back:
        say(f"comeback: {json.dumps(row)}")
    hot = hot_spots(data, quick)
    for agc in ("plateau", "linear"):
        for share in SHARES:
            part = [row for row in hot if row["agc"] == agc and row["share"] == share]
            worst = {key: max(row[key] for row in part) for key in part[0] if key.endswith("percent")}
            say(f"hot: {json.dumps({'agc': agc, 'share': share, 'pictures': len(part)} | worst)}")
    return {
        "footage": {"total": total, "rows": rows},
        "closed": {"total": told, "rows": closed},
        "comeback": back,
        "hot": hot,
    }


def main(arguments: Sequence[str] | None = None, say: Callable[[str], None] = print) -> int:
    """Command line; gives the exit status."""
    return figures_command(__doc__, run, arguments, say)


if __name__ == "__main__":
    sys.exit(main())
