"""The synchronizer against a brute-force reference, and against cameras that die, come back and set their clocks."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream.config import SyncConfig
from stream.errors import UsageError
from stream.frames import Frame, FramePair
from stream.sources.base import Role
from stream.sync.names import pair_by_name
from stream.sync.pairing import GONE_NS, Synchronizer

MS = 1_000_000
S = 1_000 * MS
LUMA = np.zeros((2, 2), dtype=np.uint8)


def frame(t_ns: int, source: str = "x", seq: int = 0) -> Frame:
    return Frame(LUMA, None, "gray", "full", t_ns / S, t_ns, "file", seq, source)


def stamps(rate_hz: float, count: int, seed: int, jitter: float, drop: float, start_ns: int = 0) -> list[int]:
    """Strictly rising stamps of a camera with jitter (share of its period) and lost frames."""
    rng = random.Random(seed)
    period_ns = S / rate_hz
    return [
        start_ns + round((k + jitter * rng.uniform(-0.5, 0.5)) * period_ns)
        for k in range(count)
        if rng.random() >= drop
    ]


def run_offline(
    config: SyncConfig, infrared: list[int], visible: list[int], rates: tuple[float | None, float | None] = (None, None)
) -> tuple[Synchronizer, list[FramePair], int]:
    """Feed both streams as ``wants`` asks; also the largest number of frames ever waiting."""
    sync = Synchronizer(config, *rates)
    queues: dict[Role, list[Frame]] = {
        "infrared": [frame(t, "infrared", i) for i, t in enumerate(infrared)],
        "visible": [frame(t, "visible", i) for i, t in enumerate(visible)],
    }
    pairs: list[FramePair] = []
    most = 0
    while (role := sync.wants()) is not None:
        if queues[role]:
            sync.push(role, queues[role].pop(0))
        else:
            sync.end(role)
        pairs += sync.pop(None)
        most = max(most, sync.waiting("infrared") + sync.waiting("visible"))
    return sync, pairs, most


camera = st.builds(
    stamps,
    rate_hz=st.sampled_from([9.0, 25.0, 30.0]),
    count=st.integers(1, 60),
    seed=st.integers(0, 10_000),
    jitter=st.sampled_from([0.0, 0.1, 0.6]),
    drop=st.sampled_from([0.0, 0.1, 0.5]),
    start_ns=st.integers(-2 * S, 2 * S),
)


@settings(max_examples=300)
@given(
    leader=camera,
    partner=camera,
    skew_ms=st.sampled_from([3.0, 20.0, 100.0]),
    master=st.sampled_from(["visible", "infrared"]),
    offset_ms=st.sampled_from([0.0, 250.0, -33.3]),
)
def test_offline_equals_brute_force(leader, partner, skew_ms, master, offset_ms):
    config = SyncConfig(master=master, max_skew_ms=skew_ms, infrared_offset_ms=offset_ms)
    infrared, visible = (leader, partner) if master == "infrared" else (partner, leader)
    sync, pairs, most = run_offline(config, infrared, visible)

    offset_ns = round(offset_ms * MS)
    leads = [t + (offset_ns if master == "infrared" else 0) for t in leader]
    others = [t + (offset_ns if master == "visible" else 0) for t in partner]
    assert [pair.capture_ns for pair in pairs] == leads
    limit_ns = round(skew_ms * MS)
    reach_min_ns = GONE_NS
    for pair, t in zip(pairs, leads, strict=True):
        shown = pair.infrared if master == "visible" else pair.visible
        nearest = min(others, key=lambda o: (abs(o - t), o), default=None)
        if nearest is not None and abs(nearest - t) <= limit_ns:
            index = others.index(nearest)
            assert pair.degraded == "none"
            assert shown is not None and shown.seq == index
            assert pair.skew_ns == (nearest - t if master == "visible" else t - nearest)
            continue
        assert pair.degraded == ("infrared_missing" if master == "visible" else "visible_missing")
        last = max((o for o in others if o <= t), default=min(others, default=None))
        if last is not None and abs(last - t) <= reach_min_ns:
            assert shown is not None and shown.seq == others.index(last)
        elif shown is not None:  # held longer only for a stream whose own period is long
            assert shown.seq == others.index(last)
            assert abs(last - t) > GONE_NS
    assert sync.counters.pairs == len(leader)
    assert sync.counters.degraded == sum(pair.degraded != "none" for pair in pairs)
    assert most <= 4


@settings(max_examples=150)
@given(
    rates=st.tuples(st.sampled_from([9.0, 25.0, 30.0]), st.sampled_from([9.0, 25.0, 30.0])),
    phase=st.floats(0, 1),
    seed=st.integers(0, 10_000),
    known=st.booleans(),
)
def test_regular_cameras_are_never_degraded_whatever_their_rates_and_phase(rates, phase, seed, known):
    infrared = stamps(rates[0], 60, seed, 0.08, 0.0)
    visible = stamps(rates[1], 60, seed + 1, 0.08, 0.0, round((1 + phase) * S / min(rates)))
    visible = [t for t in visible if t < infrared[-1]]
    _, pairs, _ = run_offline(SyncConfig(), infrared, visible, rates if known else (None, None))
    assert len(pairs) == len(visible)
    assert all(pair.degraded == "none" for pair in pairs)
    bound_ns = 1.1 * 1.2 * S / min(rates) / 2
    assert max(abs(pair.skew_ns) for pair in pairs) <= bound_ns


def test_slow_infrared_is_held_and_that_is_not_degraded():
    sync, pairs, _ = run_offline(SyncConfig(), stamps(9, 30, 1, 0, 0), stamps(30, 90, 2, 0, 0))
    assert [p.degraded for p in pairs].count("none") == 90
    shown = [p.infrared.seq for p in pairs]
    assert shown == sorted(shown) and 26 <= len(set(shown)) <= 28
    assert sync.counters.held == 90 - len(set(shown))


def test_fast_partner_frames_are_counted_as_unpaired():
    sync, pairs, _ = run_offline(SyncConfig(master="infrared"), stamps(9, 10, 1, 0, 0), stamps(30, 40, 2, 0, 0))
    assert len(pairs) == 10
    assert sync.counters.unpaired == 31 - 10, "frames after the master's end are not asked for"


def test_partner_that_ends_early_is_held_for_a_second_and_then_gone():
    _, pairs, _ = run_offline(SyncConfig(), stamps(25, 25, 1, 0, 0), stamps(25, 100, 2, 0, 0))
    assert [p.degraded for p in pairs] == ["none"] * 25 + ["infrared_missing"] * 75
    assert all(p.infrared is not None and p.infrared.seq == 24 for p in pairs[25:49])
    assert all(p.infrared is None and p.skew_ns == 0 for p in pairs[50:])


def test_partner_that_begins_late_lends_its_first_frame():
    _, pairs, most = run_offline(SyncConfig(), stamps(25, 60, 1, 0, 0, 2 * S), stamps(25, 100, 2, 0, 0))
    assert pairs[0].infrared is None
    assert pairs[30].infrared is not None and pairs[30].infrared.seq == 0 and pairs[30].degraded == "infrared_missing"
    assert pairs[50].degraded == "none" and pairs[50].skew_ns == 0
    assert most <= 3


def test_partner_that_begins_an_hour_early_does_not_pile_up():
    hour = stamps(25, 90_000, 1, 0, 0)
    sync, pairs, most = run_offline(SyncConfig(), hour, stamps(25, 5, 2, 0, 0, 3590 * S))
    assert most <= 4
    assert [p.skew_ns for p in pairs] == [0] * 5
    assert sync.counters.unpaired >= 89_000


def test_every_master_frame_gives_a_pair_even_with_broken_stamps():
    _, pairs, _ = run_offline(SyncConfig(), stamps(25, 20, 1, 0, 0), [0, 40 * MS, 40 * MS, 20 * MS, 120 * MS])
    assert [p.visible.seq for p in pairs] == [0, 1, 2, 3, 4]


def test_a_camera_alone_offline():
    _, pairs, _ = run_offline(SyncConfig(), [], stamps(25, 7, 1, 0, 0))
    assert len(pairs) == 7 and all(p.infrared is None and p.degraded == "infrared_missing" for p in pairs)
    _, pairs, _ = run_offline(SyncConfig(), stamps(25, 7, 1, 0, 0), [])
    assert pairs == []


@settings(max_examples=150)
@given(infrared=camera, visible=camera, rate=st.sampled_from([5.0, 12.5, 29.97, 60.0]))
def test_ticks_are_even_and_take_the_nearest_of_each(infrared, visible, rate):
    _, pairs, most = run_offline(SyncConfig(master=rate, max_skew_ms=50.0), infrared, visible)
    if not infrared or not visible:
        return
    start = max(infrared[0], visible[0])
    for pair in pairs:
        k = round((pair.capture_ns - start) * rate / S)
        assert pair.capture_ns == start + round(k * (S / rate))
        near = {}
        for role, all_stamps, shown in (
            ("infrared", infrared, pair.infrared),
            ("visible", visible, pair.visible),
        ):
            nearest = min(all_stamps, key=lambda o: (abs(o - pair.capture_ns), o))
            near[role] = abs(nearest - pair.capture_ns) <= 50 * MS
            if near[role]:
                assert shown is not None and shown.capture_ns == nearest
        assert (pair.degraded == "none") == all(near.values())
    captures = [pair.capture_ns for pair in pairs]
    assert captures == sorted(set(captures))
    last = max(infrared[-1], visible[-1])
    if captures:
        assert last - captures[-1] < S / rate + 2
    assert most <= 8


def test_ticks_do_not_count_through_a_gap_of_years():
    infrared = [0, 40 * MS, 10**18, 10**18 + 40 * MS]
    _, pairs, _ = run_offline(SyncConfig(master=25.0), infrared, infrared)
    assert len(pairs) < 100
    assert pairs[-1].capture_ns >= 10**18 and pairs[-1].degraded == "none"


# ---- live ---------------------------------------------------------------------------------------------------------


@dataclass
class Cam:
    role: Role
    stamps_ns: list[int]
    latency_ns: int


def run_live(config: SyncConfig, *cams: Cam, until_ns: int, step_ns: int = 5 * MS, clock_of_stamps_ns: int = 0):
    """Simulated real time; yields (pair, the moment it came out)."""
    sync = Synchronizer(config)
    events = sorted((t + cam.latency_ns, cam.role, t, i) for cam in cams for i, t in enumerate(cam.stamps_ns))
    out: list[tuple[FramePair, int]] = []
    most = 0
    now = 0
    while now <= until_ns:
        while events and events[0][0] <= now:
            arrival, role, t, i = events.pop(0)
            sync.push(role, frame(t + clock_of_stamps_ns, role, i), arrival)
        out += [(pair, now) for pair in sync.pop(now)]
        most = max(most, sync.waiting("infrared") + sync.waiting("visible"))
        now += step_ns
    return sync, out, most


@settings(max_examples=100)
@example(rates=(9.0, 25.0), latency_ms=(0, 0), jitter=0.1, drop=0.1, seed=9, master="visible")
@given(
    rates=st.tuples(st.sampled_from([9.0, 25.0, 30.0]), st.sampled_from([9.0, 25.0, 30.0])),
    latency_ms=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    jitter=st.sampled_from([0.0, 0.1, 0.3]),
    drop=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 1000),
    master=st.sampled_from(["visible", "infrared"]),
)
def test_live_order_deadline_bounds(rates, latency_ms, jitter, drop, seed, master):
    infrared = Cam("infrared", stamps(rates[0], round(3 * rates[0]), seed, jitter, drop), latency_ms[0] * MS)
    visible = Cam("visible", stamps(rates[1], round(3 * rates[1]), seed + 1, jitter, drop), latency_ms[1] * MS)
    sync, out, most = run_live(SyncConfig(master=master), infrared, visible, until_ns=5 * S)
    leader, partner = (infrared, visible) if master == "infrared" else (visible, infrared)
    captures = [pair.capture_ns for pair, _ in out]
    assert captures == sorted(captures)
    led = []
    for pair, now in out:
        leading = pair.infrared if master == "infrared" else pair.visible
        if leading is not None and leading.capture_ns == pair.capture_ns:  # else the other stream led for a while
            led.append((pair, now))
    assert len(led) + sync.counters.late >= len(leader.stamps_ns)
    for pair, now in led:
        assert now - (pair.capture_ns + leader.latency_ns) <= 60 * MS + 5 * MS, "waits no longer than the deadline"
        shown = pair.infrared if master == "visible" else pair.visible
        if shown is not None:
            assert shown.capture_ns + partner.latency_ns <= now, "never a frame that has not come"
            if pair.degraded == "none":
                # A stream that began with lost frames looks slower than it is, until more have come.
                come = [t for t in partner.stamps_ns if t <= now]
                slowest_ns = max([1.5 * S / min(rates), *(b - a for a, b in pairwise(come))])
                assert abs(pair.skew_ns) <= slowest_ns / 2 * 1.1 + 60 * MS
    assert most <= 12


@pytest.mark.parametrize("phase_ms", [0, 5, 15])
def test_live_cameras_nearly_in_phase_do_not_wait_for_the_next_frame(phase_ms):
    """Infrared a little earlier: its next frame, a period later, cannot be nearer, so nothing is awaited."""
    infrared = Cam("infrared", stamps(25, 100, 1, 0, 0), 10 * MS)
    visible = Cam("visible", stamps(25, 100, 1, 0, 0, phase_ms * MS), 10 * MS)
    _, out, _ = run_live(SyncConfig(), infrared, visible, until_ns=6 * S)
    assert len(out) == 100
    assert max(now - pair.capture_ns for pair, now in out[2:]) <= 15 * MS
    assert all(pair.skew_ns == -phase_ms * MS and pair.degraded == "none" for pair, _ in out)


def test_live_nearest_frame_is_awaited():
    """The infrared frame to come, 10 ms away, beats the one already here, 30 ms away."""
    infrared = Cam("infrared", stamps(25, 99, 1, 0, 0, 10 * MS), 0)
    visible = Cam("visible", stamps(25, 99, 1, 0, 0), 0)
    _, out, _ = run_live(SyncConfig(), infrared, visible, until_ns=6 * S)
    assert {pair.skew_ns for pair, _ in out} == {10 * MS}
    assert max(now - pair.capture_ns for pair, now in out) <= 15 * MS


def test_live_infrared_dies_and_comes_back():
    infrared = [t for t in stamps(25, 250, 1, 0, 0) if not 3 * S <= t < 6 * S]
    visible = stamps(25, 250, 1, 0, 0)
    _, out, _ = run_live(SyncConfig(), Cam("infrared", infrared, 0), Cam("visible", visible, 0), until_ns=11 * S)
    assert [p.capture_ns for p, _ in out] == visible, "the visible camera never misses a frame"
    by_time = {p.capture_ns: p for p, _ in out}
    assert by_time[2 * S].degraded == "none"
    assert by_time[3 * S + 480 * MS].degraded == "infrared_missing"
    assert by_time[3 * S + 480 * MS].infrared is not None
    assert by_time[5 * S].infrared is None
    assert by_time[6 * S + 80 * MS].degraded == "none"


@pytest.mark.parametrize("master", ["visible", "infrared", 25.0])
@pytest.mark.parametrize("dead", ["visible", "infrared"])
def test_live_the_other_camera_goes_on_alone_and_both_again_later(master, dead):
    full = stamps(25, 250, 1, 0, 0)
    broken = [t for t in full if not 3 * S <= t < 6 * S]
    cams = [Cam("infrared", full, 0), Cam("visible", full, 0)]
    next(c for c in cams if c.role == dead).stamps_ns = broken
    _, out, _ = run_live(SyncConfig(master=master), *cams, until_ns=11 * S)
    captures = [p.capture_ns for p, _ in out]
    assert captures == sorted(set(captures))
    assert len(captures) >= 248
    alone = [p for p, _ in out if 4.2 * S < p.capture_ns < 6 * S]
    assert len(alone) >= 44
    assert {p.degraded for p in alone} == {f"{dead}_missing"}
    assert all((p.infrared if dead == "infrared" else p.visible) is None for p in alone)
    after = [p for p, _ in out if p.capture_ns > 6.3 * S]
    assert len(after) >= 90 and {p.degraded for p in after} == {"none"}


@pytest.mark.parametrize("master", ["visible", "infrared", 25.0])
def test_live_starts_with_the_other_camera_alone(master):
    late = stamps(25, 100, 1, 0, 0, 2 * S)
    early = stamps(25, 150, 1, 0, 0)
    _, out, most = run_live(
        SyncConfig(master=master), Cam("visible", late, 0), Cam("infrared", early, 0), until_ns=9 * S
    )
    assert out[0][1] < 0.5 * S, "the picture does not wait for a camera that may never come"
    assert sum(p.degraded == "visible_missing" for p, _ in out) >= 35
    assert sum(p.degraded == "none" for p, _ in out) >= 90
    assert most <= 16


@pytest.mark.parametrize("master", ["visible", "infrared", 25.0])
@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_live_both_clocks_are_set(master, jump_s):
    first = stamps(25, 100, 1, 0, 0, 7200 * S)
    second = stamps(25, 150, 1, 0, 0, (7200 + 4 + jump_s) * S)
    sync = Synchronizer(SyncConfig(master=master))
    out = []
    for i, t in enumerate(first + second):
        now = i * 40 * MS
        for role in ("infrared", "visible"):
            sync.push(role, frame(t, role, i), now)
        out += sync.pop(now)
        assert sync.waiting("infrared") + sync.waiting("visible") <= 16
    good_after = [p for p in out if p.capture_ns >= second[0] and p.capture_ns <= second[-1] and p.degraded == "none"]
    assert len([p for p in good_after if p.infrared.seq >= 100]) >= 130


def test_live_disagreeing_clocks_stay_bounded_and_say_so():
    full = stamps(25, 500, 1, 0, 0)
    for ahead_s in (-3600, 3600):
        sync = Synchronizer(SyncConfig())
        out = []
        for i, t in enumerate(full):
            sync.push("visible", frame(t, "visible", i), t)
            sync.push("infrared", frame(t + ahead_s * S, "infrared", i), t)
            out += sync.pop(t)
            assert sync.waiting("infrared") <= 128
        assert len(out) >= 495
        assert all(p.degraded == "infrared_missing" and p.infrared is None for p in out)


def test_live_without_arrival_times_counts_from_capture():
    sync = Synchronizer(SyncConfig(deadline_ms=60.0))
    sync.push("infrared", frame(0))
    sync.push("visible", frame(30 * MS))
    assert sync.pop(80 * MS) == []
    (pair,) = sync.pop(90 * MS)
    assert pair.skew_ns == -30 * MS and pair.degraded == "none"


def test_live_end_of_one_stream_lets_the_other_go_on_at_once():
    sync = Synchronizer(SyncConfig())
    sync.push("visible", frame(0), 0)
    sync.push("infrared", frame(0), 0)
    assert len(sync.pop(0)) == 1
    sync.end("visible")
    sync.push("infrared", frame(40 * MS, "infrared", 1), 40 * MS)
    (pair,) = sync.pop(40 * MS)
    assert pair.infrared.seq == 1 and pair.visible is not None
    assert pair.degraded == "none", "a visible frame 40 ms old is still within the deadline"


# ---- names --------------------------------------------------------------------------------------------------------


def test_names_pair_by_stem_in_infrared_order():
    assert pair_by_name(["b.png", "a.png"], ["a.jpg", "b.png"]) == [("b.png", "b.png"), ("a.png", "a.jpg")]


@pytest.mark.parametrize(
    ("infrared", "visible", "said"),
    [
        (["a.png", "b.png"], ["a.png"], ["visible", "b.png"]),
        (["a.png"], ["a.png", "c.png"], ["infrared", "c.png"]),
        (["a.png", "a.jpg"], ["a.png"], ["a.jpg", "same name"]),
        ([], [], ["no images"]),
        ([f"{i}.png" for i in range(9)], ["x.png"], ["0.png", "and 6 more", "x.png"]),
    ],
)
def test_names_without_partner_are_named(infrared, visible, said):
    with pytest.raises(UsageError) as error:
        pair_by_name(infrared, visible)
    assert all(word in str(error.value) for word in said)
    assert "\n" not in str(error.value)


def test_the_infrared_offset_grows_with_the_drift_from_the_first_infrared_frame_on():
    """An infrared clock that runs slow by 200 ppm, over ten minutes: 120 ms, three frames of 25 Hz."""
    drift = 200e-6
    true_ns = [7 * S + k * 40 * MS for k in range(15_000)]
    infrared = [true_ns[0] + round((t - true_ns[0]) / (1 + drift)) - 500 * MS for t in true_ns]
    config = SyncConfig(infrared_offset_ms=500.0)
    for drift_ppm, farthest_ms in ((200.0, 0.01), (0.0, 20.0)):
        sync = Synchronizer(config, infrared_drift_ppm=drift_ppm)
        pairs: list[FramePair] = []
        for number, (own, other) in enumerate(zip(infrared, true_ns, strict=True)):
            sync.push("infrared", frame(own, "infrared", number))
            sync.push("visible", frame(other, "visible", number))
            pairs += sync.pop(None)
        wrong = [pair for pair in pairs if pair.infrared and pair.visible and pair.infrared.seq != pair.visible.seq]
        assert bool(wrong) == (drift_ppm == 0.0)
        assert max(abs(pair.skew_ns) for pair in pairs) <= farthest_ms * MS
