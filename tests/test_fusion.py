"""The fusion stage and the normalization of infrared, with an engine that shows what it was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.engines import FusionResult
from models.steering import STRENGTH
from stream.calibration import Calibration
from stream.clock import SystemClock
from stream.config import NormalizeConfig
from stream.errors import CalibrationError
from stream.frames import Chroma, Frame, FramePair, chroma_size
from stream.fusion import FusionStage
from stream.normalize import Normalizer


class ShowEngine:
    """Gives the larger of both lumas, and keeps what it was asked."""

    name, precision, model = "show", "fp32", "none"

    def __init__(self, gain: float | None = None, scores: dict[str, float] | None = None) -> None:
        self.asked: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
        self._gain, self._scores = gain, scores or {}

    def fuse(
        self,
        infrared: NDArray[np.uint8],
        visible: NDArray[np.uint8],
        code: NDArray[np.float32] | None = None,
        *,
        read: bool = True,
    ) -> FusionResult:
        self.asked.append((infrared.copy(), visible.copy()))
        gain = None if self._gain is None else np.full((4, 4), self._gain, np.float32)
        return FusionResult(np.maximum(infrared, visible), gain, self._scores)

    def close(self) -> None:
        pass


def frame(luma: NDArray[Any], *, chroma: int | None = None, color_range: Any = "full", **more: Any) -> Frame:
    planes = None
    if chroma is not None:
        w, h = chroma_size(luma.shape[1], luma.shape[0])
        planes = Chroma(np.full((h, w), chroma, np.uint8), np.full((h, w), 128, np.uint8))
    values: dict[str, Any] = {"pts_s": 0.0, "capture_ns": 0, "clock": "file", "seq": 0, "source": "test"} | more
    return Frame(luma, planes, "gray" if chroma is None else "yuv420p", color_range, **values)


def stage(engine: ShowEngine, calibration: Calibration | None = None, **more: Any) -> FusionStage:
    return FusionStage(engine, NormalizeConfig(), calibration, SystemClock(), **more)


def ramp(width: int, height: int) -> NDArray[np.uint8]:
    return np.tile(np.linspace(0, 255, width).astype(np.uint8), (height, 1))


def test_engine_sees_registered_infrared_and_full_range_visible():
    engine = ShowEngine()
    limited = np.full((48, 64), 16, np.uint8)
    limited[:, 32:] = 235
    pair = FramePair(frame(ramp(32, 24)), frame(limited, chroma=100, color_range="limited"), capture_ns=7, skew_ns=3)
    fused = stage(engine, noise_reduction=False).fuse(pair, seq=5)
    infrared, visible = engine.asked[0]
    assert infrared.shape == visible.shape == (48, 64)
    assert (visible[:, :32] == 0).all() and (visible[:, 32:] == 255).all()
    assert np.abs(infrared[24].astype(int) - ramp(64, 1)[0]).max() <= 6
    assert np.array_equal(fused.luma, np.maximum(infrared, visible))
    assert (fused.capture_ns, fused.skew_ns, fused.seq, fused.degraded) == (7, 3, 5, "none")
    assert fused.chroma is not None
    assert abs(int(fused.chroma.cb[0, 0]) - round((100 - 128) * 255 / 224 + 128)) <= 1
    assert set(fused.stage_ms) == {"register", "fuse"} and fused.prior is None


def test_infrared_of_limited_range_is_widened():
    engine = ShowEngine()
    pair = FramePair(
        frame(np.full((24, 32), 235, np.uint8), color_range="limited"), frame(np.zeros((24, 32), np.uint8)), 0
    )
    stage(engine).fuse(pair, 0)
    assert (engine.asked[0][0] == 255).all()


@pytest.mark.parametrize("gone", ["infrared", "visible"])
def test_one_camera_alone_goes_on_without_the_engine(gone: str):
    engine = ShowEngine()
    infrared, visible = frame(ramp(32, 24)), frame(255 - ramp(64, 48), chroma=90)
    both = stage(engine)
    both.fuse(FramePair(infrared, visible, 0), 0)
    alone = FramePair(
        None if gone == "infrared" else infrared,
        None if gone == "visible" else visible,
        capture_ns=1,
        degraded=f"{gone}_missing",  # type: ignore[arg-type]
    )
    fused = both.fuse(alone, 1)
    assert len(engine.asked) == 1
    assert fused.luma.shape == (48, 64) and fused.degraded == f"{gone}_missing"
    if gone == "infrared":
        assert np.array_equal(fused.luma, visible.luma) and fused.chroma is not None
        assert not fused.infrared.any()
    else:
        assert np.abs(fused.luma[24].astype(int) - ramp(64, 1)[0]).max() <= 6
        assert fused.chroma is None and not fused.visible.any()


def test_infrared_before_any_visible_frame_takes_the_announced_size():
    first = FramePair(frame(ramp(32, 24)), None, 0, degraded="visible_missing")
    assert stage(ShowEngine(), visible_size=(64, 48)).fuse(first, 0).luma.shape == (48, 64)
    assert stage(ShowEngine()).fuse(first, 0).luma.shape == (24, 32)


def test_sizes_may_change_between_frames():
    engine = ShowEngine()
    one = stage(engine)
    for width, height in ((64, 48), (33, 17), (64, 48)):
        pair = FramePair(frame(ramp(20, 16)), frame(np.zeros((height, width), np.uint8)), 0)
        assert one.fuse(pair, 0).luma.shape == (height, width)


def shifted_right(pixels: float) -> Calibration:
    homography = np.array([[1.0, 0, -pixels], [0, 1, 0], [0, 0, 1]])
    return Calibration(homography, (64, 48), (64, 48), "points")


def test_where_infrared_does_not_reach_the_visible_picture_stays():
    engine = ShowEngine()
    pair = FramePair(frame(np.full((48, 64), 250, np.uint8)), frame(ramp(64, 48) // 2), 0)
    fused = stage(engine, shifted_right(32)).fuse(pair, 0)
    assert np.array_equal(engine.asked[0][0][:, :24], pair.visible.luma[:, :24])
    assert np.array_equal(fused.luma[:, :24], pair.visible.luma[:, :24])
    assert (fused.luma[:, 40:] == 250).all()
    blend = engine.asked[0][0][24].astype(int)
    assert np.abs(np.diff(blend)).max() < 230, "a hard edge where infrared begins"


def test_calibration_for_another_shape_is_refused():
    pair = FramePair(frame(np.zeros((64, 64), np.uint8)), frame(np.zeros((48, 64), np.uint8)), 0)
    with pytest.raises(CalibrationError):
        stage(ShowEngine(), shifted_right(4)).fuse(pair, 0)


def coloured_pair(capture_ns: int = 0) -> FramePair:
    return FramePair(frame(ramp(32, 24)), frame(ramp(32, 24), chroma=138), capture_ns)


def test_chroma_gain_and_prior():
    engine = ShowEngine(gain=2.0, scores={"smoke": 0.9, "infrared_noise": 0.6, "rain": 0.1})
    fused = stage(engine).fuse(coloured_pair(), 0)
    assert fused.chroma is not None and abs(int(fused.chroma.cb[3, 3]) - 148) <= 1
    assert fused.camera_chroma is not None and (fused.camera_chroma.cb == 138).all()
    assert fused.prior is not None and fused.prior.caption == "visible: smoke; infrared: noise"
    assert fused.prior.scores == {"smoke": 0.9, "infrared_noise": 0.6, "rain": 0.1}
    clean = stage(ShowEngine(scores={"smoke": 0.1})).fuse(coloured_pair(), 0)
    assert clean.prior is not None and clean.prior.caption == "clear"


def test_plain_chroma_is_the_cameras():
    fused = stage(ShowEngine(gain=2.0, scores={"smoke": 0.9}), chroma="plain").fuse(coloured_pair(), 0)
    assert fused.chroma is not None and (fused.chroma.cb == 138).all()
    assert fused.prior is not None and fused.prior.present == ("smoke",)


def test_a_grey_visible_camera_has_no_colours_to_correct():
    pair = FramePair(frame(ramp(32, 24)), frame(ramp(32, 24)), 0)
    assert stage(ShowEngine(gain=2.0)).fuse(pair, 0).chroma is None


class StepEngine(ShowEngine):
    """Sees nothing and leaves colours alone the first time, then smoke, and doubles colours."""

    def fuse(
        self,
        infrared: NDArray[np.uint8],
        visible: NDArray[np.uint8],
        code: NDArray[np.float32] | None = None,
        *,
        read: bool = True,
    ) -> FusionResult:
        later = bool(self.asked)
        self._gain, self._scores = 1.0 + later, {"smoke": float(later)}
        return super().fuse(infrared, visible)


@pytest.mark.parametrize(("gap_s", "stills"), [(0.04, False), (0.04, True), (6.0, False)])
def test_prior_and_chroma_gain_are_steady_but_between_stills_and_after_a_gap(gap_s: float, stills: bool):
    steps = stage(StepEngine(), stills=stills)
    steps.fuse(coloured_pair(0), 0)
    fused = steps.fuse(coloured_pair(round(gap_s * 1e9)), 1)
    assert fused.prior is not None and fused.chroma is not None
    if gap_s < 1 and not stills:
        assert fused.prior.scores["smoke"] == pytest.approx(0.0392, abs=1e-3) and fused.prior.present == ()
        assert 138 <= fused.chroma.cb[3, 3] <= 141
    else:
        assert fused.prior.scores["smoke"] == 1 and fused.prior.present == ("smoke",)
        assert fused.chroma.cb[3, 3] == 148


def test_one_camera_alone_is_not_judged_and_does_not_disturb_the_smoothing():
    steps = stage(StepEngine())
    steps.fuse(coloured_pair(0), 0)
    alone = steps.fuse(replace(coloured_pair(20_000_000), infrared=None, degraded="infrared_missing"), 1)
    assert alone.prior is None and alone.chroma is not None and (alone.chroma.cb == 138).all()
    again = steps.fuse(coloured_pair(40_000_000), 2)
    assert again.prior is not None and again.prior.scores["smoke"] == pytest.approx(0.0392, abs=1e-3)


def test_inference_and_finish_may_come_in_any_order():
    """Only ``prepare`` and ``steady`` go by the order of the frames; several frames may be under way at once."""
    pairs = [coloured_pair(number * 400_000_000) for number in range(5)]
    one_by_one = stage(StepEngine())
    expected = [one_by_one.fuse(pair, number) for number, pair in enumerate(pairs)]

    mixed, results = stage(StepEngine()), {}
    prepared = [mixed.prepare(pair, number) for number, pair in enumerate(pairs)]
    for number in (0, 3, 1, 4, 2):
        results[number] = mixed.infer(prepared[number])
    steadied = [mixed.steady(results[number]) for number in range(5)]
    given = {number: mixed.finish(steadied[number]) for number in (4, 2, 0, 3, 1)}
    for number, fused in enumerate(expected):
        assert given[number].prior == fused.prior and given[number].seq == number
        assert np.array_equal(given[number].chroma.cb, fused.chroma.cb)
    assert expected[1].chroma.cb[3, 3] < expected[2].chroma.cb[3, 3] < expected[4].chroma.cb[3, 3]


class CodeEngine(ShowEngine):
    """Reads a code in each picture: its number, counted from 1; notes which code it was steered by."""

    def __init__(self) -> None:
        super().__init__()
        self.steered: list[float | None] = []
        self.read: list[bool] = []
        self.pictures = 0
        self._last: NDArray[np.uint8] | None = None

    def fuse(
        self,
        infrared: NDArray[np.uint8],
        visible: NDArray[np.uint8],
        code: NDArray[np.float32] | None = None,
        *,
        read: bool = True,
    ) -> FusionResult:
        if visible is not self._last:
            self.pictures += 1
            self._last = visible
        self.steered.append(None if code is None else float(code[0]))
        self.read.append(read)
        if not read:
            return FusionResult(np.maximum(infrared, visible))
        number = self.pictures
        return FusionResult(
            np.maximum(infrared, visible), code=np.full(32, number, np.float32), scores={"smoke": float(number > 1)}
        )


def test_a_stream_is_steered_by_the_smoothed_code_of_the_frames_before():
    engine = CodeEngine()
    steps = stage(engine)
    for number in range(5):
        steps.fuse(coloured_pair(number * 40_000_000), number)
    steps.fuse(coloured_pair(60_000_000_000), 5)
    steps.fuse(coloured_pair(60_040_000_000), 6)
    # The first frame is looked at twice: read, then steered by that. After the gap the first frame is still steered by
    # what was known, the next by what that one read.
    assert engine.steered[0] is None and engine.read[:2] == [True, False]
    steered = np.array(engine.steered[1:], float) / STRENGTH
    np.testing.assert_allclose(steered, [1.0, 1.0, 1.0, 1.0, 1.3392, 1.3392, 6.0], atol=2e-3)


def test_a_video_is_read_now_and_then_and_what_was_said_of_it_stays():
    engine = CodeEngine()
    steps = stage(engine)
    fused = [steps.fuse(coloured_pair(round(number * 1e9 / 30)), number) for number in range(9)]
    assert engine.read == [True, False] + [number % 4 == 0 for number in range(1, 9)]
    said = [frame.prior.scores["smoke"] for frame in fused]
    assert said[0] == said[3] == 0 < said[4] == said[7] < said[8]
    # A recording that starts again, and a frame of one camera alone, which is not read.
    steps.fuse(coloured_pair(0), 9)
    steps.fuse(replace(coloured_pair(200_000_000), infrared=None, degraded="infrared_missing"), 10)
    steps.fuse(coloured_pair(233_000_000), 11)
    assert engine.read[10:] == [True, True]


def test_stills_are_steered_by_themselves():
    engine = CodeEngine()
    steps = stage(engine, stills=True)
    for number in range(3):
        steps.fuse(coloured_pair(number * 40_000_000), number)
    assert engine.steered == [None, None, None] and all(engine.read)


def test_sixteen_bit_visible_keeps_its_high_byte():
    engine = ShowEngine()
    visible = (ramp(32, 24).astype(np.uint16) << 8) + 37
    stage(engine).fuse(FramePair(frame(ramp(32, 24)), frame(visible), 0), 0)
    assert np.array_equal(engine.asked[0][1], ramp(32, 24))


def test_input_frames_are_left_alone():
    infrared, visible = frame(ramp(32, 24)), frame(ramp(64, 48), chroma=90, color_range="limited")
    for plane in (infrared.luma, visible.luma, visible.chroma.cb, visible.chroma.cr):
        plane.flags.writeable = False
    stage(ShowEngine(gain=1.5)).fuse(FramePair(infrared, visible, 0), 0)


def counts(seed: int, low: int, span: int) -> NDArray[np.uint16]:
    return (low + np.random.default_rng(seed).integers(0, span, (24, 32))).astype(np.uint16)


@settings(max_examples=40)
@given(
    st.sampled_from(["auto", "none", "linear", "plateau"]),
    st.integers(0, 60_000),
    st.integers(1, 5000),
    st.integers(0, 99),
)
def test_sixteen_bit_tables_never_fall(agc: Any, low: int, span: int, seed: int):
    """A warmer spot must never be shown darker than a colder one."""
    table = Normalizer(NormalizeConfig(agc=agc)).lut(frame(counts(seed, low, span)))
    assert table.shape == (65536,) and table.dtype == np.uint8
    assert (np.diff(table.astype(int)) >= 0).all()


def test_eight_bit_passes_unless_asked():
    grey = frame(ramp(32, 24) // 4)
    assert np.array_equal(Normalizer(NormalizeConfig()).lut(grey), np.arange(256))
    stretched = Normalizer(NormalizeConfig(agc="linear")).lut(grey)
    assert stretched.shape == (256,) and stretched[60] > 200


def test_a_hot_object_does_not_pump_the_picture_at_once():
    cold = counts(0, 20_000, 300)
    hot = cold.copy()
    hot[:10, :10] = 30_000
    normalizer = Normalizer(NormalizeConfig(agc="linear", smoothing_s=0.5))
    before = normalizer.lut(frame(cold))[20_150].astype(int)
    at_once = normalizer.lut(frame(hot, capture_ns=40_000_000))[20_150].astype(int)
    for number in range(2, 150):
        later = normalizer.lut(frame(hot, capture_ns=number * 40_000_000))[20_150].astype(int)
    assert abs(before - at_once) < 0.15 * abs(before - later)
    without = Normalizer(NormalizeConfig(agc="linear", smoothing_s=0.0))
    without.lut(frame(cold))
    assert abs(int(without.lut(frame(hot, capture_ns=40_000_000))[20_150]) - later) <= 2


def test_another_size_or_depth_starts_anew():
    normalizer = Normalizer(NormalizeConfig(agc="linear"))
    first = frame(counts(1, 20_000, 300))
    normalizer.lut(first)
    other = replace(first, luma=counts(2, 3_000, 300)[:20])
    assert np.array_equal(normalizer.lut(other), Normalizer(NormalizeConfig(agc="linear")).lut(other))
    assert normalizer.lut(replace(first, luma=ramp(32, 24))).shape == (256,)


class NoisyEngine(ShowEngine):
    """Gives noise around 100, whatever it sees."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = np.random.default_rng(0)

    def fuse(
        self,
        infrared: NDArray[np.uint8],
        visible: NDArray[np.uint8],
        code: NDArray[np.float32] | None = None,
        *,
        read: bool = True,
    ) -> FusionResult:
        return FusionResult(self._rng.integers(90, 111, visible.shape).astype(np.uint8))


@pytest.mark.parametrize(
    ("settings", "calmer"), [({}, True), ({"noise_reduction": False}, False), ({"stills": True}, False)]
)
def test_noise_is_reduced_where_nothing_moves(settings: dict[str, Any], calmer: bool):
    steps = stage(NoisyEngine(), **settings)
    lumas = [steps.fuse(coloured_pair(number * 40_000_000), number).luma.astype(float) for number in range(48)]
    # A memory of 12 frames goes by before the mean is calm itself. The noise has 6.1; half is kept, detail raised.
    spread = np.std(np.stack(lumas[24:]), axis=0).mean()
    assert (spread < 4) == calmer


def test_noise_reduction_starts_anew_after_a_gap_and_after_one_camera_was_gone():
    steps = stage(NoisyEngine())
    for number in range(36):
        steps.fuse(coloured_pair(number * 40_000_000), number)
    calm = steps.fuse(coloured_pair(36 * 40_000_000), 36).luma.std()
    steps.fuse(replace(coloured_pair(37 * 40_000_000), infrared=None, degraded="infrared_missing"), 37)
    fresh = steps.fuse(coloured_pair(38 * 40_000_000), 38).luma.std()
    for number in range(39, 45):
        steps.fuse(coloured_pair(number * 40_000_000), number)
    late = steps.fuse(coloured_pair(90_000_000_000), 45).luma.std()
    assert calm < 4 < min(fresh, late)
