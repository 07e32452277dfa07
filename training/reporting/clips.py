"""Section: clips that the authors of the data degraded, fused, beside the fusion of the clean pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from training.fusers import TEACHER
from training.ranks import SUMMED_METRICS
from training.reporting.findings import AgreementRow, Row, Summary, means, shared
from training.reporting.markdown import figure, table
from training.reporting.recordings import CLIP_FAULTS


def summarize(rows: Sequence[Row], agreement: Sequence[AgreementRow]) -> Summary:
    """By fault: ``pairs``, and ``methods`` with VIF, Qabf, SSIM against the clean sources and likeness to their own
    fusion of the clean pair: ``SSIM_clean``, and ``PSNR_clean`` in dB, of the pairs where it is finite.
    ``teacher_subset``: all methods on the pairs that the teacher fused, where there is one.
    """
    summary: Summary = {}
    for fault in CLIP_FAULTS:
        own = [row for row in rows if row.kind == fault and row.method != TEACHER]
        alike = [row for row in agreement if row.degraded == fault]
        summary[fault] = {"pairs": len({row.case for row in own}), "methods": _methods(own, alike)}
        if subset := shared([row for row in rows if row.kind == fault], TEACHER):
            pictures = {(row.dataset, row.picture) for row in subset}
            near = [row for row in alike if any(d.endswith(row.clip) and p == row.picture for d, p in pictures)]
            summary[fault]["teacher_subset"] = {"pairs": len(pictures), "methods": _methods(subset, near)}
    return summary


def _methods(rows: Sequence[Row], agreement: Sequence[AgreementRow]) -> dict[str, dict[str, float]]:
    methods = {}
    for method, values in means(rows).items():
        own = [row for row in agreement if row.method == method]
        finite = [row.psnr_db for row in own if math.isfinite(row.psnr_db)]
        methods[method] = {metric: values[metric] for metric in SUMMED_METRICS} | {
            "SSIM_clean": sum(row.ssim for row in own) / len(own),
            "PSNR_clean": sum(finite) / len(finite) if finite else math.inf,
        }
    return methods


def write(summary: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry."""
    text = [
        "## Degraded clips of M3SVD",
        "Two clips come with noise and stripes on infrared and with blur on visible, by the authors of the data and "
        "not by our own degradations; every second frame is measured. VIF, Qabf and SSIM are with the clean sources; "
        "*to own clean fusion* compares with what the same method makes of the clean pair. Read with care: the clean "
        "pairs of both clips are training data.",
    ]
    headings = [*SUMMED_METRICS, "SSIM to own clean fusion", "PSNR to it, dB"]
    for fault, one in summary.items():
        text += [f"### {fault[0].upper()}{fault[1:]}, {one['pairs']} pairs", _table(headings, one["methods"])]
        if "teacher_subset" in one:
            subset = one["teacher_subset"]
            text += [f"The {subset['pairs']} of them that the teacher fused:", _table(headings, subset["methods"])]
    return [*text, "![Degraded clips](clips.webp)"]


def _table(headings: list[str], methods: dict[str, dict[str, float]]) -> str:
    return table(["method", *headings], [[name, *map(figure, values.values())] for name, values in methods.items()])
