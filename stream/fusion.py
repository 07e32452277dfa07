"""The fusion stage: a pair of frames in, a fused frame in the visible camera's geometry out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kernels.coverage import fill_uncovered
from kernels.levels import IDENTITY
from kernels.register import register_normalize
from kernels.steady import Steadier
from models.engines import STEERING_TIME_CONSTANT_S, Engine, FusionResult, Steering, fuse_first
from stream.calibration import Calibration
from stream.chroma_gain import GainSmoother, gained
from stream.clock import Clock
from stream.config import ChromaMode, NormalizeConfig
from stream.frames import Frame, FramePair, FusedFrame, Prior
from stream.normalize import Normalizer
from stream.picture import full_range_chroma, full_range_luma
from stream.prior import PriorTracker
from stream.registration import Registration, Size
from stream.shutter import InfraredShare, ShutterWatch
from stream.smoothing import step_share

READ_EVERY_S = 0.11
"""The student reads the pictures of a video anew after so much time (every fourth frame at 30 Hz): what it reads is
smoothed over a second, and takes a seventh of its time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair in the visible camera's geometry, 8 bit, full range; a missing side is None.

    ``sees``: what the student is given as infrared: visible stands in where infrared does not reach, and while the
    thermal camera's shutter is closed (``pair`` is then marked). ``code``: what steers the student, from the frames
    that were steadied before this one was prepared; None: what is read in its own pictures does. ``read``: whether the
    student is to say what it sees in them.
    """

    pair: FramePair
    seq: int
    infrared: NDArray[np.uint8] | None
    visible: NDArray[np.uint8] | None
    sees: NDArray[np.uint8] | None
    register_ms: float
    code: NDArray[np.float32] | None = None
    read: bool = True


@dataclass(frozen=True, slots=True)
class Inferred:
    """A pair that the student has seen; ``result`` is None where one side is missing and there was nothing to fuse."""

    prepared: Prepared
    result: FusionResult | None
    infer_ms: float


@dataclass(frozen=True, slots=True)
class Steadied:
    """A pair with what must not jump from frame to frame already smoothed.

    ``luma``: fused, uint8 (H, W), None where one side is missing. ``chroma_gain``: float32 (h, w), None: leave colours
    as they are.
    """

    prepared: Prepared
    luma: NDArray[np.uint8] | None
    chroma_gain: NDArray[np.float32] | None
    prior: Prior | None
    infer_ms: float


class FusionStage:
    """Registers, normalizes and fuses, in four steps.

    ``prepare`` and ``steady`` remember earlier frames: they are called from one thread, in the order of the frames.
    ``infer`` and ``finish``, which take most of the time, may be called in any order and from ``Engine.parallel``
    threads at once.

    A pair without infrared gives the visible picture, one without visible gives the infrared one (in the visible
    camera's geometry, once that is known): one camera alone goes on.
    """

    def __init__(
        self,
        engine: Engine,
        normalize: NormalizeConfig,
        calibration: Calibration | None,
        clock: Clock,
        visible_size: Size | None = None,
        *,
        infrared_size: Size | None = None,
        chroma: ChromaMode = "natural",
        noise_reduction: bool = True,
        shutter: bool = True,
        stills: bool = False,
    ) -> None:
        """``visible_size``: width and height of the visible pictures where they are known before the first one, so
        that infrared frames that come before it already have the output's size. ``infrared_size``: of infrared's, to be
        ready for them. ``chroma``: whether the student may correct colours. ``noise_reduction``: raise the fused
        picture's finest detail, and calm its noise in time where both sources rest. ``shutter``: leave infrared out
        while it stands still because the thermal camera's shutter is closed. ``stills``: the pictures have nothing to
        do with each other, so what the student says of one is not smoothed by what it said of the last, nor is the
        picture.
        """
        self._engine = engine
        self._normalizer = Normalizer(normalize)
        self.registration = Registration(calibration)
        """Where infrared lies on visible; belongs to the thread that calls ``prepare``."""
        self._clock = clock
        self._visible_size = visible_size
        self._infrared_size = infrared_size
        self._chroma = chroma
        self._noise_reduction = noise_reduction
        self._stills = stills
        self._shutter = ShutterWatch() if shutter and not stills else None
        self._infrared_share = InfraredShare()
        self._prior = PriorTracker()
        self._gain = GainSmoother()
        self._steering = Steering()
        self._steadier = Steadier()
        self._last_ns: int | None = None
        self._reading_ns: int | None = None
        self._read_ns: int | None = None
        self._shown_prior: Prior | None = None
        self._coverage: NDArray[np.uint8] | None = None

    def warm_up(self) -> None:
        """Get ready for pictures of the sizes that are expected, which takes a moment, before the first ones are there.

        Raises EngineError, and CalibrationError for sizes that the calibration was not made for.
        """
        if self._visible_size is None:
            return
        width, height = self._visible_size
        nothing = np.zeros((height, width), np.uint8)
        if self._infrared_size is not None:
            matrix = self.registration.at(self._infrared_size, self._visible_size, 0).matrix
            register_normalize(np.zeros(self._infrared_size[::-1], np.uint8), matrix, IDENTITY, nothing)
        code = self._engine.fuse(nothing, nothing).code
        self._engine.fuse(nothing, nothing, code, read=False)

    def prepare(self, pair: FramePair, seq: int) -> Prepared:
        """Register and normalize a pair; pairs come in their order. Raises CalibrationError for sizes that the
        calibration was not made for.
        """
        began = self._clock.monotonic_ns()
        visible = None if pair.visible is None else full_range_luma(pair.visible)
        if pair.visible is not None:
            self._visible_size = (pair.visible.width, pair.visible.height)
        infrared = None if pair.infrared is None else self._register(pair.infrared, pair.capture_ns)
        sees = infrared
        if infrared is not None and visible is not None and self._coverage is not None:
            sees = np.empty_like(visible)
            fill_uncovered(infrared, visible, self._coverage, sees)
        pair, sees = self._without_frozen(pair, sees, visible)
        registered = self._clock.monotonic_ns()
        code = None if self._stills else self._steering.code
        read = code is None or self._due(pair.capture_ns)
        if read and sees is not None and visible is not None:
            self._reading_ns = pair.capture_ns
        return Prepared(pair, seq, infrared, visible, sees, (registered - began) / 1e6, code, read)

    def _due(self, capture_ns: int) -> bool:
        """Whether it is time to read the pictures again; also when time runs backwards."""
        return self._reading_ns is None or not 0 <= capture_ns - self._reading_ns < READ_EVERY_S * 1e9

    def _without_frozen(
        self, pair: FramePair, sees: NDArray[np.uint8] | None, visible: NDArray[np.uint8] | None
    ) -> tuple[FramePair, NDArray[np.uint8] | None]:
        """The pair, marked if infrared stands still, and what the student sees: visible in place of what is frozen."""
        if self._shutter is None or pair.infrared is None or visible is None or sees is None:
            return pair, sees
        frozen = self._shutter.push(pair.infrared.luma, pair.infrared.seq, pair.infrared.capture_ns)
        self._infrared_share = self._infrared_share.moved(frozen, pair.capture_ns)
        share = self._infrared_share.share
        if share < 1:
            # Not at the top: OpenCV is needed only once a shutter has closed.
            import cv2

            sees = np.asarray(cv2.addWeighted(sees, share, visible, 1 - share, 0), np.uint8)
        return (replace(pair, degraded="infrared_frozen") if frozen and pair.degraded == "none" else pair), sees

    def infer(self, prepared: Prepared) -> Inferred:
        """Run the student on a prepared pair. Raises EngineError."""
        began = self._clock.monotonic_ns()
        result = None
        if prepared.sees is not None and prepared.visible is not None:
            first = prepared.code is None and not self._stills
            result = fuse_first(partial(self._fuse, prepared)) if first else self._fuse(prepared, prepared.code)
        return Inferred(prepared, result, (self._clock.monotonic_ns() - began) / 1e6)

    def _fuse(self, prepared: Prepared, code: NDArray[np.float32] | None) -> FusionResult:
        assert prepared.sees is not None and prepared.visible is not None
        read = prepared.read and code is prepared.code
        return self._engine.fuse(prepared.sees, prepared.visible, code, read=read)

    def steady(self, inferred: Inferred) -> Steadied:
        """Smooth picture, prior and chroma gain in time."""
        prepared, result = inferred.prepared, inferred.result
        if result is None:
            self._steadier = Steadier()
            return Steadied(prepared, None, None, None, inferred.infer_ms)
        began = self._clock.monotonic_ns()
        if self._stills:
            self._prior, self._gain = PriorTracker(), GainSmoother()
        capture_ns = prepared.pair.capture_ns
        anew = step_share(self._last_ns, capture_ns, STEERING_TIME_CONSTANT_S) is None
        self._last_ns = capture_ns
        if result.code is not None:
            self._steering.push(result.code, step_share(self._read_ns, capture_ns, STEERING_TIME_CONSTANT_S))
            self._read_ns = capture_ns
        if result.scores:
            self._shown_prior = self._prior.push(result.scores, capture_ns)
        gain = result.chroma_gain
        if gain is not None:
            gain = self._gain.push(gain, capture_ns) if self._chroma == "natural" else None
        luma = self._steadied_luma(result.luma, prepared, anew)
        steady_ms = (self._clock.monotonic_ns() - began) / 1e6
        return Steadied(prepared, luma, gain, self._shown_prior, inferred.infer_ms + steady_ms)

    def _steadied_luma(self, luma: NDArray[np.uint8], prepared: Prepared, anew: bool) -> NDArray[np.uint8]:
        if not self._noise_reduction or self._stills or prepared.sees is None or prepared.visible is None:
            return luma
        if anew:
            self._steadier = Steadier()
        return self._steadier.push(luma, prepared.sees, prepared.visible)

    def finish(self, steadied: Steadied) -> FusedFrame:
        """The fused frame, with its colours corrected."""
        began = self._clock.monotonic_ns()
        prepared, luma = steadied.prepared, steadied.luma
        pair, infrared, visible = prepared.pair, prepared.infrared, prepared.visible
        camera_chroma = None if pair.visible is None else full_range_chroma(pair.visible)
        chroma = camera_chroma
        if chroma is not None and steadied.chroma_gain is not None:
            chroma = gained(chroma, steadied.chroma_gain)
        if luma is None:
            luma = visible if visible is not None else infrared
            assert luma is not None  # a FramePair has at least one side
        fused = self._clock.monotonic_ns()
        frame = pair.visible or pair.infrared
        assert frame is not None
        named = pair.infrared or frame
        return FusedFrame(
            luma=luma,
            chroma=chroma,
            infrared=infrared if infrared is not None else np.zeros_like(luma),
            visible=visible if visible is not None else np.zeros_like(luma),
            capture_ns=pair.capture_ns,
            skew_ns=pair.skew_ns,
            seq=prepared.seq,
            clock=frame.clock,
            degraded=pair.degraded,
            prior=steadied.prior,
            name=named.name,
            stage_ms={"register": prepared.register_ms, "fuse": steadied.infer_ms + (fused - began) / 1e6},
            camera_chroma=camera_chroma,
        )

    def fuse(self, pair: FramePair, seq: int) -> FusedFrame:
        """All steps for one pair. Raises EngineError and CalibrationError."""
        return self.finish(self.steady(self.infer(self.prepare(pair, seq))))

    def _register(self, infrared: Frame, at_ns: int) -> NDArray[np.uint8]:
        size = (infrared.width, infrared.height)
        target = self._visible_size or size
        placing = self.registration.at(size, target, at_ns)
        self._coverage = placing.coverage
        out = np.empty((target[1], target[0]), np.uint8)
        register_normalize(infrared.luma, placing.matrix, self._normalizer.lut(infrared), out)
        return out
