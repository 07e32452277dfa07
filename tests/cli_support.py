"""Runs the command line in processes of its own, forked from a server that has imported it once: quick, and real."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent

LIMIT_S = 120.0
_fork = multiprocessing.get_context("forkserver")
_fork.set_forkserver_preload(
    [
        "stream.cli",
        "stream.progress",
        "stream.pipeline.offline",
        "stream.pipeline.live",
        "stream.sources.sim",
        "stream.sources.simscene.night_street",
        "models.engines.openvino",
    ]
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
        assert all(line.startswith(("WARNING: ", "ERROR: ")) or line == "live" for line in lines[:-1]), self.err
        assert "Traceback" not in self.err
        return lines[-1].removeprefix(prefix)


class Command:
    """A running command; a context manager that kills it if it has not ended by then.

    ``largest_file``: size in bytes beyond which writing a file fails, as on a full disk.
    """

    def __init__(self, *arguments: object, cwd: Path | None = None, largest_file: int | None = None) -> None:
        _start_server()
        self._folder = tempfile.TemporaryDirectory()
        self._out, self._err = Path(self._folder.name, "out"), Path(self._folder.name, "err")
        for path in (self._out, self._err):
            path.touch()
        words = [str(one) for one in arguments]
        self._process = _fork.Process(target=_run, args=(words, self._out, self._err, cwd, largest_file))
        self._process.start()

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self._folder.cleanup()

    @property
    def err(self) -> str:
        """What it has printed on the standard error stream so far."""
        return self._err.read_text()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def free_disk(self) -> None:
        """From now on, files may grow as they like: the disk is full no more."""
        assert self._process.pid is not None
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def done(self) -> Done:
        """Wait for its end."""
        self._process.join(LIMIT_S)
        assert self._process.exitcode is not None, f"did not end within {LIMIT_S:g} s: {self.err}"
        return Done(self._process.exitcode, self._out.read_text(), self.err)


def nightglass(*arguments: object, cwd: Path | None = None, largest_file: int | None = None) -> Done:
    """Run a command to its end."""
    with Command(*arguments, cwd=cwd, largest_file=largest_file) as command:
        return command.done()


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


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


def _run(arguments: Sequence[str], out: Path, err: Path, cwd: Path | None, largest_file: int | None) -> None:
    """In the new process."""
    # A shell that starts the tests in the background, or nohup, has these ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for path, stream in ((out, sys.stdout), (err, sys.stderr)):
        stream.flush()
        file = os.open(path, os.O_WRONLY)
        os.dup2(file, stream.fileno())
        os.close(file)
    if cwd is not None:
        os.chdir(cwd)
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    from stream.cli import main

    sys.exit(main(list(arguments)))
