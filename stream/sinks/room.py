"""Whether a folder takes files again, after writing there has failed."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from stream.errors import SinkError

ROOM_BYTES = 16 << 20
"""Some seconds of video. With less, a disk that stays nearly full would be given file after file of a few frames."""


def check_room(name: str, folder: Path) -> None:
    """Raise SinkError, beginning with ``name``, where ``folder`` does not take ``ROOM_BYTES`` more."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, ROOM_BYTES)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):
            return  # a file system that cannot say it; writing will
        raise SinkError(
            f"{name}: {error.strerror} ({ROOM_BYTES >> 20} MB are needed to begin again); check the disk's free space"
        ) from None
