"""Makes the README's picture: infrared, visible and fused at one moment of a real recording, through ``convert``.

    .venv/bin/python -m benchmarks.readme_picture

The recording is a pair of M3SVD (smoke over a yard), looked for where the tests look: in the folder that
NIGHTGLASS_DATA names, else in ../shared/data.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from stream.clock import SystemClock
from stream.config import ComposeConfig, NightglassConfig, OutputsConfig, RecordConfig, SourceConfig
from stream.demo import COLUMNS
from stream.errors import NightglassError, SourceError
from stream.frames import Picture
from stream.picture import picture_of
from stream.pipeline.offline import convert
from stream.progress import ProgressBar
from stream.sheet import contact_sheet
from stream.sinks.still import write_still
from stream.sources.opening import open_source

ROOT = Path(__file__).resolve().parents[1]
WIDTH_PX = 1200


def fused_moments(infrared: Path, visible: Path, at_s: list[float]) -> list[Picture]:
    """Side-by-side pictures at some moments of a conversion, without loss. Raises NightglassError."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.mkv"
        config = NightglassConfig(
            infrared=SourceConfig(url=str(infrared)),
            visible=SourceConfig(url=str(visible)),
            compose=ComposeConfig(mode="side-by-side"),
            outputs=OutputsConfig(record=RecordConfig(path=str(path), codec="ffv1")),
        )
        with ProgressBar("fusing") as bar:
            convert(config, clock, bar.update)
        source = open_source(SourceConfig(url=str(path)), "visible", clock)
        source.open()
        left = sorted(at_s)
        pictures = []
        for frame in source.frames():
            if left and frame.capture_ns / 1e9 >= left[0]:
                pictures.append(picture_of(frame))
                left.pop(0)
        source.close()
    if left:
        raise SourceError(f"{visible}: it is over before {left[0]} s")
    return pictures


def main() -> int:
    """Make it; exit status 0, or 1 with a line that says why not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", default="0117_1605", help="name of the pair in m3svd/videos")
    parser.add_argument("--at", type=float, nargs="+", default=[7.0], help="moments in seconds, a row each")
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images/smoke.webp", help=".webp or .png")
    asked = parser.parse_args()
    videos = Path(os.environ.get("NIGHTGLASS_DATA", ROOT.parent / "shared/data")) / "m3svd/videos"
    infrared, visible = (videos / role / f"{asked.recording}.mp4" for role in ("ir", "vi"))
    try:
        rows = [("", picture) for picture in fused_moments(infrared, visible, asked.at)]
        asked.output.parent.mkdir(parents=True, exist_ok=True)
        write_still(asked.output, contact_sheet(rows, COLUMNS, WIDTH_PX))
    except NightglassError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{asked.output}: {asked.output.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
