"""Printable URLs: no password ever reaches a log line, a report or an error message."""

from __future__ import annotations

import re

_URL = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>.*)$", re.DOTALL)
_SECRET = re.compile(
    r"(?P<key>(?<![A-Za-z0-9])(?:pass(?:word|wd|phrase)?|pwd|token|secret|auth|sig|signature|api_?key|key)=)[^&;#\s]*",
    re.IGNORECASE,
)
_PORT = re.compile(r"[^:]*(:[0-9]*)?|\[[^\]]*\](:[0-9]*)?")


def redact(url: str) -> str:
    """The URL with ``***`` in place of its password and of secrets among its query parameters.

    ``rtsp://user:secret@host/a?token=x`` becomes ``rtsp://user:***@host/a?token=***``. Text that is not a URL,
    such as a path, is given back as it is. A password that holds ``@``, ``/``, ``?`` or ``#`` although RFC 3986
    section 3.2.1 wants those percent-encoded is hidden as well: cameras' manuals are full of such URLs.
    """
    match = _URL.match(url)
    if match is None:
        return url
    user, rest = _split_user(match["rest"])
    if user is not None:
        name, colon, _ = user.partition(":")
        rest = f"{name}:***@{rest}" if colon else f"{name}@{rest}"
    return match["scheme"] + _SECRET.sub(r"\g<key>***", rest)


def _split_user(rest: str) -> tuple[str | None, str]:
    """Split what follows ``scheme://`` into user information (None if there is none) and the remainder."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in authority and _PORT.fullmatch(authority):
        return None, rest
    # Either an honest user@host, or "user:pa/ss@host" cut at the password's own slash: its "port" is no number.
    head = authority if "@" in authority else rest
    user, at, _ = head.rpartition("@")
    return (user, rest[len(user) + 1 :]) if at else (None, rest)
