"""The thread that watches the alignment of a live pair, and searches for the new map when a camera was knocked.

The fusing thread hands it a pair of frames now and then (a copy of two planes) and never waits for it.
"""

from __future__ import annotations

import datetime
import logging
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stream.calibration import Calibration
from stream.clock import Clock
from stream.config import AlignmentConfig, NormalizeConfig
from stream.errors import CalibrationError
from stream.frames import AlignmentNote, Frame
from stream.homography import Matrix
from stream.pipeline.desk import Desk
from stream.refound import at_distance_of
from stream.stats import Distribution

if TYPE_CHECKING:
    from stream.alignment.apart import ApartEstimator
    from stream.alignment.session import Search, Session
    from stream.fusion import Prepared

log = logging.getLogger("nightglass")


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    infrared: Frame
    visible: NDArray[np.uint8]
    matrix: Matrix
    calibration: Calibration | None


class AlignmentMonitor:
    """``offer``, ``note`` and ``take_calibration`` are for the fusing thread and never wait; ``report`` and ``request``
    are for any thread.
    """

    def __init__(self, config: AlignmentConfig, normalize: NormalizeConfig, clock: Clock) -> None:
        self._config = config
        self._normalize = normalize.model_copy(update={"smoothing_s": 0.0})
        self._clock = clock
        self._desk: Desk[_Job] = Desk(config.monitor_s or 0.0)
        self._asked = False
        self._calibration: Calibration | None = None
        self._estimator: ApartEstimator | None = None
        self._note: AlignmentNote | None = None
        self._offset_px: float | None = None
        self._counts = {"looks": 0, "knocks": 0, "searches": 0, "refused": 0, "recalibrations": 0}
        self._look_ms = Distribution()
        self._thread = threading.Thread(target=self._run, name="alignment", daemon=True)

    def start(self) -> None:
        """Start the thread, if the configuration wants looks."""
        if self._config.monitor_s is not None:
            self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._desk.stop()
        if self._estimator is not None:
            self._estimator.stop()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def note(self) -> AlignmentNote | None:
        """What the last look said; None before the thread runs and once it cannot."""
        return self._note

    def offer(self, prepared: Prepared, settled: Matrix | None, calibration: Calibration | None = None) -> None:
        """Take this pair for a look if it is time for one and the thread is idle.

        ``settled``: the map that infrared was registered by, visible -> infrared pixel, None while it changes;
        ``calibration``: what it was made from.
        Pairs in which a camera is missing or frozen are not looked at.
        """
        pair, now_ns = prepared.pair, self._clock.monotonic_ns()
        if settled is None or pair.degraded != "none" or not self._desk.wants(now_ns):
            return
        if pair.infrared is None or prepared.visible is None:
            return
        # Copies: the decoder's memory goes back to it.
        infrared = replace(pair.infrared, luma=pair.infrared.luma.copy(), chroma=None)
        self._desk.put(_Job(infrared, prepared.visible.copy(), settled, calibration), now_ns)

    def take_calibration(self) -> Calibration | None:
        """A new calibration to go over to, once."""
        if self._calibration is None:
            return None
        with self._desk.changed:
            taken, self._calibration = self._calibration, None
        return taken

    def request(self) -> bool:
        """Search for the map as soon as enough has been looked at, whether or not a camera seems to be knocked; False
        where nothing is looked at.
        """
        with self._desk.changed:
            self._asked = self._note is not None
            return self._asked

    def report(self) -> dict[str, Any] | None:
        """Counters and the last look for status and report; None without a monitor."""
        with self._desk.changed:
            note = self._note
            if note is None:
                return None
            offset_px = None if self._offset_px is None else round(self._offset_px, 2)
            return {
                "state": note.state,
                "score": note.score,
                "offset_px": offset_px,
                **self._counts,
                "look_ms": self._look_ms.summary(),
            }

    def _run(self) -> None:
        try:
            # OpenCV: live fusion does not need it otherwise.
            from stream.alignment.apart import ApartEstimator
            from stream.alignment.session import Session
        except ImportError as error:
            log.warning("the alignment is not watched: OpenCV cannot be loaded (%s); run doctor", error)
            return
        # Kernels: they load while the engine gets ready.
        from stream.normalize import Normalizer

        normalizer = Normalizer(self._normalize)
        session, self._estimator = Session(), ApartEstimator()
        self._note = session.note
        try:
            while (job := self._desk.take()) is not None:
                self._look(session, normalizer.normalized(job.infrared), job)
        finally:
            # Also after a defect of ours, which the thread ends with: nothing more is known then.
            if not self._desk.stopping:
                log.error("the alignment is no longer watched: its thread has failed")
                self._note = None

    def _look(self, session: Session, infrared: NDArray[np.uint8], job: _Job) -> None:
        began_ns = self._clock.thread_cpu_ns()
        before = session.watch.state
        meant = job.calibration is not None and job.calibration.is_meant
        knocked = session.look(infrared, job.visible, job.matrix, meant)
        with self._desk.changed:
            self._counts["looks"] += 1
            self._look_ms.add((self._clock.thread_cpu_ns() - began_ns) / 1e6)
            asked = self._asked
        if knocked:
            self._say_knocked(f"infrared lies about {session.watch.offset_px or 0:.0f} pixels (of 640) beside visible")
        elif before == "knocked" and session.watch.state == "aligned":
            log.warning("the cameras are where they were before the knock: infrared lies on visible again")
        self._publish(session)
        if not self._desk.stopping and session.wants_search(asked, self._config.on_knock == "recalibrate"):
            self._search(session, asked, job.calibration)
            self._publish(session)

    def _publish(self, session: Session) -> None:
        with self._desk.changed:
            self._note, self._offset_px = session.note, session.watch.offset_px

    def _search(self, session: Session, asked: bool, present: Calibration | None) -> None:
        assert self._estimator is not None
        found = session.search(self._estimator)
        if self._desk.stopping:
            return
        known = session.watch.state == "knocked"
        with self._desk.changed:
            self._counts["searches"] += 1
            self._counts["refused"] += int(found.homography is None)
            self._asked = self._asked and not asked
        if found.homography is None:
            # At night that is what has to be expected, unless something was noticed or asked for.
            log.log(
                logging.WARNING if asked or known else logging.INFO,
                "no new alignment found (score %.2f), the present one stays: %s",
                found.score,
                found.reason,
            )
            return
        if (calibration := self._calibration_of(found)) is None:
            return
        if found.elsewhere and not known and not asked:
            if _is_of_a_distance(present, calibration):
                # A distance was chosen, and much of what is in view is at another one: that is no knock.
                log.info("infrared lies on visible where the calibration's map of another distance puts it")
                return
            session.watch.found_away()
            known = True
            self._say_knocked(f"infrared lies about {found.moved_px:.0f} pixels (of 640) beside visible")
        if asked or (known and self._config.on_knock == "recalibrate"):
            self._hand_over(found, calibration)

    def _calibration_of(self, found: Search) -> Calibration | None:
        assert found.homography is not None
        today = datetime.datetime.fromtimestamp(self._clock.now_ns() / 1e9, datetime.UTC).date()
        sizes = found.infrared_size, found.visible_size
        try:
            return Calibration(found.homography, *sizes, "structure", score=round(found.score, 3), date=today)
        except CalibrationError as error:
            log.warning("no new alignment found, the present one stays: %s", error)
            with self._desk.changed:
                self._counts["refused"] += 1
            return None

    def _hand_over(self, found: Search, calibration: Calibration) -> None:
        log.warning(
            "new alignment (score %.2f): infrared moves by about %.0f pixels (of 640); it holds until the end of this "
            "run unless it is saved (run_stream.py trim --save)",
            found.score,
            found.moved_px,
        )
        with self._desk.changed:
            self._counts["recalibrations"] += 1
            self._calibration = calibration

    def _say_knocked(self, what: str) -> None:
        with self._desk.changed:
            self._counts["knocks"] += 1
        then = (
            "looking for the new alignment"
            if self._config.on_knock == "recalibrate"
            else "put it back, or run_stream.py recalibrate, or set alignment.on_knock to recalibrate"
        )
        log.warning("a camera seems to have been knocked: %s; %s", what, then)


def _is_of_a_distance(present: Calibration | None, found: Calibration) -> bool:
    try:
        return at_distance_of(present, found) is not None
    except CalibrationError:
        return False
