"""The ten-line viewer runs as it is printed, in the README and in the wire format's description."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import av
import pytest
from sinks_support import fused, scene

from stream.clock import SystemClock
from stream.config import ZeroMQConfig
from stream.sinks.publisher import ZeroMQPublisher

ROOT = Path(__file__).resolve().parent.parent
HEADING = "## A viewer in ten lines"


def printed_viewer(document: str) -> str:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert HEADING in text, f"{document} has no heading {HEADING!r}"
    match = re.search(r"```python\n(.*?)```", text.split(HEADING, 1)[1], re.DOTALL)
    assert match is not None, f"no python block under {HEADING!r} in {document}"
    return match[1]


@pytest.mark.parametrize("document", ["README.md", "docs/wire-format.md"])
def test_the_printed_viewer_runs(document: str, tmp_path: Path) -> None:
    (tmp_path / "viewer.py").write_text(printed_viewer(document), encoding="utf-8")
    clock = SystemClock()
    config = ZeroMQConfig(endpoint="tcp://127.0.0.1:*")
    sink = ZeroMQPublisher(config, "camera", "fused", "white-hot", clock, dict)
    sink.open()
    stop = threading.Event()

    def work() -> None:
        seq = 0
        while not stop.wait(0.02):
            sink.write(scene(seq), fused(scene(seq), seq, clock.now_ns()))
            seq += 1

    thread = threading.Thread(target=work)
    thread.start()
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "PYTHONPATH")}
    viewer = subprocess.Popen(
        [sys.executable, "viewer.py", sink.endpoint],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert viewer.stdout is not None and viewer.stderr is not None
        killer = threading.Timer(20, viewer.kill)
        killer.start()
        lines = [viewer.stdout.readline() for _ in range(3)]
        killer.cancel()
    finally:
        viewer.kill()
        viewer.wait()
        stop.set()
        thread.join()
        sink.close()
    assert all(re.fullmatch(r"camera/fused 160x120 \d+ ms\n", line) for line in lines), viewer.stderr.read()
    with av.open(str(tmp_path / "latest.jpg")) as container:
        assert next(container.decode(video=0)).width == 160
