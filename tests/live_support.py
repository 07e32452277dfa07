"""``live`` as a process of its own, published and listened to."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml
import zmq
from cli_support import LIMIT_S, Command, wait_for

from stream.sinks.wire import decode, subscription

SIM = "sim:night-street?size=128x96&fps=20&seconds=0"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class LiveRun:
    """``live`` as a process of its own. Publishes at ``endpoint``; ``finish`` stops it and gives its report."""

    def __init__(self, folder: Path, infrared: dict[str, Any], visible: dict[str, Any], **more: Any) -> None:
        self.folder = folder
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        outputs = {"zeromq": {"endpoint": self.endpoint, "status_interval_s": 0.2}} | more.pop("outputs", {})
        largest_file = more.pop("largest_file", None)
        config = {"camera": "test", "infrared": infrared, "visible": visible, "outputs": outputs, **more}
        (folder / "live.yaml").write_text(yaml.safe_dump(config))
        arguments = ("live", "--config", "live.yaml", "--report", "report.json")
        self.command = Command(*arguments, cwd=folder, largest_file=largest_file)

    def __enter__(self) -> LiveRun:
        self.command.__enter__()
        wait_for(lambda: "live" in self.err or not self.command.alive)
        assert "live" in self.err, self.err
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.command.__exit__(kind, value, traceback)

    @property
    def err(self) -> list[str]:
        return self.command.err.splitlines()

    def finish(self, number: signal.Signals = signal.SIGINT) -> dict[str, Any]:
        """Stop it as Ctrl-C does; it must end well."""
        self.command.signal(number)
        done = self.command.done()
        assert done.code == 0 and "nightglass: error" not in done.err and "Traceback" not in done.err, done.err
        return json.loads((self.folder / "report.json").read_text())

    def headers(self, stream: str = "fused") -> Iterator[dict[str, Any]]:
        """Headers of the published frames, every one."""
        context = zmq.Context()
        viewer = context.socket(zmq.SUB)
        try:
            viewer.setsockopt(zmq.RCVHWM, 0)
            viewer.setsockopt(zmq.RCVTIMEO, round(LIMIT_S * 1000))
            viewer.setsockopt(zmq.SUBSCRIBE, subscription(f"test/{stream}"))
            viewer.connect(self.endpoint)
            while True:
                yield decode(viewer.recv()).header
        finally:
            viewer.close(linger=0)
            context.term()

    def until(self, wanted: Callable[[dict[str, Any]], bool], count: int = 1) -> list[dict[str, Any]]:
        """Headers up to the ``count``-th in a row that is ``wanted``."""
        seen: list[dict[str, Any]] = []
        end = time.monotonic() + LIMIT_S
        for header in self.headers():
            seen.append(header)
            if len(seen) >= count and all(wanted(one) for one in seen[-count:]):
                return seen
            assert time.monotonic() < end, [(one["seq"], one["degraded"]) for one in seen[-40:]]
        raise AssertionError("unreachable")
