"""A window, from the side of the program that has the pictures."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stream.errors import SinkError
from stream.frames import Picture
from stream.sinks import screen_process
from stream.sinks.display import require_display
from stream.sinks.rgb import to_rgb

_CLOSING_TIMEOUT_S = 2.0


class Screen:
    """A window in a process of its own (see ``screen_process``). Used from one thread."""

    def __init__(self, name: str, title: str) -> None:
        """Open the window. ``name`` is what wants it, for messages.

        Raises SinkError without a screen, system library or OpenCV with windows, saying what to install.
        """
        require_display(name)
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(screen_process.__file__)), title],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # so that what comes after the first line is not kept where ``keys`` does not look
            stderr=subprocess.DEVNULL,  # Qt complains of fonts it does not need
        )
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().decode("utf-8", "replace").strip()
        if answer != "ready":
            self.close()
            raise SinkError(f"{name}: {answer or 'the window could not be opened; look at it with view --headless N'}")

    def keys(self) -> str:
        """Keys pressed since the last call, in their order; "" without any. Never waits."""
        assert self._process.stdout is not None
        pressed = ""
        while select.select([self._process.stdout], [], [], 0)[0]:
            more = os.read(self._process.stdout.fileno(), 4096)
            if not more:
                break  # the window is gone, which the next picture says
            pressed += more.decode("ascii", "replace")
        return pressed

    def show(self, picture: Picture, caption: str = "") -> bool:
        """Show a picture, with a line of text over it. False once the user has closed the window.

        Raises SinkError when the window was lost otherwise.
        """
        pixels: NDArray[np.uint8] = picture.luma if picture.chroma is None else to_rgb(picture)[..., ::-1]
        text = caption.encode("utf-8")
        header = screen_process.HEADER.pack(picture.height, picture.width, 1 if pixels.ndim == 2 else 3, len(text))
        assert self._process.stdin is not None
        try:
            self._write(header + text + pixels.tobytes())
        except BrokenPipeError:
            status = self._process.wait()
            if status != 0:
                raise SinkError(
                    f"{self._name}: the window's process ended with status {status}; is the screen there?"
                ) from None
            return False
        return True

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        left = memoryview(data)
        while left:  # a pipe without a buffer takes what it has room for
            left = left[self._process.stdin.write(left) :]

    def close(self) -> None:
        """Close the window; may be called twice."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # what a window closed by the user had not read yet
            self._process.stdin.close()
        try:
            self._process.wait(_CLOSING_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
