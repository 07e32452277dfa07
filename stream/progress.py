"""A progress bar on a terminal; nothing where the output is not one."""

from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class ProgressBar:
    """Context manager; ``update`` may be called for every frame (it redraws ten times a second)."""

    def __init__(self, what: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID = self._progress.add_task(what, total=None, rate="")

    def __enter__(self) -> ProgressBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def update(self, done: int, total: int | None) -> None:
        """Show ``done`` of ``total`` frames (None: unknown)."""
        speed = self._progress.tasks[self._task].speed
        self._progress.update(self._task, completed=done, total=total, rate=f"{speed:.0f} fps" if speed else "")
