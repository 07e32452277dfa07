"""Addresses of outputs as people write them, checked. Pure.

libzmq binds another port than 99999 without a word, and FFmpeg says of most wrong URLs but "input/output error".
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

PUSH_SCHEMES = ("rtsp", "rtsps")

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


def check_push_url(url: str) -> str:
    """The URL, if an RTSP server can be at it. Raises ValueError without the URL, which may bear a password."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in PUSH_SCHEMES:
        raise ValueError("must be the URL of an RTSP server, such as rtsp://user:password@host:8554/gate")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("must hold no spaces and no control characters: percent-encode them (a space is %20)")
    authority, path = re.fullmatch(r"([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    try:
        parts = urlsplit(f"{scheme}://{authority.rpartition('@')[2]}")
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(
            f"must have a number up to {_MOST_PORT} as its port; where a password holds /, ? or #, percent-encode it "
            "(/ is %2F)"
        ) from None
    if not host:
        raise ValueError("must name a host, as in rtsp://host:8554/gate")
    if not path.strip("/"):
        raise ValueError("must name a path on the server, as in rtsp://host:8554/gate")
    return url
