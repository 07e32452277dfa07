"""The demo: ``python -m stream.demo --output out`` fuses two simulated scenes into a video and a contact sheet."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from stream.clock import Clock, SystemClock
from stream.config import ComposeConfig, NightglassConfig, OutputsConfig, RecordConfig, SourceConfig
from stream.errors import NightglassError, SinkError
from stream.frames import Picture
from stream.picture import picture_of
from stream.pipeline.offline import convert
from stream.progress import ProgressBar
from stream.sheet import contact_sheet
from stream.sinks.joining import join_videos
from stream.sinks.still import write_still
from stream.sources.opening import open_source

SCENES = ("night-street", "smoke-yard")
COLUMNS = ("infrared", "visible", "fused")
VIDEO_NAME, SHEET_NAME = "demo.mp4", "demo-sheet.png"
SECONDS = 7.0
SIZE = (640, 480)

_MOMENTS = 3
_SHEET_WIDTH_PX = 960


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the demo's results are."""

    video: Path
    sheet: Path


def run_demo(
    output: Path,
    clock: Clock,
    say: Callable[[str], None],
    *,
    seconds: float = SECONDS,
    size: tuple[int, int] = SIZE,
) -> DemoFiles:
    """Convert each scene (``seconds`` long, ``size`` in pixels) and write both files into the folder ``output``.

    The pictures of the sheet are read back from the video. Raises SinkError, and what ``convert`` raises.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{output}: cannot make the folder: {error.strerror}; choose another one") from None
    files = DemoFiles(output / VIDEO_NAME, output / SHEET_NAME)
    rows: list[tuple[str, Picture]] = []
    with tempfile.TemporaryDirectory(dir=output, prefix="demo-parts-") as folder:
        parts = [Path(folder) / f"{scene}.mp4" for scene in SCENES]
        for scene, part in zip(SCENES, parts, strict=True):
            url = f"sim:{scene}?seconds={seconds:g}&size={size[0]}x{size[1]}"
            with ProgressBar(scene) as bar:
                report = convert(_config(url, part), clock, bar.update)
            say(f"{url}: {report['frames_out']} frames, {report['fps']:.1f} fps with the simulator's own work")
            rows += [
                (f"{scene} {at_s:.1f} s", picture) for at_s, picture in _moments(part, report["frames_out"], clock)
            ]
        join_videos(parts, files.video)
    write_still(files.sheet, contact_sheet(rows, COLUMNS, _SHEET_WIDTH_PX))
    return files


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; the exit status: 0 done, 1 the run failed."""
    parser = argparse.ArgumentParser(prog="python -m stream.demo", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for the results (default: out)")
    output = parser.parse_args(argv).output
    from models.engines import EngineError

    av.logging.set_level(None)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    try:
        files = run_demo(output, SystemClock(), print)
    except (NightglassError, EngineError) as error:
        print(f"nightglass: error: {error}", file=sys.stderr)
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        print("nightglass: error: interrupted", file=sys.stderr)
        return 1
    print(
        f"\n{files.video}: {', '.join(COLUMNS)} from left to right. Open it in a video player or drop it on a browser."
    )
    print(f"{files.sheet}: moments of both scenes, to look at without a player.")
    print("Your own recordings: python run_stream.py convert --infrared A.mp4 --visible B.mp4 --output out/fused.mp4")
    return 0


def _config(url: str, path: Path) -> NightglassConfig:
    return NightglassConfig(
        infrared=SourceConfig(url=url),
        visible=SourceConfig(url=url),
        compose=ComposeConfig(mode="side-by-side"),
        outputs=OutputsConfig(record=RecordConfig(path=str(path))),
    )


def _moments(path: Path, frames: int, clock: Clock) -> list[tuple[float, Picture]]:
    """Pictures from the middle of each third of a recording, and their times in seconds."""
    wanted = {int(frames * (n + 0.5) / _MOMENTS) for n in range(_MOMENTS)}
    source = open_source(SourceConfig(url=str(path)), "visible", clock)
    source.open()
    try:
        return [(f.capture_ns / 1e9, picture_of(f)) for f in source.frames() if f.seq in wanted]
    finally:
        source.close()


if __name__ == "__main__":
    sys.exit(main())
