"""The thread that finds, while ``live`` runs, how far the two cameras' stamps are apart.

The fusing thread lets it look at each frame once its pair has been handed on, a fraction of a millisecond; now and then
it estimates the offset from the last seconds of both (``stream.sync.offset_estimate``) and judges it
(``stream.sync.watch``).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from stream.clock import Clock
from stream.frames import Frame, TimingNote
from stream.homography import Matrix
from stream.pipeline.desk import Desk
from stream.sources.base import Role
from stream.stats import Distribution
from stream.sync.motion import Thumbnail, as_seen, as_seen_by
from stream.sync.offset_estimate import LEAST_S, estimate_offset
from stream.sync.recent import Glimpser, Recent
from stream.sync.slew import Slew
from stream.sync.watch import OffsetWatch

log = logging.getLogger("nightglass")

ENOUGH_S = LEAST_S + 4.0
"""Both streams must have been seen for so long before the first estimate: the offset takes from what they share."""

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Placing:
    """``matrix``: visible -> infrared pixel, for pictures of the two sizes (width, height)."""

    matrix: Matrix
    infrared_size: Size
    visible_size: Size


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """Stamps and small pictures of both streams, and how one lies on the other."""

    infrared: tuple[list[int], list[Thumbnail]]
    visible: tuple[list[int], list[Thumbnail]]
    placing: _Placing


@dataclass(frozen=True, slots=True)
class Refreshed:
    """``offset_ms``: to add to infrared capture times; ``confidence``: 0..1, of the last sure estimate."""

    offset_ms: float
    confidence: float


class Timekeeper:
    """``see``, ``placed``, ``offset_ns`` and ``note`` are for the fusing thread: none of them waits for an estimate.
    ``report`` and ``refreshed`` are for any thread.
    """

    def __init__(self, every_s: float, fixed: bool, clock: Clock) -> None:
        """``every_s``: seconds between estimates, 0: none. ``fixed``: the offset was set by hand, so it is judged, not
        moved.
        """
        self._every_s = every_s
        self._clock = clock
        self._fixed = fixed
        self._watch = OffsetWatch(0.0, fixed)
        self._slew = Slew(0)
        self._target_ns = 0
        self._desk: Desk[_Job] = Desk(every_s)
        self._glimpsers: dict[Role, Glimpser] = {"infrared": Glimpser(), "visible": Glimpser()}
        self._recent: dict[Role, Recent] = {"infrared": Recent(), "visible": Recent()}
        self._placing: _Placing | None = None
        self._counts: Counter[str] = Counter(dict.fromkeys(("estimates", "refused", "moves"), 0))
        self._estimate_ms = Distribution()
        self._glimpse_ms = Distribution()
        self._thread = threading.Thread(target=self._run, name="timing", daemon=True)

    @property
    def active(self) -> bool:
        """Whether estimates are made: wanted, and the thread has not failed."""
        return self._every_s > 0 and self._thread.is_alive()

    def start(self, offset_ms: float) -> None:
        """Start from an offset, and the thread, if estimates are wanted."""
        self._watch = OffsetWatch(offset_ms / 1e3, self._fixed)
        self._target_ns = round(offset_ms * 1e6)
        self._slew = Slew(self._target_ns)
        if self._every_s > 0:
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it: at most one estimate long."""
        self._desk.stop()
        if self._thread.ident is not None:
            self._thread.join()

    def see(self, role: Role, frame: Frame) -> None:
        """Look at a frame, in their order; also at those that nothing is fused of. Images of a folder have no time."""
        if not self.active or frame.name is not None:
            return
        recent = self._recent[role]
        with self._desk.changed:
            if not recent.wants(frame.capture_ns, frame.clock):
                return
        began_ns = self._clock.thread_cpu_ns()
        picture = self._glimpsers[role].glimpse(frame.luma)
        if picture is None:
            return
        with self._desk.changed:
            recent.add(frame.capture_ns, picture)
            self._glimpse_ms.add((self._clock.thread_cpu_ns() - began_ns) / 1e6)
            self._begin_if_due()

    def placed(self, settled: Matrix | None, infrared: Frame | None, visible: Frame | None) -> None:
        """How infrared lies on visible now: visible -> infrared pixel; None while that changes."""
        if settled is not None and infrared is not None and visible is not None:
            sizes = (infrared.width, infrared.height), (visible.width, visible.height)
            self._placing = _Placing(settled, *sizes)

    def offset_ns(self, capture_ns: int) -> int:
        """What to add to the stamp of the infrared frame stamped ``capture_ns``; asked once a frame, in their order."""
        return self._slew.towards(self._target_ns, capture_ns)

    @property
    def note(self) -> TimingNote | None:
        """What is known and what is applied now; None where no estimates are made."""
        if not self.active:
            return None
        confidence = self._watch.confidence
        return TimingNote(
            self._watch.state,
            round(self._slew.offset_ns / 1e6, 1),
            None if confidence is None else round(confidence, 2),
        )

    @property
    def refreshed(self) -> Refreshed | None:
        """What the offset was changed to since the start; None where it was not. For any thread."""
        with self._desk.changed:
            if self._counts["moves"] == 0:
                return None
            return Refreshed(round(self._watch.target_s * 1e3, 1), round(self._watch.confidence or 0.0, 2))

    def report(self) -> dict[str, Any] | None:
        """Counters and what is known, for status and report; None where no estimates are made."""
        if self._every_s == 0 or self._thread.ident is None:
            return None
        with self._desk.changed:
            watch = self._watch
            return {
                "state": watch.state,
                "offset_ms": round(self._slew.offset_ns / 1e6, 1),
                "found_ms": None if watch.found_s is None else round(watch.found_s * 1e3, 1),
                "confidence": None if watch.confidence is None else round(watch.confidence, 2),
                **self._counts,
                "glimpse_ms": self._glimpse_ms.summary(),
                "estimate_ms": self._estimate_ms.summary(),
            }

    def _begin_if_due(self) -> None:
        """Called with the lock held."""
        now_ns = self._clock.monotonic_ns()
        placing = self._placing
        if placing is None or not self._desk.wants(now_ns):
            return
        if min(recent.span_s for recent in self._recent.values()) < ENOUGH_S:
            return
        self._desk.put(_Job(self._recent["infrared"].all(), self._recent["visible"].all(), placing), now_ns)

    def _run(self) -> None:
        try:
            while (job := self._desk.take()) is not None:
                self._estimate(job)
        finally:
            # Also after a defect of ours, which the thread ends with: the offset then stays where it is.
            if not self._desk.stopping:
                log.error("the time between the cameras is no longer watched: its thread has failed")

    def _estimate(self, job: _Job) -> None:
        began_ns = self._clock.thread_cpu_ns()
        origin_ns = min(job.infrared[0][0], job.visible[0][0])
        infrared, visible = (
            as_seen([(one - origin_ns) / 1e9 for one in stamps_ns], pictures)
            for stamps_ns, pictures in (job.infrared, job.visible)
        )
        placing = job.placing
        seen = as_seen_by(infrared, placing.matrix, placing.infrared_size, placing.visible_size)
        found = estimate_offset(seen, visible, self._watch.target_s)
        with self._desk.changed:
            news = self._watch.push(found, self._clock.monotonic_ns() / 1e9)
            self._counts["estimates"] += 1
            self._counts["refused"] += int(not found.accepted)
            self._estimate_ms.add((self._clock.thread_cpu_ns() - began_ns) / 1e6)
            moves = news and not self._fixed
            self._counts["moves"] += int(moves)
            self._target_ns = round(self._watch.target_s * 1e9)
        if not found.accepted:
            log.debug("time between the cameras not told: %s", found.reason)
        elif news:
            self._say(moves)

    def _say(self, moves: bool) -> None:
        watch = self._watch
        assert watch.found_s is not None
        if moves:
            log.warning(
                "the time between the cameras has changed: going over to infrared_offset_ms %+.1f (confidence %.2f), "
                "until the end of this run unless it is saved (run_stream.py trim --save)",
                watch.found_s * 1e3,
                watch.confidence or 0.0,
            )
        else:
            log.warning(
                "infrared_offset_ms should be %+.1f (confidence %.2f), not %+.1f as configured: correct it, or leave "
                "sync.infrared_offset_ms out to have it followed",
                watch.found_s * 1e3,
                watch.confidence or 0.0,
                watch.target_s * 1e3,
            )
