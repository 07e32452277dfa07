"""Runs the command line in processes of its own: forked from a server that has imported it once, or for real."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_LIMIT_S = 120.0
_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(
    ["stream.cli", "stream.progress", "stream.pipeline.offline", "stream.pipeline.live", "models.engines.openvino"]
)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left: exit status and what it printed."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The error, without its prefix. It must be the only one, the last line, and no traceback."""
        lines = self.err.splitlines()
        assert lines, "nothing on the standard error stream"
        prefix = "nightglass: error: "
        assert [line for line in lines if line.startswith(prefix)] == lines[-1:], self.err
        assert all(line.startswith(("WARNING: ", "ERROR: ")) for line in lines[:-1]), self.err
        assert "Traceback" not in self.err
        return lines[-1].removeprefix(prefix)


def nightglass(*arguments: object, cwd: Path | None = None, largest_file: int | None = None) -> Done:
    """Run a command in a fresh process and wait for it. ``largest_file``: bytes after which writing a file fails."""
    _start_server()
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _fork.Process(
            target=_run, args=([str(one) for one in arguments], str(out), str(err), cwd, largest_file)
        )
        process.start()
        process.join(_LIMIT_S)
        if process.is_alive():
            process.kill()
            process.join()
            raise AssertionError(f"{arguments} did not end within {_LIMIT_S:g} s: {err.read_text()}")
        assert process.exitcode is not None
        return Done(process.exitcode, out.read_text(), err.read_text())


def start(
    *arguments: object, cwd: Path | None = None, largest_file: int | None = None, stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """Start ``run_stream.py`` as a user would; its output is piped."""
    command = [sys.executable, str(ROOT / "run_stream.py"), *(str(one) for one in arguments)]
    if largest_file is not None:
        command = ["prlimit", f"--fsize={largest_file}", *command]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=stderr, text=True)


def _start_server() -> None:
    # The server takes its modules' path from the environment, not from this process.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *([before] if before else [])])
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


def _run(arguments: Sequence[str], out: str, err: str, cwd: Path | None, largest_file: int | None) -> None:
    """In the new process."""
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        stream.flush()
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, stream.fileno())
        os.close(file)
    if cwd is not None:
        os.chdir(cwd)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    from stream.cli import main

    sys.exit(main(list(arguments)))
