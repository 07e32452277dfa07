"""How many processors this process may use, and what they can do."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


def usable_processors() -> int:
    """Processors that the process may run on: fewer than the machine has where it is confined to some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Processor:
    """What Linux says of the first processor: its model, None where it says none, and its feature flags (``avx2``)."""

    model: str | None
    flags: frozenset[str]


def parse_cpuinfo(text: str) -> Processor:
    """The first processor in the text of /proc/cpuinfo; on ARM flags are called features. Pure."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", ""))
    return Processor(fields.get("model name"), frozenset(flags.split()))


def processor() -> Processor:
    """This machine's; without model and flags where there is no /proc/cpuinfo."""
    cpuinfo = Path("/proc/cpuinfo")
    return parse_cpuinfo(cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else "")
