"""Runs ``tests/rtsp_server.py`` as a process of its own, with the system's Python, which has GStreamer's bindings."""

from __future__ import annotations

import signal
import subprocess
from functools import cache
from pathlib import Path

_PYTHON = "/usr/bin/python3"
_IMPORT = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"


@cache
def why_no_rtsp() -> str | None:
    """Why there can be no RTSP server here; None if there can."""
    if not Path(_PYTHON).exists():
        return f"no {_PYTHON} to run GStreamer's RTSP server"
    if subprocess.run([_PYTHON, "-c", _IMPORT], capture_output=True, check=False).returncode:
        return "GStreamer's RTSP server is missing: apt install gir1.2-gst-rtsp-server-1.0 python3-gi"
    return None


class _ServerProcess:
    """One of these scripts, running."""

    _process: subprocess.Popen[str]

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


class RtspServer(_ServerProcess):
    """A running server. ``urls`` by mount point, ``port`` as it came to be; 25 frames a second."""

    def __init__(self, mounts: dict[str, str], port: int, user: str | None) -> None:
        command = [_PYTHON, str(Path(__file__).with_name("rtsp_server.py")), "--port", str(port), "--rate", "25"]
        command += [part for path, what in mounts.items() for part in ("--mount", f"{path}={what}")]
        command += ["--user", user] if user else []
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.urls: dict[str, str] = {}
        for line in self._process.stdout:
            if line.strip() == "READY":
                break
            self.urls["/" + line.strip().rpartition("/")[2]] = line.strip()
        if set(self.urls) != set(mounts):
            self.kill()
            raise RuntimeError(f"the RTSP server did not start: {self.urls}")
        self.port = int(next(iter(self.urls.values())).rpartition(":")[2].partition("/")[0])


class RecordServer(_ServerProcess):
    """A running ``tests/rtsp_record_server.py``, which takes what is pushed to ``url`` into files of ``folder``."""

    def __init__(self, folder: Path, port: int = 0, user: str | None = None, digest: bool = False) -> None:
        self.folder = folder
        command = [_PYTHON, str(Path(__file__).with_name("rtsp_record_server.py")), "--port", str(port)]
        command += ["--folder", str(folder), *(["--user", user] if user else []), *(["--digest"] if digest else [])]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        said = [self._process.stdout.readline().strip() for _ in range(2)]
        if said[1] != "READY":
            self.kill()
            raise RuntimeError(f"the RTSP server did not start: {said}")
        self.port = int(said[0])
        self.url = f"rtsp://127.0.0.1:{self.port}/gate"

    def signal(self, number: signal.Signals) -> None:
        """Stop it for a while, and let it go on."""
        self._process.send_signal(number)
