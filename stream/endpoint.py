"""ZeroMQ endpoints as people write them, checked: libzmq binds another port than 99999 without a word. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

_MOST_PORT = 65_535


def check_endpoint(endpoint: str) -> None:
    """Raise ValueError, saying what is wrong, for a ``tcp://`` endpoint without a port. ``*``: any free one."""
    parts = urlsplit(endpoint)
    if parts.scheme != "tcp":
        return
    _, colon, port = parts.netloc.rpartition(":")
    if not colon or port.endswith("]"):
        raise ValueError(f"endpoint {endpoint!r} has no port: write it as tcp://127.0.0.1:5556")
    if port not in ("*", "!") and not (port.isascii() and port.isdigit() and int(port) <= _MOST_PORT):
        raise ValueError(f"endpoint {endpoint!r}: the port must be a number up to {_MOST_PORT}, got {port!r}")
