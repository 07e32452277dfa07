"""The doctor on this machine, and on the same machine with parts taken away."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stream.doctor import BASE_PACKAGES, Check, Report, diagnose

ROOT = Path(__file__).resolve().parents[1]


def run_doctor(setup: str = "") -> subprocess.CompletedProcess[str]:
    """A fresh interpreter: diagnose, print the lines, then what was imported, and exit as the report says."""
    code = (
        f"import sys\n{setup}\n"
        "from stream.doctor import diagnose\nreport = diagnose()\nprint('\\n'.join(report.lines()))\n"
        "print('torch imported' if sys.modules.get('torch') else 'no torch')\nsys.exit(report.exit_code)"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_this_machine_is_fit():
    done = run_doctor()
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert lines[-1] == "no torch"
    assert lines[-2].startswith("ready")
    assert any(line.startswith("ok") and "libx264 encoder" in line for line in lines)
    assert any(line.startswith("ok") and "openvino CPU" in line and "FP32" in line for line in lines)
    assert any("torch" in line for line in lines[:-1])


@pytest.mark.parametrize(("module", "name"), [("openvino", "openvino devices"), ("av", "ffmpeg")])
def test_a_broken_base_package_fails_and_says_what_to_do(module, name):
    done = run_doctor(f"sys.modules[{module!r}] = None")
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("MISSING")]
    assert name in line and "make setup" in line
    assert f"not usable: {name} missing" in done.stdout


def test_opencv_that_cannot_load_is_only_the_windows_problem():
    done = run_doctor("sys.modules['cv2'] = None")
    assert done.returncode == 0
    (line,) = [line for line in done.stdout.splitlines() if "opencv:" in line]
    assert line.startswith("-") and "apt-get install libgl1" in line


def test_a_package_that_is_not_installed_is_missing(monkeypatch):
    monkeypatch.setattr("stream.doctor.BASE_PACKAGES", ("numpy", "no-such-package-here"))
    report = diagnose()
    assert not report.ok and report.exit_code == 1
    assert [check.name for check in report.checks if check.status == "missing"] == ["no-such-package-here"]


def test_optional_parts_do_not_fail_the_base():
    fine = Check("a", "ok", "1.0")
    extra = Check("b", "optional", "none", "get it")
    assert Report((fine, extra)).ok
    assert Report((fine, extra)).lines() == ["ok      a: 1.0", "-       b: none (get it)", Report((fine,)).lines()[-1]]
    assert not Report((fine, Check("c", "missing", "none"))).ok


def test_the_doctor_knows_the_dependencies_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {requirement.split(">")[0].strip() for requirement in project["dependencies"]}
    assert set(BASE_PACKAGES) == named
