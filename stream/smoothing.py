"""How fast what is shown follows what single frames say. Pure; time comes with the frames."""

from __future__ import annotations

import math

LONGEST_GAP_S = 5.0
"""After a longer pause the scene may be another one: what was known of it is forgotten."""


def step_share(last_ns: int | None, now_ns: int, time_constant_s: float) -> float | None:
    """Share of a step that a first-order low-pass has done since the last frame, 0 (no time has passed) to below 1.

    ``last_ns``, ``now_ns``: capture times, ns. ``time_constant_s``: above 0; after it 63 % of a step is done.
    None: start anew with this frame: it is the first one (``last_ns`` None), it comes after more than
    ``LONGEST_GAP_S``, or from before the last one (a recording that starts again, a clock that was set).
    """
    if last_ns is None or not 0 <= now_ns - last_ns <= LONGEST_GAP_S * 1e9:
        return None
    return -math.expm1((last_ns - now_ns) / (time_constant_s * 1e9))
