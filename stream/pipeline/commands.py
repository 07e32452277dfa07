"""What a person may change while ``live`` runs: trim and distance of the map, and a request for a new one.

Commands come from the control thread, are carried out by the fusing thread between two frames, and saved by the former.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stream.calibration import Calibration
from stream.calibration_file import load_calibration, save_calibration, save_settings
from stream.errors import CalibrationError, UsageError
from stream.pipeline.timekeeper import Refreshed
from stream.trim import Trim

_TRIM_KEYS = ("shift_x_px", "shift_y_px", "scale")
_DISTANCE_KEY = "distance_m"
_SHOWN_CHARS = 40


class LiveCommands:
    """The trim and distance that a live run is to use, and the commands that change them."""

    def __init__(
        self,
        calibration: Calibration | None,
        path: Path | None,
        search: Callable[[], bool],
        refreshed: Callable[[], Refreshed | None],
    ) -> None:
        """``path``: where the calibration came from, None without one. ``search``: asks for a new map; False where
        nobody can. ``refreshed``: the time offset to save, None where the one that was loaded holds.
        """
        self._lock = threading.Lock()
        self._loaded = calibration
        self._found: Calibration | None = None
        self._trim = Trim() if calibration is None else calibration.trim
        self._distance_m = None if calibration is None else calibration.distance_m
        self._trim_changed = self._distance_changed = False
        self._path = path
        self._search = search
        self._refreshed = refreshed
        self._visible_size: tuple[int, int] | None = None if calibration is None else calibration.visible_size

    def sized(self, visible_size: tuple[int, int]) -> None:
        """Visible pictures are of this size: what trims count in where there is no calibration."""
        with self._lock:
            self._visible_size = self._visible_size or visible_size

    def found(self, calibration: Calibration) -> None:
        """A search has led to another calibration; it holds for what is in view now, so its trim and distance do."""
        with self._lock:
            self._found, self._trim, self._distance_m = calibration, calibration.trim, calibration.distance_m
            self._trim_changed = self._distance_changed = False
            self._visible_size = calibration.visible_size

    def take_trim(self) -> Trim | None:
        """The trim to go over to, once after every change."""
        if not self._trim_changed:
            return None
        with self._lock:
            self._trim_changed = False
            return self._trim

    def take_distance_m(self) -> float | None:
        """The distance to go over to, metres, once after every change."""
        if not self._distance_changed:
            return None
        with self._lock:
            self._distance_changed = False
            return self._distance_m

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
        numbers = (*_TRIM_KEYS, _DISTANCE_KEY)
        unknown = set(command) - {"command", "save", *numbers}
        if unknown:
            raise UsageError(f"unknown key {min(unknown)!r}; a trim has {', '.join(numbers)}, save")
        for key in numbers:
            if key in command and not _is_number(command[key]):
                raise UsageError(f"key '{key}' must be a number, not {_short(command[key])}")
        if not isinstance(command.get("save", False), bool):
            raise UsageError("key 'save' must be true or false")
        with self._lock:
            values = {key: float(command.get(key, getattr(self._trim, key))) for key in _TRIM_KEYS}
            trim = Trim(**values)
            if self._visible_size is not None:
                trim.check(self._visible_size)
            distance_m = self._distance_m
            if _DISTANCE_KEY in command:
                distance_m = self._within_reach_m(float(command[_DISTANCE_KEY]))
            # Only now that nothing can be refused any more.
            if trim != self._trim:
                self._trim, self._trim_changed = trim, True
            if distance_m != self._distance_m:
                self._distance_m, self._distance_changed = distance_m, True
            refreshed = self._refreshed() if command.get("save") else None
            saved = self._save(refreshed) if command.get("save") else None
        return {
            "trim": values,
            "distance_m": distance_m,
            "saved": saved,
            "infrared_offset_ms": None if refreshed is None else refreshed.offset_ms,
        }

    def _within_reach_m(self, distance_m: float) -> float | None:
        """The distance as near to this as the maps have one for. Called with the lock held."""
        calibration = self._found or self._loaded
        if calibration is None:
            raise CalibrationError("no distance can be chosen without a calibration: set registration.calibration")
        return calibration.at_distance(distance_m).distance_m

    def _save(self, refreshed: Refreshed | None) -> str:
        """Called with the lock held."""
        if self._path is None:
            raise CalibrationError("there is no calibration file to save to: set registration.calibration")
        # The file may have been edited since it was loaded: what live has not changed stays as it is there.
        now = load_calibration(self._path) if self._found is None else self._found.with_timing_of(self._loaded)
        now = now.with_trim(self._trim)
        if self._distance_m is not None and now.maps:
            now = now.at_distance(self._distance_m)
        if refreshed is not None:
            now = now.with_offset(refreshed.offset_ms, refreshed.confidence)
        if self._found is None:
            save_settings(self._path, now)
        else:
            save_calibration(self._path, now)
        return str(self._path)


def _is_number(value: Any) -> bool:
    """JSON as Python reads it has NaN, infinity, and whole numbers that are too large for any float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -sys.float_info.max <= value <= sys.float_info.max


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."
