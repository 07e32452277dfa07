"""A file or folder that one process writes and no other may: two recorders must not destroy each other's work."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

log = logging.getLogger("nightglass")


class Taken(Exception):
    """Another process, or another output of this one, is writing there."""


class Claim:
    """Holds ``path``, which it makes if it is not there, until ``release``. A process that is killed lets go of it.

    ``new``: make it, and never take one that is there already. Raises FileExistsError then, Taken where another holds
    it, and OSError where it cannot be made. What is in the file stays.
    """

    def __init__(self, path: Path, *, new: bool) -> None:
        self.path = path
        self._made = True
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            if new:
                raise
            self._made = False
            self._file = os.open(path, os.O_WRONLY)
        _lock(self._file, path)

    @property
    def in_place(self) -> bool:
        """Whether the file is still where it was made: one that was removed can be written for ever, to no avail."""
        try:
            return os.path.samestat(os.fstat(self._file), self.path.stat())
        except OSError:
            return False

    @property
    def empty(self) -> bool:
        """Whether nothing has been written yet."""
        return os.fstat(self._file).st_size == 0

    def withdraw(self) -> None:
        """Let go of it, and remove it if it was made for this claim and is still there."""
        if self._made and self.in_place:
            self.path.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Let go of it."""
        os.close(self._file)


class FolderClaim:
    """Holds a folder that is there, until ``release``. Raises Taken and OSError as ``Claim`` does."""

    def __init__(self, path: Path) -> None:
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        _lock(self._folder, path)

    def release(self) -> None:
        """Let go of it."""
        os.close(self._folder)


def _lock(descriptor: int, path: Path) -> None:
    """Closes the descriptor where another holds the lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Taken from None
    except OSError as error:
        # Some network file systems have no locks. What is made anew is nobody else's in spite of that.
        log.warning("record %s: cannot be locked here (%s): nothing else may write it", path, error.strerror)
