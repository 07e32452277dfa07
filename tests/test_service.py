"""The unit for systemd starts what there is."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import yaml
from cli_support import nightglass
from clips import read_clip, write_clip

UNIT = Path(__file__).parent.parent / "configs/nightglass.service"


def test_what_the_unit_starts_runs_in_its_folder(tmp_path: Path):
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]
    unit.read_string(UNIT.read_text())
    python, script, *words = shlex.split(unit["Service"]["ExecStart"])
    root = Path(script).parent
    assert Path(script).name == "run_stream.py" and Path(python).is_relative_to(root / ".venv/bin")
    assert (UNIT.parent.parent / "run_stream.py").is_file()
    config = {
        role: {"url": str(write_clip(tmp_path / f"{role}.mp4", 20)), "loop": True} for role in ("infrared", "visible")
    }
    (tmp_path / "cameras.yaml").write_text(yaml.safe_dump({**config, "outputs": {"record": {"path": "gate.mkv"}}}))
    done = nightglass(*words, "--duration", "1", cwd=tmp_path)
    assert done.code == 0, done.err
    assert read_clip(tmp_path / "gate.mkv")[0]
