"""Nothing that imports OpenVINO reports to anybody, or leaves an identity in the home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What would report asks for the consent in this folder first.
SCRIPT = """
import sys
import {module}
import openvino
assert sys.modules.get("openvino_telemetry") is None, "the telemetry package is loaded"
assert "openvino.tools.ovc.telemetry_stub" in sys.modules or "openvino.tools.ovc" not in sys.modules
"""


@pytest.mark.parametrize("module", ["models.engines.openvino", "stream.doctor", "stream.cli", "training"])
def test_an_import_reports_nothing(tmp_path: Path, module: str) -> None:
    # Without these it would hold its tongue of itself.
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    script = SCRIPT.format(module=module)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists() and done.stderr == ""
