"""Section: what the teacher makes of a right, a wrong and a neutral sentence."""

from __future__ import annotations

from collections.abc import Sequence

from training.degradations import KINDS
from training.fusers import TEACHER, TEACHER_NEUTRAL, TEACHER_WRONG
from training.ranks import SUMMED_METRICS
from training.reporting.findings import Row, Summary, means
from training.reporting.markdown import figure, table, words

TOLD = {"right": TEACHER, "wrong": TEACHER_WRONG, "neutral": TEACHER_NEUTRAL}
"""What is told -> method."""


def summarize(rows: Sequence[Row]) -> Summary:
    """By kind, and over ``all`` pairs: what was told -> VIF, Qabf, SSIM; empty without a teacher."""
    summary = {}
    for kind in (*KINDS, "all"):
        found = means(row for row in rows if kind in (row.kind, "all") and row.method in TOLD.values())
        if found:
            summary[kind] = {
                told: {metric: found[method][metric] for metric in SUMMED_METRICS} for told, method in TOLD.items()
            }
    return summary


def write(summary: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry."""
    if not summary:
        return []
    headings = [f"{metric} {told}" for metric in SUMMED_METRICS for told in TOLD]
    lines = [
        [words(kind), *(figure(one[told][metric]) for metric in SUMMED_METRICS for told in TOLD)]
        for kind, one in summary.items()
    ]
    return [
        "## What the teacher is told",
        "The same degraded pairs, with a sentence that says what was done, one that says something else, and one that "
        "says nothing about the pictures. If the sentence did not matter, the columns would be equal.",
        table(["kind", *headings], lines),
        "![Sentences](told.png)",
    ]
