"""Addresses as people write them, checked: libzmq binds another port than 99999 without a word. Pure."""

from __future__ import annotations

import ipaddress
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
    if port not in ("*", "!") and not _is_port(port):
        raise ValueError(f"endpoint {endpoint!r}: the port must be a number up to {_MOST_PORT}, got {port!r}")


def host_and_port(listen: str) -> tuple[str, int]:
    """Host (IPv6 without its brackets) and port of ``127.0.0.1:8080`` or ``[::1]:8080``. Port 0: any free one.

    Raises ValueError, saying what is wrong.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not host or (":" in host) != (host.startswith("[") and host.endswith("]")) or "/" in host:
        raise ValueError(f"{listen!r} is no address with a port: write it as 127.0.0.1:8080 or [::1]:8080")
    if not _is_port(port):
        raise ValueError(f"{listen!r}: the port must be a number up to {_MOST_PORT}, got {port!r}")
    return host.strip("[]"), int(port)


def is_loopback(netloc: str) -> bool:
    """Whether only this machine reaches ``HOST``, ``HOST:PORT`` or ``[IPV6]:PORT``. Names are not looked up."""
    host = netloc.rsplit(":", 1)[0].strip("[]")
    if host in ("localhost", "lo"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= _MOST_PORT
