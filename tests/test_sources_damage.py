"""Video files that are odd, joined or damaged: the right times where there are any, and never a traceback."""

from __future__ import annotations

import logging
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from source_videos import picture, read_number, write_video

from stream.clock import SystemClock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.picture import full_range_luma
from stream.sources.file import FileSource


def read(path: Path) -> tuple[list[Frame], int]:
    """All frames, and how many were broken."""
    source = FileSource(path, SourceConfig(url=str(path)), SystemClock())
    source.open()
    try:
        return list(source.frames()), source.broken_frames
    finally:
        source.close()


def change(path: Path, old: bytes, new: bytes, count: int = -1) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, count))


@pytest.mark.parametrize("b_frames", [0, 3])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_b_frames_in_avi_have_their_own_times(tmp_path: Path, codec: str, b_frames: int) -> None:
    path = write_video(tmp_path / "a.avi", 40, codec=codec, options={"bf": str(b_frames)})
    frames, _ = read(path)
    assert [read_number(frame.luma) for frame in frames] == list(range(40))
    assert [round(frame.capture_ns / 40e6, 3) for frame in frames] == list(range(40))


def test_joined_transport_streams_follow_each_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = write_video(tmp_path / "part.ts", 30, codec="libx264", options={"bf": "2"})
    path = tmp_path / "joined.ts"
    path.write_bytes(part.read_bytes() * 3)
    with caplog.at_level(logging.WARNING, "nightglass"):
        frames, _ = read(path)
    assert [read_number(frame.luma) for frame in frames] == [*range(30)] * 3
    assert [round(frame.capture_ns / 40e6, 1) for frame in frames] == list(range(90))
    assert "joined.ts: its time stamps start again 2 times, first after 1.20 s" in caplog.text


def test_a_title_in_another_code_page(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "CAMERA"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = picture(0).width, picture(0).height
        container.mux(stream.encode(picture(0)))
        container.mux(stream.encode())
    change(path, b"CAMERA", "摄像头".encode("gbk"))
    frames, _ = read(path)
    assert len(frames) == 1


@pytest.mark.parametrize("tag", [b"00:00:0x.600000000", b"00:00:00.6000s0000", b"::::::::::::::::::"])
def test_an_odd_duration_tag_says_nothing(tmp_path: Path, tag: bytes) -> None:
    path = write_video(tmp_path / "a.mkv", 15)
    change(path, b"00:00:00.600000000", tag)
    frames, _ = read(path)
    assert len(frames) == 15


def test_video_without_a_decoder_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 3)
    change(path, b"V_MPEG4/ISO/ASP", b"V_MPEG4/ISO/NEW")
    with pytest.raises(SourceError, match=r"a\.mkv: no decoder for its video here; convert it"):
        read(path)


def test_a_frame_that_the_decoder_calls_an_invalid_argument_is_skipped(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 10, codec="libvpx", options={"g": "1"})
    data = bytearray(path.read_bytes())
    start = b"\x9d\x01\x2a\xa0\x00\x60\x00"  # a key frame of 160x96
    third = data.index(start, data.index(start, data.index(start) + 1) + 1)
    data[third + 5] = 0  # of no height
    path.write_bytes(data)
    frames, broken = read(path)
    assert (len(frames), broken) == (9, 1)


def test_a_frame_in_a_colour_space_without_a_way_from_it_is_skipped(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mov", 10, codec="prores", pixel_format="yuv422p10le")
    data = bytearray(path.read_bytes())
    header = data.index(b"icpf") + 4
    data[header + 16] = 14  # ICtCp, of which swscale makes nothing else
    path.write_bytes(data)
    frames, broken = read(path)
    assert (len(frames), broken) == (9, 1)


def laced(number: int) -> av.VideoFrame:
    """A frame of two fields, the upper one first, of an edge that moves by 8 pixels a field."""
    luma = np.full((96, 160), 40, np.uint8)
    for field in range(2):
        luma[field::2, : 16 + 8 * (2 * number + field)] = 200
    frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


@pytest.mark.parametrize(("ending", "codec"), [("mkv", "mpeg2video"), ("avi", "mpeg2video"), ("ts", "libx264")])
def test_interlaced_pictures_are_made_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ending: str, codec: str
) -> None:
    path = tmp_path / f"laced.{ending}"
    options = {"x264-params": "tff=1"} if codec == "libx264" else {"flags": "+ildct+ilme", "top": "1"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.bit_rate = 8_000_000
        for number in range(8):
            container.mux(stream.encode(laced(number)))
        container.mux(stream.encode())
    frames, broken = read(path)
    assert (len(frames), broken) == (8, 0)
    assert [round(frame.capture_ns / 40e6, 2) for frame in frames] == list(range(8))
    for frame in frames[1:-1]:
        # Combs: neighbouring rows differ where the edge of only one of the fields has been.
        rows = frame.luma[16:80].astype(int)
        assert np.abs(np.diff(rows, axis=0)).mean(0).max() < 40
    assert sum("interlaced" in line for line in caplog.messages) == 1


def write_turned(path: Path, degrees: int, size: tuple[int, int], codec: str = "ffv1") -> Path:
    """Two pictures of noise, marked to be shown turned counterclockwise."""
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.set_display_rotation(degrees)
        rows = height * 3 // 2
        for _ in range(2):
            noise = np.random.default_rng(7).integers(0, 256, (rows, width), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="yuv420p")))
        container.mux(stream.encode())
    return path


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg that turns pictures as players do")
@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize(("ending", "codec"), [("mkv", "ffv1"), ("mp4", "mpeg4")])
def test_turned_recordings_are_shown_as_players_show_them(
    tmp_path: Path, ending: str, codec: str, degrees: int
) -> None:
    path = write_turned(tmp_path / f"turned.{ending}", degrees, (64, 48), codec)
    command = ["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    shown = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)
    source = FileSource(path, SourceConfig(url=str(path)), SystemClock())
    assert source.open().size == ((64, 48) if degrees == 180 else (48, 64))
    frames = list(source.frames())
    source.close()
    assert len(frames) == 2
    for frame in frames:
        assert (frame.width, frame.height) == ((64, 48) if degrees == 180 else (48, 64))
        assert frame.chroma is not None
        planes = (frame.luma, frame.chroma.cb, frame.chroma.cr)
        apart = np.concatenate([plane.ravel() for plane in planes]).astype(int) - shown[: 64 * 48 * 3 // 2]
        # MPEG-4's decoders differ in the last level.
        assert np.abs(apart).max() <= (0 if codec == "ffv1" else 2)


def test_no_quarter_turn_is_ignored_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames, _ = read(write_turned(tmp_path / "turned.mkv", 30, (64, 48)))
    assert frames[0].width == 64
    assert ["degrees is ignored" in line for line in caplog.messages] == [True]


def test_hdr_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = picture(0).width, picture(0).height
        stream.codec_context.color_trc, stream.codec_context.colorspace = 16, 10
        container.mux(stream.encode(picture(0)))
        container.mux(stream.encode(picture(1)))
        container.mux(stream.encode())
    assert len(read(tmp_path / "a.mkv")[0]) == 2
    assert [("HDR (PQ)" in line, "constant luminance" in line) for line in caplog.messages] == [
        (False, True),
        (True, False),
    ]


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "gray12le", "gray16le"])
def test_a_visible_camera_of_many_grey_levels_is_not_black(tmp_path: Path, pixel_format: str) -> None:
    path = write_video(tmp_path / "a.mkv", 3, codec="ffv1", pixel_format=pixel_format)
    full = full_range_luma(read(path)[0][1])
    # swscale widens to grey's full range: 60 and 200 in limited range are 51 and 214.
    assert abs(int(full.min()) - 51) <= 1 and abs(int(full.max()) - 214) <= 1
