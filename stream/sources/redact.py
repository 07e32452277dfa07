"""Printable URLs: no password ever reaches a log line, a report or an error message."""

from __future__ import annotations

import re

_URL = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<rest>.*)$", re.DOTALL)
_SECRET = re.compile(
    r"(?P<key>(?<![A-Za-z0-9])(?:pass(?:word|wd|phrase)?|pwd|token|secret|auth|sig|signature|api_?key|key)=)[^&;#\s]*",
    re.IGNORECASE,
)


def redact(url: str) -> str:
    """The URL with ``***`` in place of its password and of secrets among its query parameters.

    ``rtsp://user:secret@host/a?token=x`` becomes ``rtsp://user:***@host/a?token=***``. Text that is not a URL,
    such as a path, is given back as it is. A password may hold ``@``, ``/``, ``?`` or ``#``, although RFC 3986
    section 3.2.1 wants those percent-encoded: cameras' manuals are full of such URLs. So everything from the first
    colon to the last ``@`` is hidden, which for an ``@`` in the path is rather too much than too little.
    """
    match = _URL.match(url)
    if match is None:
        return url
    rest = match["rest"]
    before, at, after = rest.rpartition("@")
    user, colon, _ = before.partition(":")
    if at and colon:
        rest = f"{user}:***@{after}"
    return match["scheme"] + _SECRET.sub(r"\g<key>***", rest)


def redact_meant(text: str) -> str:
    """The same of text that was perhaps meant as a URL, for messages that say it is none: ``rtsp:/user:secret@host``
    becomes ``rtsp:***@host``.
    """
    if "://" in text:
        return redact(text)
    before, at, after = text.rpartition("@")
    first, colon, _ = before.partition(":")
    return redact(f"{first}:***@{after}" if at and colon else text)
