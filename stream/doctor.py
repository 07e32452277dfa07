"""What this machine can do, what is missing, and how to get it. Never imports torch: it would take seconds."""

from __future__ import annotations

import ctypes.util
import importlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.engines.processors import processor, usable_processors
from stream.kernel_cache import VARIABLE, kernel_cache

Status = Literal["ok", "optional", "missing"]
"""``optional``: absent, and only an extra feature lacks it. ``missing``: the base does not work without it."""

BASE_PACKAGES = (
    "aiohttp",
    "av",
    "numba",
    "numpy",
    "opencv-python",
    "openvino",
    "prometheus-client",
    "pydantic",
    "pyyaml",
    "pyzmq",
    "rich",
    "typer",
)
"""The distributions that pyproject.toml asks for."""

MIN_PYTHON = (3, 11)

_REINSTALL = "run 'make setup', or pip install -e . in your own environment"
_CPU_FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni", "amx_bf16", "amx_int8", "asimd")
_CODECS: tuple[tuple[str, Literal["r", "w"], Status], ...] = (
    ("h264", "r", "missing"),
    ("hevc", "r", "missing"),
    ("mjpeg", "r", "missing"),
    ("libx264", "w", "missing"),
    ("mjpeg", "w", "missing"),
    ("libx265", "w", "optional"),
    ("ffv1", "w", "optional"),
)
_EXTRAS = (
    (("torch",), "teacher, training and the GPU engine: pip install -e '.[train]', or '.[cuda]' for a GPU"),
    (("cupy-cuda12x", "cupy-cuda13x"), "GPU buffers: pip install -e '.[cuda]'"),
    (("numba-cuda",), "GPU kernels: pip install -e '.[cuda]'"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. ``advice``: what to do about it, empty where all is well."""

    name: str
    status: Status
    detail: str
    advice: str = ""

    def line(self) -> str:
        """The check on one line of text."""
        mark = {"ok": "ok      ", "optional": "-       ", "missing": "MISSING "}[self.status]
        return f"{mark}{self.name}: {self.detail}" + (f" ({self.advice})" if self.advice else "")


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in the order to print them."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether fusion on the CPU works here; optional parts do not count."""
        return all(check.status != "missing" for check in self.checks)

    @property
    def exit_code(self) -> int:
        """The process's exit status: 0 if the base works, else 1."""
        return 0 if self.ok else 1

    def lines(self) -> list[str]:
        """The report as text, a verdict last."""
        missing = [check.name for check in self.checks if check.status == "missing"]
        verdict = f"not usable: {', '.join(missing)} missing" if missing else "ready: fusion on the CPU works here"
        return [*(check.line() for check in self.checks), verdict]


def diagnose() -> Report:
    """Look at this machine and this Python environment. Takes about a second; raises nothing for what is missing."""
    parts: list[Callable[[], list[Check]]] = [
        _python,
        _packages,
        _codecs,
        _openvino,
        _kernels,
        _cpu,
        _gpu,
        _extras,
        _window,
    ]
    return Report(tuple(check for part in parts for check in part()))


def _python() -> list[Check]:
    version = platform.python_version()
    if sys.version_info < MIN_PYTHON:
        return [Check("python", "missing", version, f"{MIN_PYTHON[0]}.{MIN_PYTHON[1]} or newer is needed")]
    return [Check("python", "ok", f"{version}, {platform.system()} {platform.machine()}")]


def _packages() -> list[Check]:
    checks = []
    for name in BASE_PACKAGES:
        version = _version(name)
        if version is None and name == "opencv-python":
            # Any of OpenCV's builds will do.
            version = _version("opencv-python-headless") or _version("opencv-contrib-python")
        if version is None:
            checks.append(Check(name, "missing", "not installed", _REINSTALL))
        else:
            checks.append(Check(name, "ok", version))
    return checks


def _codecs() -> list[Check]:
    try:
        import av
        from av.codec import Codec
    except ImportError as error:
        return [Check("ffmpeg", "missing", f"PyAV cannot be loaded: {_one_line(error)}", _REINSTALL)]
    libraries = ", ".join(f"{n} {'.'.join(map(str, v))}" for n, v in sorted(av.library_versions.items())[:3])
    checks = [Check("ffmpeg", "ok", f"inside PyAV: {libraries}")]
    for name, mode, severity in _CODECS:
        label = f"{name} {'decoder' if mode == 'r' else 'encoder'}"
        try:
            Codec(name, mode)
        except ValueError:
            checks.append(Check(label, severity, "not in this build of PyAV", "pip install --force-reinstall av"))
        else:
            checks.append(Check(label, "ok", "present"))
    return checks


def _openvino() -> list[Check]:
    try:
        import openvino
    except ImportError as error:
        return [Check("openvino devices", "missing", f"cannot be loaded: {_one_line(error)}", _REINSTALL)]
    core = openvino.Core()
    checks = []
    for device in core.available_devices:
        name = core.get_property(device, "FULL_DEVICE_NAME")
        precisions = [c for c in core.get_property(device, "OPTIMIZATION_CAPABILITIES") if c[:2] in ("FP", "BF", "IN")]
        checks.append(Check(f"openvino {device}", "ok", f"{name.strip()}: {', '.join(precisions)}"))
    if not any(device.startswith("CPU") for device in core.available_devices):
        checks.append(Check("openvino CPU", "missing", "no CPU device", _REINSTALL))
    return checks


def _kernels() -> list[Check]:
    folder = kernel_cache()
    if folder is None:
        advice = f"each start compiles kernels anew; set {VARIABLE} to a folder that can be written"
        return [Check("compiled kernels", "optional", "no folder to keep them in", advice)]
    return [Check("compiled kernels", "ok", f"kept in {folder}")]


def _cpu() -> list[Check]:
    flags = processor().flags
    found = [flag for flag in _CPU_FLAGS if flag in flags]
    threads = usable_processors()
    detail = f"{threads} threads; {', '.join(found) or 'no vector extensions known'}"
    if "avx2" in found or "asimd" in found:
        return [Check("cpu", "ok", detail)]
    return [Check("cpu", "optional", detail, "fusion works without AVX2, but slowly")]


def _gpu() -> list[Check]:
    driver = Path("/proc/driver/nvidia/version")
    if not driver.exists():
        return [Check("nvidia driver", "optional", "none", "only needed for the GPU engine")]
    return [
        Check("nvidia driver", "ok", driver.read_text(encoding="utf-8").splitlines()[0].removeprefix("NVRM version: "))
    ]


def _extras() -> list[Check]:
    checks = []
    for distributions, advice in _EXTRAS:
        version = next((v for name in distributions if (v := _version(name))), None)
        if version is None:
            checks.append(Check(distributions[0], "optional", "not installed", advice))
        else:
            checks.append(Check(distributions[0], "ok", version))
    return checks


def _window() -> list[Check]:
    try:
        importlib.import_module("cv2")
    except ImportError as error:
        advice = "for the window and calibration; on Debian: apt-get install libgl1 libglib2.0-0"
        return [Check("opencv", "optional", f"cannot be loaded: {_one_line(error)}", advice)]
    checks = [Check("opencv", "ok", "loads")]
    if ctypes.util.find_library("GL") is None:
        checks.append(Check("libGL", "optional", "not found", "only for the window; on Debian: apt-get install libgl1"))
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        checks.append(Check("display", "ok", os.environ.get("DISPLAY") or os.environ["WAYLAND_DISPLAY"]))
    else:
        advice = "for a window set DISPLAY, or use 'view ENDPOINT' from another machine"
        checks.append(Check("display", "optional", "none", advice))
    return checks


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
