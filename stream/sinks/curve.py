"""CURVE keys: the publisher's own, and the allow-list of its clients (ZeroMQ RFC 26, RFC 27)."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import zmq
from zmq.utils import z85

from stream.config import CurveConfig
from stream.errors import SinkError

_HOW = "make keys with python -c \"import zmq.auth; zmq.auth.create_certificates('keys', 'viewer')\""
_KEY_CHARS = 40


class AllowList:
    """The client keys that may connect; what pyzmq's authenticator asks.

    ``callback`` answers for a Z85 key. Raises SinkError at construction for a key that is none.
    """

    def __init__(self, keys: list[str]) -> None:
        self._keys = frozenset(read_public_key(key) for key in keys)

    def callback(self, domain: str, key: bytes) -> bool:
        """Whether the client with this Z85 public key may connect (``domain`` is the same for all)."""
        return key in self._keys


def read_public_key(text_or_path: str) -> bytes:
    """A public key in Z85, from its 40 characters or from a file (a pyzmq certificate, or the characters alone).

    Raises SinkError.
    """
    path = Path(text_or_path)
    if path.is_file():
        return _read_file(path, secret=False)
    return _check(text_or_path, f"client key {text_or_path!r} (neither a file nor a key)")


def read_secret_key(path: Path) -> bytes:
    """A secret key in Z85 from a file (a pyzmq certificate ``NAME.key_secret``, or the 40 characters alone).

    Warns if other users of the machine can read it. Raises SinkError.
    """
    key = _read_file(path, secret=True)
    if path.stat().st_mode & 0o077:
        logging.getLogger("nightglass").warning("%s: readable by other users; run chmod 600 on it", path)
    return key


def server_keys(config: CurveConfig) -> tuple[bytes, bytes]:
    """The publisher's public and secret key, both Z85. Raises SinkError."""
    secret = read_secret_key(config.server_secret_key)
    return zmq.curve_public(secret), secret


def _read_file(path: Path, *, secret: bool) -> bytes:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SinkError(f"{path}: cannot read the key: {error}; {_HOW}") from None
    if len(text) == _KEY_CHARS:
        return _check(text, str(path))
    # Not at the top, as in the publisher.
    from zmq.auth import load_certificate

    try:
        public_key, secret_key = load_certificate(path)
    except ValueError:
        raise SinkError(f"{path}: holds no CURVE key; {_HOW}") from None
    if not secret:
        return public_key
    if secret_key is None:
        raise SinkError(f"{path}: holds a public key only; name the .key_secret file") from None
    return secret_key


def _check(text: str, what: str) -> bytes:
    key = text.encode("ascii", "replace")
    try:
        if len(key) == _KEY_CHARS and len(z85.decode(key)) == 32:
            return key
    except (KeyError, ValueError, struct.error):
        pass
    raise SinkError(f"{what}: not a CURVE key of {_KEY_CHARS} Z85 characters; {_HOW}")
