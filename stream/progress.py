"""A progress bar on a terminal; nothing where the output is not one."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class ProgressBar:
    """Context manager; ``update`` may be called for every frame (it redraws ten times a second)."""

    def __init__(self, what: str) -> None:
        self._progress = _drawn() if sys.stderr.isatty() else None
        if self._progress is not None:
            self._task = self._progress.add_task(what, total=None, rate="")

    def __enter__(self) -> ProgressBar:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def update(self, done: int, total: int | None) -> None:
        """Show ``done`` of ``total`` frames (None: unknown)."""
        if self._progress is None:
            return
        speed = self._progress.tasks[self._task].speed
        self._progress.update(self._task, completed=done, total=total, rate=f"{speed:.0f} fps" if speed else "")


def _drawn() -> Progress:
    # Not at the top: a script that converts a thousand recordings sees no bar and need not load it.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
