"""Who may watch: the password, sessions of browsers that have given it, and names that the page may be reached by.

Pure but for ``read_password``. Browsers give a page's password once and get a cookie: Safari sends no HTTP
authentication with a WebSocket. Programs send it with each request (HTTP Basic, RFC 7617).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import logging
from collections import deque
from collections.abc import Collection
from pathlib import Path
from urllib.parse import urlsplit

from stream.errors import SinkError

SESSION_S = 30 * 86_400
"""A browser need not ask again for so long."""

_LEAST_CHARS = 8
_SALT = b"nightglass web session 1"
_FAILURES = 10
_WITHIN_S = 60.0
_MOST_ADDRESSES = 1000


def read_password(path: Path) -> str:
    """The first line of a file. Warns if other users of the machine can read it. Raises SinkError."""
    try:
        password = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise SinkError(
            f"{path}: cannot read the password: {reason}; name its file in outputs.web.password_file"
        ) from None
    if len(password) < _LEAST_CHARS:
        raise SinkError(f"{path}: the password on its first line must have at least {_LEAST_CHARS} characters")
    if path.stat().st_mode & 0o077:
        logging.getLogger("nightglass").warning("%s: readable by other users; run chmod 600 on it", path)
    return password


class Sessions:
    """Checks a password, and makes and checks what a browser shows instead.

    A session is made from the password alone, so that it outlives a restart, and not a new password.
    """

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        # Slow on purpose (RFC 7914): who gets hold of a cookie cannot try passwords on it quickly.
        self._key = hashlib.scrypt(self._password, salt=_SALT, n=2**14, r=8, p=1, dklen=32)

    def is_password(self, text: str) -> bool:
        """Whether this is the password; takes the same time wherever it differs."""
        return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self._password)

    def is_basic(self, header: str) -> bool | None:
        """Whether an ``Authorization`` header has the password (of any user); None where there is none to check."""
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            _, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return bool(colon) and self.is_password(password)

    def token(self, now_s: float) -> str:
        """A session that begins now. ``now_s``: seconds of Unix time."""
        until = str(round(now_s) + SESSION_S)
        return f"{until}.{self._sign(until)}"

    def is_token(self, text: str, now_s: float) -> bool:
        """Whether this is a session of this password that has not run out."""
        until, _, signature = text.partition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), self._sign(until).encode()):
            return False
        return int(until) > now_s

    def _sign(self, until: str) -> str:
        return hmac.new(self._key, until.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


class Failures:
    """Wrong passwords by address: after ten within a minute none is looked at until the minute is over."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = {}

    def blocked(self, address: str, now_s: float) -> bool:
        """Whether too many came from there. ``now_s``: monotonic time in seconds."""
        times = self._times.get(address)
        return times is not None and len(times) == _FAILURES and now_s - times[0] < _WITHIN_S

    def add(self, address: str, now_s: float) -> None:
        """A wrong one came from there."""
        times = self._times.pop(address, None) or deque(maxlen=_FAILURES)
        times.append(now_s)
        self._times[address] = times
        while len(self._times) > _MOST_ADDRESSES:
            del self._times[next(iter(self._times))]


def known_host(netloc: str, names: Collection[str]) -> bool:
    """Whether a ``Host`` header is an address or one of ``names``, with any port.

    A web site of somebody else's can point a name of its own at this machine (DNS rebinding) and then read what the
    page shows; with an address, or a name of ours, it cannot.
    """
    try:
        host = urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return False
    if host.rstrip(".").lower() in names:
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def same_origin(origin: str, netloc: str, names: Collection[str]) -> bool:
    """Whether a page that a browser names as its ``Origin`` is ours: at the ``Host`` it asks, or one of ``names``."""
    try:
        parts = urlsplit(origin)
        return parts.netloc.lower() == netloc.lower() or (parts.hostname or "").lower() in names
    except ValueError:
        return False
