"""Counters and distributions of a run."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.frames import Prior
from stream.stats import STAGES, Distribution, RunStats

durations_ms = st.lists(st.floats(1e-3, 1e5), min_size=1, max_size=200)


@given(durations_ms, st.sampled_from([50, 90, 95, 99, 100]))
def test_percentiles_are_within_one_percent(values: list[float], percent: int):
    distribution = Distribution()
    for value in values:
        distribution.add(value)
    exact = float(np.percentile(values, percent, method="inverted_cdf"))
    assert distribution.percentile(percent) == pytest.approx(exact, rel=0.0101)


@given(durations_ms)
def test_summary(values: list[float]):
    distribution = Distribution()
    for value in values:
        distribution.add(value)
    summary = distribution.summary()
    assert summary["p50"] <= summary["p95"] <= summary["p99"] <= summary["max"]
    assert summary["max"] == pytest.approx(max(values), abs=5e-4)
    assert summary["mean"] == pytest.approx(float(np.mean(values)), rel=1e-6, abs=5e-4)


@pytest.mark.parametrize("value", [0.0, 1e-9, 1e12])
def test_values_beyond_the_bins_are_kept_at_their_ends(value: float):
    distribution = Distribution()
    distribution.add(value)
    assert distribution.count == 1 and 0 <= distribution.percentile(50) <= max(value, 1e-3)


def test_nothing_measured():
    assert set(Distribution().summary().values()) == {0.0}
    report = RunStats().snapshot(0.0)
    assert report["fps"] == 0.0 and report["capture_to_publish_ms"] is None
    assert set(report["stage_ms"]) == set(STAGES)


def test_snapshot():
    stats = RunStats()
    stats.count("frames_in.infrared", 9)
    stats.count("frames_in.visible")
    stats.count("frames_out", 30)
    stats.count("reconnects.visible", 2)
    stats.drop("slow record a.mp4", 3)
    stats.drop("never", 0)
    stats.skew(-12.0)
    stats.latency(40.0)
    stats.stage("fuse", 5.0)
    report = stats.snapshot(1.5)
    assert report["frames_in"] == {"infrared": 9, "visible": 1} and report["frames_out"] == 30
    assert report["fps"] == 20.0 and report["elapsed_s"] == 1.5
    assert report["dropped"] == {"slow record a.mp4": 3}
    assert report["reconnects"] == {"infrared": 0, "visible": 2}
    assert report["skew_ms"]["max"] == 12.0 and report["capture_to_publish_ms"]["max"] == 40.0
    assert report["stage_ms"]["fuse"]["p50"] == pytest.approx(5.0, rel=0.01)
    assert stats.get("frames_out") == 30


def test_share_of_frames_with_each_degradation():
    stats = RunStats()
    assert stats.snapshot(1.0)["prior"] is None
    for present in (("smoke",), ("smoke", "rain"), (), ()):
        stats.prior(Prior({"smoke": 0.9, "rain": 0.2, "haze": 0.0}, "words", present))
    assert stats.snapshot(1.0)["prior"] == {"smoke": 0.5, "rain": 0.25, "haze": 0.0}


def test_a_snapshot_does_not_change_afterwards():
    stats = RunStats()
    stats.drop("late")
    report = stats.snapshot(1.0)
    stats.drop("late")
    report["dropped"]["mine"] = 1
    assert report["dropped"]["late"] == 1 and "mine" not in stats.snapshot(1.0)["dropped"]


def test_counts_from_many_threads():
    stats = RunStats()

    def work() -> None:
        for _ in range(2000):
            stats.count("frames_out")
            stats.stage("fuse", 1.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stats.get("frames_out") == 8000
