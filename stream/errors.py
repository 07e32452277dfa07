"""The exception tree. Every message names the file, stream or key at fault and says what to do about it."""

from __future__ import annotations

from typing import Any


class NightglassError(Exception):
    """Base of all errors that Nightglass raises on purpose. The command line prints the message on one line.

    ``exit_code`` is the process's exit status when the error ends a command: 1, the run failed.
    """

    exit_code = 1


class UsageError(NightglassError):
    """The command line or the configuration asks for something that cannot be (exit status 2)."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file has an unknown key, a wrong type or a value that is not allowed."""


class SourceError(NightglassError):
    """A source cannot be opened or read: the file or URL is named, without its password."""


class SourceEnded(SourceError):
    """A source stopped before its declared end, for example a truncated file. What was read stays valid."""


class SinkError(NightglassError):
    """An output cannot be opened or written: path, port or device named."""


class CalibrationError(NightglassError):
    """A calibration file is unusable, or the footage does not allow a calibration."""

    exit_code = 1


class IncompleteRun(NightglassError):
    """A run has ended before its inputs' declared end, or one input outlived the other. Its output is sound.

    ``report``: the run's report, as if it had gone well.
    """

    def __init__(self, message: str, report: dict[str, Any]) -> None:
        super().__init__(message)
        self.report = report


class UnequalLengths(IncompleteRun):
    """One recording goes on after the other has ended."""
