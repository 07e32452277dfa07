"""Starting where nothing can be kept: an installation that cannot be written, run by a user without a home."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli_support import ROOT

from stream.errors import UsageError
from stream.kernel_cache import VARIABLE, kernel_cache, need_kernel_cache

SHRINK = """
from stream.kernel_cache import need_kernel_cache
need_kernel_cache()
import kernels.levels
print(kernels.levels.apply_lut.__name__)
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A copy of the code in which no ``__pycache__`` can be made, also not by root."""
    for package in ("kernels", "stream", "models"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    for folder in [path for path in tmp_path.rglob("*") if path.is_dir()]:
        (folder / "__pycache__").touch()
    return tmp_path


def run(code: str, installed: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key not in (VARIABLE, "XDG_CACHE_HOME")}
    env = {**kept, "PYTHONPATH": str(installed), "HOME": "/dev/null", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=installed, capture_output=True, text=True, check=False
    )


def test_kernels_load_where_nothing_can_be_kept_and_leave_nothing_behind(installed: Path, tmp_path: Path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    done = run(SHRINK, installed, TMPDIR=str(scratch))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "apply_lut"
    assert "compiled anew at each start" in done.stderr and VARIABLE in done.stderr
    assert list(scratch.iterdir()) == []


def test_kernels_are_kept_at_the_users_where_the_code_cannot_be_written(installed: Path, tmp_path: Path):
    done = run(SHRINK, installed, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert list((tmp_path / "cache" / "numba").rglob("levels.*.nbi"))


def test_the_named_folder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert kernel_cache() == tmp_path / "named"
    monkeypatch.setenv(VARIABLE, "/dev/null/x")
    assert kernel_cache() is None


def test_no_place_at_all_says_what_to_set(monkeypatch: pytest.MonkeyPatch):
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv(VARIABLE, "/dev/null/x")
    monkeypatch.setattr("stream.kernel_cache.tempfile.mkdtemp", full)
    with pytest.raises(UsageError, match=f"No space left on device; set {VARIABLE}"):
        need_kernel_cache()
