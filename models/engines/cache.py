"""Where compiled networks are kept between runs: loading one takes half the time of compiling it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger("nightglass")


def cache_folder() -> Path | None:
    """``$XDG_CACHE_HOME/nightglass`` (XDG Base Directory Specification; without the variable ``~/.cache/nightglass``),
    made if it is not there; None, said in the log, where it cannot be made or written: then nothing is kept.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = Path(base) if base else Path.home() / ".cache"
        folder = folder / "nightglass"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"{folder} cannot be written")
    except (OSError, RuntimeError) as error:
        log.info("the compiled network is not kept for the next start: %s", error)
        return None
    return folder
