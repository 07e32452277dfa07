"""The passes over the still test pictures: as recorded, and with the degraded suite."""

from __future__ import annotations

from functools import partial

from models.engines.base import FusionResult
from training.baselines import BASELINES
from training.colour import chroma_error, chroma_of, with_gain
from training.degradations import Degradation
from training.fusers import STUDENT, TEACHER, rivals
from training.metrics import Image, Scorer
from training.people import kept_contrast
from training.prior_scores import ScoreRow
from training.reporting.findings import ChromaRow, Findings, Part, Row, gather
from training.reporting.looks import look_at
from training.reporting.pairs import PairFiles, list_pairs, read_pair
from training.reporting.setup import Setup
from training.suites import Shown, cases, degrade, is_dark

NIGHT_SET, NIGHT_SUFFIX = "msrs/test", "N"
"""MSRS marks its pictures: 00832N is one of the night, 00055D of the day."""

LOOKED_AT = 0.6
"""Strength of the degraded pairs on the contact sheet."""


def clean_pass(setup: Setup, dataset: str) -> Findings:
    """All pictures of a set, as recorded. Raises InputError, and what fusers raise."""
    files = list_pairs(setup.data, dataset)[:: setup.every]
    items = [(path, index % setup.teacher_every == 0) for index, path in enumerate(files)]
    return gather(partial(_clean, setup), items, setup.workers, f"{dataset}, as recorded")


def degraded_pass(setup: Setup, dataset: str) -> Findings:
    """The degraded suite on pictures of a set. Raises as ``clean_pass``."""
    files = list_pairs(setup.data, dataset)[:: setup.degraded_every]
    items = [(path, index % setup.teacher_every == 0) for index, path in enumerate(files)]
    return gather(partial(_degraded, setup), items, setup.workers, f"{dataset}, degraded")


def score_rows(
    scorer: Scorer, part: Part, files: PairFiles, done: tuple[Degradation, ...], fused: dict[str, Image]
) -> list[Row]:
    """The rows of several fused pictures of one pair."""
    kind, strength = (done[0].kind, done[0].strength) if done else ("", 0.0)
    return [
        Row(part, files.dataset, files.name, kind, strength, method, scorer.score(image))
        for method, image in fused.items()
    ]


def _clean(setup: Setup, item: tuple[PairFiles, bool]) -> Findings:
    files, watched = item
    pair = read_pair(files)
    result = setup.student.fuse(pair)
    fused = {STUDENT: result.luma} | {name: make(pair.infrared, pair.visible) for name, make in BASELINES.items()}
    if watched and setup.teacher is not None:
        fused[TEACHER] = setup.teacher.fuse(pair).luma
    findings = Findings(rows=score_rows(Scorer(pair.infrared, pair.visible), "clean", files, (), fused))
    _note(setup, findings, files, pair, pair, result)
    if files.dataset == NIGHT_SET and files.name.endswith(NIGHT_SUFFIX):
        findings.people = kept_contrast(pair.infrared, fused)
    if watched:
        findings.looks.append(look_at(files.dataset, files.name, pair, fused, result.chroma_gain))
    return findings


def _degraded(setup: Setup, item: tuple[PairFiles, bool]) -> Findings:
    files, watched = item
    pair = read_pair(files)
    scorer = Scorer(pair.infrared, pair.visible)
    findings = Findings()
    for case in cases(is_dark(pair.visible, setup.dark_level), setup.not_when_dark):
        shown = degrade(pair, case, setup.seed)
        result = setup.student.fuse(shown)
        fused = {STUDENT: result.luma} | rivals(shown)
        if watched:
            fused |= {name: teacher.fuse(shown).luma for name, teacher in setup.teachers.items()}
        findings.rows += score_rows(scorer, "degraded", files, (case,), fused)
        _note(setup, findings, files, pair, shown, result)
        if watched and case.strength == LOOKED_AT:
            label = f"{files.name} {case.kind}"
            findings.looks.append(look_at("degraded", label, shown, fused, result.chroma_gain, case.kind))
    return findings


def _note(setup: Setup, findings: Findings, files: PairFiles, clean: Shown, shown: Shown, result: FusionResult) -> None:
    """Note what the student says of the pair, and what its gain does to the colours, where it does either."""
    kind, strength = (shown.done[0].kind, shown.done[0].strength) if shown.done else ("", 0.0)
    if result.scores:
        dark = is_dark(clean.visible, setup.dark_level)
        findings.scores.append(ScoreRow(files.dataset, files.name, dark, kind, strength, result.scores))
    if result.chroma_gain is not None and clean.colour is not None and shown.colour is not None:
        truth, given = chroma_of(clean.colour), chroma_of(shown.colour)
        gained = chroma_error(with_gain(given, result.chroma_gain), truth)
        left = chroma_error(given, truth)
        findings.chroma.append(ChromaRow(files.dataset, files.name, kind, strength, gained, left))
