"""What a person may change while ``live`` runs: the trim of the map, and a request for a new one.

Commands come from the control thread, are carried out by the fusing thread between two frames, and saved by the former.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stream.calibration import Calibration, save_calibration, save_trim
from stream.errors import CalibrationError, UsageError
from stream.trim import Trim

_TRIM_KEYS = ("shift_x_px", "shift_y_px", "scale")


class LiveCommands:
    """The calibration and trim that a live run is to use, and the commands that change them."""

    def __init__(self, calibration: Calibration | None, path: Path | None, search: Callable[[], bool]) -> None:
        """``path``: where the calibration came from, None without one. ``search``: asks for a new map; False where
        nobody can.
        """
        self._lock = threading.Lock()
        self._found: Calibration | None = None
        self._loaded = calibration
        self._trim = Trim() if calibration is None else calibration.trim
        self._changed = False
        self._path = path
        self._search = search
        self._visible_size: tuple[int, int] | None = None if calibration is None else calibration.visible_size

    def sized(self, visible_size: tuple[int, int]) -> None:
        """Visible pictures are of this size: what trims count in where there is no calibration."""
        with self._lock:
            self._visible_size = self._visible_size or visible_size

    def found(self, calibration: Calibration) -> None:
        """A search has found another map; it holds for what is in view now, so it takes the place of the trim too."""
        with self._lock:
            self._found, self._trim = calibration, Trim()
            self._visible_size = calibration.visible_size

    def take_trim(self) -> Trim | None:
        """The trim to go over to, once after every change."""
        if not self._changed:
            return None
        with self._lock:
            self._changed = False
            return self._trim

    def handle(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out a command, see docs/wire-format.md. Raises UsageError and CalibrationError."""
        match command.get("command"):
            case "trim":
                return self._set_trim(command)
            case "recalibrate":
                if not self._search():
                    raise UsageError("the alignment is not watched here: set alignment.monitor_s")
                return {}
        raise UsageError(f"unknown command {command.get('command')!r}; there are trim, recalibrate")

    def _set_trim(self, command: dict[str, Any]) -> dict[str, Any]:
        unknown = set(command) - {"command", "save", *_TRIM_KEYS}
        if unknown:
            raise UsageError(f"unknown key {min(unknown)!r}; a trim has {', '.join(_TRIM_KEYS)}, save")
        for key in _TRIM_KEYS:
            value = command.get(key, 0.0)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UsageError(f"key '{key}' must be a number, got {value!r}")
        if not isinstance(command.get("save", False), bool):
            raise UsageError("key 'save' must be true or false")
        with self._lock:
            values = {key: float(command.get(key, getattr(self._trim, key))) for key in _TRIM_KEYS}
            trim = Trim(**values)
            if self._visible_size is not None:
                trim.check(self._visible_size)
            if trim != self._trim:
                self._trim, self._changed = trim, True
            saved = self._save(trim) if command.get("save") else None
        return {"trim": values, "saved": saved}

    def _save(self, trim: Trim) -> str:
        """Called with the lock held."""
        if self._path is None:
            raise CalibrationError("there is no calibration file to save to: set registration.calibration")
        if self._found is None:
            save_trim(self._path, trim)
        else:
            save_calibration(self._path, self._found.with_timing_of(self._loaded).with_trim(trim))
        return str(self._path)
