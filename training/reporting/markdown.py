"""Pieces of Markdown: tables, and figures as people read them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

NOTHING = "-"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table: the first column to the left, the others to the right."""
    lines = [_line(headings), "|---|" + "--:|" * (len(headings) - 1)]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def figure(value: float | None) -> str:
    """Four digits, of which at most three after the point: 43.50, 6.701, 0.700."""
    if value is None or not math.isfinite(value):
        return NOTHING if value is None or math.isnan(value) else "inf" if value > 0 else "-inf"
    before = math.floor(math.log10(abs(value))) + 1 if abs(value) >= 1 else 1
    return f"{value:.{max(0, min(3, 4 - before))}f}"


def percent(value: float | None, signed: bool = False) -> str:
    """A share or a relative change: 12.3 %."""
    return NOTHING if value is None else f"{100 * value:{'+' if signed else ''}.1f} %"


def level(value: float | None) -> str:
    """Signed grey levels, as of flicker."""
    return NOTHING if value is None else f"{value:+.3f}"


def words(kind: str) -> str:
    """A kind's name as prose."""
    return kind.replace("_", " ")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
