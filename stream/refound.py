"""What a map that was found while ``live`` runs says of all maps of a calibration. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stream.alignment.watch import AWAY_PX
from stream.calibration import Calibration, matrix_for, of_distances
from stream.distance import likeliest_m
from stream.homography import corners_apart_px


def refound(present: Calibration | None, found: Calibration) -> Calibration:
    """The calibration to go over to: its map is the one that was found, its trim none.

    A calibration of one map is replaced by what was found. Of several, which of two things has happened is asked first:

    - What is in view is at another distance. So it is where the map of another distance, under the present trim, lies
      within what counts as the same (``AWAY_PX``), and that of the present distance does not. The distance is changed.
    - Else a camera was moved, and the distance stays.

    Then all maps are moved by what is left between the map for that distance and what was found, as seen by infrared:
    if the infrared camera was turned, that is exact for all of them. A turn towards the other camera or away from it
    looks like another distance; then what is in view is right, and the maps for other distances are not.

    Raises CalibrationError where what was found does not fit the present sizes, or a moved map could not be.
    """
    if present is None or not present.maps or present.distance_m is None:
        return found
    sizes = present.infrared_size, present.visible_size
    seen = matrix_for(found, *sizes)
    same_px = AWAY_PX / 640 * present.infrared_size[0]

    def apart_px(distance_m: float) -> float:
        return corners_apart_px(matrix_for(present.at_distance(distance_m), *sizes), seen, present.visible_size)

    there = present
    if apart_px(present.distance_m) >= same_px:
        trim = present.trim.undone(present.visible_size)
        maps = [(one.distance_m or 0.0, one.homography @ trim) for one in present.maps]
        distance_m = likeliest_m([one[0] for one in maps], [one[1] for one in maps], seen, present.visible_size)
        if apart_px(distance_m) < same_px:
            there = present.at_distance(distance_m)
    moved = seen @ np.linalg.inv(there.homography)
    together = of_distances(
        [
            replace(
                one,
                homography=moved @ one.homography,
                method="moved along",
                score=None,
                residual_px=None,
                frames=None,
                residuals_px=None,
                date=found.date,
            )
            for one in present.maps
        ],
        there.distance_m,
    )
    return together.with_timing_of(present)
