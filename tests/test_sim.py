"""The simulated pair: what a URL asks for is what the two cameras give."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.config import SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.sources.base import Role
from stream.sources.sim import SimSource
from stream.sources.simscene import schedule
from stream.sources.simscene.canvas import WarmBox
from stream.sources.simscene.catalogue import load_scene
from stream.sources.simscene.scene import Scene
from stream.sources.simscene.spec import SCENES, SimSpec, parse_spec

SMALL = "size=160x120"
ROLES: tuple[Role, ...] = get_args(Role)


class FakeClock:
    """Time passes only while somebody sleeps, or by ``work_ns`` at every look at the clock."""

    def __init__(self, now_ns: int = 1_700_000_000_123_456_789, work_ns: int = 0) -> None:
        self.time_ns = now_ns
        self.work_ns = work_ns

    def now_ns(self) -> int:
        self.time_ns += self.work_ns
        return self.time_ns

    def monotonic_ns(self) -> int:
        return self.now_ns()

    def thread_cpu_ns(self) -> int:
        return 0

    def sleep_s(self, seconds: float) -> None:
        self.time_ns += max(0, round(seconds * 1e9))


def make(
    url: str, role: Role, clock: FakeClock | None = None, *, realtime: bool = False, loop: bool = False
) -> SimSource:
    return SimSource(SourceConfig(url=url, realtime=realtime, loop=loop), role, clock or FakeClock())


def read(url: str, role: Role, count: int | None = None) -> list[Frame]:
    source = make(url, role)
    source.open()
    frames = list(islice(source.frames(), count))
    source.close()
    return frames


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest) -> Scene:
    """A scene at its usual size."""
    return load_scene(parse_spec(f"sim:{request.param}"))


# --- the URL ---


def test_every_parameter_is_read() -> None:
    spec = parse_spec(
        "sim:smoke-yard?size=320x240&fps=30000/1001&seconds=2.5&seed=7&offset_ms=-40&jitter_ms=3&scale=0.9&rotate_deg=-2"
        "&shift_x=0.05&shift_y=-.02&dropout=0.01&stripes=2&noise=0&bits=16&ir_size=160x128&ir_fps=9"
        "&ir_outage=3:1.5&vi_outage=0.5:0.25"
    )
    assert (spec.scene, spec.size, spec.seed, spec.bits, spec.seconds) == ("smoke-yard", (320, 240), 7, 16, 2.5)
    assert float(spec.fps) == pytest.approx(29.97003)
    assert (spec.offset_ms, spec.jitter_ms, spec.scale, spec.rotate_deg) == (-40, 3, 0.9, -2)
    assert (spec.shift_x, spec.shift_y, spec.dropout, spec.stripes, spec.noise) == (0.05, -0.02, 0.01, 2, 0)
    assert (spec.size_of("infrared"), spec.size_of("visible")) == ((160, 128), (320, 240))
    assert (spec.fps_of("infrared"), spec.fps_of("visible")) == (9, spec.fps)
    assert spec.ir_outage is not None and (spec.ir_outage.start_s, spec.ir_outage.duration_s) == (3, 1.5)
    assert spec.vi_outage is not None and (spec.vi_outage.start_s, spec.vi_outage.duration_s) == (0.5, 0.25)


def test_defaults() -> None:
    spec = parse_spec("sim:night-street")
    assert (spec.size, spec.fps, spec.seconds, spec.seed, spec.bits) == ((640, 480), 30, 10, 1, 8)
    assert np.array_equal(spec.homography_infrared_from_visible(), np.eye(3))


@pytest.mark.parametrize(
    ("query", "at_fault", "allowed"),
    [
        ("colour=red", "colour", "jitter_ms"),
        ("size=640", "size", "WIDTHxHEIGHT"),
        ("size=16x16", "size", "64 to 4096"),
        ("fps=0", "fps", "0.1 to 240"),
        ("fps=30/0", "fps", "0.1 to 240"),
        ("seconds=-1", "seconds", "from 0"),
        ("seed=1.5", "seed", "whole number"),
        ("dropout=1", "dropout", "0 to 0.95"),
        ("bits=12", "bits", "8 or 16"),
        ("scale=nan", "scale", "0.25 to 4"),
        ("offset_ms=1e3", "offset_ms", "-10000"),
        ("ir_outage=3", "ir_outage", "START:DURATION"),
        ("vi_outage=3:0", "vi_outage", "START:DURATION"),
        ("seed=1&seed=2", "seed", "once"),
        ("fps=", "fps", "0.1 to 240"),
    ],
)
def test_bad_parameters_are_named(query: str, at_fault: str, allowed: str) -> None:
    with pytest.raises(SourceError) as raised:
        make(f"sim:night-street?{query}", "visible")
    message = str(raised.value)
    assert f"'{at_fault}'" in message and allowed in message and "\n" not in message


@pytest.mark.parametrize("url", ["sim:day-street", "sim:", "sim:night-street?size", "night-street"])
def test_bad_urls(url: str) -> None:
    with pytest.raises(SourceError, match=r"night-street|key=value"):
        parse_spec(url)


# --- the schedule ---


@given(st.integers(0, 10**10), st.sampled_from(["30", "29.97", "30000/1001", "9", "0.5", "240"]))
def test_ticks_and_times_agree(tick: int, fps: str) -> None:
    spec = parse_spec(f"sim:night-street?fps={fps}")
    time_ns = schedule.frame_time_ns(spec, "visible", tick)
    assert schedule.next_tick(spec, "visible", time_ns) == tick
    assert schedule.next_tick(spec, "visible", time_ns + 1) == tick + 1


@settings(max_examples=25)
@given(st.floats(0.0, 0.95), st.integers(0, 1000))
def test_dropout_is_the_share_asked_for(share: float, seed: int) -> None:
    spec = SimSpec("night-street", dropout=share, seed=seed)
    lost = [[schedule.is_lost(spec, role, seq) for seq in range(3000)] for role in ROLES]
    for flags in lost:
        # Five standard deviations of a binomial count.
        assert abs(sum(flags) - 3000 * share) <= 5 * (3000 * share * (1 - share)) ** 0.5 + 1e-9
    assert share < 0.01 or lost[0] != lost[1]


@given(st.floats(0.0, 100.0), st.integers(0, 10**6))
def test_delay_stays_within_the_jitter(jitter_ms: float, seq: int) -> None:
    spec = SimSpec("night-street", jitter_ms=jitter_ms)
    assert 0 <= schedule.delay_ns(spec, "infrared", seq) <= jitter_ms * 1e6


@given(st.floats(0.25, 4), st.floats(-45, 45), st.floats(-0.5, 0.5), st.sampled_from([None, (160, 128), (1280, 720)]))
def test_homography_turns_scales_and_shifts_about_the_centres(
    scale: float, rotate_deg: float, shift_x: float, ir_size: tuple[int, int] | None
) -> None:
    spec = SimSpec("night-street", scale=scale, rotate_deg=rotate_deg, shift_x=shift_x, ir_size=ir_size)
    (w_vi, h_vi), (w_ir, h_ir) = spec.size, spec.size_of("infrared")
    matrix = spec.homography_infrared_from_visible()
    centre = matrix @ ((w_vi - 1) / 2, (h_vi - 1) / 2, 1)
    assert centre[:2] == pytest.approx([(w_ir - 1) / 2 + shift_x * w_ir, (h_ir - 1) / 2], abs=1e-6)
    along = matrix[:2, :2] @ (1.0, 0.0)
    assert np.hypot(*along) * w_vi / w_ir == pytest.approx(scale)
    assert np.degrees(np.arctan2(along[1], along[0])) == pytest.approx(rotate_deg, abs=1e-6)


# --- frames of a recording ---


def test_recorded_frames_and_info() -> None:
    url = f"sim:night-street?{SMALL}&fps=25&seconds=0.4&ir_fps=10&ir_size=80x64"
    cameras: list[tuple[Role, int, tuple[int, int]]] = [("visible", 10, (160, 120)), ("infrared", 4, (80, 64))]
    for role, count, size in cameras:
        source = make(url, role)
        info = source.open()
        frames = list(source.frames())
        assert (info.width, info.height) == size and info.frame_count == len(frames) == count
        assert not info.live and info.rate_hz == (25 if role == "visible" else 10)
        assert [frame.seq for frame in frames] == list(range(count))
        assert [frame.capture_ns for frame in frames] == [
            i * 10**9 // (25 if role == "visible" else 10) for i in range(count)
        ]
        for frame in frames:
            assert (frame.width, frame.height) == size and frame.clock == "sim"
            assert frame.pixel_format == info.pixel_format == ("yuv420p" if role == "visible" else "gray")
            assert frame.color_range == ("limited" if role == "visible" else "full")
            assert (frame.chroma is not None) == (role == "visible")
        source.close()
        source.close()


def test_offset_is_added_to_infrared_stamps_only() -> None:
    plain = read(f"sim:night-street?{SMALL}", "infrared", 3)
    late = read(f"sim:night-street?{SMALL}&offset_ms=40", "infrared", 3)
    assert [b.capture_ns - a.capture_ns for a, b in zip(plain, late, strict=True)] == [40_000_000] * 3
    # The picture is of the true moment: the same as without the offset.
    assert all(np.array_equal(a.luma, b.luma) for a, b in zip(plain, late, strict=True))
    visible = read(f"sim:night-street?{SMALL}&offset_ms=40", "visible", 2)
    assert [frame.capture_ns for frame in visible] == [0, 33_333_333]


def test_dropout_leaves_gaps_in_seq_and_is_counted() -> None:
    url = f"sim:night-street?{SMALL}&seconds=3&fps=20&dropout=0.3&seed=4"
    source = make(url, "infrared")
    info = source.open()
    frames = list(source.frames())
    assert 0 < len(frames) < 60 and info.frame_count == len(frames)
    assert all(frame.capture_ns == frame.seq * 50_000_000 for frame in frames)
    assert [frame.seq for frame in frames] == [frame.seq for frame in read(url, "infrared")]


def test_outage_hits_one_camera_for_its_span() -> None:
    url = f"sim:night-street?{SMALL}&seconds=2&fps=10&ir_outage=0.5:0.7"
    times = [frame.capture_ns // 10**6 for frame in read(url, "infrared")]
    assert times == [0, 100, 200, 300, 400, 1200, 1300, 1400, 1500, 1600, 1700, 1800, 1900]
    assert len(read(url, "visible")) == 20
    url = url.replace("ir_outage", "vi_outage")
    assert (len(read(url, "infrared")), len(read(url, "visible"))) == (20, 13)


def test_zero_seconds_is_endless() -> None:
    source = make(f"sim:night-street?{SMALL}&seconds=0&fps=1", "infrared")
    assert source.open().frame_count is None
    assert len(list(islice(source.frames(), 15))) == 15


# --- a live camera ---


def test_live_frames_come_at_their_time_and_both_cameras_are_in_step() -> None:
    url = f"sim:night-street?{SMALL}&fps=20&seconds=0.5"
    stamps = []
    opened: list[tuple[Role, int]] = [("visible", 0), ("infrared", 7_000_000)]
    for role, late_ns in opened:
        clock = FakeClock(1_700_000_000_123_456_789 + late_ns)
        source = make(url, role, clock, realtime=True)
        info = source.open()
        assert info.live and info.frame_count is None
        for frame in source.frames():
            assert clock.time_ns == frame.capture_ns
            stamps.append(frame.capture_ns)
    assert len(stamps) == 20 and stamps[:10] == stamps[10:]
    assert stamps[0] >= 1_700_000_000_123_456_789
    assert {b - a for a, b in pairwise(stamps[:10])} == {50_000_000}


def test_live_jitter_delays_delivery_not_the_stamp() -> None:
    clock = FakeClock()
    source = make(
        f"sim:night-street?{SMALL}&fps=20&seconds=1&jitter_ms=15&offset_ms=-30", "infrared", clock, realtime=True
    )
    source.open()
    delays = []
    for frame in source.frames():
        true_ns = frame.capture_ns + 30_000_000
        assert true_ns % 50_000_000 == 0
        delays.append(clock.time_ns - true_ns)
    assert len(delays) == 20 and len(set(delays)) > 10
    assert min(delays) >= 0 and max(delays) <= 15_000_000


def test_live_reader_that_is_too_slow_loses_frames_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    source = make(f"sim:night-street?{SMALL}&fps=20&seconds=2", "infrared", clock, realtime=True)
    source.open()
    frames = []
    for frame in source.frames():
        frames.append(frame)
        clock.time_ns += 170_000_000
    assert source.skipped_frames == 40 - len(frames) > 20
    assert sum("skips" in record.message for record in caplog.records) == 1
    assert clock.time_ns - frames[-1].capture_ns < 300_000_000


def test_live_loop_is_endless() -> None:
    source = make(f"sim:night-street?{SMALL}&fps=20&seconds=0.1", "infrared", realtime=True, loop=True)
    source.open()
    assert len(list(islice(source.frames(), 9))) == 9


# --- the pictures ---


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("role", ROLES)
def test_a_picture_depends_on_spec_role_and_time_alone(name: str, role: Role) -> None:
    one, other = load_scene(parse_spec(f"sim:{name}?{SMALL}")), load_scene(parse_spec(f"sim:{name}?{SMALL}"))
    first = one.render(role, 1.25)
    one.render(role, 3.0)
    one.render("visible" if role == "infrared" else "infrared", 2.0)
    for again in (one.render(role, 1.25), other.render(role, 1.25)):
        assert np.array_equal(first.luma, again.luma)
        if first.chroma is not None and again.chroma is not None:
            assert np.array_equal(first.chroma.cb, again.chroma.cb)
    assert not np.array_equal(first.luma, one.render(role, 1.3).luma)
    different = load_scene(parse_spec(f"sim:{name}?{SMALL}&seed=2")).render(role, 1.25, clean=True).luma.astype(int)
    assert np.abs(different - one.render(role, 1.25, clean=True).luma).mean() > 2


def people(scene: Scene, t_s: float) -> list[WarmBox]:
    """People and dogs that are in the picture, in the open, and big enough to measure."""
    width, height = scene.spec.size
    return [
        box
        for box in scene.warm_boxes(t_s)
        if box.kind in ("person", "dog", "cyclist")
        and box.hidden < 0.1
        and box.y1 - box.y0 > 0.06 * height
        and box.x0 > 3
        and box.x1 < width - 4
        and box.y1 < height - 4
    ]


def around(image: np.ndarray, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float]:
    """Bright end (95th percentile) inside a box, and the median just left and right of it."""
    rows = slice(int(y0), int(y1) + 1)
    inside = image[rows, int(x0) : int(x1) + 1]
    margin = max(3, int(0.5 * (x1 - x0)))
    beside = np.concatenate(
        [image[rows, max(0, int(x0) - margin) : int(x0)], image[rows, int(x1) + 1 : int(x1) + margin]], axis=1
    )
    return float(np.percentile(inside, 95)), float(np.median(beside))


def test_warm_things_are_brighter_in_infrared_than_what_is_beside_them(scene: Scene) -> None:
    seen = 0
    for t_s in (0.0, 2.5, 5.0, 7.5):
        image = scene.render("infrared", t_s).luma
        for box in people(scene, t_s):
            inside, beside = around(image, box.x0, box.y0, box.x1, box.y1)
            assert inside > beside + 40, box
            seen += 1
    assert seen >= 8


def test_people_hardly_show_in_the_visible(scene: Scene) -> None:
    ratios = []
    for t_s in (0.0, 2.5, 5.0, 7.5):
        visible, infrared = scene.render("visible", t_s).luma, scene.render("infrared", t_s).luma
        for box in people(scene, t_s):
            x0, y0, x1, y1 = int(box.x0), int(box.y0), int(box.x1), int(box.y1)
            contrast = [abs(np.subtract(*around(image, x0, y0, x1, y1))) for image in (visible, infrared)]
            ratios.append(contrast[0] / contrast[1])
    assert np.median(ratios) < 0.6


@pytest.mark.parametrize("name", SCENES)
def test_the_homography_leads_to_the_same_thing(name: str) -> None:
    warp = "ir_size=240x200&scale=0.85&rotate_deg=5&shift_x=0.04&shift_y=-0.03"
    straight, warped = (load_scene(parse_spec(f"sim:{name}?size=320x240{more}")) for more in ("", "&" + warp))
    matrix = warped.spec.homography_infrared_from_visible()
    reference, image = (one.render("infrared", 2.5, clean=True).luma.astype(float) for one in (straight, warped))
    # The warped camera's picture, looked up where the homography says, is the straight one's.
    ys, xs = np.mgrid[10:230:4, 10:310:4]
    points = np.einsum("ij,jhw->ihw", matrix, np.stack([xs, ys, np.ones_like(xs)]))
    u, v = np.rint(points[:2]).astype(int)
    inside = (u >= 0) & (v >= 0) & (u < image.shape[1]) & (v < image.shape[0])
    assert inside.mean() > 0.9
    there, here = image[v[inside], u[inside]], reference[ys[inside], xs[inside]]
    assert np.corrcoef(there, here)[0, 1] > 0.97
    moved = image[np.clip(v[inside] + 6, 0, image.shape[0] - 1), u[inside]]
    assert np.abs(there - here).mean() < 0.6 * np.abs(moved - here).mean()
    for box in people(warped, 2.5):
        centre = matrix @ ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2, 1)
        half_w, half_h = np.array([box.x1 - box.x0, box.y1 - box.y0]) / 2 * np.hypot(*matrix[:2, 0])
        inner, beside = around(image, centre[0] - half_w, centre[1] - half_h, centre[0] + half_w, centre[1] + half_h)
        assert inner > beside + 40, box


def test_raw_counts_are_those_of_an_uncooled_camera_with_dead_pixels(scene: Scene) -> None:
    raw = load_scene(parse_spec(f"sim:{scene.spec.scene}?bits=16"))
    counts = raw.render("infrared", 2.0).luma
    assert counts.dtype == np.uint16
    low, high = np.percentile(counts, [1, 99])
    assert 6500 < low < high < 9500
    dead = raw.infrared_sensor.dead_pixels
    assert 2 <= dead.size < 60
    assert set(np.unique(counts.ravel()[dead])) <= {0, 16383}
    assert np.isin(raw.render("infrared", 2.0, clean=True).luma, (0, 16383)).sum() == 0
    # Hotter is more in both: the two formats show one temperature.
    grey = scene.render("infrared", 2.0, clean=True).luma.astype(float)
    order = np.corrcoef(np.clip(raw.render("infrared", 2.0, clean=True).luma, 7400, 8400).ravel(), grey.ravel())
    assert order[0, 1] > 0.9


def test_clean_pictures_lack_noise_stripes_and_smoke(scene: Scene) -> None:
    for role in ROLES:
        noisy = scene.render(role, 2.0).luma.astype(float) - scene.render(role, 2.0, clean=True).luma
        assert noisy.std() > 0.5
        # What a noiseless camera sees at two moments differs only where something moves.
        still = scene.render(role, 2.0, clean=True).luma == scene.render(role, 2.001, clean=True).luma
        assert still.mean() > 0.9
    stripes = scene.render("infrared", 2.0).luma.astype(float) - scene.render("infrared", 2.0, clean=True).luma
    assert stripes[200:].mean(axis=0).std() > 3 * stripes[200:].std() / np.sqrt(stripes[200:].shape[0])
    if scene.spec.scene == "smoke-yard":
        ground = np.s_[160:300, :]
        clear, smoky = scene.render("visible", 2.0, clean=True).luma[ground], scene.render("visible", 2.0).luma[ground]
        assert smoky.std() < 0.8 * clear.std()


def test_noise_and_stripes_can_be_switched_off() -> None:
    quiet = load_scene(parse_spec(f"sim:night-street?{SMALL}&noise=0&stripes=0"))
    for role in ROLES:
        assert np.array_equal(quiet.render(role, 2.0).luma, quiet.render(role, 2.0, clean=True).luma)
    loud = load_scene(parse_spec(f"sim:night-street?{SMALL}&noise=4"))
    usual = load_scene(parse_spec(f"sim:night-street?{SMALL}"))
    spread = [
        (s.render("visible", 2.0).luma.astype(float) - quiet.render("visible", 2.0).luma).std() for s in (usual, loud)
    ]
    assert spread[1] > 2 * spread[0]


def test_visible_stays_in_limited_range(scene: Scene) -> None:
    picture = scene.render("visible", 6.0)
    assert picture.chroma is not None
    assert picture.luma.min() >= 16 and picture.luma.max() <= 235 and picture.luma.max() > 200
    for plane in (picture.chroma.cb, picture.chroma.cr):
        assert plane.min() >= 16 and plane.max() <= 240 and plane.std() > 1


@pytest.mark.parametrize("size", ["65x67", "101x64"])
def test_odd_sizes(size: str) -> None:
    frame = read(f"sim:smoke-yard?size={size}", "visible", 1)[0]
    assert f"{frame.width}x{frame.height}" == size


def test_movement_is_smooth() -> None:
    scene = load_scene(parse_spec("sim:night-street?size=320x240"))
    for t_s in (1.0, 4.0):
        before, after = ({(b.kind, round(b.depth_m)): b for b in scene.warm_boxes(t)} for t in (t_s, t_s + 1 / 30))
        for key, box in before.items():
            if key in after and box.kind == "person":
                assert abs(after[key].x0 - box.x0) < 3 and abs(after[key].y1 - box.y1) < 3
    # Nothing pops up or vanishes at once: a frame's change is small against the whole picture.
    changes = []
    pictures = (scene.render("infrared", t / 15, clean=True).luma.astype(float) for t in range(60))
    for one, other in pairwise(pictures):
        changes.append(np.abs(other - one).mean())
    assert max(changes) < 8 * np.median(changes) + 1
