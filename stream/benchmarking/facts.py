"""Facts of the machine and the software that figures depend on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from models.engines.processors import processor, usable_processors
from stream.clock import Clock

ROOT = Path(__file__).resolve().parents[2]
"""The repository, or the folder that the packages are installed in."""

_PACKAGES = ("nightglass", "numpy", "numba", "openvino", "av", "torch")
_FLAG_PREFIXES = ("avx", "amx", "fma", "asimd", "bf16", "i8mm")
_PATIENCE_S = 10.0


def machine_facts(clock: Clock) -> dict[str, Any]:
    """Processor, operating system, versions, commit and load, ready for JSON; None for what cannot be had."""
    cpu = processor()
    return {
        "time": datetime.fromtimestamp(clock.now_ns() // 1_000_000_000, UTC).isoformat(),
        "cpu": cpu.model,
        "cpu_flags": sorted(flag for flag in cpu.flags if flag.startswith(_FLAG_PREFIXES)),
        "processors": os.cpu_count(),
        "processors_usable": usable_processors(),
        "load_average_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "ffmpeg": ffmpeg_version(),
        "commit": _commit(),
    }


def ffmpeg_version() -> str | None:
    """First line of what an ``ffmpeg`` executable says of itself; None where there is none."""
    path = shutil.which("ffmpeg")
    return first_line([path, "-hide_banner", "-version"]) if path else None


def first_line(command: Sequence[str]) -> str | None:
    """First line that a command prints; None if it fails, prints nothing or takes ten seconds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.splitlines()[0] if done.stdout else None


def _commit() -> str | None:
    git = shutil.which("git")
    # An installed package may lie inside somebody else's repository.
    if git is None or not (ROOT / ".git").exists():
        return None
    return first_line([git, "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"])


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
