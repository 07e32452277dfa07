"""The one clock: Unix time that goes on evenly whatever is done to the system's."""

from __future__ import annotations

import logging
import time

import pytest

from stream.clock import SystemClock
from stream.config import NightglassConfig
from stream.pipeline.live import Live

S = 1_000_000_000
SIM = {"url": "sim:night-street"}


def set_system_clock(monkeypatch: pytest.MonkeyPatch, by_s: float) -> None:
    now_ns = time.time_ns
    monkeypatch.setattr("stream.clock.time.time_ns", lambda: now_ns() + round(by_s * S))


@pytest.mark.parametrize("by_s", [3600.0, -7200.0])
def test_a_step_of_the_system_clock_moves_no_stamp_and_is_known(monkeypatch: pytest.MonkeyPatch, by_s: float) -> None:
    clock = SystemClock()
    before_ns = clock.now_ns()
    assert clock.set_by_s() == pytest.approx(0, abs=0.5)
    set_system_clock(monkeypatch, by_s)
    assert 0 <= clock.now_ns() - before_ns < 600 * S
    assert clock.set_by_s() == pytest.approx(by_s, abs=0.5)


def test_live_tells_it_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    live = Live(NightglassConfig.model_validate({"infrared": SIM, "visible": SIM}), SystemClock())
    with caplog.at_level(logging.WARNING, "nightglass"):
        live._tell_clock()
        assert not caplog.messages and live.status()["clock_set_by_s"] == 0
        set_system_clock(monkeypatch, 3600.0)
        for _ in range(3):
            live._tell_clock()
    assert ["+3600.0 s" in line for line in caplog.messages] == [True]
    assert live.status()["clock_set_by_s"] == pytest.approx(3600, abs=0.5)
