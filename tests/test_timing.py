"""The time between two cameras, from what moves in both pictures."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from cli_support import nightglass
from clips import read_clip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from motion_scenes import World

from stream.calibration import Calibration
from stream.calibration_file import load_calibration
from stream.clock import SystemClock
from stream.config import NightglassConfig, SourceConfig, SyncConfig
from stream.footage import Footage, read_footage
from stream.picture import full_range_luma
from stream.pipeline.setup import recorded_drift_ppm, sync_config
from stream.sources.opening import open_source
from stream.sync.correlate import correlate
from stream.sync.drift_estimate import estimate_drift, fit_line
from stream.sync.motion import Motion, Views, as_seen, as_seen_by, thumbnail
from stream.sync.offset_estimate import estimate_offset
from stream.timing import find_timing


def times_s(begin_s: float, seconds: float, rate_hz: float) -> np.ndarray:
    return begin_s + np.arange(round(seconds * rate_hz)) / rate_hz


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10_000),
    offset_s=st.floats(-2, 2),
    rates_hz=st.tuples(st.sampled_from([9, 25, 30]), st.sampled_from([9, 25, 30])),
    phase=st.floats(0, 1),
)
def test_an_offset_is_found_within_half_a_frame_or_refused(seed, offset_s, rates_hz, phase):
    world = World(seed)
    taken_s = times_s(phase / rates_hz[0], 14, rates_hz[0])
    found = estimate_offset(
        world.views("infrared", taken_s, taken_s - offset_s), world.views("visible", times_s(0, 14, rates_hz[1]))
    )
    if found.accepted:
        assert abs(found.offset_s - offset_s) < 0.5 / min(rates_hz)
        assert 0 < found.confidence <= 1 and found.reason == ""
    else:
        assert found.confidence == 0 and found.reason


@pytest.mark.parametrize("offset_s", [-1.93, 0.0, 0.417, 1.9])
@pytest.mark.parametrize("rates_hz", [(30, 30), (9, 30), (30, 9), (25, 30)])
def test_a_lively_scene_is_not_refused(offset_s, rates_hz):
    world = World(3)
    taken_s = times_s(0, 15, rates_hz[0])
    found = estimate_offset(
        world.views("infrared", taken_s, taken_s - offset_s), world.views("visible", times_s(0, 15, rates_hz[1]))
    )
    assert found.accepted, found
    assert abs(found.offset_s - offset_s) < 0.5 / min(rates_hz)


def test_strangers_are_refused():
    for seed in range(4):
        taken_s = times_s(0, 15, 25)
        found = estimate_offset(World(seed).views("infrared", taken_s), World(seed + 50).views("visible", taken_s))
        assert not found.accepted and found.confidence == 0 and found.reason, seed


def test_a_still_scene_is_refused():
    world, taken_s = World(1, blobs=0), times_s(0, 15, 25)
    found = estimate_offset(world.views("infrared", taken_s), world.views("visible", taken_s))
    assert not found.accepted and "move" in found.reason


def test_a_frozen_picture_and_nothing_at_all_are_refused():
    taken_s = times_s(0, 15, 25)
    still = Views(taken_s, np.full((len(taken_s), 48, 64), 7, np.float32), np.ones((48, 64), bool))
    assert not estimate_offset(still, World(1).views("visible", taken_s)).accepted
    nothing = as_seen([], [])
    assert "too few frames" in estimate_offset(nothing, World(1).views("visible", taken_s)).reason
    assert not estimate_offset(World(1).views("infrared", taken_s), nothing).accepted


def test_an_offset_beyond_the_reach_and_short_footage_are_refused():
    world, taken_s = World(5), times_s(0, 20, 25)
    visible = world.views("visible", taken_s)
    far = estimate_offset(world.views("infrared", taken_s, taken_s - 4.0), visible)
    assert not far.accepted
    short = times_s(0, 4, 25)
    refused = estimate_offset(world.views("infrared", short), world.views("visible", short))
    assert not refused.accepted and "of common footage" in refused.reason


def test_lost_frames_do_no_harm():
    world, rng = World(8), np.random.default_rng(0)
    taken_s = times_s(0, 20, 30)
    some_s, others_s = (taken_s[rng.random(len(taken_s)) > 0.15] for _ in range(2))
    found = estimate_offset(world.views("infrared", some_s, some_s + 0.6), world.views("visible", others_s))
    assert found.accepted and abs(found.offset_s + 0.6) < 1 / 60


@settings(max_examples=30)
@given(shift=st.integers(-60, 60), seed=st.integers(0, 1000))
def test_correlation_peaks_where_one_motion_is_the_other_one_shifted(shift, seed):
    rng = np.random.default_rng(seed)
    taken_s = np.arange(250) * 0.04
    cells = rng.normal(0, 1, (250, 5)).astype(np.float32)
    pieces = correlate(Motion(taken_s, cells), Motion(taken_s + shift * 0.02, cells), 0.0, 1.5)
    curve = pieces.curve(0.02)
    assert pieces.lags_s[np.argmax(curve)] == pytest.approx(shift * 0.02, abs=0.021)
    assert np.abs(curve).max() <= 1.2


def test_views_are_moved_into_the_other_camera():
    ramp = np.arange(64, dtype=np.float32)[None, None].repeat(48, 1)
    views = Views(np.zeros(1), ramp, np.ones((48, 64), bool))
    same = as_seen_by(views, np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]]), (640, 480), (1280, 960))
    np.testing.assert_allclose(same.pictures, ramp, atol=1e-4)
    assert same.covered.all()
    # Infrared sees the right half of the visible picture only.
    half = as_seen_by(views, np.array([[1.0, 0, -320], [0, 1, 0], [0, 0, 1]]), (640, 480), (640, 480))
    assert not half.covered[:, :31].any() and half.covered[:, 33:].all()
    np.testing.assert_allclose(half.pictures[0, 0, 32:], ramp[0, 0, :32], atol=1e-3)


@settings(max_examples=30)
@given(width=st.integers(64, 200), height=st.integers(48, 150), deep=st.booleans())
def test_a_thumbnail_keeps_the_mean_of_what_it_covers(width, height, deep):
    luma = np.random.default_rng(width).integers(0, 60_000 if deep else 256, (height, width))
    small = thumbnail(luma.astype(np.uint16 if deep else np.uint8))
    assert small.shape == (48, 64) and small.dtype == np.float32
    assert small[0, 0] == pytest.approx(luma[: max(1, height // 48), : max(1, width // 64)].mean(), rel=1e-5)
    with pytest.raises(ValueError, match="at least 64x48"):
        thumbnail(np.zeros((20, 20), np.uint8))


def test_views_must_be_in_order():
    with pytest.raises(ValueError, match="increase"):
        Views(np.array([0.0, 0.0]), np.zeros((2, 48, 64), np.float32), np.ones((48, 64), bool))
    kept = as_seen([0.0, 0.1, 0.1, 0.05, 0.2], [np.full((48, 64), k, np.float32) for k in range(5)])
    assert kept.pictures[:, 0, 0].tolist() == [0, 1, 4]


@settings(max_examples=40)
@given(slope=st.floats(-3e-4, 3e-4), level=st.floats(-2, 2), seed=st.integers(0, 1000))
def test_the_line_holds_against_a_fifth_of_nonsense(slope, level, seed):
    rng = np.random.default_rng(seed)
    x = np.arange(40) * 10.0
    y = level + slope * x + rng.normal(0, 0.002, 40)
    y[rng.choice(40, 8, replace=False)] += rng.uniform(-0.4, 0.4, 8)
    found, at_zero, error = fit_line(x, y)
    assert abs(found - slope) < 3e-5
    assert abs(at_zero - level) < 6e-3
    assert error < 2e-5


def test_drift_is_found_in_long_footage_and_unknown_in_short():
    world = World(11)
    drift = 150e-6
    taken_s = times_s(0, 200, 10)
    infrared = world.views("infrared", taken_s, taken_s * (1 - drift) - 0.8)
    visible = world.views("visible", taken_s)
    found = estimate_drift(infrared, visible, estimate_offset(infrared, visible))
    # The offset at the first frame is 0.8 s, and infrared's second is longer by the drift.
    assert found.drift_ppm == pytest.approx(150, abs=30)
    assert found.offset_s == pytest.approx(0.8, abs=0.02)
    short = [Views(one.times_s[:300], one.pictures[:300], one.covered) for one in (infrared, visible)]
    unknown = estimate_drift(*short, estimate_offset(*short))
    assert unknown.drift_ppm is None and unknown.offset_s == pytest.approx(0.8, abs=0.03)
    with pytest.raises(ValueError, match="no offset to start from"):
        estimate_drift(*short, estimate_offset(short[0], as_seen([], [])))


def test_folders_and_tiny_pictures_have_no_time():
    nothing = Footage([], [], [])
    said = find_timing(nothing, nothing, np.eye(3), (640, 480), (640, 480))
    assert said.offset_ms is None and "not looked for" in said.said


@pytest.mark.parametrize(
    ("configured", "calibrated", "offset", "drift"),
    [
        (None, (-120.5, 40.0), -120.5, 40.0),
        (0.0, (-120.5, 40.0), 0.0, 0.0),
        (7.0, (-120.5, None), 7.0, 0.0),
        (None, (None, None), None, 0.0),
        (None, (3.0, None), 3.0, 0.0),
    ],
)
def test_a_number_in_the_configuration_replaces_the_calibrations_timing(configured, calibrated, offset, drift):
    config = NightglassConfig(sync=SyncConfig(infrared_offset_ms=configured))
    calibration = Calibration(
        np.eye(3),
        (64, 48),
        (64, 48),
        "structure",
        infrared_offset_ms=calibrated[0],
        infrared_drift_ppm=calibrated[1],
    )
    assert sync_config(config, calibration).infrared_offset_ms == offset
    assert recorded_drift_ppm(config, calibration) == drift
    assert sync_config(config, None).infrared_offset_ms == configured
    assert recorded_drift_ppm(config, None) == 0.0


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """One world, infrared at 9 Hz, switched on 0.7 s after visible at 25 Hz: its stamps are that much too early."""
    folder, world = tmp_path_factory.mktemp("recordings"), World(21)
    world.write(folder / "ir.mp4", "infrared", 0.7, 14, 9)
    world.write(folder / "vi.mp4", "visible", 0.0, 15, 25)
    World(99).write(folder / "other.mp4", "visible", 0.0, 15, 9)
    return folder


def test_encoded_video_gives_its_offset_and_strangers_none(recordings):
    infrared, visible, other = (
        read_footage(str(recordings / name), role, SystemClock())
        for name, role in (("ir.mp4", "infrared"), ("vi.mp4", "visible"), ("other.mp4", "visible"))
    )
    assert (len(infrared.thumbnails), len(visible.thumbnails)) == (126, 375)
    size = (128, 96)
    found = find_timing(infrared, visible, np.eye(3), size, size)
    assert found.offset_ms == pytest.approx(700, abs=500 / 9)
    assert found.drift_ppm is None and 0 < found.confidence <= 1
    assert f"{found.offset_ms:+.1f}" in found.said and "drift unknown" in found.said
    refused = find_timing(infrared, other, np.eye(3), size, size)
    assert (refused.offset_ms, refused.drift_ppm, refused.confidence) == (None, None, None)
    assert refused.said.startswith("time offset not found: ")


def record(role: str, path: Path, first: int) -> list[np.ndarray]:
    """The simulator's 15 Hz pictures of one camera in a video that starts with number ``first``; all of them."""
    config = SourceConfig(url="sim:smoke-yard?size=320x240&seconds=10&fps=15")
    source = open_source(config, role, SystemClock())
    source.open()
    lumas = [full_range_luma(frame).copy() for frame in source.frames()]
    source.close()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=15, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number, luma in enumerate(lumas[first:]):
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, np.full((120, 320), 128, np.uint8)]), format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return lumas


def test_calibrate_writes_the_offset_and_convert_applies_it(tmp_path):
    """Infrared was switched on 9 frames, 0.6 s, later than visible: in a file of its own it is stamped too early."""
    taken = record("infrared", tmp_path / "ir.mp4", 9)
    record("visible", tmp_path / "vi.mp4", 0)
    inputs = ("--infrared", "ir.mp4", "--visible", "vi.mp4")
    done = nightglass("calibrate", *inputs, "--output", "calibration.yaml", cwd=tmp_path)
    assert done.code == 0, done.err
    written = load_calibration(tmp_path / "calibration.yaml")
    assert written.infrared_offset_ms == pytest.approx(600, abs=500 / 15)
    assert 0 < written.infrared_offset_confidence <= 1 and written.infrared_drift_ppm is None
    assert f"infrared_offset_ms {written.infrared_offset_ms:+.1f}" in done.out

    (tmp_path / "settings.yaml").write_text("registration: {calibration: calibration.yaml}\n")
    done = nightglass(
        "convert", *inputs, "--output", "out.mp4", "--config", "settings.yaml", "--mode", "infrared",
        "--allow-unequal", cwd=tmp_path,
    )  # fmt: skip
    assert done.code == 0, done.err
    # Without the offset it would be 9.
    assert shown_later_by(taken, read_clip(tmp_path / "out.mp4")[0]) == 0


def cars(rate_hz: float, lit: bool, rng: np.random.Generator) -> Views:
    """Four sharp cars that cross a field of small pixels; ``lit``: each with a smooth light on the road before it."""
    times_s = np.arange(0, 16, 1 / rate_hz) + rng.uniform(0, 1 / rate_hz)
    y, x = np.mgrid[:48, :64].astype(np.float64)
    pictures = np.full((len(times_s), 48, 64), 40.0)
    for row, speed_px_s, start_s in ((10, 21, 0.5), (20, 17, 3.1), (30, 25, 5.8), (40, 19, 8.9)):
        for picture, time_s in zip(pictures, times_s, strict=True):
            at_px = speed_px_s * (time_s - start_s) - 10
            picture[(np.abs(x - at_px) < 2) & (np.abs(y - row) < 2)] += 30
            if lit:
                picture += 60 * np.exp(-((x - at_px - 7) ** 2 + (y - row) ** 2) / (2 * 4**2))
    pictures += rng.normal(0, 0.2, pictures.shape)
    return Views(times_s, pictures.astype(np.float32), np.ones((48, 64), bool))


@pytest.mark.parametrize("seed", range(3))
def test_light_that_runs_ahead_of_a_car_does_not_lead(seed):
    rng = np.random.default_rng(seed)
    found = estimate_offset(cars(9, False, rng), cars(9, True, rng))
    assert found.accepted and abs(found.offset_s) < 0.03


def test_calibrate_says_what_a_single_pair_cannot_tell(tmp_path):
    """A score says how clearly a map stands out, not how far one frame's parallax moves its corners."""
    for role in ("infrared", "visible"):
        picture = record(role, tmp_path / f"{role}.mp4", 0)[40]
        assert cv2.imwrite(str(tmp_path / f"{role}.png"), picture)

    def said(ending: str) -> str:
        inputs = ("--infrared", f"infrared.{ending}", "--visible", f"visible.{ending}")
        done = nightglass("calibrate", *inputs, "--output", "calibration.yaml", cwd=tmp_path)
        assert done.code == 0, done.err
        return done.out

    assert "corners may be some pixels off" in said("png")
    assert "corners may be some pixels off" not in said("mp4")


def shown_later_by(taken: list[np.ndarray], shown: list[np.ndarray]) -> int:
    """By how many frames what is shown is ahead of the infrared picture of the same moment."""
    moments = range(30, 110, 8)

    def miss(ahead: int) -> float:
        return sum(float(np.abs(shown[k].astype(int) - taken[k + ahead]).mean()) for k in moments)

    return min(range(-15, 16), key=miss)
