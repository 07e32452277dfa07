"""Which clock stamps a network camera's frames: mostly properties."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sync.ladder import EARLIEST_S, LATEST_S, CommonRung, Ladder
from stream.sync.offset import OffsetEstimator
from stream.sync.slew import SLEW

MS = 1_000_000
S = 1_000_000_000
UNIX_NS = 1_700_000_000 * S
PERIOD_NS = 40 * MS


def run(ladder: Ladder, delays_ms: list[int], reports_from: int, clock_error_ms: int = 0) -> list[tuple[int, str, int]]:
    """Frames 40 ms apart, delayed in order; (capture, clock, true time) of each. Reports come from a frame on."""
    out, arrival_ns = [], 0
    for number, delay_ms in enumerate(delays_ms):
        pts_ns = 5 * S + number * PERIOD_NS
        true_ns = UNIX_NS + pts_ns
        arrival_ns = max(arrival_ns, true_ns + delay_ms * MS)
        ladder.arrived(pts_ns, arrival_ns, true_ns + clock_error_ms * MS if number >= reports_from else None)
        out.append((*ladder.stamp(pts_ns), true_ns))
    return out


delays = st.lists(st.integers(20, 300), min_size=120, max_size=200)


@given(delays_ms=delays, reports_from=st.integers(0, 40))
def test_with_sender_reports_captures_come_to_be_true_and_never_go_back(delays_ms, reports_from):
    got = run(Ladder(), delays_ms, reports_from)
    captures = [capture_ns for capture_ns, _, _ in got]
    assert all(after > before or name != "ntp" for before, (after, name, _) in zip(captures, got[1:], strict=False))
    assert captures == sorted(captures)
    clocks = [name for _, name, _ in got]
    first = clocks.index("ntp")
    assert set(clocks[:first]) <= {"rtp"} and set(clocks[first:]) == {"ntp"}
    # 0.3 s at a tenth of the time take three seconds.
    assert first <= reports_from + round(0.3 / SLEW * S / PERIOD_NS) + 2
    assert all(abs(capture_ns - true_ns) <= MS for capture_ns, _, true_ns in got[first:])


@given(delays_ms=delays)
def test_without_reports_stamps_are_placed_by_arrival(delays_ms):
    got = run(Ladder(), delays_ms, 10**6)
    assert {name for _, name, _ in got} == {"rtp"}
    alone, arrival_ns = OffsetEstimator(), 0
    for (capture_ns, _, true_ns), delay_ms in zip(got, delays_ms, strict=True):
        arrival_ns = max(arrival_ns, true_ns + delay_ms * MS)
        alone.observe(true_ns - UNIX_NS, arrival_ns)
        assert capture_ns == alone.capture_ns(true_ns - UNIX_NS)


@given(delays_ms=delays, error_ms=st.sampled_from([-86_400_000, -3000, 1000, 40_000]))
def test_a_clock_that_was_never_set_is_not_believed(delays_ms, error_ms):
    ladder = Ladder()
    got = run(ladder, delays_ms, 0, error_ms)
    assert {name for _, name, _ in got} == {"rtp"}
    assert ladder.unbelievable_s is not None
    assert not -EARLIEST_S <= ladder.unbelievable_s <= LATEST_S
    assert [one[0] for one in got] == [one[0] for one in run(Ladder(), delays_ms, 10**6)]


def test_of_two_network_cameras_both_go_by_their_own_clocks_or_neither():
    common = CommonRung(frozenset({"infrared", "visible"}))
    infrared, visible = Ladder("infrared", common), Ladder("visible", common)
    seen = []
    for number in range(200):
        pts_ns = number * PERIOD_NS
        for ladder, delay_ms, since, until in ((infrared, 50, 0, 200), (visible, 180, 50, 120)):
            sender_ns = UNIX_NS + pts_ns if since <= number < until else None
            if ladder is visible and number == 120:
                visible = ladder = Ladder("visible", common)  # connected anew
            ladder.arrived(pts_ns, UNIX_NS + pts_ns + delay_ms * MS, sender_ns)
        seen.append((infrared.stamp(pts_ns), visible.stamp(pts_ns), UNIX_NS + pts_ns))
    names = [(one[1], other[1]) for one, other, _ in seen]
    assert names[49] == ("rtp", "rtp") and names[110] == ("ntp", "ntp") and names[199] == ("rtp", "rtp")
    (one, _), (other, _), true_ns = seen[110]
    assert abs(one - true_ns) <= MS and abs(other - true_ns) <= MS
    assert seen[199][0][0] - seen[199][2] == 50 * MS and seen[199][1][0] - seen[199][2] == 180 * MS
    steps = [b[0][0] - a[0][0] for a, b in pairwise(seen)]
    assert all(abs(step - PERIOD_NS) <= SLEW * PERIOD_NS + 1 for step in steps), "it must glide"


def test_a_camera_beside_a_recording_goes_by_its_own_clock():
    got = run(Ladder("infrared", CommonRung(frozenset({"infrared"}))), [30] * 10, 0)
    assert {name for _, name, _ in got} == {"ntp"} and all(capture == true for capture, _, true in got)


def test_a_sender_that_starts_anew_is_placed_anew():
    ladder = Ladder()
    ladder.arrived(100 * S, UNIX_NS, UNIX_NS - 50 * MS)
    assert ladder.stamp(100 * S) == (UNIX_NS - 50 * MS, "ntp")
    ladder.arrived(0, UNIX_NS + S)
    assert ladder.stamp(0) == (UNIX_NS + S, "rtp")


def test_frames_without_stamps_go_by_arrival_and_nothing_is_known_before_the_first_packet():
    ladder = Ladder()
    with pytest.raises(ValueError, match="no arrival"):
        ladder.stamp(3)
    ladder.arrived(None, UNIX_NS)
    assert ladder.stamp(None) == (UNIX_NS, "arrival") and ladder.stamp(5) == (UNIX_NS, "arrival")


def fed(
    ladder: Ladder, stamp_per_s: float, seconds: int, *, pts_ns: int, arrival_ns: int
) -> tuple[int, int, list[int]]:
    """Frames that arrive 40 ms apart and are stamped at another pace; the newest stamp and arrival, the ages in ms."""
    ages_ms = []
    for _ in range(seconds * 25):
        pts_ns, arrival_ns = pts_ns + round(stamp_per_s * PERIOD_NS), arrival_ns + PERIOD_NS
        ladder.arrived(pts_ns, arrival_ns)
        capture_ns, _ = ladder.stamp(pts_ns)
        ages_ms.append((arrival_ns - capture_ns) // MS)
    return pts_ns, arrival_ns, ages_ms


@pytest.mark.parametrize("stamp_per_s", [0.0, -2.0, 0.4, 0.7])
def test_stamps_that_do_not_keep_pace_are_not_gone_by_until_they_do(stamp_per_s: float):
    ladder = Ladder()
    pts_ns, arrival_ns, _ = fed(ladder, 1.0, 5, pts_ns=0, arrival_ns=UNIX_NS)
    pts_ns, arrival_ns, ages_ms = fed(ladder, stamp_per_s, 12, pts_ns=pts_ns, arrival_ns=arrival_ns)
    assert not ladder.keeps_pace and ages_ms[-1] == 0
    pts_ns, arrival_ns, ages_ms = fed(ladder, 1.0, 45, pts_ns=pts_ns, arrival_ns=arrival_ns)
    assert ladder.keeps_pace and ladder.stamp(pts_ns)[1] == "rtp" and ages_ms[-1] == 0


@pytest.mark.parametrize("stalled_s", [2, 8, 20])
def test_a_stalled_network_is_no_wrong_stamp(stalled_s: int):
    """What was held up comes at once, then all is as before: those frames too bear the moment they were taken at."""
    ladder = Ladder()
    pts_ns, arrival_ns, _ = fed(ladder, 1.0, 15, pts_ns=0, arrival_ns=UNIX_NS)
    arrival_ns += stalled_s * S
    for _ in range(stalled_s * 25):
        pts_ns, arrival_ns = pts_ns + PERIOD_NS, arrival_ns + MS
        ladder.arrived(pts_ns, arrival_ns)
        assert ladder.stamp(pts_ns)[1] == "rtp"
    assert ladder.keeps_pace
    _, _, ages_ms = fed(ladder, 1.0, 15, pts_ns=pts_ns, arrival_ns=arrival_ns)
    assert ladder.keeps_pace and len(set(ages_ms[-25:])) == 1


def test_a_network_that_becomes_slower_once_is_gone_by():
    ladder = Ladder()
    pts_ns, arrival_ns, _ = fed(ladder, 1.0, 15, pts_ns=0, arrival_ns=UNIX_NS)
    pts_ns, arrival_ns, ages_ms = fed(ladder, 1.0, 15, pts_ns=pts_ns, arrival_ns=arrival_ns + 700 * MS)
    assert ladder.keeps_pace and ages_ms[0] == 700 and ages_ms[-1] == 0
