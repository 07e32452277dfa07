"""Work on many pictures at once, in a fixed order of results, with progress on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(function: Callable[[Item], Result], items: Sequence[Item], workers: int, what: str) -> Iterator[Result]:
    """``function`` of every item, in threads, results in the order of the items. The first error ends it.

    Progress is a bar on a terminal, else one line when it begins. Threads: most of the time is spent in NumPy, OpenCV
    and the engines, which release Python's lock.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{what}: {len(items)}", highlight=False)
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            for future in track(futures, what, console=console, disable=not console.is_terminal):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
