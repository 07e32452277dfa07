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
    if present is None or not present.maps:
        return found
    there = at_distance_of(present, found) or present
    seen = matrix_for(found, present.infrared_size, present.visible_size)
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


def at_distance_of(present: Calibration | None, found: Calibration) -> Calibration | None:
    """The present calibration, trim and all, at the distance whose map was found; at its own if that is as good.

    None where no distance's map is the same within ``AWAY_PX``, and without maps of several distances. Raises
    CalibrationError where what was found is for pictures of another aspect.
    """
    if present is None or not present.maps or present.distance_m is None:
        return None
    sizes = present.infrared_size, present.visible_size
    seen = matrix_for(found, *sizes)

    def is_same(one: Calibration) -> bool:
        apart_px = corners_apart_px(matrix_for(one, *sizes), seen, present.visible_size)
        return apart_px < AWAY_PX / 640 * present.infrared_size[0]

    if is_same(present):
        return present
    trim = present.trim.undone(present.visible_size)
    distances_m = [one.distance_m for one in present.maps if one.distance_m is not None]
    maps = [one.homography @ trim for one in present.maps]
    there = present.at_distance(likeliest_m(distances_m, maps, seen, present.visible_size))
    return there if is_same(there) else None
