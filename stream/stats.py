"""What a run did, in numbers: counters, distributions of durations, and the report made from them.

Memory does not grow with the length of a run: durations go into logarithmic bins.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from typing import Any

import numpy as np

from stream.frames import Prior

STAGES = ("decode", "sync", "register", "fuse", "compose", "encode", "publish")

_LOWEST = 1e-3
_RATIO = 1.01
_BINS = 1900
"""From 1 microsecond (in milliseconds) in steps of 1 % to about 160 s."""


class Distribution:
    """Percentiles of positive values to within 1 %, in constant memory. Not thread-safe."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.largest = 0.0
        self._bins = np.zeros(_BINS, np.int64)

    def add(self, value: float) -> None:
        """Count a value; anything below 0.001 counts as 0.001."""
        self.count += 1
        self.total += value
        self.largest = max(self.largest, value)
        position = math.log(max(value, _LOWEST) / _LOWEST) / math.log(_RATIO)
        self._bins[min(int(position), _BINS - 1)] += 1

    def percentile(self, percent: float) -> float:
        """The value that ``percent`` of the values do not exceed; 0 without values."""
        if self.count == 0:
            return 0.0
        rank = max(1, math.ceil(self.count * percent / 100))
        index = int(np.searchsorted(np.cumsum(self._bins), rank))
        middle = _LOWEST * _RATIO ** (index + 0.5)
        return min(middle, self.largest)

    def summary(self) -> dict[str, float]:
        """p50, p95, p99, mean and largest, rounded to a microsecond."""
        mean = self.total / self.count if self.count else 0.0
        values = {f"p{p}": self.percentile(p) for p in (50, 95, 99)} | {"mean": mean, "max": self.largest}
        return {name: round(value, 3) for name, value in values.items()}


class RunStats:
    """Counters and distributions of one run; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._judged = 0
        self._present: dict[str, int] = {}
        self._stages: dict[str, Distribution] = {}
        self._latency = Distribution()
        self._skew = Distribution()

    def count(self, what: str, times: int = 1) -> None:
        """Add to a counter, such as ``frames_out``."""
        with self._lock:
            self._counts[what] += times

    def drop(self, reason: str, times: int = 1) -> None:
        """Count dropped frames under a reason."""
        if times:
            with self._lock:
                self._dropped[reason] += times

    def stage(self, name: str, ms: float) -> None:
        """Note the milliseconds that one frame spent in a stage."""
        with self._lock:
            if name not in self._stages:
                self._stages[name] = Distribution()
            self._stages[name].add(ms)

    def latency(self, ms: float) -> None:
        """Note one frame's time from capture to publication."""
        with self._lock:
            self._latency.add(ms)

    def skew(self, ms: float) -> None:
        """Note one pair's distance in time; its sign does not matter."""
        with self._lock:
            self._skew.add(abs(ms))

    def prior(self, prior: Prior) -> None:
        """Note what was said of one frame's degradations."""
        with self._lock:
            self._judged += 1
            for kind in prior.scores:
                self._present[kind] = self._present.get(kind, 0) + (kind in prior.present)

    def get(self, what: str) -> int:
        """A counter's value."""
        with self._lock:
            return self._counts[what]

    def snapshot(self, elapsed_s: float) -> dict[str, Any]:
        """The measured part of the report (design: frames_in, frames_out, dropped, fps, stage_ms, ...).

        ``prior``: for each kind of degradation the share of frames in which it was there, of those that were judged
        (one camera alone is not); None if none was.
        """
        with self._lock:
            out = self._counts["frames_out"]
            return {
                **{
                    name: {role: self._counts[f"{name}.{role}"] for role in ("infrared", "visible")}
                    for name in ("frames_in", "frames_before_start")
                },
                "frames_out": out,
                "dropped": dict(self._dropped),
                "fps": round(out / elapsed_s, 2) if elapsed_s > 0 else 0.0,
                "elapsed_s": round(elapsed_s, 3),
                "stage_ms": {name: self._stages.get(name, Distribution()).summary() for name in STAGES},
                "capture_to_publish_ms": self._latency.summary() if self._latency.count else None,
                "skew_ms": self._skew.summary(),
                "degraded_frames": self._counts["degraded_frames"],
                "reconnects": {role: self._counts[f"reconnects.{role}"] for role in ("infrared", "visible")},
                "prior": {kind: round(count / self._judged, 4) for kind, count in self._present.items()} or None,
            }
