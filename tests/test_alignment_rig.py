"""The benchmark's yardstick for single pairs: what other pairs of the same cameras give, seen through the same warp."""

from __future__ import annotations

import numpy as np
from drawn_scenes import drawn_scene, seen

from benchmarks.alignment import random_warp
from benchmarks.alignment_rig import Rig
from benchmarks.alignment_support import errors_px

SIZE = (640, 480)


def test_other_pairs_correct_a_rig_that_is_off_where_the_views_look():
    true = np.array([[1.01, 0.0, -6.0], [0.0, 1.01, 2.0], [0.0, 0.0, 1.0]])
    scenes = [drawn_scene(number, SIZE) for number in range(4)]
    infrared = [seen(one, true, SIZE, number) for number, (one, _) in enumerate(scenes)]
    visible = [seen(other, np.eye(3), SIZE, 10 + number) for number, (_, other) in enumerate(scenes)]
    to_infrared_view, to_visible_view, _ = random_warp(np.random.default_rng(2), SIZE)
    truth, before = (to_infrared_view @ one @ np.linalg.inv(to_visible_view) for one in (true, np.eye(3)))
    found, apart_px = Rig(np.eye(3), infrared, visible).through(to_infrared_view, to_visible_view)
    assert errors_px(before, truth)[0] > 4
    assert errors_px(found, truth)[0] < 0.5
    assert apart_px < 0.5
