"""The passes over videos, and over the clips that the authors of the data degraded."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

from training.agreement import psnr_db, ssim
from training.baselines import BASELINES
from training.degradations import Degradation
from training.flicker import FlickerMeter
from training.fusers import RIVALS, STUDENT, TEACHER, rivals
from training.images import InputError, paired_videos, video_triples
from training.metrics import MIN_SIZE_PX, Image, Scorer
from training.prior_scores import smoke_score
from training.reporting.findings import AgreementRow, Findings, Row, gather
from training.reporting.looks import look_at
from training.reporting.pairs import list_pairs, read_pair
from training.reporting.setup import CLIP_SET, DEGRADED_CLIPS, VIDEO_SET, Setup
from training.steered import Follower
from training.suites import Shown

CLIP_STEP = 2
"""Every second of a clip's ten frames: neighbours are nearly alike."""

STRIPED, NOISY = Degradation("stripes", 0.55), Degradation("infrared_noise", 0.55)
BLURRED = Degradation("visible_blur", 0.4)
CLIP_FAULTS: dict[str, tuple[str, str, tuple[Degradation, ...]]] = {
    "infrared noise": ("ir_noise", "vi", (NOISY, STRIPED)),
    "visible blur": ("ir", "vi_blur", (BLURRED,)),
    "both": ("ir_noise", "vi_blur", (BLURRED, STRIPED)),
}
"""What is degraded in the clips: folder of infrared, folder of visible, and what a teacher is told about it.

Strengths as measured on these frames, see ``docs/degradations.md``; sentences name two faults at most."""


def video_pass(setup: Setup) -> Findings:
    """All frames of the videos: metrics of some, flicker and smoke scores of all. Raises as ``clean_pass``."""
    root = setup.data / VIDEO_SET
    for folder in (root / "ir", root / "vi"):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; set NIGHTGLASS_DATA, or give --data")
    videos = paired_videos(root / "ir", root / "vi", None)
    return gather(partial(_video, setup), videos, setup.workers, f"{VIDEO_SET}, videos")


def clip_pass(setup: Setup) -> Findings:
    """The clips that others degraded. Raises as ``clean_pass``."""
    return gather(partial(_clip, setup), DEGRADED_CLIPS, setup.workers, f"{CLIP_SET}, degraded clips")


def _video(setup: Setup, video: tuple[Path, Path, Path | None]) -> Findings:
    name = video[0].stem
    findings, meter, smoke = Findings(), FlickerMeter(), list[float]()
    follower = Follower()
    for triple in islice(video_triples(*video), setup.video_frames):
        if min(triple.visible.shape) < MIN_SIZE_PX:
            raise InputError(f"{video[0]}: is smaller than {MIN_SIZE_PX}x{MIN_SIZE_PX} pixels, too small to measure")
        shown = Shown(f"{VIDEO_SET}/{triple.name}", triple.infrared, triple.visible)
        result = follower.fused(partial(setup.student.fuse, shown))
        fused = {STUDENT: follower.follow(result, triple.infrared, triple.visible)} | rivals(shown)
        meter.add(triple.infrared, triple.visible, fused)
        if result.scores:
            smoke.append(smoke_score(result.scores))
        if triple.index % setup.video_every == 0:
            fused |= {n: make(triple.infrared, triple.visible) for n, make in BASELINES.items() if n not in RIVALS}
            watched = triple.index % (setup.video_every * setup.teacher_every) == 0
            if watched and setup.teacher is not None:
                fused[TEACHER] = setup.teacher.fuse(shown).luma
            scorer = Scorer(triple.infrared, triple.visible)
            findings.rows += [
                Row("clean", VIDEO_SET, triple.name, "", 0.0, method, scorer.score(image))
                for method, image in fused.items()
            ]
            if watched:
                findings.looks.append(look_at(VIDEO_SET, triple.name, shown, fused))
    findings.flicker[name] = meter.report()
    if smoke:
        findings.smoke[name] = smoke
    return findings


def _clip(setup: Setup, clip: str) -> Findings:
    dataset = f"{CLIP_SET}/{clip}"
    findings = Findings()
    clean_files = list_pairs(setup.data, dataset)[::CLIP_STEP]
    given = {
        fault: {files.name: files for files in list_pairs(setup.data, dataset, infrared, visible)}
        for fault, (infrared, visible, _) in CLIP_FAULTS.items()
    }
    for place, files in enumerate(clean_files):
        clean = read_pair(files)
        scorer = Scorer(clean.infrared, clean.visible)
        watched = place % setup.teacher_every == 0
        reference = _fused(setup, clean, watched)
        for fault, (_, _, told) in CLIP_FAULTS.items():
            if files.name not in given[fault]:
                raise InputError(f"{setup.data / dataset}: {files.name} lacks its degraded frame; names pair the files")
            seen = read_pair(given[fault][files.name])
            shown = Shown(f"{seen.key}/{fault}", seen.infrared, seen.visible, seen.colour, told)
            fused = _fused(setup, shown, watched)
            for method, image in fused.items():
                findings.rows.append(Row("clips", dataset, files.name, fault, 1.0, method, scorer.score(image)))
                alike = (ssim(image, reference[method]), psnr_db(image, reference[method]))
                findings.agreement.append(AgreementRow(clip, files.name, fault, method, *alike))
            if place == 0:
                cells = fused | {f"{STUDENT}, clean pair": reference[STUDENT]}
                findings.looks.append(look_at("clips", f"{clip} {fault}", shown, cells))
    return findings


def _fused(setup: Setup, shown: Shown, watched: bool) -> dict[str, Image]:
    fused = {STUDENT: setup.student.fuse(shown).luma} | rivals(shown)
    if watched and setup.teacher is not None:
        fused[TEACHER] = setup.teacher.fuse(shown).luma
    return fused
