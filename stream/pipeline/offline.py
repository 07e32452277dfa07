"""Conversion of recordings: nothing is dropped, everything waits for its turn."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.engines import Engine
from stream.buffers import Buffer, BufferClosed
from stream.calibration import Calibration
from stream.clock import Clock
from stream.config import NightglassConfig, OutputsConfig, RecordConfig, SourceConfig
from stream.errors import IncompleteRun, SourceEnded, UnequalLengths, UsageError
from stream.frames import FramePair, FusedFrame, Picture
from stream.overwrite import refuse_to_fill, refuse_to_overwrite
from stream.pipeline.named import NamePairer
from stream.pipeline.reader import Arrival, Reader
from stream.pipeline.report import build_report
from stream.pipeline.setup import calibration_of, fusion_engine, fusion_stage, recorded_drift_ppm, sync_config
from stream.pipeline.step import finish_and_compose
from stream.pipeline.writer import Writer
from stream.sinks.opening import open_sinks
from stream.sources.base import Role, StreamInfo
from stream.sources.folder import list_images
from stream.sources.opening import open_source
from stream.sources.redact import redact
from stream.startup import release_garbage
from stream.stats import RunStats
from stream.sync.names import pair_by_name
from stream.sync.pairing import SyncCounters, Synchronizer

if TYPE_CHECKING:
    from stream.fusion import FusionStage, Inferred

log = logging.getLogger("nightglass")

DEFAULT_RATE_HZ = 25.0
_SINK_DEPTH = 4
_OPEN_WITHIN_S = 120.0

Progress = Callable[[int, int | None], None]
"""Called with the number of frames fused so far and the number expected, None if unknown."""


def convert(config: NightglassConfig, clock: Clock, progress: Progress = lambda done, total: None) -> dict[str, Any]:
    """Fuse two recordings into ``config.outputs`` and return the report.

    Raises UsageError, SourceError, SinkError, CalibrationError and EngineError; IncompleteRun (a truncated recording)
    and UnequalLengths after the output has been finished with all that could be read.
    """
    if config.infrared is None or config.visible is None:
        raise UsageError("a conversion needs both 'infrared' and 'visible'")
    began_ns = clock.monotonic_ns()
    calibration = calibration_of(config)
    stats = RunStats()
    sources: dict[Role, SourceConfig] = {
        "infrared": _once(config.infrared, "infrared"),
        "visible": _once(config.visible, "visible"),
    }
    readers = {role: _reader(source, role, stats, clock) for role, source in sources.items()}
    run = _Conversion(config, calibration, readers, stats, clock, progress)
    engine: Engine | None = None
    try:
        for reader in readers.values():
            reader.begin()
            reader.start()
        # While the recordings open.
        engine = fusion_engine(config, throughput=True)
        infos = {role: reader.opened(_OPEN_WITHIN_S) for role, reader in readers.items()}
        for role, info in infos.items():
            if info.has_sound:
                log.warning(
                    "%s %s: its sound is left out: the output has pictures only", role, readers[role].source.name
                )
        by_name = _paired_by_name(infos)
        stage = fusion_stage(config, engine, calibration, clock, infos, stills=by_name)
        release_garbage()
        run.go(infos, by_name, stage, engine.parallel)
    finally:
        for reader in readers.values():
            reader.stop()
        if engine is not None:
            engine.close()
    report = build_report(stats, (clock.monotonic_ns() - began_ns) / 1e9, engine, run.sync_counters)
    run.complain(report)
    return report


def _paired_by_name(infos: dict[Role, StreamInfo]) -> bool:
    """Two folders of pictures; but two single pictures belong together whatever their names."""
    return all(info.variable_size for info in infos.values()) and any(info.frame_count != 1 for info in infos.values())


def _once(source: SourceConfig, role: Role) -> SourceConfig:
    """The source without ``loop``, with which a conversion would go on until the disk is full."""
    if not source.loop:
        return source
    log.warning("%s.loop is for live: %s is converted once", role, redact(source.url))
    return source.model_copy(update={"loop": False})


def _reader(source: SourceConfig, role: Role, stats: RunStats, clock: Clock) -> Reader:
    buffer: Buffer[Arrival] = Buffer(source.depth, source.policy or "block")
    return Reader(open_source(source, role, clock), role, buffer, stats, clock)


class _Conversion:
    """One run of ``convert``: what it has met on the way."""

    def __init__(
        self,
        config: NightglassConfig,
        calibration: Calibration | None,
        readers: dict[Role, Reader],
        stats: RunStats,
        clock: Clock,
        progress: Progress,
    ) -> None:
        self.sync_counters: SyncCounters | None = None
        self._config = config
        self._sync_config = sync_config(config, calibration)
        self._drift_ppm = recorded_drift_ppm(config, calibration)
        self._readers = readers
        self._stats = stats
        self._clock = clock
        self._progress = progress
        self._endings: list[SourceEnded] = []
        self._last_s: dict[Role, float] = {}
        self._period_s = 0.0

    def go(self, infos: dict[Role, StreamInfo], by_name: bool, stage: FusionStage, parallel: int) -> None:
        """Fuse everything, then finish the outputs, also when something breaks on the way. ``by_name``: how to pair."""
        config, stats, clock = self._config, self._stats, self._clock
        master = config.sync.master
        led_by: Role = "infrared" if master == "infrared" else "visible"
        rate_hz = master if isinstance(master, float) else infos[led_by].rate_hz or DEFAULT_RATE_HZ
        self._period_s = max(1 / (info.rate_hz or DEFAULT_RATE_HZ) for info in infos.values())
        if by_name:
            self._check_names()
        pairs = self._pairs_by_name() if by_name else self._pairs_in_time(infos)
        total = infos[led_by].frame_count if by_name or not isinstance(master, float) else None
        sinks = open_sinks(
            config.outputs,
            config.compose,
            config.camera,
            rate_hz,
            False,
            clock,
            lambda: stats.snapshot(0.0),
            infos["visible"].pixel_aspect,
        )
        if not sinks:
            raise UsageError("a conversion needs an output")
        writers = [Writer(sink, Buffer(_SINK_DEPTH, "block"), stats, clock, latency=False) for sink in sinks]
        try:
            for writer in writers:
                writer.start()
            self._fuse_all(pairs, stage, parallel, writers, total)
        finally:
            for writer in writers:
                writer.finish()
        for writer in writers:
            if writer.failed is not None:
                raise writer.failed
        # Frames count as out once they are written, not when they are fused.
        stats.count("frames_out", min(writer.written for writer in writers))

    def _check_names(self) -> None:
        """Raises UsageError where an image has no partner, before anything is written."""
        assert self._config.infrared is not None and self._config.visible is not None
        urls = (self._config.infrared.url, self._config.visible.url)
        infrared, visible = ([file.name for file in list_images(Path(url).expanduser())] for url in urls)
        pair_by_name(infrared, visible)

    def _fuse_all(
        self, pairs: Iterator[FramePair], stage: FusionStage, parallel: int, writers: list[Writer], total: int | None
    ) -> None:
        clock, stats = self._clock, self._stats
        inferring: deque[Future[Inferred]] = deque()
        finishing: deque[Future[tuple[Picture, FusedFrame]]] = deque()
        shown = self._config.compose
        seq = 0
        with ThreadPoolExecutor(parallel, thread_name_prefix="fuse") as pool:
            try:
                while True:
                    began = clock.monotonic_ns()
                    pair = next(pairs, None)
                    if pair is not None:
                        stats.stage("sync", (clock.monotonic_ns() - began) / 1e6)
                        inferring.append(pool.submit(stage.infer, stage.prepare(pair, seq)))
                        seq += 1
                    # One more than are worked on, so that no worker waits while a picture is handed over here.
                    ahead = parallel if pair is not None else 0
                    while len(inferring) > ahead:
                        # Smoothing in time needs the frames in their order, so it is not the workers' to do.
                        steadied = stage.steady(inferring.popleft().result())
                        finishing.append(pool.submit(finish_and_compose, steadied, stage, shown, stats, clock))
                    while len(finishing) > ahead:
                        picture, fused = finishing.popleft().result()
                        if not all([writer.put(picture, fused) for writer in writers]):
                            return
                        self._progress(fused.seq + 1, total)
                    if pair is None:
                        return
            finally:
                waiting: list[Future[Any]] = [*inferring, *finishing]
                for future in waiting:
                    future.cancel()

    def _pairs_in_time(self, infos: dict[Role, StreamInfo]) -> Iterator[FramePair]:
        rates_hz = infos["infrared"].rate_hz, infos["visible"].rate_hz
        sync = Synchronizer(self._sync_config, *rates_hz, infrared_drift_ppm=self._drift_ppm)
        while (role := sync.wants()) is not None:
            arrival = self._take(role)
            if arrival is None:
                sync.end(role)
            else:
                sync.push(role, arrival[0])
            yield from sync.pop(None)
        yield from sync.pop(None)
        # What is left of the other stream counts towards its length.
        for role in self._readers:
            while self._take(role) is not None:
                pass
        self.sync_counters = sync.counters

    def _pairs_by_name(self) -> Iterator[FramePair]:
        pairer = NamePairer()
        roles: tuple[Role, ...] = ("infrared", "visible")
        while True:
            arrivals = {role: self._take(role) for role in roles}
            for role, arrival in arrivals.items():
                if arrival is not None and (pair := pairer.push(role, arrival[0])) is not None:
                    yield pair
            if not any(arrivals.values()):
                break
        self._stats.drop("without_partner", pairer.waiting)

    def _take(self, role: Role) -> Arrival | None:
        """The next frame of a stream, None at its end."""
        try:
            arrival = self._readers[role].buffer.get()
        except BufferClosed:
            return None
        except SourceEnded as ended:
            if ended not in self._endings:
                self._endings.append(ended)
                log.warning("%s", ended)
            return None
        assert arrival is not None  # no time-out was given
        self._last_s[role] = arrival[0].capture_ns / 1e9
        return arrival

    def complain(self, report: dict[str, Any]) -> None:
        """Raise what the user must know although there is an output."""
        if self._endings:
            raise IncompleteRun(f"{self._endings[0]}; the output holds {report['frames_out']} frames", report)
        if self.sync_counters is None or len(self._last_s) < 2:
            return
        infrared_s, visible_s = self._last_s["infrared"], self._last_s["visible"]
        if abs(infrared_s - visible_s) > 1.5 * self._period_s:
            names = {role: reader.source.name for role, reader in self._readers.items()}
            raise UnequalLengths(
                f"infrared {names['infrared']} ends at {infrared_s:.2f} s but visible {names['visible']} at "
                f"{visible_s:.2f} s: the output holds {report['frames_out']} frames, of them "
                f"{report['degraded_frames']} without a matching partner; trim the longer one, "
                "or accept it with --allow-unequal",
                report,
            )


def output_config(config: NightglassConfig, output: str) -> NightglassConfig:
    """The configuration with ``output`` as its only output. Raises UsageError where it would replace an input."""
    inputs = [source.url for source in (config.infrared, config.visible) if source is not None]
    if output.endswith("/"):
        refuse_to_fill("--output", Path(output), inputs)
    else:
        refuse_to_overwrite("--output", Path(output), inputs)
    if not output.endswith("/") and Path(output).is_dir():
        raise UsageError(f"{output} is a folder: end it in '/' for one PNG a pair, or name a .mp4 or .mkv file")
    base = config.outputs.record or RecordConfig(path=output)
    outputs = OutputsConfig(record=base.model_copy(update={"path": output, "segment_s": None}))
    return config.model_copy(update={"outputs": outputs})
