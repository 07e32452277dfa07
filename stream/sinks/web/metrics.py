"""What Prometheus is told (text format 0.0.4): the pipeline's counters, with base units in the names. Pure.

All are labelled with the configuration's ``camera``. Counters are since the start; rates are made by whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from stream.frames import AlignmentState, TimingState
from stream.sources.retry import SourceState

AGE_BOUNDS_S = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper ends of the bins in which pictures' ages are counted."""

_QUANTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}


class Ages:
    """How old pictures were when they were published, counted in bins. Used from one thread, read from any."""

    def __init__(self) -> None:
        self.counts = [0] * (len(AGE_BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, age_s: float) -> None:
        """Count one."""
        self.counts[sum(age_s > bound for bound in AGE_BOUNDS_S)] += 1
        self.total_s += age_s


@dataclass(frozen=True, slots=True)
class Known:
    """What metrics are made of. ``status``: the pipeline's, as in the status stream. ``silent_s``: since the last
    picture, None before the first. ``scores``: what the student said of it, by kind. ``viewers``, ``sent`` by stream.
    """

    camera: str
    status: Mapping[str, Any]
    healthy: bool
    silent_s: float | None
    ages: Ages
    viewers: Mapping[str, int]
    sent: Mapping[str, int]
    skipped: int
    scores: Mapping[str, float] = field(default_factory=dict)


class Collector:
    """For a ``CollectorRegistry``: gives the metrics of one moment."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        """All metrics. What the pipeline does not say (a monitor that is off) is left out."""
        known, status = self._known, self._known.status
        yield self._gauge("healthy", "1 while pictures come", known.healthy)
        yield self._gauge("uptime_seconds", "Seconds since fusion began", status.get("elapsed_s"))
        yield self._gauge("picture_silence_seconds", "Seconds since the last picture came", known.silent_s)
        yield self._ages()
        yield self._counter("frames_in", "Frames from a camera", status.get("frames_in"), "source")
        yield self._counter("frames_out", "Fused pictures", status.get("frames_out"))
        yield self._counter("frames_dropped", "Frames dropped, by reason", status.get("dropped"), "reason")
        yield self._counter("frames_degraded", "Pictures without one camera", status.get("degraded_frames"))
        yield self._counter("reconnects", "Times a camera was connected again", status.get("reconnects"), "source")
        yield self._states("source", "What a camera does", status.get("sources"), get_args(SourceState), "source")
        yield self._stages(status.get("stage_ms") or {})
        lost = status.get("lost_outputs")
        yield self._gauge("outputs_lost", "Outputs that have failed", None if lost is None else len(lost))
        yield self._gauge("degradation_score", "What the student sees wrong, 0 to 1", known.scores, "kind")
        yield from self._alignment(status.get("alignment"))
        yield from self._timing(status.get("timing"))
        yield self._gauge("web_viewers", "Viewers of the web page, by stream", known.viewers, "stream")
        yield self._counter("web_pictures_sent", "Pictures sent to viewers, by stream", known.sent, "stream")
        yield self._counter("web_pictures_skipped", "Pictures that slow viewers did not get", known.skipped)

    def _alignment(self, said: Mapping[str, Any] | None) -> Iterator[Metric]:
        if said is None:
            return
        yield self._state("alignment", "Whether infrared lies on visible", said["state"], get_args(AlignmentState))
        yield self._gauge("alignment_score", "Evidence that it does, 0 to 1", said["score"])
        for name in ("looks", "knocks", "searches", "recalibrations"):
            yield self._counter(f"alignment_{name}", f"The alignment monitor's {name}", said[name])

    def _timing(self, said: Mapping[str, Any] | None) -> Iterator[Metric]:
        if said is None:
            return
        yield self._state("timing", "The time between the cameras", said["state"], get_args(TimingState))
        yield self._gauge("timing_offset_seconds", "Added to infrared stamps", said["offset_ms"] / 1000)
        yield self._gauge("timing_confidence", "Of the last estimate, 0 to 1", said["confidence"])

    def _gauge(self, name: str, says: str, value: Any, label: str | None = None) -> Metric:
        gauge = GaugeMetricFamily(f"nightglass_{name}", says, labels=["camera", *([label] if label else [])])
        for labels, number in self._labelled(value, label):
            gauge.add_metric(labels, number)
        return gauge

    def _counter(self, name: str, says: str, value: Any, label: str | None = None) -> Metric:
        counter = CounterMetricFamily(f"nightglass_{name}", says, labels=["camera", *([label] if label else [])])
        for labels, number in self._labelled(value, label):
            counter.add_metric(labels, number)
        return counter

    def _labelled(self, value: Any, label: str | None) -> Iterator[tuple[list[str], float]]:
        if value is None:
            return
        if label is None:
            yield [self._known.camera], float(value)
            return
        for key, number in value.items():
            yield [self._known.camera, key], float(number)

    def _state(self, name: str, says: str, state: str, states: tuple[str, ...]) -> Metric:
        return self._gauge(
            f"{name}_state", f"{says}: 1 for the state that holds", {s: s == state for s in states}, "state"
        )

    def _states(
        self, name: str, says: str, now: Mapping[str, str] | None, states: tuple[str, ...], label: str
    ) -> Metric:
        gauge = GaugeMetricFamily(
            f"nightglass_{name}_state", f"{says}: 1 for the state that holds", labels=["camera", label, "state"]
        )
        for key, state in (now or {}).items():
            for one in states:
                gauge.add_metric([self._known.camera, key, one], float(one == state))
        return gauge

    def _stages(self, stages: Mapping[str, Mapping[str, float]]) -> Metric:
        gauge = GaugeMetricFamily(
            "nightglass_stage_seconds",
            "Time a frame spends in a stage, quantiles since the start",
            labels=["camera", "stage", "quantile"],
        )
        for stage, summary in stages.items():
            for key, quantile in _QUANTILES.items():
                gauge.add_metric([self._known.camera, stage, quantile], summary[key] / 1000)
        return gauge

    def _ages(self) -> Metric:
        histogram = HistogramMetricFamily(
            "nightglass_picture_age_seconds", "From capture to publication on the page", labels=["camera"]
        )
        counts = list(self._known.ages.counts)
        bounds = [*map(str, AGE_BOUNDS_S), "+Inf"]
        below = [sum(counts[: place + 1]) for place in range(len(counts))]
        histogram.add_metric([self._known.camera], list(zip(bounds, below, strict=True)), self._known.ages.total_s)
        return histogram
