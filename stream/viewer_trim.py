"""Keys in the viewer's window change trim and distance of a running ``live``, through its control socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from stream.control import send_command
from stream.errors import CalibrationError, NightglassError
from stream.trim_keys import HELP, TrimKeys, distance_of, said, trim_of

_ANSWER_S = 2.0
"""A window that waits longer for ``live`` feels dead."""

Send = Callable[[dict[str, Any]], dict[str, Any]]
"""Sends a command, gives the answer; raises NightglassError."""


class TrimByKeys:
    """Carries out keys, and says what came of the last one."""

    def __init__(self, endpoint: str, send: Send | None = None) -> None:
        """``endpoint``: ``live``'s control.endpoint. ``send``: instead of what sends there."""
        self._send: Send = send or (lambda command: send_command(endpoint, command, _ANSWER_S))
        self._keys = TrimKeys()
        self.text = HELP
        """What the window is to say: the keys, the trim, or what went wrong."""

    def press(self, keys: Iterable[str]) -> None:
        """Carry out keys in their order. What goes wrong is said in ``text``: a window does not close for that."""
        for key in keys:
            try:
                self._press(key)
            except NightglassError as error:
                self.text = str(error)

    def _press(self, key: str) -> None:
        changed = self._keys.after(key)
        if changed != self._keys:
            self._keys = changed
            self.text = f"{'coarse' if changed.coarse else 'fine'} steps   {HELP}"
            return
        # Asked for each time: someone else may have changed it, or live a map of its own.
        now = self._send({"command": "trim"})
        command = self._keys.command(key, trim_of(now), distance_of(now))
        if command is None:
            self.text = HELP
            return
        answer = self._send(command)
        saved = answer.get("saved")
        if saved is not None and not isinstance(saved, str):
            raise CalibrationError("the answer names no file; does live there have this version?")
        self.text = said(trim_of(answer), distance_of(answer), saved, self._keys.coarse)
