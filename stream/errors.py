"""The exception tree. Every message names the file, stream or key at fault and says what to do about it."""


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
