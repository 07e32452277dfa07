"""Is there a screen? Asked before OpenCV is, whose Qt aborts without a word that would help."""

from __future__ import annotations

import os
import re
import socket

from stream.errors import SinkError

_DISPLAY = re.compile(r"(?P<host>[^:]*):(?P<number>\d+)(\.\d+)?")
_TIMEOUT_S = 3.0


def require_display(name: str) -> None:
    """Raise SinkError unless an X server answers at ``DISPLAY``. ``name`` is what wants it, for the message."""
    display = os.environ.get("DISPLAY", "")
    match = _DISPLAY.fullmatch(display)
    if match is None:
        raise SinkError(f"{name}: no screen (DISPLAY is {display!r}); run it on a desktop, or use view --headless N")
    host, number = match["host"], int(match["number"])
    if not _answers(host, number):
        raise SinkError(f"{name}: the screen {display!r} does not answer; start an X server, or use view --headless N")


def _answers(host: str, number: int) -> bool:
    try:
        if host not in ("", "unix"):
            with socket.create_connection((host, 6000 + number), timeout=_TIMEOUT_S):
                return True
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_TIMEOUT_S)
            probe.connect(f"/tmp/.X11-unix/X{number}")
            return True
    except OSError:
        return False
