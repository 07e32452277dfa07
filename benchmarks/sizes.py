"""Speed against frame size: the student and whole conversions at five sizes, beside FFmpeg's ``blend``, and two plots.

    .venv/bin/python -m benchmarks.sizes --json sizes.json --plots FOLDER [--infrared IR.mp4 --visible VIS.mp4]

The recordings are scaled (up, mostly) to each size and encoded anew; without any they are the simulator's night street.
A conversion of ``frames`` frames is timed from the start of its process to its end, in turns with FFmpeg's. The plots
need matplotlib (the ``train`` extra); ``--from sizes.json --plots FOLDER`` draws them from figures that are there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from stream.benchmarking.conversion import find_ffmpeg, measure_conversion
from stream.benchmarking.engines import measure_engines
from stream.benchmarking.facts import machine_facts
from stream.benchmarking.inputs import RATE_HZ, write_pair
from stream.clock import Clock, SystemClock
from stream.config import FusionConfig
from stream.sources.base import Role

SIZES = ((320, 240), (640, 480), (960, 540), (1280, 720), (1920, 1080))
FRAMES = 300
ENGINE_S = 2.5
ROUNDS, ROUNDS_S = 5, 30.0
_CRF = "18"


def scaled(source: Path, target: Path, size: tuple[int, int], frames: int) -> Path:
    """The first ``frames`` of a recording (it starts again at its end) at another size, H.264, at ``RATE_HZ``."""
    with av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=RATE_HZ, options={"crf": _CRF, "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number, frame in enumerate(islice(_over_and_over(source), frames)):
            fitted = frame.reformat(*size, format="yuv420p")
            fitted.pts, fitted.time_base = number, Fraction(1, RATE_HZ)
            out.mux(stream.encode(fitted))
        out.mux(stream.encode(None))
    return target


def _over_and_over(source: Path) -> Any:
    while True:
        with av.open(str(source)) as container:
            yield from container.decode(video=0)


def measure(pair: dict[Role, Path] | None, frames: int, clock: Clock) -> list[dict[str, Any]]:
    """Figures at every size. ``pair``: recordings; None: simulated ones."""
    rows = []
    for width, height in SIZES:
        with tempfile.TemporaryDirectory(prefix="nightglass-sizes-") as scratch:
            folder = Path(scratch)
            if pair is None:
                made = write_pair(folder, frames, (width, height), clock)
            else:
                made = {
                    role: scaled(path, folder / f"{role}.mp4", (width, height), frames) for role, path in pair.items()
                }
            engines = measure_engines(FusionConfig().model, [(width, height)], clock, ENGINE_S)
            conversion = measure_conversion(
                made, frames, (width, height), clock, rounds=ROUNDS, budget_s=ROUNDS_S, ffmpeg=find_ffmpeg()
            )
        rows.append({"width": width, "height": height, "engine": engines.measured, "conversion": conversion})
        print(line_of(rows[-1]), flush=True)
    return rows


def line_of(row: dict[str, Any]) -> str:
    """One size's figures in a line."""
    conversion = row["conversion"]
    ours = conversion["nightglass"]
    engine = ", ".join(f"{each['engine']} {each['precision']} {each['ms']['median']:.1f} ms" for each in row["engine"])
    text = (
        f"{row['width']}x{row['height']}: {engine}; convert {ours['command_fps']['median']:.1f} fps "
        f"({ours['report']['fps']:.1f} without the interpreter's start)"
    )
    if conversion["ffmpeg_blend"] is None:
        return text
    blend_fps = conversion["ffmpeg_blend"]["command_fps"]["median"]
    return f"{text}, blend {blend_fps:.1f} fps, ratio {ours['command_fps']['median'] / blend_fps:.2f}"


def draw(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Two PNG files: throughput against size, and where a frame's time goes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    pixels = [row["width"] * row["height"] / 1e6 for row in rows]
    names = [f"{row['width']}x{row['height']}" for row in rows]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    curves = {
        "convert": [row["conversion"]["nightglass"]["command_fps"]["median"] for row in rows],
        "convert, without the interpreter's start": [row["conversion"]["nightglass"]["report"]["fps"] for row in rows],
        "student alone": [1000 / row["engine"][0]["ms"]["median"] for row in rows],
    }
    if all(row["conversion"]["ffmpeg_blend"] for row in rows):
        curves["FFmpeg blend"] = [row["conversion"]["ffmpeg_blend"]["command_fps"]["median"] for row in rows]
    for name, values in curves.items():
        axes.loglog(pixels, values, marker="o", label=name)
    axes.set_xticks(pixels, names, fontsize=8)
    axes.minorticks_off()
    axes.set_ylabel("frames a second")
    axes.set_yticks(ticks := [10, 20, 50, 100, 200, 500], [str(tick) for tick in ticks])
    axes.grid(linewidth=0.4)
    axes.legend(fontsize=8)
    # Without the version of matplotlib: the same figures are the same file.
    as_file: dict[str, Any] = {"dpi": 90, "metadata": {"Software": None}}
    figure.savefig(folder / "throughput.png", **as_file)

    stages = [row["conversion"]["nightglass"]["report"]["stage_ms"] for row in rows]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    below = [0.0] * len(rows)
    for stage in stages[0]:
        values = [each[stage]["mean"] for each in stages]
        if max(values) < 0.05:
            continue
        axes.bar(names, values, bottom=below, label=stage)
        below = [a + b for a, b in zip(below, values, strict=True)]
    axes.set_ylabel("ms a frame, by stage (stages overlap)")
    axes.legend(fontsize=8)
    axes.grid(axis="y", linewidth=0.4)
    axes.set_axisbelow(True)
    figure.savefig(folder / "stages.png", **as_file)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plots", type=Path, help="draw into this folder")
    parser.add_argument("--from", dest="source", type=Path, help="figures that are there already")
    parser.add_argument("--infrared", type=Path, help="a recording, scaled to every size")
    parser.add_argument("--visible", type=Path, help="its visible half")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"frames of a conversion (default {FRAMES})")
    options = parser.parse_args(arguments)
    if (options.infrared is None) != (options.visible is None):
        parser.error("give both --infrared and --visible, or neither")
    if options.source is not None:
        result = json.loads(options.source.read_text(encoding="utf-8"))
    else:
        clock = SystemClock()
        pair: dict[Role, Path] | None = None
        if options.infrared is not None:
            pair = {"infrared": options.infrared, "visible": options.visible}
        result = {"machine": machine_facts(clock), "frames": options.frames}
        result["sizes"] = measure(pair, options.frames, clock)
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.plots is not None:
        draw(result["sizes"], options.plots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
