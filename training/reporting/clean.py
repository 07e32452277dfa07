"""Section: quality on the pairs as recorded, beside trivial fusions and published methods."""

from __future__ import annotations

from collections.abc import Sequence

from training.fusers import STUDENT, TEACHER
from training.gains import retention
from training.ranks import RANKED_METRICS, likeness, mean_ranks
from training.reporting.findings import Row, Summary, means, shared
from training.reporting.markdown import figure, percent, table
from training.reporting.peers import TOLERANCE, Peers, disagreement, newcomers


def summarize(rows: Sequence[Row], peers: Peers | None) -> Summary:
    """By data set: ``means`` and ``likeness`` of all methods, ``mean_ranks`` of student, baselines and peers.

    ``peers``: ``none`` given for this set, ``used``, ``unchecked`` (used, but no baseline in common shows that they
    are of the same pictures) or ``refused`` (the baselines in common differ). ``teacher``: means of teacher and student
    over the pictures that the teacher fused, and what the student retains.
    """
    return {
        dataset: _one([row for row in rows if row.dataset == dataset], (peers or {}).get(dataset))
        for dataset in dict.fromkeys(row.dataset for row in rows)
    }


def _one(rows: Sequence[Row], peers: dict[str, dict[str, float]] | None) -> Summary:
    own = means(row for row in rows if row.method != TEACHER)
    difference = disagreement(peers, own) if peers else None
    state = "none"
    if peers:
        state = "unchecked" if difference is None else "used" if difference <= TOLERANCE else "refused"
    everyone = own | (newcomers(peers, own) if peers and state != "refused" else {})
    ranked = {method: values for method, values in everyone.items() if not method.startswith("Copy-")}
    summary: Summary = {
        "pictures": sum(row.method == STUDENT for row in rows),
        "peers": state,
        "peers_difference": difference,
        "means": everyone,
        "mean_ranks": mean_ranks(ranked),
        "likeness": {method: likeness(values) for method, values in everyone.items()},
    }
    if both := means(row for row in shared(rows, TEACHER) if row.method in (STUDENT, TEACHER)):
        summary["teacher"] = {
            "pictures": sum(row.method == TEACHER for row in rows),
            "means": both,
            "retention": retention(both[STUDENT], both[TEACHER]),
        }
    return summary


def write(summary: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry."""
    text = [
        "## Pairs as recorded",
        "Means over pictures; the metrics are those of [metrics.md](../metrics.md). *Rank*: mean of the ranks over the "
        f"{len(RANKED_METRICS)} metrics, 1 is best, ties share the better rank. *Sum*: VIF + Qabf + SSIM. Copies of "
        "one camera show what a figure is worth and have no rank; nor has the teacher, which is no real-time method.",
    ]
    for dataset, one in summary.items():
        text += [f"### {dataset}, {one['pictures']} pictures", _table(one), *_peers(one)]
    return text


def _table(one: Summary) -> str:
    ranks = one["mean_ranks"]
    order = sorted(one["means"], key=lambda method: ranks.get(method, float("inf")))
    lines = []
    for method in order:
        values = one["means"][method]
        name = f"**{method}**" if method == STUDENT else method
        lines.append([name, *_figures(values), figure(one["likeness"][method]), figure(ranks.get(method))])
    if "teacher" in one:
        count = one["teacher"]["pictures"]
        for method, values in one["teacher"]["means"].items():
            lines.append([f"{method}, {count} of them", *_figures(values), figure(likeness(values)), figure(None)])
    return table(["method", *RANKED_METRICS, "Sum", "Rank"], lines)


def _figures(values: dict[str, float]) -> list[str]:
    return [figure(values[metric]) for metric in RANKED_METRICS]


def _peers(one: Summary) -> list[str]:
    texts = {
        "none": [],
        "used": [
            "Published methods' figures were measured elsewhere; the baselines measured there and here agree within "
            f"{100 * (one['peers_difference'] or 0):.2g} %."
        ],
        "unchecked": [
            "Published methods' figures were measured elsewhere, without a baseline that would show that they are of "
            "the same pictures."
        ],
        "refused": [
            "The given figures of published methods are not of these pictures (the baselines differ by up to "
            f"{percent(one['peers_difference'])}) and are left out."
        ],
    }
    return texts[one["peers"]]
