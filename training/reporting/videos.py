"""Section: flicker on the videos, and what is seen of the scene through real smoke."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from training.flicker import FlickerReport
from training.fusers import STUDENT
from training.reporting.findings import Row, Summary, means
from training.reporting.markdown import figure, level, percent, table
from training.reporting.setup import SMOKE_VIDEOS, VIDEO_SET


def summarize(rows: Sequence[Row], flicker: Mapping[str, FlickerReport]) -> Summary:
    """``flicker``: the meter's report by video; ``smoke``: by smoke video, the infrared half of Qabf by method and
    ``to_max``: the student's over that of ``Max``.
    """
    smoke = {}
    for video in SMOKE_VIDEOS:
        found = means(row for row in rows if row.dataset == VIDEO_SET and row.picture.split(":")[0] == video)
        if found:
            kept = {method: values["Qabf_infrared"] for method, values in found.items()}
            smoke[video] = {"Qabf_infrared": kept, "to_max": kept[STUDENT] / kept["Max"] if kept["Max"] > 0 else None}
    reports = {name: dataclasses.asdict(report) for name, report in flicker.items()}
    return {"flicker": dict(sorted(reports.items())), "smoke": smoke}


def write(summary: Summary) -> list[str]:
    """The section's Markdown, a paragraph an entry."""
    reports, smoke = summary["flicker"], summary["smoke"]
    methods = list(dict.fromkeys(method for report in reports.values() for method in report["methods"]))
    lines = [[method, *(_flicker(report["methods"][method]) for report in reports.values())] for method in methods]
    frames = ", ".join(f"{name} {report['frames']} frames" for name, report in reports.items())
    text = [
        "## Flicker",
        f"Excess of the temporal noise of static pixels over the noisier source, and the largest jump of the mean luma "
        f"beyond the sources' own, grey levels ({frames}).",
        table(["method", *reports], lines),
    ]
    if smoke:
        kept = list(dict.fromkeys(method for one in smoke.values() for method in one["Qabf_infrared"]))
        ratios = ", ".join(f"{percent(one['to_max'])} on {video}" for video, one in smoke.items())
        text += [
            "## Real smoke",
            "Infrared edges that are kept where smoke hides the visible scene: the infrared half of Qabf. Of that of "
            f"Max the student has {ratios}.",
            table(
                ["method", *smoke],
                [[name, *(figure(one["Qabf_infrared"].get(name)) for one in smoke.values())] for name in kept],
            ),
        ]
    return text


def _flicker(own: dict[str, float | None]) -> str:
    return f"{level(own['excess'])}, jump {level(own['jump'])}"
