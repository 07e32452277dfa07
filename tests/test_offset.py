"""The offset between a sender's stamps and Unix time: pure logic, so mostly properties."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.sync.offset import OffsetEstimator

MS = 1_000_000
S = 1_000_000_000
UNIX_NS = 1_700_000_000 * S

delays_ms = st.lists(st.integers(0, 400), min_size=1, max_size=200)


def run(
    estimator: OffsetEstimator, stamps_ns: list[int], delays_ns: list[int], offset_ns: int
) -> tuple[list[int], list[int]]:
    """Feed packets sent at ``stamp + offset`` that arrive late and in order; give captures and arrivals."""
    captures, arrivals = [], []
    arrival_ns = 0
    for stamp_ns, delay_ns in zip(stamps_ns, delays_ns, strict=True):
        arrival_ns = max(arrival_ns, stamp_ns + offset_ns + delay_ns)
        estimator.observe(stamp_ns, arrival_ns)
        captures.append(estimator.capture_ns(stamp_ns))
        arrivals.append(arrival_ns)
    return captures, arrivals


@given(delays=delays_ms, start_ns=st.integers(-10 * S, 10 * S))
def test_capture_never_goes_back_and_is_never_after_arrival(delays: list[int], start_ns: int) -> None:
    stamps = [start_ns + i * 40 * MS for i in range(len(delays))]
    captures, arrivals = run(OffsetEstimator(), stamps, [d * MS for d in delays], UNIX_NS)
    assert captures == sorted(captures)
    assert all(capture <= arrival for capture, arrival in zip(captures, arrivals, strict=True))


@given(delays=delays_ms)
def test_offset_is_the_true_one_plus_the_shortest_delay(delays: list[int]) -> None:
    estimator = OffsetEstimator(window_s=1000)
    stamps = [i * 500 * MS for i in range(len(delays))]
    run(estimator, stamps, [d * MS for d in delays], UNIX_NS)
    assert estimator.offset_ns == UNIX_NS + min(delays) * MS


def test_jitter_does_not_reach_the_capture_times() -> None:
    delays = [(3 if i % 7 else 0) * MS + 5 * MS for i in range(100)]
    captures, _ = run(OffsetEstimator(), [i * 40 * MS for i in range(100)], delays, UNIX_NS)
    steps = {b - a for a, b in itertools.pairwise(captures)}
    assert steps == {40 * MS}


def test_follows_a_slow_sender() -> None:
    # The sender's clock loses 200 ppm: after 200 s its stamps are 40 ms behind.
    estimator = OffsetEstimator(window_s=10)
    for i in range(5000):
        true_ns = UNIX_NS + i * 40 * MS
        stamp_ns = i * 40 * MS - i * 40 * MS * 200 // 1_000_000
        estimator.observe(stamp_ns, true_ns + 5 * MS)
        capture_ns = estimator.capture_ns(stamp_ns)
    assert 0 <= true_ns + 5 * MS - capture_ns <= 2 * MS + MS // 10


def test_follows_a_fast_sender_at_once() -> None:
    estimator = OffsetEstimator()
    for i in range(5000):
        true_ns = UNIX_NS + i * 40 * MS
        stamp_ns = i * 40 * MS + i * 40 * MS * 200 // 1_000_000
        estimator.observe(stamp_ns, true_ns)
        assert estimator.capture_ns(stamp_ns) == true_ns


def test_wrap_of_the_counter_starts_anew() -> None:
    estimator = OffsetEstimator()
    run(estimator, [95_000 * S, 95_000 * S + 40 * MS], [0, 0], UNIX_NS)
    estimator.observe(0, UNIX_NS + 95_000 * S + 85 * MS)
    assert estimator.restarts == 1
    assert estimator.capture_ns(0) == UNIX_NS + 95_000 * S + 85 * MS


def test_jump_forward_is_taken_at_once() -> None:
    estimator = OffsetEstimator()
    run(estimator, [0, 40 * MS], [0, 0], UNIX_NS)
    estimator.observe(100 * S, UNIX_NS + 80 * MS)
    assert estimator.capture_ns(100 * S) == UNIX_NS + 80 * MS


def test_small_step_back_keeps_the_estimate() -> None:
    estimator = OffsetEstimator()
    run(estimator, [0, 80 * MS], [0, 0], UNIX_NS)
    estimator.observe(40 * MS, UNIX_NS + 120 * MS)
    assert estimator.restarts == 0
    assert estimator.capture_ns(120 * MS) == UNIX_NS + 120 * MS


def test_frame_without_stamp_takes_the_arrival() -> None:
    estimator = OffsetEstimator()
    estimator.arrived(UNIX_NS)
    assert estimator.capture_ns(None) == UNIX_NS


def test_nothing_observed_is_an_error() -> None:
    with pytest.raises(ValueError, match="arrival"):
        OffsetEstimator().capture_ns(0)
