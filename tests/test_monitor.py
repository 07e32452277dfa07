"""The alignment of a live pair: what is noticed, what must not be, and the thread that does it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import read_clip
from drawn_scenes import drawn_scene, seen
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.alignment.apart import ApartEstimator
from stream.alignment.estimate import estimate
from stream.alignment.look import look, read
from stream.alignment.session import AVERAGED, Session
from stream.alignment.watch import AWAY_PX, BLIND, FAR_PX, GAIN, LOST, RUN, TELLS, AlignmentWatch, score
from stream.config import AlignmentConfig, NormalizeConfig
from stream.frames import Frame, FramePair
from stream.fusion import Prepared
from stream.homography import apply
from stream.pipeline.monitor import AlignmentMonitor

SURE = TELLS + 2
WINDOWS = 12


def offsets(x: float, y: float, seed: int = 0, noise_px: float = 0.0):
    return np.array([[x, y]]) + np.random.default_rng(seed).normal(0, noise_px, (WINDOWS, 2))


def learnt(x: float = 0.0, y: float = 0.0) -> AlignmentWatch:
    watch = AlignmentWatch()
    states = [watch.push(SURE, SURE, offsets(x, y)) for _ in range(RUN)]
    assert states == ["learning"] * (RUN - 1) + ["aligned"]
    return watch


shifts = st.tuples(st.floats(-4, 4), st.floats(-4, 4))


@settings(max_examples=60)
@given(usual=shifts, telling=st.lists(st.booleans(), max_size=60), seed=st.integers(0, 10**6))
def test_noise_and_blindness_are_never_a_knock(usual, telling, seed):
    watch = learnt(*usual)
    for number, tells in enumerate(telling):
        state = watch.push(SURE, SURE if tells else TELLS - 0.1, offsets(*usual, seed + number, 0.5))
        assert state in ("aligned", "cannot_tell")
        if tells:
            assert state == "aligned"


@settings(max_examples=60)
@given(usual=shifts, turn=st.floats(0, 6.3), far=st.floats(AWAY_PX + 1, 40), seed=st.integers(0, 10**6))
def test_a_lasting_displacement_is_a_knock_after_a_run_of_looks(usual, turn, far, seed):
    watch = learnt(*usual)
    x, y = usual[0] + far * np.cos(turn), usual[1] + far * np.sin(turn)
    states = [watch.push(1.0, SURE, offsets(x, y, seed + n, 0.3)) for n in range(RUN)]
    assert states == ["aligned"] * (RUN - 1) + ["knocked"]
    assert watch.offset_px == pytest.approx(far, abs=1)
    # Blind or not, that stays so until the camera is back.
    assert {watch.push(0, 0, offsets(0, 0)) for _ in range(BLIND + 1)} == {"knocked"}
    states = [watch.push(SURE, SURE, offsets(*usual, n, 0.3)) for n in range(RUN)]
    assert states == ["knocked"] * (RUN - 1) + ["aligned"]


@settings(max_examples=40)
@given(places=st.lists(st.floats(-40, 40), min_size=1, max_size=40), seed=st.integers(0, 10**6))
def test_displacements_that_disagree_are_no_knock(places, seed):
    """Smoke that drifts, a train that passes: every look something else."""
    watch = learnt()
    for number, place in enumerate(places):
        there = place + (50 if number % 2 else -50)
        assert watch.push(1.0, SURE, offsets(there, 0, seed + number)) != "knocked"


def test_blindness_is_said_and_ends_with_the_first_look_that_tells():
    watch = learnt()
    assert [watch.push(0, 3, offsets(30, 0)) for _ in range(BLIND)] == ["aligned"] * (BLIND - 1) + ["cannot_tell"]
    assert watch.offset_px is None
    assert watch.push(SURE, SURE, offsets(0, 0)) == "aligned"
    assert watch.push(SURE, SURE, offsets(0, 0)[:4]) == "aligned", "one look with few windows is nothing yet"


def test_a_search_is_worth_it_at_ever_longer_intervals_and_only_where_the_scene_told_before():
    watch, never = learnt(), AlignmentWatch()
    due = []
    for number in range(1, 8 * LOST + 1):
        watch.push(0, 0, offsets(0, 0))
        never.push(0, 0, offsets(0, 0))
        assert not never.search_due
        if watch.search_due:
            due.append(number)
    assert due == [LOST, 2 * LOST, 4 * LOST, 8 * LOST]


def test_a_map_that_never_fitted_is_said_too():
    watch = AlignmentWatch()
    states = [watch.push(SURE, SURE + GAIN, offsets(FAR_PX + 1, 0)) for _ in range(RUN)]
    assert states[-1] == "knocked"
    usual = AlignmentWatch()
    assert [usual.push(SURE, SURE + GAIN / 2, offsets(FAR_PX + 1, 0)) for _ in range(RUN)][-1] == "aligned"


def test_what_is_usual_follows_slowly_but_not_for_ever():
    watch, x = learnt(), 0.0
    while x < FAR_PX - 0.5:
        x += 0.02
        assert watch.push(SURE, SURE + GAIN, offsets(x, 0)) == "aligned", x
    while x < FAR_PX + 1:
        x += 0.02
        state = watch.push(SURE, SURE + GAIN, offsets(x, 0))
    assert state == "knocked"


@given(st.floats(-100, 100))
def test_the_score_is_a_share(here):
    assert 0 <= score(here) <= 1 and score(here) <= score(here + 1)


SIZE = (320, 240)


def views(knock=None, seed=3):
    """Both cameras' pictures of a drawn scene; ``knock``: old infrared pixel -> new one."""
    infrared, visible = drawn_scene(seed, size=(640, 480))
    half = np.array([[0.5, 0, 0], [0, 0.5, 0], [0, 0, 1.0]])
    turned = half if knock is None else knock @ half
    return seen(infrared, turned, SIZE, 1), seen(visible, half, SIZE, 2)


def shift(x: float, y: float):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


@pytest.mark.parametrize(("x", "y"), [(0, 0), (6, -3), (-12, 10)])
def test_a_look_measures_where_infrared_lies(x, y):
    reading = read([look(*views(shift(x, y)), np.eye(3))])
    assert reading.best > TELLS
    np.testing.assert_allclose(np.median(reading.offsets_px, axis=0), (2 * x, 2 * y), atol=1)
    assert (reading.here > TELLS) == (x == 0)
    through = read([look(*views(shift(x, y)), shift(x, y))])
    assert through.here > TELLS and np.abs(np.median(through.offsets_px, axis=0)).max() < 1


def test_looks_through_different_maps_are_not_read_together():
    one, other = look(*views(), np.eye(3)), look(*views(), np.diag([2.0, 2.0, 1.0]))
    with pytest.raises(ValueError, match="one map"):
        read([one, other])
    with pytest.raises(ValueError, match="at least one"):
        read([])


def test_pictures_of_different_scenes_tell_nothing():
    assert read([look(views()[0], views(seed=8)[1], np.eye(3))]).best < TELLS


@pytest.fixture(scope="module")
def smoke(data_dir: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every 20th frame of smoke that drifts over a yard."""
    sides = [read_clip(data_dir / "m3svd" / "videos" / side / "0117_1605.mp4")[0][::20] for side in ("ir", "vi")]
    return list(zip(*sides, strict=False))


@pytest.mark.data
def test_a_knock_is_noticed_once_in_a_recording_and_its_map_found(smoke):
    session, knock = Session(), shift(8, -5)
    assert not any(session.look(*pair, np.eye(3)) for pair in smoke)
    assert session.note.state == "aligned" and session.note.score > 0.7 and not session.wants_search(False, True)
    moved = [(cv2.warpPerspective(ir, knock, ir.shape[::-1], borderMode=cv2.BORDER_REPLICATE), vi) for ir, vi in smoke]
    alarms = [session.look(*pair, np.eye(3)) for pair in moved]
    assert sum(alarms) == 1 and alarms.index(True) < 10
    assert session.wants_search(False, True) and not session.wants_search(False, False)
    found = session.search()
    corners = np.array([[0, 0], [639, 0], [0, 479], [639, 479.0]])
    assert found.elsewhere and found.homography is not None
    assert np.linalg.norm(apply(found.homography, corners) - apply(knock, corners), axis=1).mean() < 6
    # Through the new map all is well, and what is usual is learnt anew.
    assert not any(session.look(*pair, found.homography) for pair in moved[:8])
    assert session.note.state == "aligned"


@pytest.mark.data
def test_night_an_empty_picture_and_frozen_infrared_are_no_knock(smoke):
    rng = np.random.default_rng(4)
    night = [(ir, np.clip(vi * 0.05 + rng.normal(6, 3, vi.shape), 0, 255).astype(np.uint8)) for ir, vi in smoke]
    empty = [(ir, np.clip(rng.normal(128, 2, vi.shape), 0, 255).astype(np.uint8)) for ir, vi in smoke]
    frozen = [(smoke[-1][0], vi) for _, vi in smoke]
    for then in (night, empty, frozen):
        session = Session()
        assert not any(session.look(*pair, np.eye(3)) for pair in (*smoke, *then))
        assert session.note.state != "knocked"
    assert session.note.state == "aligned"


def test_pictures_in_which_nothing_can_be_found_give_a_refused_search_and_a_pause():
    session, (infrared, visible) = Session(), views()
    flat = np.full_like(infrared, 90)
    for _ in range(RUN + 4):
        session.look(infrared, visible, np.eye(3))
    looks = 0
    while not session.wants_search(False, False):
        session.look(flat, visible, np.eye(3))
        looks += 1
        assert looks < LOST + AVERAGED
    assert looks >= LOST and session.note.state == "cannot_tell"
    found = session.search()
    assert found.homography is None and found.reason and not found.elsewhere
    session.look(flat, visible, np.eye(3))
    assert not session.wants_search(False, True)


def test_the_estimate_in_its_own_process_is_the_same_and_its_end_is_a_refusal():
    infrared, visible = views(shift(5, 2))
    here, apart = estimate([infrared], [visible]), ApartEstimator()
    there = apart([infrared], [visible])
    assert there.accepted == here.accepted and there.score == pytest.approx(here.score, abs=0.05)
    np.testing.assert_allclose(there.homography, here.homography, atol=0.1)
    broken = apart([infrared], [visible[0]])
    assert not broken.accepted and "status 1" in broken.reason
    apart.stop()
    stopped = apart([infrared], [visible])
    assert not stopped.accepted and "status -9" in stopped.reason


class SteppedClock:
    """Seven seconds go by between any two questions."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        return self.monotonic_ns()

    def monotonic_ns(self) -> int:
        self.now += 7_000_000_000
        return self.now

    def thread_cpu_ns(self) -> int:
        return 0

    def sleep_s(self, seconds: float) -> None: ...


def prepared(infrared, visible, degraded="none") -> Prepared:
    frames = [Frame(plane, None, "gray", "full", 0.0, 0, "sim", 0, "camera") for plane in (infrared, visible)]
    return Prepared(FramePair(*frames, 0, degraded=degraded), 0, infrared, visible, infrared, 0.0)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 300  # Only against hanging: a search is low-priority work, and slow beside other work.
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def looked(monitor: AlignmentMonitor, pair, times: int, matrix=None) -> None:
    """Offer a pair until it has been looked at so often."""

    def looks() -> int:
        monitor.offer(prepared(*pair), matrix)
        return (monitor.report() or {"looks": 0})["looks"]

    for _ in range(times):
        before = looks()
        until(lambda before=before: looks() > before)


@pytest.fixture
def monitor():
    """A started monitor that follows knocks."""
    made = AlignmentMonitor(AlignmentConfig(on_knock="recalibrate"), NormalizeConfig(), SteppedClock())
    made.start()
    yield made
    made.stop()


def test_the_thread_follows_a_knock_and_says_so_once(monitor, caplog):
    looked(monitor, views(), RUN + 2, np.eye(3))
    assert monitor.note.state == "aligned" and monitor.take_calibration() is None
    knock = shift(9, 4)
    looked(monitor, views(knock), RUN + 3, np.eye(3))
    found = []
    until(lambda: bool(found.append(monitor.take_calibration()) or found[-1]))
    grid = np.array([[60, 60], [260, 60], [60, 180], [260, 180.0]])
    assert np.abs(apply(found[-1].homography, grid) - apply(knock, grid)).max() < 2
    assert found[-1].infrared_size == SIZE and found[-1].method == "structure"
    said = [record.getMessage() for record in caplog.records if "knocked" in record.getMessage()]
    assert len(said) == 1 and "beside visible" in said[0]
    report = monitor.report()
    assert (report["knocks"], report["recalibrations"], report["refused"]) == (1, 1, 0)
    # One look more than it takes: one at the old map may still have been under way.
    looked(monitor, views(knock), RUN + 2, found[-1].homography)
    assert monitor.note.state == "aligned" and monitor.take_calibration() is None


def test_a_map_is_searched_on_request_though_nothing_was_knocked(monitor):
    monitor.request()
    looked(monitor, views(), 4, np.eye(3))
    until(lambda: monitor.take_calibration() is not None)
    assert monitor.report()["knocks"] == 0


def test_missing_and_frozen_pictures_and_a_moving_map_are_not_looked_at(monitor):
    looked(monitor, views(), 1, np.eye(3))
    until(lambda: monitor._desk._idle)
    before = monitor.report()["looks"]
    for degraded in ("infrared_missing", "visible_missing", "infrared_frozen"):
        monitor.offer(prepared(*views(), degraded), np.eye(3))
    monitor.offer(prepared(*views()), None)
    assert monitor._desk._idle and monitor.report()["looks"] == before


def test_without_a_monitor_there_is_nothing_to_say():
    monitor = AlignmentMonitor(AlignmentConfig(monitor_s=None), NormalizeConfig(), SteppedClock())
    monitor.start()
    monitor.offer(prepared(*views()), np.eye(3))
    assert monitor.note is None and monitor.report() is None
    monitor.stop()
