"""Time stamps of recordings, as a property of any sequence of capture times."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from sinks_support import T0_NS

from stream.sinks.timeline import Timeline

ticks_per_s = st.sampled_from([1000, 90_000])


@given(ticks_per_s, st.lists(st.integers(-(10**18), 2 * 10**18), min_size=1, max_size=50))
def test_strictly_increasing_from_zero_whatever_the_clock_does(rate: int, captures_ns: list[int]) -> None:
    timeline = Timeline(rate, 25.0)
    ticks = [timeline.ticks(capture_ns) for capture_ns in captures_ns]
    assert ticks[0] == 0
    assert all(later > earlier for earlier, later in pairwise(ticks))


@given(ticks_per_s, st.lists(st.integers(2_000_000, 3_600_000_000_000), min_size=1, max_size=50))
def test_a_forward_clock_is_followed_to_the_tick(rate: int, steps_ns: list[int]) -> None:
    timeline = Timeline(rate, 25.0)
    now_ns = T0_NS
    timeline.ticks(now_ns)
    for step_ns in steps_ns:
        now_ns += step_ns
        assert abs(timeline.ticks(now_ns) - (now_ns - T0_NS) * rate / 1e9) <= 0.5001
    assert (timeline.bumped, timeline.jumps) == (0, 0)


def test_equal_and_slightly_earlier_frames_get_the_next_tick() -> None:
    timeline = Timeline(1000, 25.0)
    assert [timeline.ticks(T0_NS + ms * 1_000_000) for ms in (0, 40, 40, 30, 80)] == [0, 40, 41, 42, 80]
    assert timeline.bumped == 2


def test_a_clock_that_was_set_goes_on_one_period_later() -> None:
    timeline = Timeline(1000, 25.0)
    two_hours_ms = 7_200_000
    times_ms = [0, 40, two_hours_ms, two_hours_ms + 40, 0, 40]
    assert [timeline.ticks(T0_NS + ms * 1_000_000) for ms in times_ms] == [0, 40, 80, 120, 160, 200]
    assert (timeline.bumped, timeline.jumps) == (0, 2)


def test_a_camera_gone_for_a_minute_leaves_a_gap() -> None:
    timeline = Timeline(90_000, 25.0)
    timeline.ticks(T0_NS)
    assert timeline.ticks(T0_NS + 60 * 10**9) == 60 * 90_000
