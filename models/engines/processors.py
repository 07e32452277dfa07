"""How many processors this process may use."""

from __future__ import annotations

import os


def usable_processors() -> int:
    """Processors that the process may run on: fewer than the machine has where it is confined to some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
