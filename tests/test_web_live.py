"""The web page of a running ``live``: its address is said, it outlives a lost output, and it ends with the run."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from pathlib import Path

import yaml
from cli_support import LIMIT_S, nightglass, wait_for
from live_support import SIM, LiveRun, free_port

SIDES = {"infrared": {"url": SIM, "loop": True}, "visible": {"url": SIM, "loop": True}}


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=LIMIT_S) as answer:
        return answer.read().decode()


def test_live_with_a_page(tmp_path: Path) -> None:
    outputs = {"web": {"listen": "127.0.0.1:0"}, "record": {"path": "a.mkv", "codec": "ffv1"}}
    with LiveRun(tmp_path, **SIDES, outputs=outputs, largest_file=300_000) as run:
        (address,) = [line.removeprefix("page: ") for line in run.err if line.startswith("page: ")]
        assert address.startswith("http://127.0.0.1:")

        def status() -> dict[str, object]:
            return json.loads(read(f"{address}status.json"))["status"]

        # The recording's file is full soon.
        wait_for(lambda: bool(status()["lost_outputs"]))
        assert read(f"{address}healthz") == "ok, but 1 output lost\n"
        before = status()["frames_out"]
        wait_for(lambda: status()["frames_out"] > before)
        assert 'nightglass_outputs_lost{camera="test"} 1.0' in read(f"{address}metrics")
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        with socket.create_connection((host, int(port)), LIMIT_S) as viewer:
            viewer.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert viewer.recv(64).startswith(b"HTTP/1.1 200")
            report = run.finish(signal.SIGTERM)
        assert list(report["lost_outputs"]) == ["record a.mkv"]


def test_a_port_that_is_taken_is_one_line_of_error(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "live.yaml").write_text(yaml.safe_dump({**SIDES, "outputs": {"web": {"listen": f"127.0.0.1:{port}"}}}))
    with socket.create_server(("127.0.0.1", port)):
        done = nightglass("live", "--config", "live.yaml", cwd=tmp_path)
    assert done.code == 1
    assert done.error == (
        f"web 127.0.0.1:{port}: already in use; stop the other program, or choose another port under outputs.web.listen"
    )
