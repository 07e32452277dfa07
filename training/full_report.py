"""``python -m training report``: everything there is to say about a student (and its teacher), in one folder."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

import cv2
from rich.console import Console

from models.engines.base import EngineError
from models.engines.processors import usable_processors
from training.fusers import STUDENT, TEACHER, EngineFuser, Fuser
from training.images import InputError
from training.reporting.findings import Findings
from training.reporting.peers import read_peers
from training.reporting.pictures import clean_pass, degraded_pass
from training.reporting.recordings import clip_pass, video_pass
from training.reporting.setup import PICTURE_SETS, Setup
from training.reporting.summary import summarize


def make_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m training report",
        description="Evaluate a student, and its teacher if one is given, on the test data as recorded and degraded; "
        "write report.md, report.json, images.csv, plots and contact sheets. Needs the train extra.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--student", default="stream", help="name of a shipped model, or an exported .xml (default stream)"
    )
    what.add_argument("--student-weights", type=Path, metavar="FILE", help="training weights, run in torch instead")
    parser.add_argument(
        "--precision", default="auto", help="the student's engine's, such as fp32 (default auto: by the CPU)"
    )
    parser.add_argument("--teacher", type=Path, metavar="FILE", help="the teacher's training weights")
    parser.add_argument("--peers", type=Path, metavar="FILE", help="JSON with means of published methods")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--data", type=Path, help="folder of the test data (default: NIGHTGLASS_DATA)")
    for name, default, text in (
        ("--every", 1, "as recorded: every N-th picture of each set"),
        ("--degraded-every", 4, "degraded: every N-th picture of each set"),
        ("--teacher-every", 4, "every N-th of these also by the teacher, and for the contact sheets"),
        ("--video-every", 40, "every N-th frame of the videos is measured"),
        ("--workers", usable_processors(), "pictures at the same time"),
    ):
        parser.add_argument(name, type=_positive, default=default, metavar="N", help=f"{text} (default {default})")
    parser.add_argument("--video-frames", type=_positive, metavar="N", help="read only so many frames of each video")
    parser.add_argument("--seed", type=int, default=0, help="of the degradations and of the sentences' choice")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command: exit status 0 done, 1 failed. Bad arguments exit with 2."""
    args = make_parser().parse_args(argv)
    try:
        # Only here: --help needs no matplotlib. And before all work, so that it does not end in a missing package.
        from training.reporting.folder import write_folder

        peers = read_peers(args.peers) if args.peers is not None else None
        student, made_by = _student(args)
        setup = _setup(args, student)
        # Whole pictures are shared out among threads; OpenCV's own threads would only get in their way.
        cv2.setNumThreads(1)
        findings = run_passes(setup)
        summary = summarize(setup, findings, peers, made_by | _teacher_facts(args.teacher))
        write_folder(args.output, summary, findings)
    except ImportError as error:
        print(f"python -m training report: needs pip install 'nightglass[train]': {error}", file=sys.stderr)
        return 1
    except (InputError, EngineError, OSError, ValueError) as error:
        print(f"python -m training report: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    Console(stderr=True).print(f"written to {args.output}", highlight=False)
    return 0


def run_passes(setup: Setup) -> Findings:
    """All passes over the test data. Raises InputError, and what the fusers raise."""
    findings = Findings()
    for dataset in PICTURE_SETS:
        findings.add(clean_pass(setup, dataset))
    findings.add(video_pass(setup))
    for dataset in PICTURE_SETS:
        findings.add(degraded_pass(setup, dataset))
    findings.add(clip_pass(setup))
    return findings


def _setup(args: argparse.Namespace, student: Fuser) -> Setup:
    # Only here: training's data module imports torch, and --help need not wait for it.
    from training.data import DARK_LEVEL, NOT_WHEN_DARK, default_data_root

    return Setup(
        data=args.data or default_data_root(),
        student=student,
        teachers=_teachers(args),
        dark_level=DARK_LEVEL,
        not_when_dark=NOT_WHEN_DARK,
        every=args.every,
        degraded_every=args.degraded_every,
        teacher_every=args.teacher_every,
        video_every=args.video_every,
        video_frames=args.video_frames,
        seed=args.seed,
        workers=args.workers,
    )


def _student(args: argparse.Namespace) -> tuple[Fuser, dict[str, str]]:
    """The student, and what it is, for the report's head."""
    if args.student_weights is not None:
        from training.torch_fusers import TorchStudent, share_threads

        share_threads(args.workers)
        student = TorchStudent.load(args.student_weights)
        return student, {STUDENT: _named(args.student_weights), "engine": "torch", "precision": "fp32"}
    from models.engines import load_engine
    from models.weights import weights_path

    throughput = args.workers > 1
    engine = load_engine(args.student, engine="auto", precision=args.precision, threads=0, throughput=throughput)
    weights = _named(weights_path(args.student, ".bin"))
    return EngineFuser(engine), {STUDENT: weights, "engine": engine.name, "precision": engine.precision}


def _teachers(args: argparse.Namespace) -> dict[str, Fuser]:
    if args.teacher is None:
        return {}
    from training.torch_fusers import load_teachers, share_threads

    share_threads(args.workers)
    return dict(load_teachers(args.teacher, args.seed))


def _teacher_facts(path: Path | None) -> dict[str, str]:
    return {TEACHER: _named(path)} if path is not None else {}


def _named(path: Path) -> str:
    """A file's name and the beginning of its SHA-256: says which weights these were, and nothing about this machine."""
    return f"{path.name} (sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]})"


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value
