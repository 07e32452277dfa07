"""The demo's two files, made for real at a small size, and the parts that only it uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream import demo
from stream.clock import SystemClock
from stream.config import RecordConfig, SourceConfig
from stream.errors import SinkError
from stream.frames import Chroma, Frame, Picture
from stream.lettering import HEIGHT, PITCH, lettered
from stream.picture import picture_of
from stream.sheet import contact_sheet
from stream.sinks.joining import join_videos
from stream.sinks.still import write_still
from stream.sinks.videofile import VideoFile
from stream.sources.sim import SimSource

WIDTH_PX, HEIGHT_PX = 320, 240
FRAMES = 15
SECONDS = FRAMES / 30

Luma = NDArray[Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[demo.DemoFiles, list[str]]:
    said: list[str] = []
    output = tmp_path_factory.mktemp("demo") / "new" / "out"
    return demo.run_demo(output, SystemClock(), said.append, seconds=SECONDS, size=(WIDTH_PX, HEIGHT_PX)), said


def lumas(path: Path) -> list[Luma]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


def likeness(a: Luma, b: Luma) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def test_the_video_holds_both_scenes_without_a_gap(made):
    files, said = made
    with av.open(str(files.video)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (3 * WIDTH_PX, HEIGHT_PX)
        times = [frame.time for frame in container.decode(stream)]
    assert len(times) == 2 * FRAMES
    assert np.allclose(times, np.arange(2 * FRAMES) / 30, atol=1e-4)
    assert all(
        f"sim:{scene}" in line and f"{FRAMES} frames" in line for scene, line in zip(demo.SCENES, said, strict=True)
    )


def test_the_columns_are_what_their_titles_say(made):
    files, _ = made
    pictures = lumas(files.video)
    for number, scene in enumerate(demo.SCENES):
        shown = pictures[number * FRAMES + 3]
        url = f"sim:{scene}?seconds={SECONDS:g}&size={WIDTH_PX}x{HEIGHT_PX}"
        truth = []
        for role in ("infrared", "visible"):
            source = SimSource(SourceConfig(url=url), role, SystemClock())
            source.open()
            truth.append(next(frame.luma for frame in source.frames() if frame.seq == 3))
        infrared, visible, fused = np.hsplit(shown, 3)
        assert likeness(infrared, truth[0]) > 0.97
        assert likeness(visible, truth[1]) > 0.97
        # A fusion has something of both that the other picture has not.
        assert np.abs(fused.astype(int) - infrared).mean() > 2
        assert np.abs(fused.astype(int) - visible).mean() > 2


def test_the_sheet_shows_moments_of_the_video(made):
    files, _ = made
    (sheet,) = lumas(files.sheet)
    cell_height = round(HEIGHT_PX * sheet.shape[1] / (3 * WIDTH_PX))
    frames = lumas(files.video)
    rows = 2 * 3
    label = (sheet.shape[0] - rows * cell_height) // (rows + 1)
    for row in range(rows):
        top = label + row * (label + cell_height) + label
        shown = sheet[top : top + cell_height : cell_height // HEIGHT_PX, :: sheet.shape[1] // (3 * WIDTH_PX)]
        scene, moment = divmod(row, 3)
        best = max(range(len(frames)), key=lambda n: likeness(frames[n], shown[:HEIGHT_PX, : 3 * WIDTH_PX]))
        assert abs(best - (scene * FRAMES + int(FRAMES * (moment + 0.5) / 3))) <= 1


def test_nothing_else_is_left_in_the_folder(made):
    files, _ = made
    assert sorted(path.name for path in files.video.parent.iterdir()) == ["demo-sheet.png", "demo.mp4"]


def test_a_folder_that_cannot_be_made_is_one_line_and_status_1(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert demo.main(["--output", str(tmp_path / "file" / "out")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "cannot make the folder" in error


def grey(value: int, size: tuple[int, int] = (64, 48)) -> Picture:
    return Picture(np.full(size[::-1], value, np.uint8), None)


def record(path: Path, values: list[int], crf: int = 10, size: tuple[int, int] = (64, 48)) -> Path:
    config = RecordConfig(path=str(path), crf=crf)
    video = VideoFile(path, config, width_px=size[0], height_px=size[1], rate_hz=25, live=False)
    for number, value in enumerate(values):
        video.write(grey(value, size), number * 3600)
    video.close()
    return path


def test_joining_keeps_every_picture_in_order(tmp_path):
    values = [[20, 60, 100, 140, 180], [220, 40], [90]]
    parts = [record(tmp_path / f"{n}.mp4", part) for n, part in enumerate(values)]
    join_videos(parts, tmp_path / "all.mp4")
    shown = [round((float(luma.mean()) - 16) * 255 / 219) for luma in limited_lumas(tmp_path / "all.mp4")]
    assert np.allclose(shown, [value for part in values for value in part], atol=3)


def limited_lumas(path: Path) -> list[Luma]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]


def test_joining_refuses_parts_of_different_coding(tmp_path):
    parts = [record(tmp_path / "a.mp4", [1, 2]), record(tmp_path / "b.mp4", [1, 2], size=(96, 48))]
    with pytest.raises(SinkError, match=r"b\.mp4: coded differently from .*a\.mp4"):
        join_videos(parts, tmp_path / "all.mp4")


@given(st.text(alphabet="ABCXYZ019-. abc", min_size=1, max_size=12), st.integers(1, 3))
def test_letters_have_their_room_and_differ(text, dot_px):
    mask = lettered(text, dot_px)
    assert mask.shape == (HEIGHT * dot_px, PITCH * dot_px * len(text))
    assert np.array_equal(mask, lettered(text.upper(), dot_px))
    assert mask.any() == bool(text.strip())
    assert not mask[:, -dot_px:].any()


def test_no_two_letters_look_alike():
    masks = [lettered(letter, 1).tobytes() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-. "]
    assert len(set(masks)) == len(masks)


@pytest.mark.parametrize("text", ["Ä", "", "a\n"])
def test_unknown_signs_are_refused(text):
    with pytest.raises(ValueError, match="cannot letter"):
        lettered(text, 2)


def test_a_sheet_needs_rows():
    with pytest.raises(ValueError, match="at least one row"):
        contact_sheet([], ["A"], 100)


def test_a_sheet_keeps_colours_and_puts_titles_over_their_columns():
    red = Picture(
        np.full((60, 180), 76, np.uint8),
        Chroma(np.full((30, 90), 85, np.uint8), np.full((30, 90), 255, np.uint8)),
    )
    sheet = contact_sheet([("", red), ("B", grey(90, (180, 60)))], ["A", " ", "C"], 361)
    assert sheet.width == 360 and sheet.chroma is not None
    header = sheet.luma[: sheet.height - 2 * 120 - 22]
    assert [bool(column.any()) for column in np.hsplit(header, 3)] == [True, False, True]
    first = header.shape[0]
    assert (sheet.luma[first : first + 120] == 76).all()
    assert (sheet.chroma.cr[first // 2 : first // 2 + 60] == 255).all()
    assert (sheet.chroma.cr[first // 2 + 60 :] == 128).all()
    assert (sheet.luma[-120:] == 90).all()


def coloured() -> Picture:
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    cb, cr = np.full((24, 32), 100, np.uint8), np.full((24, 32), 160, np.uint8)
    return Picture(ramp, Chroma(cb, cr))


@pytest.mark.parametrize(("ending", "tolerance"), [(".png", 1), (".webp", 12)])
def test_stills_are_read_back_as_they_were(tmp_path, ending, tolerance):
    path = tmp_path / f"a{ending}"
    write_still(path, coloured())
    with av.open(str(path)) as container:
        rgb = next(container.decode(video=0)).to_ndarray(format="rgb24")[:, 16:48].astype(float)
    luma = coloured().luma[:, 16:48].astype(float)
    expected = (luma + 1.402 * 32, luma - 0.344136 * -28 - 0.714136 * 32, luma + 1.772 * -28)
    for channel, value in enumerate(expected):
        assert np.abs(rgb[..., channel] - np.clip(value, 0, 255)).mean() <= tolerance


def test_a_grey_still_is_a_grey_png(tmp_path):
    write_still(tmp_path / "a.png", grey(77))
    with av.open(str(tmp_path / "a.png")) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == "gray" and (frame.to_ndarray() == 77).all()


@pytest.mark.parametrize(("name", "told"), [("a.gif", "must end in"), ("missing/a.png", "cannot write the picture")])
def test_stills_that_cannot_be_written(tmp_path, name, told):
    with pytest.raises(SinkError, match=told) as caught:
        write_still(tmp_path / name, grey(1))
    assert name in str(caught.value)


def frame(luma: Luma, chroma: Chroma | None = None, color_range: str = "limited") -> Frame:
    return Frame(luma, chroma, "x", color_range, 0.0, 0, "file", 0, "a.mp4")  # type: ignore[arg-type]


def test_pictures_of_frames_are_full_range():
    limited = frame(np.array([[16, 235]], np.uint8), Chroma(np.array([[16]], np.uint8), np.array([[240]], np.uint8)))
    picture = picture_of(limited)
    assert picture.luma.tolist() == [[0, 255]]
    assert picture.chroma is not None and picture.chroma.cb.tolist() == [[1]] and picture.chroma.cr.tolist() == [[255]]
    assert picture_of(frame(np.array([[16, 235]], np.uint8), color_range="full")).luma.tolist() == [[16, 235]]
    with pytest.raises(ValueError, match=r"a\.mp4: a picture has 8 bits"):
        picture_of(frame(np.zeros((2, 2), np.uint16)))
