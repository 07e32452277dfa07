"""Is the picture coming? What monitors of services ask. Pure; it tells nothing that strangers must not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STALE_S = 5.0
"""No picture for so long: it does not come."""

_MISSING = {"infrared_missing": "infrared missing", "visible_missing": "visible missing"}


@dataclass(frozen=True, slots=True)
class Seen:
    """The last picture that came. ``at_ns``: monotonic time. ``degraded``: as in the frame."""

    at_ns: int
    degraded: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``ok``: pictures come. ``problems``: what is wrong all the same, or why they do not come."""

    ok: bool
    problems: tuple[str, ...]

    def text(self) -> str:
        """In words, on one line."""
        problems = "; ".join(self.problems)
        if not self.ok:
            return problems
        return f"ok, but {problems}" if problems else "ok"


def verdict(seen: Seen | None, status: Mapping[str, Any], now_ns: int) -> Verdict:
    """Judge by the last picture and the pipeline's ``status``. ``now_ns``: monotonic time.

    A short pause of infrared behind its shutter is no problem: it is how thermal cameras work.
    """
    away = [f"{role} {state}" for role, state in sorted(status.get("sources", {}).items()) if state != "live"]
    lost = len(status.get("lost_outputs") or ())
    outputs = [f"{lost} output{'s' * (lost > 1)} lost"] if lost else []
    if seen is None:
        return Verdict(False, ("no picture yet", *away, *outputs))
    silent_s = (now_ns - seen.at_ns) / 1e9
    if silent_s > STALE_S:
        return Verdict(False, (f"no picture for {silent_s:.0f} s", *away, *outputs))
    missing = [_MISSING[seen.degraded]] if seen.degraded in _MISSING else []
    return Verdict(True, (*missing, *away, *outputs))
