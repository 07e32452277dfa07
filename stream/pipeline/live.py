"""Live fusion: never lags. Old frames are dropped (and counted) rather than waited for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.engines import Engine
from stream.buffers import Buffer, BufferClosed
from stream.clock import Clock
from stream.config import NightglassConfig, SourceConfig
from stream.control import ControlServer
from stream.errors import CalibrationError, NightglassError, SinkError, UsageError
from stream.frames import Frame, FramePair
from stream.pipeline.commands import LiveCommands
from stream.pipeline.monitor import AlignmentMonitor
from stream.pipeline.reader import Arrival, Reader
from stream.pipeline.report import build_report
from stream.pipeline.setup import calibration_of, fusion_engine, fusion_stage, sync_config
from stream.pipeline.step import finish_and_compose
from stream.pipeline.timekeeper import Timekeeper
from stream.pipeline.writer import Writer
from stream.sinks.base import ReportingSink
from stream.sinks.opening import open_sinks
from stream.sources.base import Role, Source
from stream.sources.opening import is_live, is_network, open_source
from stream.sources.pacing import CommonStart
from stream.sources.retry import RetryingSource
from stream.stats import RunStats
from stream.sync.ladder import CommonRung
from stream.sync.pairing import Synchronizer

if TYPE_CHECKING:
    from stream.fusion import FusionStage, Prepared
    from stream.registration import Registration

log = logging.getLogger("nightglass")

DEFAULT_RATE_HZ = 25.0
_SINK_DEPTH = {"publish": 2, "encode": 32}
"""A viewer wants the newest picture; a recording wants all of them, also when the disk is slow for a second."""

_BACKLOG = 3
"""Decided pairs that may wait for fusion: a burst from the network is worked off, a lag is not built up."""

_MOST_UNSEEN = 8
"""Frames that may wait for a moment without work before the timekeeper looks at them."""

_CLOCK_SET_S = 1.0
"""Less is what NTP corrects in passing, and no name of a file tells it."""

_TICK_S = 0.005
_STOP_WITHIN_S = 5.0
"""All cameras together. A container is given ten seconds to end, then it is killed."""

_OPEN_SLACK_S = 10.0
_LOCAL_OPEN_S = 120.0
"""Recordings and the simulator wait for no network, but a busy machine may take its time to draw a scene."""


class Live:
    """One live run. ``run`` blocks; ``stop`` ends it from another thread or a signal handler."""

    def __init__(self, config: NightglassConfig, clock: Clock) -> None:
        if config.infrared is None or config.visible is None:
            raise UsageError("live fusion needs both 'infrared' and 'visible' in the configuration")
        self._config = config
        self._sources: dict[Role, SourceConfig] = {"infrared": config.infrared, "visible": config.visible}
        self._clock = clock
        self._common = CommonRung(frozenset(role for role, one in self._sources.items() if is_network(one.url)))
        self._start = CommonStart()
        self._stats = RunStats()
        self._stopping = False
        self._sources_stop = threading.Event()
        self._wake = threading.Event()
        self._began_ns = 0
        self._states: dict[Role, str] = {}
        self._readers: dict[Role, Reader] = {}
        self._writers: list[Writer] = []
        self._told_lost: list[Writer] = []
        self._clock_set_by_s = 0.0
        self._misfit = ""
        self._unseen: list[tuple[Role, Frame]] = []
        self._monitor = AlignmentMonitor(config.alignment, config.normalize, clock)
        self._timekeeper = Timekeeper(config.alignment.timing_s, config.sync.infrared_offset_ms is not None, clock)

    def stop(self) -> None:
        """End the run soon."""
        # Not an Event: in a signal handler its lock may be held by the very code that was interrupted.
        self._stopping = True

    def status(self) -> dict[str, Any]:
        """Counters so far, for the status stream; from any thread."""
        elapsed_s = (self._clock.monotonic_ns() - self._began_ns) / 1e9
        status = self._stats.snapshot(elapsed_s)
        # The report has these only once the sources have been closed.
        status["reconnects"] = {role: reader.reconnects for role, reader in self._readers.items()}
        status["dropped"] |= {f"{role}_buffer": n for role, r in self._readers.items() if (n := r.buffer.dropped)}
        return status | {
            "sources": dict(self._states),
            "alignment": self._monitor.report(),
            "timing": self._timekeeper.report(),
            **self._outputs(),
            "clock_set_by_s": self._clock_set_by_s,
        }

    def addresses(self) -> list[str]:
        """What a person can open in a browser, once the run is ready."""
        found = (getattr(writer.sink, "address", None) for writer in self._writers)
        return [address for address in found if address is not None]

    def run(self, duration_s: float | None = None, on_ready: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Run until ``stop``, both sources' end, or ``duration_s`` after both were connected; the report.

        Raises SourceError when a camera cannot be reached at the start (or ``stop`` comes before it is), SinkError when
        an output cannot be opened or when all outputs are lost, CalibrationError and UsageError.
        """
        config, clock, stats = self._config, self._clock, self._stats
        self._began_ns = clock.monotonic_ns()
        calibration = calibration_of(config)
        commands = LiveCommands(
            calibration, config.registration.calibration, self._monitor.request, lambda: self._timekeeper.refreshed
        )
        control = None if config.control is None else ControlServer(config.control.endpoint, commands.handle)
        engine: Engine | None = None
        writers = self._writers
        try:
            readers = self._readers = {role: self._reader(role) for role in self._sources}
            for reader in readers.values():
                reader.start()
            # While the cameras open.
            engine = fusion_engine(config)
            infos = {
                role: reader.opened(_open_within_s(self._sources[role]), lambda: self._stopping)
                for role, reader in readers.items()
            }
            stage = fusion_stage(config, engine, calibration, clock, infos)
            master = config.sync.master
            led_by: Role = "infrared" if master == "infrared" else "visible"
            rate_hz = master if isinstance(master, float) else infos[led_by].rate_hz or DEFAULT_RATE_HZ
            sinks = open_sinks(
                config.outputs,
                config.compose,
                config.camera,
                rate_hz,
                True,
                clock,
                self.status,
                infos["visible"].pixel_aspect,
            )
            if not sinks:
                raise UsageError(
                    "live fusion needs an output: set outputs.web, outputs.zeromq, outputs.rtsp, outputs.record or "
                    "outputs.window"
                )
            publishes = any(sink.stage == "publish" for sink in sinks)
            for sink in sinks:
                latency = sink.stage == "publish" or not publishes
                writer = Writer(
                    sink, Buffer(_SINK_DEPTH[sink.stage], "latest"), stats, clock, latency=latency, resume=True
                )
                writers.append(writer)
                writer.start()
            pairing = sync_config(config, calibration)
            sync = Synchronizer(pairing, infos["infrared"].rate_hz, infos["visible"].rate_hz)
            self._monitor.start()
            self._timekeeper.start(pairing.infrared_offset_ms or 0.0)
            if control is not None:
                control.start()
            stage.warm_up()
            for reader in readers.values():
                reader.begin()
            on_ready()
            self._began_ns = clock.monotonic_ns()
            self._fuse_all(sync, readers, stage, commands, writers, duration_s)
            elapsed_s = (clock.monotonic_ns() - self._began_ns) / 1e9
        finally:
            if control is not None:
                control.stop()
            self._sources_stop.set()
            for reader in self._readers.values():
                reader.end()
            # Before cameras that do not answer are waited for: whoever stops this may not wait so long.
            for writer in writers:
                writer.finish()
            last_ns = clock.monotonic_ns() + round(_STOP_WITHIN_S * 1e9)
            for reader in self._readers.values():
                reader.stop(max(0.0, (last_ns - clock.monotonic_ns()) / 1e9))
            self._monitor.stop()
            self._timekeeper.stop()
            if engine is not None:
                engine.close()
        in_vain = [_in_vain(writer) for writer in writers]
        if in_vain and in_vain[0] is not None and all(in_vain):
            raise in_vain[0]
        self._tell_lost(writers)
        return build_report(stats, elapsed_s, engine, sync.counters) | {
            **self._outputs(),
            "clock_set_by_s": self._clock_set_by_s,
            "alignment": self._monitor.report(),
            "timing": self._timekeeper.report(),
        }

    def _outputs(self) -> dict[str, Any]:
        outputs = {w.sink.name: w.sink.report() for w in self._writers if isinstance(w.sink, ReportingSink)}
        away = {name: said["reason"] for name, said in outputs.items() if said["reason"] is not None}
        return {
            "outputs": outputs,
            "lost_outputs": away | {writer.sink.name: str(writer.lost) for writer in self._writers if writer.lost},
            "resumed_outputs": {writer.sink.name: writer.resumed for writer in self._writers if writer.resumed},
        }

    def _tell_clock(self) -> None:
        """Say it when the system clock has been set: stamps and file names go on by what it said at the start."""
        set_by_s = self._clock.set_by_s()
        if abs(set_by_s - self._clock_set_by_s) > _CLOCK_SET_S:
            self._clock_set_by_s = round(set_by_s, 3)
            log.warning(
                "the system clock is now %+.1f s off what it was at the start: stamps and file names go on by the "
                "old time; start live again to go by the new one",
                set_by_s,
            )

    def _tell_lost(self, writers: list[Writer]) -> None:
        """Say once of each output that is lost for good; where all are, that is the run's own error."""
        for writer in writers:
            if writer.failed is not None and writer not in self._told_lost:
                self._told_lost.append(writer)
                log.error("%s", writer.failed)

    def _reader(self, role: Role) -> Reader:
        source_config = self._sources[role]

        if not is_live(source_config.url):
            # A recording or the simulator plays at its own rate, as a camera would, and ends.
            played = source_config.model_copy(update={"realtime": True})
            return self._reader_of(open_source(played, role, self._clock, start=self._start), role, passing=False)

        def on_state(state: str) -> None:
            self._states[role] = state

        return self._reader_of(
            RetryingSource(
                lambda: open_source(source_config, role, self._clock, self._common),
                source_config,
                self._clock,
                on_state,
                stop=self._sources_stop,
            ),
            role,
            passing=True,
        )

    def _reader_of(self, source: Source, role: Role, *, passing: bool) -> Reader:
        source_config = self._sources[role]
        buffer: Buffer[Arrival] = Buffer(source_config.depth, source_config.policy or "latest")
        return Reader(source, role, buffer, self._stats, self._clock, self._wake.set, passing=passing)

    def _fuse_all(
        self,
        sync: Synchronizer,
        readers: dict[Role, Reader],
        stage: FusionStage,
        commands: LiveCommands,
        writers: list[Writer],
        duration_s: float | None,
    ) -> None:
        clock, stats = self._clock, self._stats
        ended: set[Role] = set()
        seq = 0
        while not self._stopping:
            if duration_s is not None and clock.monotonic_ns() - self._began_ns > duration_s * 1e9:
                return
            idle = not self._wake.wait(_TICK_S)
            self._wake.clear()
            if idle or len(self._unseen) > _MOST_UNSEEN:
                self._see()
            began = clock.monotonic_ns()
            for role, reader in readers.items():
                if role not in ended and not self._drain(sync, role, reader):
                    ended.add(role)
                    sync.end(role)
            pairs = sync.pop(clock.now_ns())
            if len(pairs) > _BACKLOG:
                stats.drop("fusion_behind", len(pairs) - _BACKLOG)
                pairs = pairs[-_BACKLOG:]
            if pairs:
                stats.stage("sync", (clock.monotonic_ns() - began) / 1e6)
            for pair in pairs:
                self._fuse_one(pair, seq, stage, commands, writers)
                seq += 1
            if len(ended) == len(readers) and not pairs:
                log.info("both sources have ended")
                return
            if all(writer.failed for writer in writers):
                return
            self._tell_lost(writers)
            self._tell_clock()

    def _drain(self, sync: Synchronizer, role: Role, reader: Reader) -> bool:
        """Hand all that has come to the synchronizer; False once the source has ended."""
        try:
            while (arrival := reader.buffer.get(timeout_s=0)) is not None:
                frame, arrival_ns = arrival
                self._unseen.append((role, frame))
                if role == "infrared":
                    sync.offset_infrared(self._timekeeper.offset_ns(frame.capture_ns))
                sync.push(role, frame, arrival_ns)
        except BufferClosed:
            return False
        except NightglassError as error:
            log.error("%s", error)
            return False
        return True

    def _see(self) -> None:
        """Let the timekeeper look at what has come."""
        for role, frame in self._unseen:
            self._timekeeper.see(role, frame)
        self._unseen.clear()

    def _fuse_one(
        self, pair: FramePair, seq: int, stage: FusionStage, commands: LiveCommands, writers: list[Writer]
    ) -> None:
        clock, stats, monitor = self._clock, self._stats, self._monitor
        self._steer(stage.registration, commands, pair)
        prepared = self._prepared(pair, seq, stage)
        if prepared is None:
            return
        monitor.offer(prepared, stage.registration.settled, stage.registration.calibration)
        self._timekeeper.placed(stage.registration.settled, pair.infrared, pair.visible)
        steadied = stage.steady(stage.infer(prepared))
        picture, fused = finish_and_compose(steadied, stage, self._config.compose, stats, clock)
        fused = replace(
            fused,
            alignment=monitor.note,
            timing=self._timekeeper.note,
            clocks=(
                None if pair.infrared is None else pair.infrared.clock,
                None if pair.visible is None else pair.visible.clock,
            ),
        )
        # One lost output (a full disk) must not stop the others.
        if any([writer.put(picture, fused) for writer in writers]):
            stats.count("frames_out")

    def _prepared(self, pair: FramePair, seq: int, stage: FusionStage) -> Prepared | None:
        """The pair as it is to be fused; visible alone where a camera has changed its aspect, so that the calibration
        does not fit any more. None: there is nothing to show.
        """
        try:
            prepared = stage.prepare(pair, seq)
            if pair.infrared is not None and pair.visible is not None:
                self._misfit = ""
            return prepared
        except CalibrationError as error:
            if str(error) != self._misfit:
                self._misfit = str(error)
                log.error("a camera has changed its picture, infrared is left out: %s", error)
            self._stats.drop("infrared_does_not_fit", 1)
        if pair.visible is None:
            return None
        return stage.prepare(replace(pair, infrared=None, skew_ns=0, degraded="infrared_missing"), seq)

    def _steer(self, registration: Registration, commands: LiveCommands, pair: FramePair) -> None:
        """Go over to what the monitor has found or a person has asked for."""
        try:
            if (calibration := self._monitor.take_calibration()) is not None:
                commands.found(registration.found(calibration, pair.capture_ns))
            if pair.visible is not None:
                commands.sized((pair.visible.width, pair.visible.height))
            if (trim := commands.take_trim()) is not None:
                registration.trim_to(trim, pair.capture_ns)
            if (distance_m := commands.take_distance_m()) is not None:
                registration.distance_to(distance_m, pair.capture_ns)
        except CalibrationError as error:
            log.error("the alignment stays as it is: %s", error)


def _in_vain(writer: Writer) -> Exception | None:
    """Why an output has come to nothing: it is lost, or its server was never reached. None where it was of use."""
    if writer.lost is not None or not isinstance(writer.sink, ReportingSink):
        return writer.lost
    said = writer.sink.report()
    if said["connections"] or said["reason"] is None:
        return None
    return SinkError(f"{writer.sink.name}: no picture was sent: {said['reason']}")


def _open_within_s(source: SourceConfig) -> float:
    """How long a source may take to open; a camera's own time-out comes first."""
    return source.timeout_s + _OPEN_SLACK_S if is_live(source.url) else _LOCAL_OPEN_S
