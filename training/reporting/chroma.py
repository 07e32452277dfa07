"""Section: what the student's chroma gain does to the colours."""

from __future__ import annotations

from collections.abc import Sequence

from training.degradations import KINDS
from training.reporting.findings import ChromaRow, Summary
from training.reporting.markdown import figure, percent, table, words

INFRARED = "infrared faults"
CLEAN = "none (as recorded)"


def summarize(rows: Sequence[ChromaRow]) -> Summary:
    """By visible kind, over all infrared kinds, and of clean pairs: errors with gain and without, in levels.

    ``change``: relative, of the mean error; None where there is no error without gain. Empty for a student that gives
    no gain.
    """
    groups: dict[str, list[ChromaRow]] = {}
    for row in rows:
        visible = row.kind and KINDS[row.kind].modality == "visible"
        groups.setdefault(row.kind if visible else INFRARED if row.kind else CLEAN, []).append(row)
    order = [name for name in (*KINDS, INFRARED, CLEAN) if name in groups]
    return {name: _one(groups[name]) for name in order}


def _one(rows: Sequence[ChromaRow]) -> Summary:
    count = len(rows)
    gained = sum(row.gained.mean for row in rows) / count
    left = sum(row.left.mean for row in rows) / count
    return {
        "pairs": count,
        "gained": gained,
        "left": left,
        "gained_rms": sum(row.gained.rms for row in rows) / count,
        "left_rms": sum(row.left.rms for row in rows) / count,
        "change": gained / left - 1 if left > 0 else None,
    }


def write(summary: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry."""
    heading = "## Colours"
    if not summary:
        return [heading, "This student has no chroma gain: colours are the visible camera's, as they come."]
    lines = [
        [
            words(kind),
            *(figure(one[name]) for name in ("left", "gained", "left_rms", "gained_rms")),
            percent(one["change"], True),
        ]
        for kind, one in summary.items()
    ]
    return [
        heading,
        "Distance of Cb and Cr (BT.601, levels of 0..255) from those of the clean visible picture: mean absolute "
        "difference, and root mean square of the distance in the Cb-Cr plane. *Left*: the degraded picture's colours "
        "as they are; *gained*: after the student's gain. Where nothing is wrong with the visible picture, all of the "
        "error is what the gain does.",
        table(["degraded by", "mean, left", "mean, gained", "rms, left", "rms, gained", "change of the mean"], lines),
    ]
