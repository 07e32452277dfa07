"""Whole conversions as a user runs them: our ``convert`` command and FFmpeg's ``blend`` filter, taking turns.

Both are timed from the start of the process to its end, write the same number of frames, and encode with the same
x264 settings. What they do differs: ``blend`` averages the two pictures, planes as they are, without a network.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.engines.processors import usable_processors
from stream.benchmarking.facts import ROOT
from stream.benchmarking.inputs import RATE_HZ
from stream.benchmarking.timing import spread
from stream.clock import Clock
from stream.config import RecordConfig
from stream.errors import NightglassError
from stream.sinks.effort import preset_for
from stream.sources.base import Role

LEAST_ROUNDS = 3
_GROUP_S = 2
"""Key frame interval of our recordings; FFmpeg is told the same."""
_ENTRY = "import sys; from stream.cli import main; sys.exit(main())"
_PATIENCE_S = 300.0


def nightglass_command(pair: dict[Role, Path], output: Path, report: Path) -> list[str]:
    """The command line of our conversion, with its default settings."""
    arguments = ["--infrared", pair["infrared"], "--visible", pair["visible"], "--output", output, "--report", report]
    return [sys.executable, "-c", _ENTRY, "convert", *map(str, arguments)]


def ffmpeg_command(ffmpeg: str, pair: dict[Role, Path], output: Path, frames: int, size: tuple[int, int]) -> list[str]:
    """The command line of FFmpeg's conversion of pictures of ``size``; decoding threads are its own choice."""
    ours = RecordConfig(path=str(output))
    preset = preset_for(ours.preset, ours.codec, size, RATE_HZ, usable_processors())
    arguments = f"""-filter_complex [0:v][1:v]blend=all_mode=average -frames:v {frames} -pix_fmt yuv420p
        -c:v libx264 -preset {preset} -crf {ours.crf} -threads {ours.threads} -g {_GROUP_S * RATE_HZ}"""
    start = [ffmpeg, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    return [*start, "-i", str(pair["infrared"]), "-i", str(pair["visible"]), *arguments.split(), str(output)]


def measure_conversion(
    pair: dict[Role, Path],
    frames: int,
    size: tuple[int, int],
    clock: Clock,
    *,
    rounds: int,
    budget_s: float,
    ffmpeg: str | None,
) -> dict[str, Any]:
    """Run both in turns, after one run of each that does not count; figures for JSON.

    ``size``: width and height of the recordings. ``rounds``: at most so many, and once ``LEAST_ROUNDS`` are done no new
    one after ``budget_s`` seconds. Who starts changes from round to round. ``ffmpeg``: the executable, None: only ours.
    Raises NightglassError if ours fails; if FFmpeg's fails its figures are None and the reason is given.
    """
    folder = pair["visible"].parent
    report = folder / "report.json"
    outputs = {"nightglass": folder / "nightglass.mp4", "ffmpeg_blend": folder / "ffmpeg.mp4"}
    commands = {"nightglass": nightglass_command(pair, outputs["nightglass"], report)}
    if ffmpeg is not None:
        commands["ffmpeg_blend"] = ffmpeg_command(ffmpeg, pair, outputs["ffmpeg_blend"], frames, size)
    missing = None if ffmpeg else "no ffmpeg executable on the PATH"
    for name in list(commands):
        trouble = _run(commands[name])
        if trouble and name == "nightglass":
            raise NightglassError(f"bench: our own conversion failed: {trouble}")
        if trouble:
            del commands[name]
            missing = f"{ffmpeg} failed: {trouble}"
    taken_s = _take_turns(commands, clock, rounds, budget_s)
    figures: dict[str, Any] = {"frames": frames, "rate_hz": RATE_HZ, "ffmpeg_blend": None, "why_no_ffmpeg": missing}
    for name, seconds in taken_s.items():
        figures[name] = {
            "command_s": spread(seconds).as_json(),
            "command_fps": spread([frames / s for s in seconds]).as_json(),
            "output_bytes": outputs[name].stat().st_size,
            "command": [Path(part).name if os.sep in part else part for part in commands[name]],
        }
    # Of the last run: what the stages took, without the interpreter's start.
    last = json.loads(report.read_text(encoding="utf-8"))
    if last["frames_out"] != frames:
        raise NightglassError(f"bench: our own conversion wrote {last['frames_out']} frames of {frames}")
    figures["nightglass"]["report"] = last
    return figures


def _take_turns(commands: dict[str, list[str]], clock: Clock, rounds: int, budget_s: float) -> dict[str, list[float]]:
    taken_s: dict[str, list[float]] = {name: [] for name in commands}
    end_ns = clock.monotonic_ns() + round(budget_s * 1e9)
    for number in range(rounds):
        if number >= LEAST_ROUNDS and clock.monotonic_ns() >= end_ns:
            break
        order = list(commands)[:: -1 if number % 2 else 1]
        for name in order:
            began_ns = clock.monotonic_ns()
            trouble = _run(commands[name])
            if trouble:
                raise NightglassError(f"bench: {name} failed in round {number + 1} although it had worked: {trouble}")
            taken_s[name].append((clock.monotonic_ns() - began_ns) / 1e9)
    return taken_s


def _run(command: Sequence[str]) -> str | None:
    """Run to the end; None if it went well, else the reason in a line."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        return f"it was not done after {_PATIENCE_S:.0f} s"
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]


def find_ffmpeg() -> str | None:
    """The ``ffmpeg`` executable on the PATH."""
    return shutil.which("ffmpeg")
