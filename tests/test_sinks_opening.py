"""Which sinks a configuration makes; and windows on machines without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stream.clock import SystemClock
from stream.config import (
    ComposeConfig,
    OutputsConfig,
    RecordConfig,
    RtspConfig,
    WebConfig,
    WindowConfig,
    ZeroMQConfig,
)
from stream.errors import SinkError, UsageError
from stream.sinks import screen_process
from stream.sinks.base import Sink
from stream.sinks.opening import open_sinks
from stream.sinks.window import Window

ROOT = Path(__file__).resolve().parent.parent


def made(**outputs: Any) -> list[Sink]:
    return open_sinks(OutputsConfig(**outputs), ComposeConfig(), "camera", 25.0, True, SystemClock(), dict)


def test_every_output_makes_its_sink() -> None:
    sinks = made(
        record=RecordConfig(path="out/a.mp4"),
        rtsp=RtspConfig(url="rtsp://user:secret@host/gate"),
        zeromq=ZeroMQConfig(endpoint="tcp://127.0.0.1:0"),
        window=WindowConfig(),
        web=WebConfig(listen="127.0.0.1:0"),
    )
    assert [(sink.name, sink.stage) for sink in sinks] == [
        ("record out/a.mp4", "encode"),
        ("rtsp rtsp://user:***@host/gate", "publish"),
        ("zeromq tcp://127.0.0.1:0", "publish"),
        ("window Nightglass", "publish"),
        ("web 127.0.0.1:0", "publish"),
    ]
    assert [type(sink).__name__ for sink in made(record=RecordConfig(path="out/"))] == ["PngFolder"]
    assert made() == []


def test_unknown_ending_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"out/a\.avi"):
        made(record=RecordConfig(path="out/a.avi"))


@pytest.mark.parametrize(("display", "message"), [(None, "no screen"), ("", "no screen"), (":987", "does not answer")])
def test_no_screen_is_a_sink_error_and_not_the_end_of_the_process(
    display: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
    with pytest.raises(SinkError, match=message):
        Window(WindowConfig()).open()


def test_missing_libgl_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    script = Path(screen_process.__file__)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    out = subprocess.run(
        [sys.executable, "-P", str(script), "title"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert out.startswith("OpenCV cannot be loaded (libGL.so.1: cannot") and "apt install libgl1" in out
    assert out.count("\n") == 1


def test_nothing_but_the_window_process_loads_opencv() -> None:
    code = "import sys, stream.sinks.window, stream.viewer; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, check=False).returncode == 0


def test_a_conversion_starts_without_what_only_other_runs_need() -> None:
    code = (
        "import sys, stream.cli, stream.pipeline.offline, stream.progress, models.engines.openvino\n"
        "unneeded = ('aiohttp', 'asyncio', 'cv2', 'prometheus_client', 'zmq', 'rich')\n"
        "unneeded += ('kernels.halved', 'kernels.palette', 'kernels.resize')\n"
        "print([name for name in unneeded if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
