"""The window sink."""

from __future__ import annotations

import logging

from stream.config import WindowConfig
from stream.errors import SinkError
from stream.frames import FusedFrame, Picture
from stream.sinks.screen import Screen

_log = logging.getLogger("nightglass")


class Window:
    """A Sink that shows pictures on this machine's screen. A window the user closes stays closed; the run goes on."""

    stage = "publish"

    def __init__(self, config: WindowConfig) -> None:
        self.name = f"window {config.title}"
        self._title = config.title
        self._screen: Screen | None = None
        self._closed_by_user = False

    def open(self) -> None:
        """Open the window. Raises SinkError if there is no screen or no OpenCV, saying what to install."""
        self._screen = Screen(self.name, self._title)

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        """Show one picture. Raises SinkError if the window was never opened, or was lost."""
        if self._closed_by_user:
            return
        if self._screen is None:
            raise SinkError(f"{self.name}: not open")
        if not self._screen.show(picture):
            self._closed_by_user = True
            _log.warning("%s: closed by the user; nothing more is shown there", self.name)

    def close(self) -> None:
        """Close the window; may be called twice."""
        screen, self._screen = self._screen, None
        if screen is not None:
            screen.close()
