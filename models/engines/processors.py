"""How many processors this process may use, and what they can do."""

from __future__ import annotations

import os
from pathlib import Path


def usable_processors() -> int:
    """Processors that the process may run on: fewer than the machine has where it is confined to some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_flags() -> set[str]:
    """The processor's feature flags as Linux names them, such as ``avx2``; empty elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return set()
    for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return set(value.split())
    return set()
