"""What a fresh clone gets: packages, dependencies, make targets, CI script, licence, links."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from stream.doctor import MIN_PYTHON

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("kernels", "models", "stream", "training")


def test_base_install_is_light():
    heavy = ("torch", "cupy", "transformers", "sentence", "matplotlib", "scipy", "nvidia")
    assert not [name for name in PROJECT["project"]["dependencies"] if name.startswith(heavy)]
    assert PROJECT["project"]["requires-python"] == f">={MIN_PYTHON[0]}.{MIN_PYTHON[1]}"


def test_every_folder_with_code_is_packaged():
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == [f"{name}*" for name in PACKAGES]
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]
    others = {path.parent.name for path in ROOT.glob("*/__init__.py")} - set(PACKAGES)
    assert not [name for name in others if name.startswith(PACKAGES)], "would be packaged by its name's beginning"


def test_files_that_are_no_code_are_packaged():
    data = PROJECT["tool"]["setuptools"]["package-data"]
    packaged = {path for package, globs in data.items() for one in globs for path in (ROOT / package).glob(one)}
    known = (".py", ".pyc", ".nbi", ".nbc")
    files = {path for name in ("models", "stream") for path in (ROOT / name).rglob("*") if path.is_file()}
    assert {path for path in files if path.suffix not in known} == packaged


@pytest.fixture
def workshop(tmp_path):
    """The Makefile beside a Python that only writes down what it is asked to do."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    recorder = tmp_path / "recorder"
    recorder.write_text(
        "#!/bin/sh\n"
        'echo "$(basename "$(dirname "$(dirname "$0")")") $*" >> calls\n'
        'case "$*" in *"-m venv"*) for d; do :; done; mkdir -p "$d/bin"; '
        'for t in python ruff mypy lint-imports; do cp recorder "$d/bin/$t"; done;; esac\n'
    )
    recorder.chmod(0o755)

    def make(*arguments: str) -> list[str]:
        (tmp_path / "calls").write_text("")
        done = subprocess.run(
            ["make", "PYTHON=./recorder", *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return [line for line in (tmp_path / "calls").read_text().splitlines() if "version_info" not in line]

    return tmp_path, make


def later(path: Path) -> None:
    stamp = path.stat().st_mtime + 100
    os.utime(path, (stamp, stamp))


def test_setup_installs_once_and_again_only_for_a_new_pyproject(workshop):
    folder, make = workshop
    calls = make("setup")
    assert [call for call in calls if "pip install" in call and "-e .[dev]" in call], calls
    assert make("setup") == []
    later(folder / "pyproject.toml")
    assert len(make("setup")) == 1


def test_demo_needs_the_base_install_only(workshop):
    _, make = workshop
    calls = make("demo")
    installs = [call for call in calls if "pip install" in call]
    assert len(installs) == 1 and installs[0].endswith("-e .")
    assert calls[-1] == ".venv -m stream.demo --output out"
    assert make("demo") == [".venv -m stream.demo --output out"]


def test_demo_after_setup_installs_nothing(workshop):
    _, make = workshop
    make("setup")
    assert make("demo") == [".venv -m stream.demo --output out"]


def test_the_tests_lint_first_and_torch_has_an_environment_of_its_own(workshop):
    _, make = workshop
    calls = make("test")
    assert [call.split(" ", 1)[1] for call in calls[-5:]] == [
        "check .",
        "format --check .",
        "",
        "--no-logo",
        "-m pytest",
    ]
    assert not [call for call in calls if "torch" in call]
    calls = make("test-train", "TORCH=torch==9")
    torch = [call for call in calls if "pip install" in call and "torch==9" in call]
    rest = [call for call in calls if "pip install" in call and "[train-core,dev]" in call]
    assert len(torch) == len(rest) == 1 and calls.index(torch[0]) < calls.index(rest[0])
    assert calls[-1] == ".venv-train -m pytest -m torch"


def test_an_old_python_is_refused_in_one_line(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    old = tmp_path / "old-python"
    old.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.version_info = (3, 9); exec(sys.argv[1])' \"$2\"\n"
    )
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "setup", "PYTHON=./old-python"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "Python 3.11 or newer is needed" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_every_phony_target_is_explained_by_help():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    ).stdout
    assert phony is not None
    assert {line.split()[1] for line in shown.splitlines()} == set(phony[1].split()) - {"help"}


def test_ci_script_stops_at_the_first_failure_and_runs_existing_targets():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], timeout=60).returncode == 0
    text = script.read_text()
    assert "set -euo pipefail" in text
    targets = re.findall(r"^make (\S+)", text, re.MULTILINE)
    assert targets == ["setup-system", "test", "test-train"]
    assert subprocess.run(["make", "-n", *targets], cwd=ROOT, capture_output=True, timeout=60).returncode == 0


def test_the_contracts_are_in_the_pre_commit_hooks():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repo,) = config["repos"]
    assert repo["repo"] == "local", "hooks run the tools of the environment, nothing is downloaded"
    entries = [hook["entry"].split()[0] for hook in repo["hooks"]]
    assert entries == [".venv/bin/ruff", ".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/lint-imports"]


def test_pre_commit_accepts_its_configuration():
    pytest.importorskip("pre_commit", reason="pre-commit is not installed; run 'make setup'")
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_licence_and_changelog():
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License" in licence[:100] and "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert PROJECT["project"]["license"]["text"] == "Apache-2.0"
    assert re.search(
        r"^## \[(Unreleased|" + re.escape(PROJECT["project"]["version"]) + r")\]", changelog(), re.MULTILINE
    )


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    "document",
    sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_links_of_the_documents_lead_somewhere(document):
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path) if path else document
        assert linked.exists(), f"{document.name}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, f"{document.name}: {target}"
