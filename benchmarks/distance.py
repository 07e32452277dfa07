"""How well maps taken at two distances give that of a third one: simulated cameras, and registered recordings warped as
such cameras would see a wall at each distance.

    .venv/bin/python -m benchmarks.distance --json distance.json [--quick]

Recordings are looked for where the tests look: in the folder that NIGHTGLASS_DATA names, else in ../shared/data.

Lengths are pixels of an infrared picture 640 wide, root mean squares over the corners of the visible picture. The
cameras are 10 cm apart. ``points``: maps fitted to 30 points each with an error of 1 pixel in x and y. ``videos``: maps
that ``calibrate`` finds; ``between_px``: from the map at 8 m that those of 4 and 20 m give to the true one, the warp on
top of the recording's own registration (as estimated on the unwarped recording); ``found_px``: the same of the map that
is found at 8 m itself; ``apart_px``: between these two; ``far_px``: as ``between_px``, of the map of 20 m alone.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.command import Say, figures_command
from benchmarks.monitor import video
from stream.alignment.estimate import estimate
from stream.distance import map_at
from stream.homography import Matrix, apply, corners_apart_px, fit_homography

NEAR_M, BETWEEN_M, FAR_M = 4.0, 8.0, 20.0
POINTS_SIZE, POINTS_FOCAL_PX = (1280, 720), 900.0
VIDEO_SIZE = (640, 480)
INFRARED_FOCAL_PX = 600.0


def main(arguments: Sequence[str] | None = None, say: Say = print) -> int:
    """Measure; the exit status."""
    return figures_command(__doc__, run, arguments, say)


def run(data: Path, quick: bool, say: Say) -> dict[str, Any]:
    """Both parts."""
    report: dict[str, Any] = {"points": points(20 if quick else 60, say), "videos": []}
    for name in ("0113_1714",) if quick else ("0113_1714", "0117_1605"):
        report["videos"].append(of_video(data, name))
        say(str(report["videos"][-1]))
    return report


def camera(size: tuple[int, int], focal_px: float) -> Matrix:
    """A camera's matrix, its axis through the middle of the picture."""
    return np.array([[focal_px, 0, (size[0] - 1) / 2], [0, focal_px, (size[1] - 1) / 2], [0, 0, 1.0]])


def true_map(infrared: Matrix, visible: Matrix, apart_m: Sequence[float], distance_m: float) -> Matrix:
    """Visible -> infrared pixel for a wall parallel to the visible picture; the cameras are turned by a degree."""
    turn, _ = cv2.Rodrigues(np.array([-0.02, 0.01, 0.01]))
    matrix = infrared @ (turn + np.outer(apart_m, [0, 0, 1]) / distance_m) @ np.linalg.inv(visible)
    return np.asarray(matrix / matrix[2, 2])


def points(times: int, say: Say) -> list[dict[str, Any]]:
    """Maps from points measured with errors."""
    cameras = camera((640, 512), INFRARED_FOCAL_PX), camera(POINTS_SIZE, POINTS_FOCAL_PX)
    x, y = np.meshgrid(np.linspace(20, POINTS_SIZE[0] - 20, 6), np.linspace(20, POINTS_SIZE[1] - 20, 5))
    spots = np.column_stack([x.ravel(), y.ravel()])
    rng = np.random.default_rng(0)

    def truth(distance_m: float) -> Matrix:
        return true_map(*cameras, (0.1, 0.0, 0.0), distance_m)

    def measured(distance_m: float) -> Matrix:
        seen = apply(truth(distance_m), spots) + rng.normal(0, 1, spots.shape)
        matrix = fit_homography([((i[0], i[1]), (v[0], v[1])) for i, v in zip(seen, spots, strict=True)])
        assert matrix is not None
        return matrix

    maps = [[measured(NEAR_M), measured(FAR_M)] for _ in range(times)]
    found = []
    for distance_m in (2.5, NEAR_M, 7.0, 10.0, FAR_M, 1e5):
        errors_px = [
            corners_apart_px(map_at([NEAR_M, FAR_M], both, distance_m), truth(distance_m), POINTS_SIZE) for both in maps
        ]
        alone_px = corners_apart_px(truth(FAR_M), truth(distance_m), POINTS_SIZE)
        found.append(
            {
                "distance_m": distance_m,
                "median_px": round(float(np.median(errors_px)), 2),
                "most_px": round(max(errors_px), 2),
                "true_far_map_alone_px": round(alone_px, 1),
            }
        )
        say(str(found[-1]))
    return found


def of_video(data: Path, name: str) -> dict[str, Any]:
    """A recording, its infrared warped as seen at each distance."""
    pairs = video(data, name)[::20][:25]
    infrared, visible = zip(*pairs, strict=True)
    own = estimate(infrared, visible).homography

    def truth(distance_m: float) -> Matrix:
        both = camera(VIDEO_SIZE, INFRARED_FOCAL_PX)
        return true_map(both, both, (0.1, 0.02, -0.03), distance_m)

    def found(distance_m: float) -> Matrix:
        warped = [
            np.asarray(
                cv2.warpPerspective(one, truth(distance_m), VIDEO_SIZE, borderMode=cv2.BORDER_REPLICATE), np.uint8
            )
            for one in infrared
        ]
        return estimate(warped, visible).homography

    near, middle, far = (found(distance_m) for distance_m in (NEAR_M, BETWEEN_M, FAR_M))
    between, wanted = map_at([NEAR_M, FAR_M], [near, far], BETWEEN_M), truth(BETWEEN_M) @ own
    return {
        "video": name,
        "between_px": round(corners_apart_px(between, wanted, VIDEO_SIZE), 2),
        "found_px": round(corners_apart_px(middle, wanted, VIDEO_SIZE), 2),
        "apart_px": round(corners_apart_px(between, middle, VIDEO_SIZE), 2),
        "far_px": round(corners_apart_px(far, wanted, VIDEO_SIZE), 2),
    }


if __name__ == "__main__":
    sys.exit(main())
