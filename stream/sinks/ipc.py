"""Socket files of ``ipc://`` endpoints: libzmq removes whatever is there, and binds it anew, without a word."""

from __future__ import annotations

import socket
from pathlib import Path

_PREFIX = "ipc://"
_ANSWERS_WITHIN_S = 2.0


def taken(endpoint: str) -> str | None:
    """Why an endpoint must not be bound; None where it may, and for every other kind of endpoint.

    A socket file that a killed process has left is free.
    """
    name = endpoint.removeprefix(_PREFIX)
    if name == endpoint or name.startswith(("@", "*")):
        return None  # @: no file, so that libzmq itself refuses one that is in use; *: a file of its own choice
    path = Path(name)
    try:
        if not path.exists():
            return None
        if not path.is_socket():
            return "that is a file and no socket, which would be removed; choose another path"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_ANSWERS_WITHIN_S)
            probe.connect(name)
    except ConnectionRefusedError:
        return None
    except OSError as error:
        return f"{error.strerror or error}; choose another path"
    return "another process listens there; stop it, or choose another path"
