"""User names and passwords in URLs that cannot be told from the rest of them. Pure."""

from __future__ import annotations

import re

_END_OF_AUTHORITY = re.compile(r"[/?#]")
_LOOSE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HOW = "in user name and password write @ as %40, / as %2F, ? as %3F, # as %23, : as %3A and % as %25"


def why_unreadable(url: str) -> str | None:
    """What is wrong with the user name and password of a URL, without them; None where all is well, and for paths.

    By RFC 3986, section 3.2, the first ``/``, ``?`` or ``#`` ends host and user. One inside a password leaves something
    that is no port where the port should be, and the ``@`` behind it. A raw ``@`` is understood: the last one counts.
    """
    _, found, rest = url.partition("://")
    if not found:
        return None
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    user, at, _ = authority.rpartition("@")
    if at:
        return f"a % in its user name or password begins no code: {_HOW}" if _LOOSE_PERCENT.search(user) else None
    _, colon, port = authority.rpartition(":")
    is_port = not colon or port.isdigit() or port.endswith("]")
    return f"its user name or password cannot be told from its path: {_HOW}" if "@" in rest and not is_port else None
