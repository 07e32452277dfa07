"""Section: the degraded suite, and what the student retains of its teacher."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from training.degradations import KINDS
from training.fusers import RIVALS, STUDENT, TEACHER
from training.gains import gain_over_best, retention
from training.ranks import SUMMED_METRICS
from training.reporting.findings import Row, Summary, means, shared
from training.reporting.markdown import figure, percent, table, words

GAINED_METRICS = ("VIF", "Qabf")
"""Those of which the mean gain is taken; in SSIM, plain averaging leads whatever is done to the pictures."""


def summarize(rows: Sequence[Row]) -> Summary:
    """``kinds``: by kind, gains over the best baseline by metric, and the teacher's and student's means on its pairs.

    ``mean_gain``: over kinds, by metric, and ``both``: over VIF and Qabf. ``by_strength``: the same at each strength.
    ``retention``: of the teacher, over all its pairs.
    """
    kinds = {}
    for kind in KINDS:
        own = [row for row in rows if row.kind == kind]
        if not own:
            continue
        one: Summary = {"pairs": sum(row.method == STUDENT for row in own), "gains": _gains(own)}
        if both := means(row for row in shared(own, TEACHER) if row.method in (STUDENT, TEACHER)):
            one["teacher"] = {
                method: {metric: values[metric] for metric in SUMMED_METRICS} for method, values in both.items()
            }
        kinds[kind] = one
    strengths = sorted({row.strength for row in rows})
    summary: Summary = {
        "pictures": len({(row.dataset, row.picture) for row in rows}),
        "pairs": sum(row.method == STUDENT for row in rows),
        "kinds": kinds,
        "mean_gain": mean_gain([one["gains"] for one in kinds.values()]),
        "by_strength": {f"{strength:g}": _mean_at(rows, strength) for strength in strengths},
    }
    if both := means(row for row in shared(rows, TEACHER) if row.method in (STUDENT, TEACHER)):
        summary["retention"] = retention(both[STUDENT], both[TEACHER])
        summary["teacher_pairs"] = sum(row.method == TEACHER for row in rows)
    return summary


def mean_gain(gains: Sequence[dict[str, dict[str, Any]]]) -> dict[str, float]:
    """Mean over kinds of the relative gain in each metric, and ``both``: mean of those of VIF and Qabf."""
    mean = {metric: sum(one[metric]["gain"] for one in gains) / len(gains) for metric in SUMMED_METRICS}
    return mean | {"both": sum(mean[metric] for metric in GAINED_METRICS) / len(GAINED_METRICS)}


def _gains(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    own = means(rows)
    found = {metric: gain_over_best(own, STUDENT, RIVALS, metric) for metric in SUMMED_METRICS}
    return {
        metric: {"student": gain.value, "best": gain.best, "baseline": gain.reference, "gain": gain.gain}
        for metric, gain in found.items()
    }


def _mean_at(rows: Sequence[Row], strength: float) -> dict[str, float]:
    own = [row for row in rows if row.strength == strength]
    return mean_gain([_gains([row for row in own if row.kind == kind]) for kind in dict.fromkeys(r.kind for r in own)])


def write(summary: Summary, clean: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry. ``clean``: that section's summary, for the retention there."""
    total = summary["mean_gain"]
    text = [
        "## Degraded pairs",
        f"{summary['pictures']} pictures, each with {len(KINDS)} kinds of degradation at "
        f"{len(summary['by_strength'])} strengths ({', '.join(summary['by_strength'])}), {summary['pairs']} pairs in "
        "all. Every method fuses the degraded pair and is measured against the **clean** sources. Pictures that are "
        "dark as recorded do not get low light and over-exposure. *Gain*: of the student over the best of "
        f"{', '.join(RIVALS)} by that metric, relative.",
        table(
            ["kind", *(f"{metric} {what}" for metric in SUMMED_METRICS for what in ("student", "best", "gain"))],
            [_kind_line(kind, one["gains"]) for kind, one in summary["kinds"].items()],
        ),
        f"Mean gain over the kinds: VIF {percent(total['VIF'], True)}, Qabf {percent(total['Qabf'], True)}, SSIM "
        f"{percent(total['SSIM'], True)}; VIF and Qabf together **{percent(total['both'], True)}**.",
        "![Gains by kind](gains.png)",
        table(
            ["strength", "VIF gain", "Qabf gain", "SSIM gain", "VIF and Qabf"],
            [
                [strength, *(percent(gain[name], True) for name in (*SUMMED_METRICS, "both"))]
                for strength, gain in summary["by_strength"].items()
            ],
        ),
        "![Degraded pairs](degraded.webp)",
    ]
    return text + _teacher(summary, clean)


def _kind_line(kind: str, gains: dict[str, dict[str, Any]]) -> list[str]:
    cells = [words(kind)]
    for gain in gains.values():
        cells += [figure(gain["student"]), f"{figure(gain['baseline'])} {gain['best']}", percent(gain["gain"], True)]
    return cells


def _teacher(summary: Summary, clean: Summary) -> list[str]:
    if "retention" not in summary:
        return []
    lines = []
    for kind, one in summary["kinds"].items():
        if "teacher" in one:
            both = [one["teacher"][method][metric] for metric in SUMMED_METRICS for method in (STUDENT, TEACHER)]
            lines.append([words(kind), *map(figure, both)])
    kept = {name: one["teacher"]["retention"] for name, one in clean.items() if "teacher" in one}
    kept["degraded pairs"] = summary["retention"]
    metrics = list(summary["retention"])
    return [
        "### Student and teacher",
        f"On the {summary['teacher_pairs']} degraded pairs that the teacher fused, told what was done to them:",
        table(["kind", *(f"{metric} {method}" for metric in SUMMED_METRICS for method in (STUDENT, TEACHER))], lines),
        "What the student keeps of the teacher's quality (student / teacher by metric, and the mean of these):",
        table(["pairs", *metrics], [[name, *(percent(one.get(m)) for m in metrics)] for name, one in kept.items()]),
    ]
