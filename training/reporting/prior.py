"""Section: what the student says is wrong with a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.degradations import KINDS
from training.prior_scores import THRESHOLD, UNSURE_WHEN_DARK, ScoreRow, accuracy, false_alarms, share
from training.reporting.findings import Summary
from training.reporting.markdown import figure, percent, table, words


def summarize(scores: Sequence[ScoreRow], smoke: Mapping[str, Sequence[float]]) -> Summary:
    """``kinds``: accuracy by kind; ``mean_balanced``: over kinds; ``false_alarms``: of clean pairs; ``smoke``: by
    video, ``mean`` score and ``share`` of frames with smoke reported. Empty for a student without scores.
    """
    if not scores:
        return {}
    found = {kind: accuracy(scores, kind) for kind in KINDS}
    balanced = [one.balanced for one in found.values() if one.balanced is not None]
    alarms = false_alarms(scores)
    return {
        "threshold": THRESHOLD,
        "kinds": {
            kind: {
                "with": one.positives,
                "without": one.negatives,
                "found": one.found,
                "passed": one.passed,
                "balanced": one.balanced,
            }
            for kind, one in found.items()
        },
        "mean_balanced": sum(balanced) / len(balanced) if balanced else None,
        "false_alarms": {
            "pictures": alarms.pictures,
            "dark_pictures": alarms.dark_pictures,
            "any": alarms.any,
            "by_kind": alarms.by_kind,
            "mean": alarms.mean,
            "when_dark": alarms.when_dark,
        },
        "smoke": {
            video: {
                "frames": len(own),
                "mean": sum(own) / len(own),
                "share": share([score >= THRESHOLD for score in own]),
            }
            for video, own in smoke.items()
        },
    }


def write(summary: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry."""
    heading = "## What the student says is wrong"
    if not summary:
        return [heading, "This student has no scores: its weights are of a network without a prior head."]
    alarms = summary["false_alarms"]
    unsure = ", ".join(words(kind) for kind in KINDS if kind in UNSURE_WHEN_DARK)
    lines = [
        [
            words(kind),
            *(percent(one[name]) for name in ("balanced", "found", "passed")),
            percent(alarms["by_kind"][kind]),
        ]
        for kind, one in summary["kinds"].items()
    ]
    mean = ["mean over kinds", percent(summary["mean_balanced"]), "", "", percent(alarms["mean"])]
    dark = ", ".join(f"{words(kind)} {percent(value)}" for kind, value in alarms["when_dark"].items())
    return [
        heading,
        f"Scores of {summary['threshold']:g} or more count as reported. *Found*: share of degraded pairs of which the "
        "kind was reported; *passed*: share of the pairs without it, clean or with another kind, of which it was not; "
        "*balanced accuracy*: mean of both, 50 % for a guess. Kinds that are alike (haze with smoke or over-exposure, "
        "low light with visible noise) do not count against each other.",
        table(["kind", "balanced accuracy", "found", "passed", "false alarms, clean pairs"], [*lines, mean]),
        "![Balanced accuracy](prior.png)",
        f"Of {alarms['pictures']} clean pairs, {percent(alarms['any'])} had some kind reported. On the "
        f"{alarms['dark_pictures']} dark ones {unsure} do not count, as false alarms or against accuracy: a picture of "
        f"the night is dark, noisy and glaring as recorded. There they were reported of: {dark}.",
        *_smoke(summary["smoke"]),
    ]


def _smoke(videos: Summary) -> list[str]:
    if not videos:
        return []
    lines = [
        [name, str(own["frames"]), figure(own["mean"]), percent(own["share"])] for name, own in sorted(videos.items())
    ]
    return [
        "Real videos: 0113_1714 is a lake shore without smoke, in the other two smoke drifts. The score is the larger "
        "of smoke and haze.",
        table(["video", "frames", "mean smoke score", "frames with smoke reported"], lines),
    ]
