"""Bar plots of the report, as small PNG files. Needs matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib.figure import Figure

DPI = 90


def grouped_bars(
    path: Path,
    title: str,
    unit: str,
    groups: Sequence[str],
    bars: Mapping[str, Sequence[float | None]],
    line: float | None = None,
) -> None:
    """Draw one group of bars for each of ``groups``, one bar in it for each name of ``bars``, and write a PNG.

    ``bars``: name -> a value for each group, None: no bar. ``line``: height of a dashed line. The same figures give the
    same file. Raises ValueError if a row of values does not fit the groups.
    """
    for name, values in bars.items():
        if len(values) != len(groups):
            raise ValueError(f"{name}: {len(values)} values for {len(groups)} groups")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.add_subplot()
    width = 0.8 / len(bars)
    for number, (name, values) in enumerate(bars.items()):
        places = [place + (number - (len(bars) - 1) / 2) * width for place in range(len(groups))]
        axes.bar(places, [float("nan") if value is None else value for value in values], width, label=name)
    if line is not None:
        axes.axhline(line, color="black", linewidth=0.8, linestyle="--")
    axes.set_title(title, fontsize=10)
    axes.set_ylabel(unit)
    axes.set_xticks(range(len(groups)), [group.replace("_", "\n") for group in groups], fontsize=8)
    axes.grid(axis="y", linewidth=0.4)
    axes.set_axisbelow(True)
    if len(bars) > 1:
        axes.legend(fontsize=8)
    # Without the version of matplotlib: the same report is the same file.
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
