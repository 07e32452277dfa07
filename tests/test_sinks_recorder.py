"""Recordings, read back from the files: count, time stamps, picture, colour tags, segments, crashes, full disks."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from sinks_support import T0_NS, fused, psnr, scene

from kernels.levels import LIMITED_TO_FULL_CHROMA, LIMITED_TO_FULL_LUMA
from stream.config import RecordConfig
from stream.errors import SinkError, UsageError
from stream.frames import Picture
from stream.sinks.recorder import Recorder, stamped
from stream.sinks.still import write_still


def record(
    path: Path, pictures: list[Picture], *, live: bool = False, rate_hz: float = 25.0, **config: Any
) -> Recorder:
    recorder = Recorder(RecordConfig(path=str(path), **config), rate_hz=rate_hz, live=live)
    recorder.open()
    for seq, picture in enumerate(pictures):
        recorder.write(picture, fused(picture, seq))
    recorder.close()
    recorder.close()
    return recorder


def read(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    return [
        np.frombuffer(memoryview(p), np.uint8).reshape(-1, p.line_size)[: p.height, : p.width] for p in frame.planes
    ]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(("ending", "codec"), [("mp4", "h264"), ("mkv", "h264"), ("mp4", "hevc"), ("mkv", "hevc")])
def test_count_time_stamps_picture_and_colour(tmp_path: Path, ending: str, codec: str, live: bool) -> None:
    path = tmp_path / f"a.{ending}"
    pictures = [scene(seq) for seq in range(60)]
    recorder = record(path, pictures, codec=codec, crf=14, live=live)
    assert recorder.frames_written == 60
    frames = read(path)
    assert len(frames) == 60
    assert [frame.time for frame in frames] == pytest.approx([seq * 0.04 for seq in range(60)], abs=1e-4)
    for picture, frame in zip(pictures, frames, strict=True):
        assert (frame.format.name, frame.color_range, frame.colorspace) == ("yuv420p", 1, 6)
        luma, cb, cr = planes(frame)
        assert picture.chroma is not None
        assert psnr(LIMITED_TO_FULL_LUMA[luma], picture.luma) > 38
        assert psnr(LIMITED_TO_FULL_CHROMA[cb], picture.chroma.cb) > 38
        assert psnr(LIMITED_TO_FULL_CHROMA[cr], picture.chroma.cr) > 38


def test_ffprobe_agrees_on_a_finished_mp4(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    record(path, [scene(seq) for seq in range(75)])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.frames, stream.start_time) == (75, 0)
        assert container.duration == pytest.approx(3_000_000, abs=2)
        assert stream.average_rate == 25
        assert stream.codec_context.color_primaries == stream.codec_context.color_trc == 6


def test_variable_frame_times_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    recorder = Recorder(RecordConfig(path=str(path)), rate_hz=25.0, live=False)
    recorder.open()
    times_ms = [0, 40, 40, 35, 111, 500, 533]
    for seq, ms in enumerate(times_ms):
        recorder.write(scene(seq), fused(scene(seq), seq, T0_NS + ms * 1_000_000))
    recorder.close()
    assert recorder.bumped_frames == 2
    times = [frame.time for frame in read(path)]
    assert times == pytest.approx([0, 0.04, 0.04, 0.04, 0.111, 0.5, 0.533], abs=1e-4)
    assert all(b > a for a, b in pairwise(times))


def test_grey_is_neutral(tmp_path: Path) -> None:
    record(tmp_path / "a.mkv", [scene(seq, colour=False) for seq in range(5)])
    for frame in read(tmp_path / "a.mkv"):
        _, cb, cr = planes(frame)
        assert abs(cb.astype(int) - 128).max() <= 1 and abs(cr.astype(int) - 128).max() <= 1


def test_odd_sizes_repeat_the_edge_and_say_so_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pictures = [scene(seq, 159, 119) for seq in range(5)]
    with caplog.at_level(logging.WARNING, "nightglass"):
        record(tmp_path / "a.mp4", pictures, crf=1)
    assert len([r for r in caplog.records if "odd size 159x119" in r.message]) == 1
    for picture, frame in zip(pictures, read(tmp_path / "a.mp4"), strict=True):
        luma = LIMITED_TO_FULL_LUMA[planes(frame)[0]].astype(int)
        assert luma.shape == (120, 160)
        assert psnr(luma[:119, :159], picture.luma) > 45
        assert abs(luma[119] - luma[118]).mean() < 2 and abs(luma[:, 159] - luma[:, 158]).mean() < 2


@pytest.mark.parametrize("colour", [True, False])
def test_ffv1_is_bit_exact_even_at_odd_sizes(tmp_path: Path, colour: bool) -> None:
    pictures = [scene(seq, 161, 121, colour=colour) for seq in range(6)]
    record(tmp_path / "a.mkv", pictures, codec="ffv1")
    frames = read(tmp_path / "a.mkv")
    assert len(frames) == 6
    for picture, frame in zip(pictures, frames, strict=True):
        assert frame.color_range == 2
        luma, cb, cr = planes(frame)
        np.testing.assert_array_equal(luma, picture.luma)
        np.testing.assert_array_equal(cb, 128 if picture.chroma is None else picture.chroma.cb)
        np.testing.assert_array_equal(cr, 128 if picture.chroma is None else picture.chroma.cr)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("live", [False, True])
def test_segments_lose_and_repeat_nothing(tmp_path: Path, ending: str, live: bool) -> None:
    pictures = [scene(seq) for seq in range(55)]
    record(tmp_path / f"cam.{ending}", pictures, segment_s=0.8, live=live, crf=10)
    files = sorted(tmp_path.iterdir())
    assert [f.name for f in files] == [
        f"cam-20231114T221320-123Z.{ending}",
        f"cam-20231114T221320-923Z.{ending}",
        f"cam-20231114T221321-723Z.{ending}",
    ]
    segments = [read(f) for f in files]
    assert [len(frames) for frames in segments] == [20, 20, 15]
    assert all(frames[0].key_frame and frames[0].time == 0 for frames in segments)
    for picture, frame in zip(pictures, [f for frames in segments for f in frames], strict=True):
        assert psnr(LIMITED_TO_FULL_LUMA[planes(frame)[0]], picture.luma) > 35


def test_segments_never_replace_a_file(tmp_path: Path) -> None:
    taken = stamped(tmp_path / "cam.mp4", T0_NS)
    taken.write_bytes(b"older")
    record(tmp_path / "cam.mp4", [scene(0)], segment_s=10.0)
    assert taken.read_bytes() == b"older"
    assert len(read(tmp_path / "cam-20231114T221320-123Z-2.mp4")) == 1


def test_a_live_recording_never_replaces_a_file_but_a_conversion_does(tmp_path: Path) -> None:
    path = tmp_path / "cam.mp4"
    path.write_bytes(b"older")
    record(path, [scene(0)], live=True)
    assert path.read_bytes() == b"older"
    assert len(read(stamped(path, T0_NS))) == 1
    record(path, [scene(0)], live=False)
    assert len(read(path)) == 1


CRASH = """
import os, signal, sys
from sinks_support import fused, scene
from stream.config import RecordConfig
from stream.sinks.recorder import Recorder
recorder = Recorder(RecordConfig(path=sys.argv[1]), rate_hz=25.0, live=sys.argv[2] == "live")
recorder.open()
for seq in range(110):
    recorder.write(scene(seq), fused(scene(seq), seq))
os.kill(os.getpid(), signal.SIGKILL)
"""


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).parent
    path = os.pathsep.join([str(tests), str(tests.parent)])
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
@pytest.mark.parametrize("kind", ["live", "offline"])
def test_a_killed_recording_plays(tmp_path: Path, ending: str, kind: str) -> None:
    path = tmp_path / f"a.{ending}"
    assert run(CRASH, path, kind).returncode == -signal.SIGKILL
    frames = read(path)
    # Of 110 frames written, at most a fragment of a second (and, offline, what the encoder holds) is lost.
    assert len(frames) >= (75 if kind == "live" else 50)
    assert [frame.time for frame in frames] == pytest.approx([seq * 0.04 for seq in range(len(frames))], abs=1e-3)
    assert psnr(LIMITED_TO_FULL_LUMA[planes(frames[-1])[0]], scene(len(frames) - 1).luma) > 30


FULL_DISK = """
import json, resource, sys
from pathlib import Path
import av
from sinks_support import fused, scene
from stream.config import RecordConfig
from stream.errors import SinkError
from stream.sinks.recorder import Recorder
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
recorder = Recorder(RecordConfig(path=sys.argv[1], crf=4), rate_hz=25.0, live=True)
recorder.open()
error = None
for seq in range(200):
    try:
        recorder.write(scene(seq), fused(scene(seq), seq))
    except SinkError as lost:
        error = str(lost)
        break
recorder.close()
print(json.dumps([seq, error]))
"""


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_file_that_cannot_grow_is_a_sink_error_and_what_is_there_plays(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    result = run(FULL_DISK, path)
    assert result.returncode == 0, result.stderr
    seq, error = json.loads(result.stdout)
    assert seq < 199
    assert str(path) in error and "free space" in error and "\n" not in error
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).width == 160


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_full_disk_is_a_sink_error(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.symlink_to("/dev/full")
    recorder = Recorder(RecordConfig(path=str(path), crf=4), rate_hz=25.0, live=False)
    recorder.open()
    with pytest.raises(SinkError, match="No space left on device; check the disk's free space"):
        for seq in range(400):
            recorder.write(scene(seq), fused(scene(seq), seq))
    recorder.close()


def test_size_change_is_a_sink_error(tmp_path: Path) -> None:
    recorder = Recorder(RecordConfig(path=str(tmp_path / "a.mp4")), rate_hz=25.0, live=False)
    recorder.open()
    recorder.write(scene(0), fused(scene(0), 0))
    with pytest.raises(SinkError, match="changed from 160x120 to 80x60"):
        recorder.write(scene(1, 80, 60), fused(scene(1, 80, 60), 1))
    recorder.close()
    assert len(read(tmp_path / "a.mp4")) == 1


def test_a_live_picture_that_changes_its_size_goes_on_in_another_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A camera that comes back with another resolution must not end the recording of the rest of the year."""
    sizes = [(160, 120)] * 3 + [(80, 60)] * 4 + [(160, 120)] * 5
    record(tmp_path / "a.mkv", [scene(seq, *size) for seq, size in enumerate(sizes)], live=True)
    found = [read(path) for path in sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)]
    assert [(len(one), one[0].width, one[0].height) for one in found] == [(3, 160, 120), (4, 80, 60), (5, 160, 120)]
    assert [one[0].time for one in found] == [0, 0, 0]
    assert sum("changed from" in line for line in caplog.messages) == 2


def test_a_name_that_is_too_long_is_refused_at_open(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="cannot write there: File name too long"):
        Recorder(RecordConfig(path=str(tmp_path / f"{'x' * 300}.mkv")), rate_hz=25.0, live=True).open()


def test_nothing_written_leaves_no_file(tmp_path: Path) -> None:
    record(tmp_path / "a.mp4", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["a.avi", "a", "a.png", "a.mp4.txt"])
def test_unknown_endings_are_usage_errors(path: str) -> None:
    with pytest.raises(UsageError, match=r"\.mp4, \.mkv, or / "):
        Recorder(RecordConfig(path=path), rate_hz=25.0, live=False)


def test_ffv1_in_mp4_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"\.mkv"):
        Recorder(RecordConfig(path="a.mp4", codec="ffv1"), rate_hz=25.0, live=False)


def test_places_that_cannot_be_written_are_refused_at_open(tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    places = {
        tmp_path / "folder.mp4": "is a folder",
        tmp_path / "missing" / "a.mp4": "missing does not exist; create it",
        Path("/proc/a.mp4"): "cannot write there",
    }
    for path, message in places.items():
        with pytest.raises(SinkError, match=message):
            Recorder(RecordConfig(path=str(path)), rate_hz=25.0, live=False).open()


@pytest.mark.parametrize("name", ["12:30:01.mp4", "http:a.mkv"])
def test_a_colon_in_the_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    record(Path(name), [scene(seq) for seq in range(3)])
    assert len(read(tmp_path / name)) == 3
    write_still(Path(name).with_suffix(".png"), scene(0))
    assert (tmp_path / name).with_suffix(".png").stat().st_size > 0


def writers(path: Path, kinds: tuple[bool, bool]) -> tuple[Recorder, Recorder]:
    """Two recorders of one path, live or not, the first of which has begun."""
    first, second = (Recorder(RecordConfig(path=str(path)), rate_hz=25.0, live=live) for live in kinds)
    first.open()
    second.open()
    for seq in range(3):
        first.write(scene(seq), fused(scene(seq), seq))
    return first, second


def test_two_live_recordings_of_one_path_each_get_a_file(tmp_path: Path) -> None:
    first, second = writers(tmp_path / "a.mkv", (True, True))
    for seq in range(5):
        second.write(scene(seq), fused(scene(seq), seq))
    for recorder in (second, first):
        recorder.close()
    assert [len(read(path)) for path in (tmp_path / "a.mkv", stamped(tmp_path / "a.mkv", T0_NS))] == [3, 5]


@pytest.mark.parametrize("first_live", [True, False])
def test_a_conversion_does_not_replace_what_is_being_written(tmp_path: Path, first_live: bool) -> None:
    first, second = writers(tmp_path / "a.mkv", (first_live, False))
    with pytest.raises(SinkError, match=r"a\.mkv: another process is writing this file; give another path"):
        second.write(scene(0), fused(scene(0), 0))
    second.close()
    first.close()
    assert len(read(tmp_path / "a.mkv")) == 3


def test_a_file_that_is_removed_while_it_is_written_is_a_sink_error(tmp_path: Path) -> None:
    recorder, _ = writers(tmp_path / "a.mkv", (True, True))
    (tmp_path / "a.mkv").unlink()
    with pytest.raises(SinkError, match="removed or renamed while it was written"):
        for seq in range(3, 40):
            recorder.write(scene(seq), fused(scene(seq), seq))
    recorder.close()


def test_an_attempt_on_a_full_disk_leaves_no_file(tmp_path: Path) -> None:
    """There may be one every minute for a weekend."""
    result = run(FULL_DISK.replace("60_000, 60_000", "100, 100"), tmp_path / "a.mkv")
    assert result.returncode == 0, result.stderr
    assert "free space" in json.loads(result.stdout)[1]
    assert list(tmp_path.iterdir()) == []
