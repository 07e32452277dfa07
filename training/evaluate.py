"""``python -m training evaluate``: metrics of fused pictures, a fused video or a model, beside trivial fusions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from models.engines.base import EngineError
from training.images import InputError
from training.report import print_tables, write_csv, write_json
from training.scoring import Recording, Scores, find_recordings, score_recordings
from training.sheet import write_sheet

_TABLE_WIDTH = 120


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m training evaluate",
        description="Image-fusion quality metrics (docs/metrics.md) of fused pictures or of a model, in one table with "
        "trivial fusions of the same pictures. Folders are paired by file name without its ending.",
    )
    parser.add_argument("--infrared", type=Path, required=True, help="folder of pictures or videos, or a video")
    parser.add_argument("--visible", type=Path, required=True, help="the same, registered to infrared")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--fused", type=Path, help="the same, fused: measure these")
    what.add_argument("--model", help="name of a model: fuse with it and measure the result")
    parser.add_argument("--json", type=Path, required=True, help="write the report here")
    parser.add_argument("--csv", type=Path, help="write all metrics of each picture here")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet (PNG) here")
    parser.add_argument(
        "--every", type=_positive, default=1, metavar="N", help="measure every N-th picture (default 1)"
    )
    parser.add_argument(
        "--sequence",
        action="store_true",
        help="the pictures follow one another in time: measure flicker, as for videos",
    )
    parser.add_argument(
        "--baselines", action=argparse.BooleanOptionalAction, default=True, help="measure trivial fusions as well"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command: exit status 0 done, 1 failed. Bad arguments exit with 2."""
    args = make_parser().parse_args(argv)
    try:
        recordings = find_recordings(args.infrared, args.visible, args.fused, args.every, args.sequence)
        scores, engine = _score(args, recordings)
        inputs = {"infrared": str(args.infrared), "visible": str(args.visible), "every": args.every} | engine
        write_json(args.json, scores, inputs)
        if args.csv is not None:
            write_csv(args.csv, scores)
        if args.sheet is not None:
            write_sheet(args.sheet, scores.thumbnails)
    except (InputError, EngineError, OSError) as error:
        print(f"python -m training evaluate: {error}", file=sys.stderr)
        return 1
    console = Console()
    print_tables(Console(width=max(console.width, _TABLE_WIDTH)), scores)
    return 0


def _score(args: argparse.Namespace, recordings: list[Recording]) -> tuple[Scores, dict[str, Any]]:
    """Scores, and what made the fused pictures."""
    thumbnails = args.sheet is not None
    if args.model is None:
        scores = score_recordings(recordings, args.every, "fused", None, args.baselines, thumbnails)
        return scores, {"fused": str(args.fused)}
    # Only here: measuring pictures needs no engine, and none need be installed for it.
    from models.engines import load_engine
    from training.steered import SteeredFuse

    engine = load_engine(args.model, engine="auto", precision="auto", threads=0)
    try:
        scores = score_recordings(recordings, args.every, engine.model, SteeredFuse(engine), args.baselines, thumbnails)
    finally:
        engine.close()
    return scores, {"model": engine.model, "engine": engine.name, "precision": engine.precision}


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value
