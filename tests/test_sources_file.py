"""Video files: frames, times, and every way in which a file can be wrong."""

from __future__ import annotations

import logging
import wave
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from clocks import SteppedClock
from source_videos import HEIGHT_PX, WIDTH_PX, read_number, write_video

from stream.clock import SystemClock
from stream.config import SourceConfig
from stream.errors import SourceEnded, SourceError
from stream.frames import Frame
from stream.sources.file import FileSource
from stream.sources.pacing import CommonStart


def source(path: Path, **options: object) -> FileSource:
    return FileSource(path, SourceConfig(url=str(path), **options), SystemClock())


def read(opened: FileSource) -> tuple[list[Frame], SourceError | None]:
    """All frames, and the error they ended with."""
    frames = []
    try:
        for frame in opened.frames():
            frames.append(frame)  # noqa: PERF402 (what came before an error counts)
    except SourceError as error:
        return frames, error
    finally:
        opened.close()
    return frames, None


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "mpeg4"), ("a.mkv", "libx264"), ("a.avi", "mjpeg"), ("a.ts", "libx264"), ("a.mov", "libx264")],
)
def test_every_frame_comes_in_order(tmp_path: Path, name: str, codec: str, threads: int) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    opened = source(write_video(tmp_path / name, 30, codec=codec, pixel_format=pixel_format), decoder_threads=threads)
    info = opened.open()
    assert (info.width, info.height, info.rate_hz, info.live) == (WIDTH_PX, HEIGHT_PX, 25.0, False)
    frames, error = read(opened)
    assert error is None and opened.broken_frames == 0
    assert [read_number(frame.luma) for frame in frames] == list(range(30))
    assert [frame.seq for frame in frames] == list(range(30))
    assert [round(frame.capture_ns / 1e6) for frame in frames] == [40 * i for i in range(30)]
    assert frames[0].clock == "file" and frames[0].source == str(tmp_path / name)
    assert frames[0].color_range == ("full" if codec == "mjpeg" else "limited")


def test_sixteen_bit_thermal_video(tmp_path: Path) -> None:
    path = tmp_path / "counts.mkv"
    counts = [np.arange(160 * 96, dtype=np.uint16).reshape(96, 160) * 4 + i for i in range(5)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=9)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "gray16le"
        for image in counts:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray16le")))
        container.mux(stream.encode())
    opened = source(path)
    assert opened.open().rate_hz == 9.0
    frames, _ = read(opened)
    assert all(np.array_equal(frame.luma, image) for frame, image in zip(frames, counts, strict=True))
    assert frames[0].chroma is None and frames[0].color_range == "full"


def test_frames_stay_valid_after_close(tmp_path: Path) -> None:
    frames, _ = read(_opened(source(write_video(tmp_path / "a.mp4", 50))))
    assert [read_number(frame.luma) for frame in frames] == list(range(50))


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mpeg4"), ("a.mkv", "mpeg4"), ("a.avi", "mjpeg")])
def test_truncated_file_gives_its_frames_then_says_so(tmp_path: Path, name: str, codec: str) -> None:
    pixel_format = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write_video(tmp_path / name, 100, codec=codec, pixel_format=pixel_format, movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    frames, error = read(_opened(source(path)))
    assert isinstance(error, SourceEnded)
    assert 30 < len(frames) < 90
    assert str(error).startswith(f"{path} is truncated: {len(frames)} of 100 frames could be read; ")
    assert [read_number(frame.luma) for frame in frames[:-1]] == list(range(len(frames) - 1))


def test_looping_stops_at_a_truncated_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100, movflags="faststart")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames, error = read(_opened(source(path, loop=True)))
    assert isinstance(error, SourceEnded) and len(frames) < 100


def test_corrupt_frames_are_counted_and_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = {"g": "1"}
    path = write_video(
        tmp_path / "a.mkv", 30, codec="ffv1", pixel_format="yuv420p", options=options | {"slicecrc": "1"}
    )
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    for number in (4, 11):
        at = data.index(packets[number])
        data = data[:at] + b"\xff" * len(packets[number]) + data[at + len(packets[number]) :]
    path.write_bytes(data)
    opened = source(path)
    opened.open()
    with caplog.at_level(logging.WARNING, "nightglass"):
        frames, error = read(opened)
    assert error is None
    assert opened.broken_frames == 2 and len(frames) == 28
    assert [frame.seq for frame in frames] == [i for i in range(30) if i not in (4, 11)]
    assert "2 frames could not be decoded" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "is empty (0 bytes)"),
        ("notes.txt", b"dear diary\n" * 400, "is not a readable video"),
        ("notes.mp4", b"dear diary\n" * 400, "is not a readable video"),
        ("zeros.mp4", bytes(5000), "is not a readable video"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        source(path).open()
    assert str(path) in str(caught.value) and message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100)
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(SourceError, match="not a readable video"):
        source(path).open()


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(SourceError, match="has no video stream"):
        source(path).open()


def test_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        source(tmp_path / "no.mp4").open()


def test_a_colon_in_the_name_is_no_protocol(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3).rename(tmp_path / "tcp:12:30.mp4")
    frames, error = read(_opened(source(path)))
    assert len(frames) == 3 and error is None


def test_loop_goes_on_with_growing_time(tmp_path: Path) -> None:
    opened = source(write_video(tmp_path / "a.mp4", 10), loop=True)
    opened.open()
    frames = list(islice(opened.frames(), 25))
    opened.close()
    assert [read_number(frame.luma) for frame in frames] == [i % 10 for i in range(25)]
    assert [frame.seq for frame in frames] == list(range(25))
    assert [round(frame.capture_ns / 1e6) for frame in frames] == [40 * i for i in range(25)]
    assert [round(frame.pts_s * 1000) for frame in frames if frame.pts_s is not None] == [40 * i for i in range(25)]


def test_realtime_is_paced_by_the_clock(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    clock = SteppedClock()
    opened = FileSource(path, SourceConfig(url=str(path), realtime=True), clock)
    assert opened.open().live
    assert clock.play(opened.frames()) == [i * 40_000_000 for i in range(10)]
    opened.close()
    # To the last frame, and half a period on, when the next one would be decoded.
    assert sum(clock.slept_s) == pytest.approx(0.36 + 0.02)


def test_recordings_that_are_played_together_start_together(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 5)
    clock, start = SteppedClock(), CommonStart()
    config = SourceConfig(url=str(path), realtime=True)
    one, other = (FileSource(path, config, clock, start) for _ in range(2))
    stamps_ns = []
    for opened in (one, other):
        opened.open()
        frames = opened.frames()
        stamps_ns.append([next(frames).capture_ns])
        clock.time_ns += 7_000_000  # The other one is not ready at once.
        stamps_ns[-1] += [frame.capture_ns for frame in frames]
        opened.close()
    assert stamps_ns[0] == stamps_ns[1]


def test_a_late_reader_is_not_held_up(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 10)
    clock = SteppedClock()
    opened = FileSource(path, SourceConfig(url=str(path), realtime=True), clock)
    opened.open()
    for _ in opened.frames():
        clock.time_ns += 200_000_000
    opened.close()
    assert max(clock.slept_s) <= 0


def test_stream_that_starts_late_starts_at_zero(tmp_path: Path) -> None:
    frames, error = read(_opened(source(write_video(tmp_path / "a.mkv", 100, first_pts=50))))
    assert [frame.pts_s for frame in frames[:2]] == [2.0, 2.04]
    assert [frame.capture_ns for frame in frames[:2]] == [0, 40_000_000]
    assert error is None


def test_frames_without_stamps_follow_each_other(tmp_path: Path) -> None:
    # A bare MPEG-4 or H.264 byte stream has no container to hold stamps.
    opened = source(write_video(tmp_path / "a.m4v", 8))
    opened.open()
    frames, _ = read(opened)
    steps = {b.capture_ns - a.capture_ns for a, b in pairwise(frames)}
    assert len(frames) == 8 and len(steps) == 1 and steps.pop() > 0


@pytest.mark.data
def test_real_recording(data_dir: Path) -> None:
    opened = source(data_dir / "m3svd" / "videos" / "ir" / "0117_1605.mp4")
    info = opened.open()
    assert (info.width, info.height, info.rate_hz, info.frame_count) == (640, 480, 30.0, 407)
    frames, error = read(opened)
    assert error is None and len(frames) == 407
    assert frames[-1].capture_ns == pytest.approx(406 / 30 * 1e9, abs=2)


def _opened(closed: FileSource) -> FileSource:
    closed.open()
    return closed
