"""The fusion stage: a pair of frames in, a fused frame in the visible camera's geometry out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kernels.chroma import apply_chroma_gain
from kernels.coverage import coverage_mask, fill_uncovered
from kernels.register import register_normalize
from models.engines import Engine
from stream.calibration import Calibration, matrix_for
from stream.clock import Clock
from stream.config import NormalizeConfig
from stream.frames import Chroma, Frame, FramePair, FusedFrame, Prior
from stream.normalize import Normalizer
from stream.picture import full_range_chroma, full_range_luma

FEATHER_SHARE = 0.03
"""Where infrared covers only a part of the visible picture, its border is blended over this share of the width."""

CAPTION_ABOVE = 0.5

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pair in the visible camera's geometry, 8 bit, full range; a missing side is None.

    ``sees``: what the student is given as infrared: visible stands in where infrared does not reach.
    """

    pair: FramePair
    seq: int
    infrared: NDArray[np.uint8] | None
    visible: NDArray[np.uint8] | None
    sees: NDArray[np.uint8] | None
    register_ms: float


class FusionStage:
    """Registers, normalizes and fuses. ``prepare`` and ``fuse`` are used from one thread.

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
    ) -> None:
        """``visible_size``: width and height of the visible pictures where they are known before the first one, so
        that infrared frames that come before it already have the output's size.
        """
        self._engine = engine
        self._normalizer = Normalizer(normalize)
        self._calibration = calibration
        self._clock = clock
        self._visible_size = visible_size
        self._map_for: tuple[Size, Size] | None = None
        self._matrix: NDArray[np.float64] = np.eye(3)
        self._coverage: NDArray[np.uint8] | None = None

    def prepare(self, pair: FramePair, seq: int) -> Prepared:
        """Register and normalize a pair; pairs come in their order. Raises CalibrationError for sizes that the
        calibration was not made for.
        """
        began = self._clock.monotonic_ns()
        visible = None if pair.visible is None else full_range_luma(pair.visible)
        if pair.visible is not None:
            self._visible_size = (pair.visible.width, pair.visible.height)
        infrared = None if pair.infrared is None else self._register(pair.infrared)
        sees = infrared
        if infrared is not None and visible is not None and self._coverage is not None:
            sees = np.empty_like(visible)
            fill_uncovered(infrared, visible, self._coverage, sees)
        registered = self._clock.monotonic_ns()
        return Prepared(pair, seq, infrared, visible, sees, (registered - began) / 1e6)

    def finish(self, prepared: Prepared) -> FusedFrame:
        """Fuse a prepared pair; in any order, and from ``Engine.parallel`` threads at once. Raises EngineError."""
        began = self._clock.monotonic_ns()
        pair, infrared, visible = prepared.pair, prepared.infrared, prepared.visible
        chroma = None if pair.visible is None else full_range_chroma(pair.visible)
        prior: Prior | None = None
        if prepared.sees is not None and visible is not None:
            result = self._engine.fuse(prepared.sees, visible)
            luma = result.luma
            if chroma is not None and result.chroma_gain is not None:
                chroma = _gained(chroma, result.chroma_gain)
            if result.scores:
                prior = Prior(result.scores, _caption(result.scores))
        else:
            alone = visible if visible is not None else infrared
            assert alone is not None  # a FramePair has at least one side
            luma = alone
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
            prior=prior,
            name=named.name,
            stage_ms={"register": prepared.register_ms, "fuse": (fused - began) / 1e6},
        )

    def fuse(self, pair: FramePair, seq: int) -> FusedFrame:
        """Prepare and finish one pair. Raises EngineError and CalibrationError."""
        return self.finish(self.prepare(pair, seq))

    def _register(self, infrared: Frame) -> NDArray[np.uint8]:
        size = (infrared.width, infrared.height)
        target = self._visible_size or size
        if self._map_for != (size, target):
            self._matrix = matrix_for(self._calibration, size, target)
            shapes = (infrared.height, infrared.width), (target[1], target[0])
            coverage = coverage_mask(self._matrix, *shapes, feather_px=FEATHER_SHARE * target[0])
            self._coverage = None if coverage.min() == 255 else coverage
            self._map_for = (size, target)
        out = np.empty((target[1], target[0]), np.uint8)
        register_normalize(infrared.luma, self._matrix, self._normalizer.lut(infrared), out)
        return out


def _gained(chroma: Chroma, gain: NDArray[np.float32]) -> Chroma:
    cb, cr = np.empty(chroma.cb.shape, np.uint8), np.empty(chroma.cr.shape, np.uint8)
    apply_chroma_gain(chroma.cb, gain, cb)
    apply_chroma_gain(chroma.cr, gain, cr)
    return Chroma(cb, cr)


def _caption(scores: dict[str, float]) -> str:
    found = sorted((kind for kind, score in scores.items() if score > CAPTION_ABOVE), key=lambda k: -scores[k])
    return ", ".join(found) or "no degradation"
