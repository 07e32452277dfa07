"""Folders of images."""

from __future__ import annotations

import logging
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from clocks import SteppedClock
from hypothesis import given
from hypothesis import strategies as st

from stream.clock import SystemClock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.picture import full_range_luma
from stream.sources.folder import FolderSource, natural_key
from stream.sources.pgm import read_pgm

RANDOM = np.random.default_rng(11)


def source(path: Path, **options: object) -> FolderSource:
    return FolderSource(path, SourceConfig(url=str(path), **options), SystemClock())


def read(path: Path) -> list[Frame]:
    opened = source(path)
    opened.open()
    return list(opened.frames())


def test_natural_order_and_names(tmp_path: Path) -> None:
    for name in ("f10.png", "f2.png", "f1.PNG", "notes.txt", ".f0.png"):
        ok, data = cv2.imencode(".png", np.full((20, 30), 9, np.uint8))
        assert ok
        (tmp_path / name).write_bytes(data.tobytes())
    frames = read(tmp_path)
    assert [frame.name for frame in frames] == ["f1.PNG", "f2.png", "f10.png"]
    assert [frame.seq for frame in frames] == [0, 1, 2]
    assert [frame.capture_ns for frame in frames] == [0, 40_000_000, 80_000_000]
    assert {frame.clock for frame in frames} == {"file"}


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_natural_key_sorts_numbers(numbers: list[int]) -> None:
    names = sorted((f"img_{number}.png" for number in numbers), key=natural_key)
    assert names == [f"img_{number}.png" for number in sorted(numbers)]


@given(st.lists(st.text(max_size=8)))
def test_natural_key_is_a_total_order(names: list[str]) -> None:
    assert sorted(names, key=natural_key) == sorted(reversed(names), key=natural_key)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_colour_is_opencvs_luma(tmp_path: Path, suffix: str) -> None:
    bgr = RANDOM.integers(0, 256, (41, 63, 3), np.uint8)
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == "webp" else []
    assert cv2.imwrite(str(tmp_path / f"a.{suffix}"), bgr, options)
    (frame,) = read(tmp_path)
    ycrcb = cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb)
    assert np.array_equal(frame.luma, ycrcb[..., 0])
    assert frame.color_range == "full" and frame.chroma is not None
    inner = ycrcb[:40, :62, 1:].astype(float).reshape(20, 2, 31, 2, 2).mean((1, 3))
    assert np.abs(frame.chroma.cr[:20, :31] - inner[..., 0]).max() <= 1.6
    assert np.abs(frame.chroma.cb[:20, :31] - inner[..., 1]).max() <= 1.6


def test_jpeg_keeps_its_own_planes(tmp_path: Path) -> None:
    smooth = cv2.GaussianBlur(RANDOM.integers(60, 190, (64, 80, 3), np.uint8), (0, 0), 4)
    assert cv2.imwrite(str(tmp_path / "a.jpg"), smooth, [cv2.IMWRITE_JPEG_QUALITY, 98])
    (frame,) = read(tmp_path)
    decoded = cv2.imread(str(tmp_path / "a.jpg"))
    assert frame.color_range == "full" and frame.chroma is not None
    luma = cv2.cvtColor(decoded, cv2.COLOR_BGR2YCrCb)[..., 0]
    assert np.abs(frame.luma.astype(int) - luma).max() <= 2


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
@pytest.mark.parametrize("as_rgb", [False, True])
def test_grey_is_exact_and_has_no_chroma(tmp_path: Path, suffix: str, as_rgb: bool) -> None:
    grey = RANDOM.integers(0, 256, (33, 47), np.uint8)
    image = np.repeat(grey[..., None], 3, axis=2) if as_rgb else grey
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == "webp" else []
    assert cv2.imwrite(str(tmp_path / f"a.{suffix}"), image, options)
    (frame,) = read(tmp_path)
    assert frame.chroma is None and np.array_equal(frame.luma, grey)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bit_counts_are_kept(tmp_path: Path, suffix: str) -> None:
    counts = RANDOM.integers(0, 65536, (30, 40), np.uint16)
    assert cv2.imwrite(str(tmp_path / f"a.{suffix}"), counts)
    (frame,) = read(tmp_path)
    assert frame.luma.dtype == np.uint16 and np.array_equal(frame.luma, counts)
    assert frame.chroma is None and frame.luma.flags.writeable


@pytest.mark.parametrize("maximum", [15, 100, 255, 511, 1023, 4095, 16383, 65535])
def test_a_visible_pgm_is_as_bright_as_its_maximum_says(tmp_path: Path, maximum: int) -> None:
    shares = np.linspace(0, 1, 16).reshape(4, 4)
    levels = np.round(shares * maximum).astype(np.uint8 if maximum < 256 else ">u2")
    (tmp_path / "a.pgm").write_bytes(b"P5 4 4 %d\n" % maximum + levels.tobytes())
    [frame] = read(tmp_path)
    assert np.abs(full_range_luma(frame) - 255 * shares).max() <= 1.5


def test_fourteen_bit_pgm_is_not_stretched(tmp_path: Path) -> None:
    counts = RANDOM.integers(0, 16384, (12, 10), np.uint16)
    (tmp_path / "a.pgm").write_bytes(b"P5\n# thermal\n10 12\n16383\n" + counts.astype(">u2").tobytes())
    (frame,) = read(tmp_path)
    assert np.array_equal(frame.luma, counts)


@pytest.mark.parametrize(
    "data", [b"", b"P5", b"P5 4 4 255\n123", b"P2 1 1 255\n7", b"P5 0 4 255\n", b"P5 1 1 70000\nabc"]
)
def test_no_pgm(data: bytes) -> None:
    assert read_pgm(data) is None


def test_broken_images_are_named_and_leave_their_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(4):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((20, 30), number, np.uint8))
    (tmp_path / "0.png").write_bytes(b"not an image")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:30])
    opened = source(tmp_path)
    assert opened.open().frame_count == 4
    with caplog.at_level(logging.WARNING, "nightglass"):
        frames = list(opened.frames())
    assert [(frame.name, frame.seq) for frame in frames] == [("1.png", 1), ("3.png", 3)]
    assert opened.broken_frames == 2
    assert "0.png: skipped" in caplog.text and "2.png: skipped" in caplog.text


def test_sizes_may_differ_and_percent_signs_are_no_pattern(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a%03d.jpg"), np.full((20, 30), 9, np.uint8))
    assert cv2.imwrite(str(tmp_path / "b.png"), np.full((40, 50), 9, np.uint8))
    opened = source(tmp_path, rate_hz=10.0)
    info = opened.open()
    assert info.variable_size and info.rate_hz == 10.0 and (info.width, info.height) == (30, 20)
    assert [frame.luma.shape for frame in opened.frames()] == [(20, 30), (40, 50)]


def test_an_ending_may_lie(tmp_path: Path) -> None:
    ok, data = cv2.imencode(".png", np.full((20, 30), 77, np.uint8))
    assert ok
    (tmp_path / "a.jpg").write_bytes(data.tobytes())
    (frame,) = read(tmp_path)
    assert (frame.luma == 77).all()


def test_single_image(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 30), 9, np.uint8))
    (frame,) = read(tmp_path / "a.png")
    assert frame.name == "a.png"


def test_loop(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        assert cv2.imwrite(str(tmp_path / name), np.full((20, 30), 9, np.uint8))
    opened = source(tmp_path, loop=True)
    opened.open()
    frames = list(islice(opened.frames(), 5))
    assert [(frame.name, frame.seq) for frame in frames] == [
        (n, i) for i, n in enumerate(["a.png", "b.png"] * 2 + ["a.png"])
    ]
    assert [frame.capture_ns for frame in frames] == [i * 40_000_000 for i in range(5)]


def test_realtime_is_paced_by_the_clock(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        assert cv2.imwrite(str(tmp_path / name), np.full((20, 30), 9, np.uint8))
    clock = SteppedClock()
    opened = FolderSource(tmp_path, SourceConfig(url=str(tmp_path), realtime=True), clock)
    assert opened.open().live
    assert clock.play(opened.frames()) == [0, 40_000_000, 80_000_000]
    # To the last picture, and half a period on, when the next one would be read.
    assert sum(clock.slept_s) == pytest.approx(0.08 + 0.02)


def test_no_images_and_only_broken_ones(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no images in this folder"):
        source(tmp_path).open()
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="none of its 1 images"):
        source(tmp_path).open()


@pytest.mark.data
def test_real_grey_webp_and_raw_counts(data_dir: Path) -> None:
    webp = source(data_dir / "tno" / "Tree" / "ir")
    webp.open()
    frame = next(webp.frames())
    assert frame.name is not None and frame.chroma is None
    expected = cv2.imread(str(data_dir / "tno" / "Tree" / "ir" / frame.name), cv2.IMREAD_GRAYSCALE)
    assert np.array_equal(frame.luma, expected)
    raw = source(data_dir / "raw16")
    raw.open()
    for frame in islice(raw.frames(), 3):
        expected = cv2.imread(str(data_dir / "raw16" / str(frame.name)), cv2.IMREAD_UNCHANGED)
        assert frame.luma.dtype == np.uint16 and np.array_equal(frame.luma, expected)
