"""Retrying, without a network: a scripted source and a clock that stands still."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.clock import SystemClock
from stream.config import RetryConfig, SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.sources.base import StreamInfo
from stream.sources.retry import RetryingSource, SourceState, backoff_s

QUICK = RetryConfig(first_ms=1.0, max_ms=2.0)


class ScriptedSource:
    """Gives ``count`` frames (None: cannot be opened), waits on ``gate`` before the last, then breaks."""

    name = "rtsp://camera"

    def __init__(self, count: int | None, broken: int = 0, gate: threading.Event | None = None) -> None:
        self._count = count
        self._gate = gate
        self.broken_frames = 0
        self._broken = broken
        self.closed = False

    def open(self) -> StreamInfo:
        if self._count is None:
            raise SourceError(f"{self.name}: connection refused")
        return StreamInfo(4, 4, 25.0, None, True, "h264", "yuv420p")

    def frames(self) -> Iterator[Frame]:
        assert self._count is not None
        self.broken_frames = self._broken
        for seq in range(self._count):
            if self._gate is not None and seq == self._count - 1:
                self._gate.wait(10)
            yield Frame(np.zeros((4, 4), np.uint8), None, "gray", "full", None, seq, "arrival", seq, self.name)
        raise SourceError(f"{self.name}: gone")

    def close(self) -> None:
        self.closed = True


def retrying(script: list[ScriptedSource], **options: object) -> tuple[RetryingSource, list[SourceState]]:
    states: list[SourceState] = []
    upcoming = iter(script)
    config = SourceConfig(url="rtsp://camera", retry=QUICK, stalled_after_s=float(options.pop("stalled_after_s", 60)))
    return RetryingSource(lambda: next(upcoming), config, SystemClock(), states.append, **options), states


@given(
    attempt=st.integers(0, 10_000),
    first_ms=st.floats(1, 5000),
    max_ms=st.floats(5000, 60_000),
    jitter=st.floats(0, 1),
    chance=st.floats(0, 1),
)
def test_backoff_stays_within_its_bounds(
    attempt: int, first_ms: float, max_ms: float, jitter: float, chance: float
) -> None:
    config = RetryConfig(first_ms=first_ms, max_ms=max_ms, jitter=jitter)
    base_s = backoff_s(attempt, config, 0.5)
    assert base_s == pytest.approx(min(max_ms, first_ms * 2.0 ** min(attempt, 60)) / 1000)
    pause_s = backoff_s(attempt, config, chance)
    assert base_s * (1 - jitter) - 1e-9 <= pause_s <= base_s * (1 + jitter) + 1e-9


def test_backoff_doubles() -> None:
    config = RetryConfig(first_ms=500.0, max_ms=3000.0, jitter=0.2)
    assert [backoff_s(n, config, 0.5) for n in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff_s(0, config, 0.0) == pytest.approx(0.4)
    assert backoff_s(0, config, 1.0) == pytest.approx(0.6)


def test_frames_go_on_over_reconnects() -> None:
    script = [
        ScriptedSource(3, broken=1),
        ScriptedSource(None),
        ScriptedSource(None),
        ScriptedSource(2),
        ScriptedSource(4),
    ]
    source, states = retrying(script)
    source.open()
    seqs = []
    for frame in source.frames():
        seqs.append(frame.seq)
        if len(seqs) == 8:
            source.stop.set()
    assert seqs == list(range(8))
    assert source.reconnects == 2
    assert source.broken_frames == 1
    assert states == [
        "live",
        "lost",
        "connecting",
        "lost",
        "connecting",
        "lost",
        "connecting",
        "live",
        "lost",
        "connecting",
        "live",
    ]
    source.close()
    assert all(used.closed for used in script)


def test_what_is_wrong_is_said_once_and_so_is_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    away = [ScriptedSource(None) for _ in range(5)]
    script = [ScriptedSource(1), *away, ScriptedSource(0), ScriptedSource(2), ScriptedSource(None), ScriptedSource(1)]
    source, _ = retrying(script)
    source.open()
    for number, _ in enumerate(source.frames()):
        if number == 3:
            source.stop.set()
    source.close()
    outage = [
        "rtsp://camera: lost: gone; trying again",
        "rtsp://camera: connection refused; trying again",
        "rtsp://camera: its frames come again",
    ]
    assert caplog.messages == outage * 2


def test_first_failure_raises() -> None:
    source, states = retrying([ScriptedSource(None)])
    with pytest.raises(SourceError, match="connection refused"):
        source.open()
    assert states == ["lost"] and source.state == "lost"
    source.close()


def test_first_failure_can_be_waited_out() -> None:
    source, _ = retrying([ScriptedSource(None), ScriptedSource(None), ScriptedSource(1)], fail_first=False)
    assert source.open().live
    assert source.reconnects == 0
    source.close()


def test_stop_ends_a_long_pause() -> None:
    config = SourceConfig(url="rtsp://camera", retry=RetryConfig(first_ms=3_600_000.0, max_ms=3_600_000.0))
    stop = threading.Event()
    lost = threading.Event()

    def on_state(state: SourceState) -> None:
        if state == "lost":
            lost.set()

    source = RetryingSource(lambda: ScriptedSource(1), config, SystemClock(), on_state, stop=stop)
    source.open()
    reader = threading.Thread(target=lambda: list(source.frames()))
    reader.start()
    assert lost.wait(10)
    stop.set()
    reader.join(10)
    assert not reader.is_alive()
    source.close()


def test_camera_that_connects_but_sends_nothing_is_backed_off() -> None:
    draws: list[float] = []

    def draw() -> float:
        draws.append(0.5)
        if len(draws) == 6:
            source.stop.set()
        return 0.5

    pauses: list[float] = []
    source, _ = retrying([ScriptedSource(0) for _ in range(10)], draw=draw)
    source.stop.wait = lambda timeout=None: pauses.append(timeout) or source.stop.is_set()  # type: ignore[method-assign]
    source.open()
    assert list(source.frames()) == []
    assert pauses == [0.001, 0.002, 0.002, 0.002, 0.002, 0.002]
    source.close()


def test_silence_is_reported_as_stalled_and_ends_with_the_next_frame(caplog: pytest.LogCaptureFixture) -> None:
    gate = threading.Event()
    stalled = threading.Event()
    states: list[SourceState] = []

    def on_state(state: SourceState) -> None:
        states.append(state)
        if state == "stalled":
            stalled.set()
            gate.set()

    config = SourceConfig(url="rtsp://camera", retry=QUICK, stalled_after_s=0.05)
    source = RetryingSource(lambda: ScriptedSource(3, gate=gate), config, SystemClock(), on_state)
    source.open()
    for frame in source.frames():
        if frame.seq == 2:
            source.stop.set()
    assert stalled.is_set()
    assert states[:3] == ["live", "stalled", "live"]
    assert "stalled: no frame for" in caplog.messages[0]
    assert caplog.messages[1] == "rtsp://camera: its frames come again"
    source.close()
