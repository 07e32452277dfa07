"""Section: people in pictures of the night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.fusers import RIVALS, STUDENT
from training.people import AREA_PX, RING_PX, UPRIGHT
from training.reporting.findings import Summary
from training.reporting.markdown import percent, table

KEPT = 0.75
"""A blob stands out in the fused picture if it has this share of its contrast in infrared."""


def summarize(blobs: Sequence[Mapping[str, float]]) -> Summary:
    """``blobs``: how many; by method the ``mean`` kept contrast and the ``share`` of blobs that stand out.

    Only methods that fused all of the pictures. Empty if there is no blob.
    """
    if not blobs:
        return {}
    kept = {method: [blob[method] for blob in blobs] for method in (STUDENT, *RIVALS)}
    return {
        "blobs": len(blobs),
        "methods": {
            method: {"mean": sum(own) / len(own), "share": sum(value >= KEPT for value in own) / len(own)}
            for method, own in kept.items()
        },
    }


def write(summary: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry."""
    heading = "## People at night"
    if not summary:
        return [heading, "No warm blob of a person's form was found in pictures of the night."]
    lines = [[method, percent(one["mean"]), percent(one["share"])] for method, one in summary["methods"].items()]
    return [
        heading,
        f"{summary['blobs']} warm blobs of the infrared pictures of MSRS's nights, {AREA_PX[0]} to {AREA_PX[1]} pixels "
        f"and at least {UPRIGHT:g} times as tall as wide: mostly people, some posts and lamps. Contrast: the distance "
        f"of the means inside and {RING_PX[0]} to {RING_PX[1]} pixels around; the figures are the fused picture's over "
        "that of infrared.",
        table(["method", "mean kept contrast", f"blobs with at least {KEPT:.0%}"], lines),
    ]
