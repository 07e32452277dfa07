"""Shared fixtures: real data where it is to be had, and skips that say why."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from rtsp_support import RecordServer, RtspServer, why_no_rtsp

ROOT = Path(__file__).resolve().parent.parent

# The first example compiles, and no test is to depend on the machine's speed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real recordings; skips the test, saying so, where it is absent."""
    path = Path(os.environ.get("NIGHTGLASS_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"real data not found at {path}; set NIGHTGLASS_DATA")
    return path


@pytest.fixture
def rtsp_server() -> Iterator[Callable[..., RtspServer]]:
    """Start real RTSP servers: ``rtsp_server({"/a": "videotestsrc"}, port=0, user=None)``; all are ended after it.

    Skips where GStreamer's server library is not installed.
    """
    missing = why_no_rtsp()
    if missing:
        pytest.skip(missing)
    servers: list[RtspServer] = []

    def start(mounts: dict[str, str], port: int = 0, user: str | None = None) -> RtspServer:
        servers.append(RtspServer(mounts, port, user))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def record_server(tmp_path: Path) -> Iterator[Callable[..., RecordServer]]:
    """Start real RTSP servers that take pushes: ``record_server(port=0, user=None)``; each has a folder of its own.

    Skips where GStreamer's server library is not installed.
    """
    missing = why_no_rtsp()
    if missing:
        pytest.skip(missing)
    servers: list[RecordServer] = []

    def start(**how: Any) -> RecordServer:
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        servers.append(RecordServer(folder, **how))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()
