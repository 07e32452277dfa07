"""What the alignment monitor notices, and what it takes for a knock that is none: registered recordings replayed as
they are, under conditions that must not alarm it, and with the infrared camera knocked half-way.

    .venv/bin/python -m benchmarks.monitor --json monitor.json [--quick]

Recordings are looked for where the tests look: in the folder that NIGHTGLASS_DATA names, else in ../shared/data.

Videos are looked at every half second, forwards and then backwards; a knock comes at the turn. Both views are cut out
of the recording, 560x420 of 640x480, so that a knocked camera sees what was really there beside the view. Lengths are
pixels of a picture 640 wide. A search is allowed as soon as a knock is noticed. ``corner_px``: root mean square
distance of the map that it finds from the true one over the corners of the visible picture; ``drift_px``: from the map
estimated on the recording before the knock, taken through the same knock: without what the data set's registration is
off by.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.command import Say, figures_command
from stream.alignment.estimate import estimate
from stream.alignment.session import Session
from stream.clock import SystemClock
from stream.config import SourceConfig
from stream.homography import Matrix, corners_apart_px
from stream.picture import full_range_luma
from stream.sources.base import Role
from stream.sources.opening import open_source

VIDEOS = ("0113_1714", "0117_1605", "0117_1620")
CUT_PX = (40, 30)
STEP = 15

Luma = NDArray[np.uint8]
Pair = tuple[Luma, Luma]


def main(arguments: Sequence[str] | None = None, say: Say = print) -> int:
    """Measure; the exit status."""
    return figures_command(__doc__, run, arguments, say)


def run(data: Path, quick: bool, say: Say) -> dict[str, Any]:
    """All replays."""
    videos = {name: video(data, name) for name in VIDEOS}
    report: dict[str, Any] = {"quiet": quiet(data, videos, quick, say), "knocks": []}
    for name, pairs in videos.items():
        before = Session()
        replay(before, [cut(*pair) for pair in pairs[::STEP]])
        own = estimate(*zip(*[cut(*pair) for pair in pairs[:: STEP * 4]], strict=True)).homography
        for what, knock in list(knocks())[:: 6 if quick else 1]:
            result = {"video": name, "knock": what} | knocked(copy.deepcopy(before), pairs[::-STEP], knock, own)
            report["knocks"].append(result)
            say(str(result))
    report["look_ms"] = cost(videos)
    say(f"a look takes {report['look_ms']} ms of processor time")
    for line in summary(report["knocks"]):
        say(line)
    return report


def video(data: Path, name: str) -> list[Pair]:
    """All frames of a recording, full range."""
    sides: list[list[Luma]] = []
    roles: tuple[tuple[Role, str], ...] = (("infrared", "ir"), ("visible", "vi"))
    for role, folder in roles:
        path = data / "m3svd" / "videos" / folder / f"{name}.mp4"
        source = open_source(SourceConfig(url=str(path)), role, SystemClock())
        source.open()
        sides.append([full_range_luma(frame).copy() for frame in source.frames()])
        source.close()
    return list(zip(*sides, strict=False))


def stills(folder: Path, infrared: str = "ir", visible: str = "vi") -> list[Pair]:
    """The pictures of a folder in the order of their names."""
    pairs = []
    for path in sorted((folder / infrared).iterdir()):
        other = next((folder / visible).glob(f"{path.stem}.*"), None)
        if other is not None:
            sides = (cv2.imread(str(one), cv2.IMREAD_GRAYSCALE) for one in (path, other))
            pairs.append(tuple(np.asarray(side, np.uint8) for side in sides))
    return pairs  # type: ignore[return-value]


def replay(session: Session, pairs: Iterable[Pair], matrix: Matrix | None = None) -> tuple[int, Counter[str]]:
    """Look at pairs, and search as live does; the number of alarms, and how often each state held."""
    alarms, states = 0, Counter[str]()
    for infrared, visible in pairs:
        alarms += session.look(infrared, visible, np.eye(3) if matrix is None else matrix)
        if session.wants_search(False, False) and session.watch.state != "knocked" and session.search().elsewhere:
            session.watch.found_away()
            alarms += 1
        states[session.note.state] += 1
    return alarms, states


def quiet(data: Path, videos: dict[str, list[Pair]], quick: bool, say: Say) -> list[dict[str, Any]]:
    """Nothing is knocked here."""
    rng = np.random.default_rng(1)

    def dark(luma: Luma) -> Luma:
        return np.clip(luma * 0.06 + rng.normal(6, 3, luma.shape), 0, 255).astype(np.uint8)

    def blank(luma: Luma) -> Luma:
        return np.clip(rng.normal(128, 2, luma.shape), 0, 255).astype(np.uint8)

    def hazed(luma: Luma) -> Luma:
        return np.clip(luma * 0.1 + 190 + rng.normal(0, 2, luma.shape), 0, 255).astype(np.uint8)

    replays: dict[str, list[Pair]] = {}
    for name, pairs in videos.items():
        there = [(a, b) for first in (0, 5, 10) for a, b in (*pairs[first::STEP], *pairs[::-1][first::STEP])]
        replays[f"{name}, three times forwards and backwards"] = there
        half = pairs[::STEP]
        replays[f"{name}, then night"] = half + [(a, dark(b)) for a, b in half]
        replays[f"{name}, then an empty visible picture"] = half + [(a, blank(b)) for a, b in half]
        replays[f"{name}, then thick haze, then clear"] = half + [(a, hazed(b)) for a, b in half] + half
        replays[f"{name}, infrared frozen for half a minute"] = half + [(half[-1][0], b) for _, b in half[::-1]]
        replays[f"{name}, then {VIDEOS[0]}"] = half + videos[VIDEOS[0]][::STEP]
    for folder in ("msrs/test", "msrs/train", "roadscene/test", "tno/Tree", "tno/Duine", "llvip"):
        if (data / folder).is_dir():
            replays[folder] = same_size(stills(data / folder))
    for clip in sorted((data / "m3svd" / "clips").iterdir()):
        replays[f"clip {clip.name}, four times"] = stills(clip) * 4
    results = []
    for name, pairs in list(replays.items())[:: 5 if quick else 1]:
        alarms, states = replay(Session(), pairs)
        results.append({"replay": name, "looks": len(pairs), "alarms": alarms, "states": dict(states)})
        say(str(results[-1]))
    return results


def same_size(pairs: list[Pair]) -> list[Pair]:
    """Everything in the size of the first visible picture: a rig that drives by many scenes."""
    size = (pairs[0][1].shape[1], pairs[0][1].shape[0])
    return [(np.asarray(cv2.resize(a, size)), np.asarray(cv2.resize(b, size))) for a, b in pairs]


def knocks() -> Iterable[tuple[str, Matrix]]:
    """What happens to the infrared picture, old pixel -> new pixel of the cut view."""
    width, height = 640 - 2 * CUT_PX[0], 480 - 2 * CUT_PX[1]
    for length in (4, 8, 16, 32):
        for degrees in (10, 230):
            step = length * width / 640 * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
            yield f"shift {length} px", np.array([[1, 0, step[0]], [0, 1, step[1]], [0, 0, 1.0]])
    for kind, turn_deg, scale in [("rotation", t, 1.0) for t in (1, -1, 2, -2, 3, -3)] + [
        ("scale", 0, s) for s in (1.03, 1.06, 1.1)
    ]:
        matrix = np.eye(3)
        matrix[:2] = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn_deg, scale)
        yield f"{kind} {abs(turn_deg) if kind == 'rotation' else scale}", matrix


def cut(infrared: Luma, visible: Luma, knock: Matrix | None = None) -> Pair:
    """Both views; infrared as seen after a knock."""
    left, top = CUT_PX
    height, width = visible.shape[0] - 2 * top, visible.shape[1] - 2 * left
    seen = visible[top : top + height, left : left + width]
    if knock is None:
        return infrared[top : top + height, left : left + width], seen
    into = knock @ np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
    return np.asarray(cv2.warpPerspective(infrared, into, (width, height), flags=cv2.INTER_CUBIC), np.uint8), seen


def knocked(session: Session, pairs: Sequence[Pair], knock: Matrix, own: Matrix) -> dict[str, Any]:
    """Look on after a knock until it has been noticed and a new map was found."""
    noticed, refused, clock = None, 0, SystemClock()
    for number, pair in enumerate(pairs, start=1):
        if session.look(*cut(*pair, knock), np.eye(3)):
            noticed = number
        if not session.wants_search(False, True):
            continue
        began_ns = clock.thread_cpu_ns()
        found = session.search()
        search_s = (clock.thread_cpu_ns() - began_ns) / 1e9
        if found.homography is None:
            refused += 1
            continue
        if noticed is None and found.elsewhere:
            noticed = number
        return {
            "noticed_after": noticed,
            "refused": refused,
            "found_after": number,
            "corner_px": round(miss_px(found.homography, knock), 2),
            "drift_px": round(miss_px(found.homography, knock @ own), 2),
            "search_s": round(search_s, 1),
        }
    return {"noticed_after": noticed, "refused": refused, "found_after": None, "state": session.note.state}


def miss_px(found: Matrix, truth: Matrix) -> float:
    """Root mean square distance over the corners, pixels of a picture 640 wide."""
    width, height = 640 - 2 * CUT_PX[0], 480 - 2 * CUT_PX[1]
    return corners_apart_px(found, truth, (width, height)) * 640 / width


def cost(videos: dict[str, list[Pair]]) -> float:
    """Median processor time of a look, reading included, milliseconds."""
    session, clock = Session(), SystemClock()
    took: list[float] = []
    for pair in videos[VIDEOS[0]][::STEP]:
        began_ns = clock.thread_cpu_ns()
        session.look(*pair, np.eye(3))
        took.append((clock.thread_cpu_ns() - began_ns) / 1e6)
    return round(float(np.median(took)), 1)


def summary(cases: list[dict[str, Any]]) -> Iterable[str]:
    """A line for each kind of knock."""

    def middle(values: list[float]) -> float:
        return round(float(np.median(values)), 1) if values else float("nan")

    for kind in dict.fromkeys((case["video"], case["knock"]) for case in cases):
        these = [case for case in cases if (case["video"], case["knock"]) == kind]
        noticed = [case["noticed_after"] for case in these if case["noticed_after"]]
        corners = [case["corner_px"] for case in these if "corner_px" in case]
        drifts = [case["drift_px"] for case in these if "drift_px" in case]
        yield (
            f"{kind[0]} {kind[1]}: noticed {len(noticed)} of {len(these)} after {middle(noticed)} looks, found "
            f"{len(corners)}, refused {sum(case['refused'] for case in these)}, corners {middle(corners)} px, "
            f"{middle(drifts)} px against the recording's own"
        )


if __name__ == "__main__":
    sys.exit(main())
