"""No command writes over what it reads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_support import nightglass
from clips import luma, write_clip

from stream.calibrate import Target
from stream.errors import CalibrationError
from stream.frames import Picture
from stream.sinks.still import write_still

CALIBRATE = ("calibrate", "--infrared", "pictures/a.png", "--visible", "pictures/b.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings, one of them under a second name, two pictures, and a configuration."""
    made = tmp_path_factory.mktemp("inputs")
    write_clip(made / "ir.mp4", 3)
    write_clip(made / "vis.mp4", 3)
    os.link(made / "ir.mp4", made / "same.mp4")
    (made / "pictures").mkdir()
    for name in ("a", "b"):
        write_still(made / "pictures" / f"{name}.png", Picture(luma(0, 96, 64), None))
    (made / "c.yaml").write_text("compose: {mode: pip}\n")
    (made / "live.yaml").write_text("infrared: {url: ir.mp4}\nvisible: {url: vis.mp4}\n")
    return made


@pytest.fixture
def untouched(folder: Path) -> Callable[[], bool]:
    """Whether all files are as they were before the test, and no others are there."""

    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    before = content()
    return lambda: content() == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--output", "same.mp4"), "same.mp4"),
        (("--output", "out.mp4", "--report", "ir.mp4"), "ir.mp4"),
        (("--output", "out.mp4", "--report", "./vis.mp4"), "vis.mp4"),
        (("--output", "out.mp4", "--report", "out.mp4"), "out.mp4"),
        (("--output", "out.mp4", "--config", "c.yaml", "--report", "c.yaml"), "c.yaml"),
    ],
)
def test_convert_keeps_its_inputs(
    folder: Path, untouched: Callable[[], bool], arguments: tuple[str, ...], named: str
) -> None:
    done = nightglass("convert", "--infrared", "ir.mp4", "--visible", "vis.mp4", *arguments, cwd=folder)
    assert done.code == 2
    assert f"{named} is an input as well" in done.error
    assert untouched()


@pytest.mark.parametrize("report", ["live.yaml", "same.mp4"])
def test_live_keeps_its_configuration_and_inputs(folder: Path, untouched: Callable[[], bool], report: str) -> None:
    done = nightglass("live", "--config", "live.yaml", "--duration", "0.1", "--report", report, cwd=folder)
    assert done.code == 2
    assert f"{report} is an input as well" in done.error
    assert untouched()


def test_pictures_do_not_replace_the_single_picture_they_are_made_from(
    folder: Path, untouched: Callable[[], bool]
) -> None:
    inputs = ("--infrared", "pictures/a.png", "--visible", "pictures/b.png")
    done = nightglass("convert", *inputs, "--output", "pictures/", cwd=folder)
    assert done.code == 2
    assert "pictures/ is an input as well or holds one" in done.error
    assert untouched()


@pytest.mark.parametrize(("output", "named"), [("pictures/a.yaml", "a.png"), ("pictures/b.png", "b.png")])
def test_calibrate_keeps_pictures(folder: Path, untouched: Callable[[], bool], output: str, named: str) -> None:
    done = nightglass(*CALIBRATE, "--output", output, cwd=folder)
    assert done.code == 2
    assert f"pictures/{named} is an input as well" in done.error
    assert untouched()


def test_calibrate_keeps_pictures_of_a_folder(folder: Path, untouched: Callable[[], bool]) -> None:
    inputs = ("--infrared", "pictures", "--visible", "pictures")
    done = nightglass("calibrate", *inputs, "--output", "pictures/a.yaml", cwd=folder)
    assert done.code == 2
    assert "pictures/a.png is an input as well" in done.error
    assert untouched()


def test_calibrate_keeps_recordings(folder: Path, untouched: Callable[[], bool]) -> None:
    done = nightglass("calibrate", "--infrared", "ir.mp4", "--visible", "vis.mp4", "--output", "ir.mp4", cwd=folder)
    assert done.code == 2
    assert "ir.mp4 is an input as well" in done.error
    assert untouched()


@pytest.mark.parametrize(
    ("output", "says"),
    [("c.png", "picture to check it by"), ("", "is a folder"), ("nowhere/c.yaml", "nowhere does not exist")],
)
def test_calibrate_says_at_once_where_it_cannot_write(tmp_path: Path, output: str, says: str) -> None:
    with pytest.raises(CalibrationError, match=says):
        Target(tmp_path / output).check()
