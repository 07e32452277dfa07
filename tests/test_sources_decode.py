"""Planes of decoded pictures in all kinds of pixel formats."""

from __future__ import annotations

import gc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from source_videos import HEIGHT_PX, WIDTH_PX, numbered_luma, picture, write_video

from stream.clock import SystemClock
from stream.config import SourceConfig
from stream.sources.decode import PlaneReader, Planes
from stream.sources.file import FileSource
from stream.sources.rgb import planes_of_rgb

rgb_pictures = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda size: arrays(np.uint8, (*size, 3), elements=st.integers(0, 255))
)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "nv12", "nv21", "yuv422p", "yuv444p", "uyvy422", "yuyv422"])
def test_limited_yuv_keeps_luma_and_neutral_chroma(pixel_format: str) -> None:
    planes = PlaneReader().read(picture(0b1010110101, pixel_format))
    assert planes.color_range == "limited"
    assert np.array_equal(planes.luma, numbered_luma(0b1010110101))
    assert planes.chroma is not None
    assert planes.chroma.cb.shape == (HEIGHT_PX // 2, WIDTH_PX // 2)
    assert (planes.chroma.cb == 128).all() and (planes.chroma.cr == 128).all()


@pytest.mark.parametrize("pixel_format", ["nv12", "nv21", "yuv444p", "yuv422p"])
def test_cb_and_cr_are_not_swapped(pixel_format: str) -> None:
    source = np.full((24, 16), 128, np.uint8)
    source[16:20] = 90  # cb
    source[20:24] = 170  # cr
    frame = av.VideoFrame.from_ndarray(source, format="yuv420p").reformat(format=pixel_format)
    chroma = PlaneReader().read(frame).chroma
    assert chroma is not None
    assert (chroma.cb == 90).all() and (chroma.cr == 170).all()


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "p010le"])
def test_ten_bit_colour_becomes_eight(pixel_format: str) -> None:
    planes = PlaneReader().read(picture(7, pixel_format))
    assert planes.luma.dtype == np.uint8
    assert np.abs(planes.luma.astype(int) - numbered_luma(7)).max() <= 1


@pytest.mark.parametrize("pixel_format", ["yuvj420p", "yuvj422p", "yuvj444p"])
def test_yuvj_is_full_range_and_not_stretched(pixel_format: str) -> None:
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    planes444 = np.stack([luma, np.full_like(luma, 128), np.full_like(luma, 128)])
    frame = av.VideoFrame.from_ndarray(planes444, format="yuvj444p")
    if pixel_format != "yuvj444p":
        frame = frame.reformat(format=pixel_format)
    planes = PlaneReader().read(frame)
    assert planes.color_range == "full"
    assert np.array_equal(planes.luma, luma)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p"])
def test_range_of_the_picture_decides(pixel_format: str) -> None:
    frame = picture(1, pixel_format)
    frame.color_range = 2
    planes = PlaneReader().read(frame)
    assert planes.color_range == "full"
    assert np.array_equal(planes.luma, numbered_luma(1))


@pytest.mark.parametrize(("pixel_format", "top"), [("gray10le", 1023), ("gray12le", 4095), ("gray16le", 65535)])
def test_grey_counts_are_kept(tmp_path: Path, pixel_format: str, top: int) -> None:
    counts = np.linspace(0, top, 64 * 32).astype(np.uint16).reshape(32, 64)
    frame = av.VideoFrame(64, 32, pixel_format)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, "<u2").reshape(32, plane.line_size // 2)
    rows[:, :64] = counts
    planes = PlaneReader().read(frame)
    assert planes.chroma is None and planes.color_range == "full"
    assert planes.luma.dtype == np.uint16 and np.array_equal(planes.luma, counts)


def test_big_endian_grey_is_swapped() -> None:
    counts = np.arange(64 * 32, dtype=np.uint16).reshape(32, 64) * 31
    frame = av.VideoFrame.from_ndarray(counts, format="gray16be")
    luma = PlaneReader().read(frame).luma
    assert luma.dtype == np.uint16 and luma.dtype.isnative
    assert np.array_equal(luma, np.frombuffer(frame.planes[0], ">u2").reshape(32, -1)[:, :64])


def test_grey_with_alpha_keeps_its_values() -> None:
    luma = np.arange(256, dtype=np.uint8).reshape(16, 16)
    frame = av.VideoFrame(16, 16, "ya8")
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(16, -1)
    rows[:, 0:32:2], rows[:, 1:32:2] = luma, 255
    assert np.array_equal(PlaneReader().read(frame).luma, luma)


@pytest.mark.parametrize("pixel_format", ["rgb24", "bgr24", "argb", "bgra", "gbrp"])
def test_rgb_luma_is_opencvs(pixel_format: str) -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (34, 50, 3), np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    if pixel_format != "rgb24":
        frame = frame.reformat(format=pixel_format)
    planes = PlaneReader().read(frame)
    assert planes.color_range == "full"
    assert np.array_equal(planes.luma, cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 0])


@given(rgb=rgb_pictures)
def test_rgb_planes_against_opencv(rgb: np.ndarray) -> None:
    luma, chroma = planes_of_rgb(rgb, detect_grey=False)
    ycrcb = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)
    assert np.array_equal(luma, ycrcb[..., 0])
    assert chroma is not None
    padded = np.pad(ycrcb[..., 1:], ((0, rgb.shape[0] % 2), (0, rgb.shape[1] % 2), (0, 0)), mode="edge").astype(float)
    mean = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2, 2).mean((1, 3))
    # OpenCV derives chroma from rounded luma and rounds before the mean.
    assert np.abs(np.stack([chroma.cr, chroma.cb], -1) - mean).max() <= 1.6


@given(grey=arrays(np.uint8, (5, 7)))
def test_grey_stored_as_rgb_is_found(grey: np.ndarray) -> None:
    rgb = np.repeat(grey[..., None], 3, axis=2)
    luma, chroma = planes_of_rgb(rgb, detect_grey=True)
    assert chroma is None and np.array_equal(luma, grey)
    luma, chroma = planes_of_rgb(rgb, detect_grey=False)
    assert chroma is not None and np.array_equal(luma, grey)
    assert (chroma.cb == 128).all() and (chroma.cr == 128).all()


def test_views_outlive_picture_decoder_and_container(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 40)
    views, copies = [], []
    reader = PlaneReader()
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = reader.read(frame)
            assert planes.chroma is not None
            views.append((planes.luma, planes.chroma.cb))
            copies.append((planes.luma.copy(), planes.chroma.cb.copy()))
            if len(views) == 1:
                # No copy: the view starts where the decoder's plane does.
                assert planes.luma.ctypes.data == frame.planes[0].buffer_ptr
    del frame, planes, reader, container
    gc.collect()
    for view, copy in zip(views, copies, strict=True):
        assert np.array_equal(view[0], copy[0]) and np.array_equal(view[1], copy[1])


def test_planes_can_be_given_to_kernels_with_writable_signatures() -> None:
    assert PlaneReader().read(picture(3)).luma.flags.writeable


COLOURS = np.array([[220, 30, 30], [30, 200, 30], [40, 40, 210], [90, 90, 90]], np.uint8)
RED_AND_BLUE = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Red's and blue's shares of luma by ITU-T H.273's number of the matrix."""


def stripes(matrix: int, pixel_format: str = "yuv420p", size: tuple[int, int] = (64, 32)) -> av.VideoFrame:
    """Four stripes of ``COLOURS`` by a matrix, which the picture does not say."""
    width, height = size
    full = pixel_format.startswith("yuvj")
    red, blue = RED_AND_BLUE[matrix]
    r, g, b = COLOURS.T / 255
    y = red * r + (1 - red - blue) * g + blue * b
    scale, chroma_scale, black = (255.0, 255.0, 0.0) if full else (219.0, 224.0, 16.0)
    levels = (
        y * scale + black,
        (b - y) / (2 - 2 * blue) * chroma_scale + 128,
        (r - y) / (2 - 2 * red) * chroma_scale + 128,
    )
    picture = av.VideoFrame(width, height, "yuvj444p" if full else "yuv444p")
    for plane, values in zip(picture.planes, levels, strict=True):
        rows = np.frombuffer(plane, np.uint8).reshape(height, plane.line_size)
        rows[:, :width] = np.round(values).astype(np.uint8).repeat(width // 4)
    return picture if picture.format.name == pixel_format else picture.reformat(format=pixel_format)


def is_as_rgb(got: Planes) -> bool:
    """Whether the stripes' colours are those that they were made of."""
    width = got.luma.shape[1]
    wanted, chroma = planes_of_rgb(COLOURS[None].repeat(16, axis=0).repeat(16, axis=1), detect_grey=False)
    assert chroma is not None and got.chroma is not None
    full = got.color_range == "full"
    scale, chroma_scale, black = (1.0, 1.0, 0.0) if full else (219 / 255, 224 / 255, 16.0)
    errors = []
    for number in range(4):
        x = width * (2 * number + 1) // 8
        errors.append(float(got.luma[16, x]) - (float(wanted[8, 16 * number + 8]) * scale + black))
        for plane, other in ((got.chroma.cb, chroma.cb), (got.chroma.cr, chroma.cr)):
            errors.append(float(plane[8, x // 2]) - 128 - (float(other[4, 8 * number + 4]) - 128) * chroma_scale)
    return bool(np.abs(errors).max() <= 4)


@pytest.mark.parametrize("matrix", [1, 6, 9])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "nv12", "yuv422p", "yuv444p10le"])
def test_colours_of_all_matrices_are_kept(pixel_format: str, matrix: int) -> None:
    picture = stripes(matrix, pixel_format)
    picture.colorspace = matrix
    got = PlaneReader().read(picture)
    assert got.color_range == ("full" if pixel_format.startswith("yuvj") else "limited")
    assert is_as_rgb(got)


@pytest.mark.parametrize(("size", "matrix"), [((64, 576), 6), ((1264, 576), 6), ((64, 720), 1), ((1280, 544), 1)])
def test_hd_video_that_says_no_matrix_is_taken_as_players_take_it(size: tuple[int, int], matrix: int) -> None:
    picture = stripes(matrix, size=size)
    assert int(picture.colorspace) == 2
    assert is_as_rgb(PlaneReader(hd_is_709=True).read(picture))
    # Pictures, and a capture device's.
    assert is_as_rgb(PlaneReader().read(stripes(6, size=size)))


@pytest.mark.parametrize(("height", "matrix"), [(576, 6), (720, 1)])
def test_a_file_of_hd_video_that_says_no_matrix(tmp_path: Path, height: int, matrix: int) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv420p"
        container.mux(stream.encode(stripes(matrix, size=(64, height))))
        container.mux(stream.encode())
    source = FileSource(tmp_path / "a.mkv", SourceConfig(url="a.mkv"), SystemClock())
    source.open()
    [frame] = source.frames()
    source.close()
    assert is_as_rgb(Planes(frame.luma, frame.chroma, frame.color_range))
