"""Where Numba keeps compiled kernels between runs, and a place for this run where it finds none.

Numba refuses to load a kernel that it cannot keep: an installation that cannot be written, run by a user without a home
(a service, a container), would not start at all.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path

from stream.errors import UsageError

log = logging.getLogger("nightglass")

VARIABLE = "NUMBA_CACHE_DIR"

_KERNELS = Path(__file__).resolve().parents[1] / "kernels"


def kernel_cache() -> Path | None:
    """The folder in which Numba keeps kernels, as it looks for one; None where it finds none."""
    if named := os.environ.get(VARIABLE):
        return Path(named) if _takes_files(Path(named)) else None
    beside = _KERNELS / "__pycache__"
    if _takes_files(beside):
        return beside
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        of_user = (Path(base) if base else Path("~/.cache").expanduser()) / "numba"
    except RuntimeError:  # a user without an entry among the users, and without HOME
        return None
    return of_user if _takes_files(of_user) else None


def need_kernel_cache() -> None:
    """See that there is one before any kernel is loaded: a temporary one for this run if need be, said in the log.

    Raises UsageError where there cannot be one either.
    """
    if kernel_cache() is not None:
        return
    try:
        folder = tempfile.mkdtemp(prefix="nightglass-kernels-")
    except OSError as error:
        raise UsageError(
            f"no folder to compile kernels in: {error.strerror}; set {VARIABLE} to one that can be written"
        ) from None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[VARIABLE] = folder
    log.warning(
        "kernels are compiled anew at each start, which takes up to a minute: neither %s nor a cache folder of this "
        "user can be written; set %s to a folder that can",
        _KERNELS,
        VARIABLE,
    )


def _takes_files(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
