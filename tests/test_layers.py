"""The layering contracts hold, would notice a breach, and the CPU path never loads torch."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PACKAGES = ("kernels", "models", "stream", "training")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_contracts_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("stream/breach.py", "import models.breach_target", "only through its engines"),
        ("stream/breach.py", "def f():\n    import torch", "never imports torch"),
        ("kernels/breach.py", "from stream import errors", "layered"),
        ("models/breach.py", "import training", "layered"),
        ("training/breach.py", "from stream.frames import Frame", "layered"),
    ],
)
def test_a_breach_is_noticed(tmp_path, module, line, contract):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "models" / "breach_target.py").write_text("")
    (tmp_path / module).write_text(f"{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    broken = [text for text in done.stdout.splitlines() if "BROKEN" in text]
    assert len(broken) == 1 and contract in broken[0], done.stdout


def test_live_fusion_on_the_cpu_never_loads_torch():
    code = """
import sys
import numpy as np
import stream.cli, stream.doctor, stream.calibration, stream.sync.pairing
from models.engines import load_engine
engine = load_engine("stream", engine="openvino", precision="fp32", threads=1)
grey = np.full((64, 64), 100, dtype=np.uint8)
result = engine.fuse(grey, grey)
assert result.luma.shape == (64, 64)
engine.close()
heavy = sorted({name.split(".")[0] for name in sys.modules} & {"torch", "cupy", "matplotlib", "cv2"})
print("loaded:", heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "loaded: []"
