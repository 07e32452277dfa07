"""JPEG from planes, RGB from planes, and the folder of PNG."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sinks_support import fused, psnr, scene

from stream.errors import SinkError
from stream.frames import Chroma, Picture
from stream.sinks.jpeg import JpegEncoder, quantizer
from stream.sinks.pngfolder import PngFolder
from stream.sinks.rgb import to_rgb


def decode_jpeg(data: bytes) -> list[np.ndarray]:
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(data))
    assert frame.format.name == "yuvj420p"
    return [
        np.frombuffer(memoryview(p), np.uint8).reshape(-1, p.line_size)[: p.height, : p.width] for p in frame.planes
    ]


def read_png(path: Path) -> tuple[str, np.ndarray]:
    with av.open(str(path)) as container:
        (frame,) = container.decode(video=0)
        return frame.format.name, frame.to_ndarray()


@pytest.mark.parametrize("size", [(160, 120), (161, 121), (16, 16), (17, 1)])
def test_jpeg_keeps_planes_at_any_size(size: tuple[int, int]) -> None:
    picture = Picture(scene(0, 200, 140).luma[: size[1], : size[0]], None)
    if min(size) >= 16:
        full = scene(0, 200, 140)
        w, h = (size[0] + 1) // 2, (size[1] + 1) // 2
        assert full.chroma is not None
        picture = Picture(picture.luma, Chroma(full.chroma.cb[:h, :w], full.chroma.cr[:h, :w]))
    data = JpegEncoder(95).encode(picture)
    assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
    luma, cb, cr = decode_jpeg(data)
    assert psnr(luma, picture.luma) > 38
    if picture.chroma is not None:
        assert psnr(cb, picture.chroma.cb) > 38 and psnr(cr, picture.chroma.cr) > 38


def test_jpeg_is_full_range_rgb_in_another_decoder() -> None:
    cv2 = pytest.importorskip("cv2")
    flat = Picture(np.full((64, 64), 200, np.uint8), Chroma(*(np.full((32, 32), v, np.uint8) for v in (90, 160))))
    decoded = cv2.imdecode(np.frombuffer(JpegEncoder(95).encode(flat), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded[..., ::-1].astype(int) - to_rgb(flat)).max() <= 4


def test_jpeg_encoder_gives_one_picture_at_once_across_sizes() -> None:
    encoder = JpegEncoder(85)
    for seq, size in enumerate([(64, 48), (64, 48), (32, 32), (64, 48)]):
        picture = scene(seq, 80, 60)
        cut = Picture(picture.luma[: size[1], : size[0]], None)
        luma, cb, _ = decode_jpeg(encoder.encode(cut))
        assert luma.shape == (size[1], size[0]) and psnr(luma, cut.luma) > 30
        assert np.abs(cb.astype(int) - 128).max() <= 1


def test_quality_orders_size_and_picture() -> None:
    picture = scene(0, 320, 240)
    sizes = [len(JpegEncoder(quality).encode(picture)) for quality in (30, 60, 85, 95)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    assert [quantizer(q) for q in (1, 50, 75, 85, 95, 100)] == [31, 13, 6, 4, 1, 1]


pictures = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: st.builds(
        lambda y, cb, cr: Picture(y, Chroma(cb, cr)),
        hnp.arrays(np.uint8, size),
        hnp.arrays(np.uint8, ((size[0] + 1) // 2, (size[1] + 1) // 2)),
        hnp.arrays(np.uint8, ((size[0] + 1) // 2, (size[1] + 1) // 2)),
    )
)


@given(pictures)
def test_rgb_keeps_luma_within_one_level_unless_clipped(picture: Picture) -> None:
    rgb = to_rgb(picture).astype(np.float64)
    clipped = ((rgb == 0) | (rgb == 255)).any(axis=2)
    luma = np.rint(rgb @ [0.299, 0.587, 0.114])
    assert np.abs(luma - picture.luma)[~clipped].max(initial=0) <= 1


@pytest.mark.parametrize(
    ("ycc", "rgb"), [((76, 85, 255), (254, 0, 0)), ((150, 44, 21), (0, 255, 1)), ((29, 255, 107), (0, 0, 254))]
)
def test_rgb_primaries_as_jfif_defines_them(ycc: tuple[int, int, int], rgb: tuple[int, int, int]) -> None:
    y, cb, cr = (np.full((2, 2), value, np.uint8) for value in ycc)
    assert np.abs(to_rgb(Picture(y, Chroma(cb[:1, :1], cr[:1, :1]))).astype(int) - rgb).max() <= 1


def test_chroma_is_interpolated_and_centred() -> None:
    cb = np.array([[108, 148]], np.uint8)
    picture = Picture(np.full((2, 4), 128, np.uint8), Chroma(cb, np.full((1, 2), 128, np.uint8)))
    blue = to_rgb(picture)[0, :, 2].astype(float)
    np.testing.assert_allclose(blue, 128 + 1.772 * np.array([-20, -10, 10, 20]), atol=0.51)


def write(folder: Path, items: list[tuple[Picture, str | None]]) -> PngFolder:
    sink = PngFolder(f"{folder}/")
    sink.open()
    for seq, (picture, name) in enumerate(items):
        sink.write(picture, fused(picture, seq, name=name))
    sink.close()
    sink.close()
    return sink


def test_png_names_and_exact_pixels(tmp_path: Path) -> None:
    colour, grey, odd = scene(0), scene(1, colour=False), scene(2, 33, 21)
    sink = write(tmp_path / "out", [(colour, "00001D.jpg"), (grey, "b.c.png"), (odd, None)])
    assert sink.frames_written == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["00000002.png", "00001D.png", "b.c.png"]
    for name, picture in (("00001D.png", colour), ("00000002.png", odd)):
        kind, pixels = read_png(tmp_path / "out" / name)
        assert kind == "rgb24"
        np.testing.assert_array_equal(pixels, to_rgb(picture))
    kind, pixels = read_png(tmp_path / "out" / "b.c.png")
    assert kind == "gray"
    np.testing.assert_array_equal(pixels, grey.luma)


def test_png_reads_the_same_in_opencv(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    write(tmp_path / "out", [(scene(0), "a.png")])
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out" / "a.png")), to_rgb(scene(0))[..., ::-1])


def test_two_inputs_of_one_stem_do_not_replace_each_other(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"a\.jpg and a\.png would both be a\.png"):
        write(tmp_path / "out", [(scene(0), "a.png"), (scene(1), "a.jpg")])
    np.testing.assert_array_equal(read_png(tmp_path / "out" / "a.png")[1], to_rgb(scene(0)))


def test_png_folder_that_cannot_be_is_refused_at_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, message in {
        f"{tmp_path}/file/": "is a file",
        f"{tmp_path}/missing/out/": "missing does not exist; create it",
        "/proc/nightglass/": "/proc",
    }.items():
        with pytest.raises(SinkError, match=message):
            PngFolder(path).open()


def test_a_full_disk_names_the_file_and_leaves_no_half_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = PngFolder(f"{tmp_path}/out/")
    sink.open()

    def half_written(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half_written)
    with pytest.raises(SinkError, match=r"00000000\.png: No space left"):
        sink.write(scene(0), fused(scene(0), 0))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_live_run_replaces_no_picture_of_an_earlier_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "notes.png").touch()
    for run in range(2):
        folder = PngFolder(f"{tmp_path}/", live=True)
        folder.open()
        for seq in (0, 1, 4):
            folder.write(scene(10 * run + seq), fused(scene(10 * run + seq), seq))
        folder.close()
    numbered = sorted(path.name for path in tmp_path.glob("0*.png"))
    assert numbered == [f"{number:08d}.png" for number in (0, 1, 4, 5, 6, 9)]
    np.testing.assert_array_equal(read_png(tmp_path / "00000005.png")[1], to_rgb(scene(10)))
    assert "go on from 00000005" in caplog.text


def test_two_live_runs_do_not_write_into_one_folder(tmp_path: Path) -> None:
    first, second = (PngFolder(str(tmp_path / "out"), live=True) for _ in range(2))
    first.open()
    with pytest.raises(SinkError, match="another process records there; give each its own folder"):
        second.open()
    second.close()
    first.close()
    second.open()
    second.close()
