"""What a command writes must not be what it reads: a recording of the past cannot be made again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stream.errors import UsageError
from stream.sources.folder import is_image


def refuse_to_overwrite(option: str, written: Path, inputs: Iterable[str | Path]) -> None:
    """Raise UsageError where the file ``written``, which ``option`` names, is an input or an image of an input folder.

    ``inputs``: paths or a source's URLs. A link, also a hard one, is the file that it leads to.
    """
    for given in inputs:
        source = Path(given).expanduser()
        in_folder = source.is_dir() and is_image(written) and _same(written.parent, source)
        if in_folder or _same(written, source):
            raise _refusal(option, written)


def refuse_to_fill(option: str, folder: Path, inputs: Iterable[str | Path]) -> None:
    """Raise UsageError where images written to ``folder``, which ``option`` names, could replace an input's images."""
    for given in inputs:
        source = Path(given).expanduser()
        if _same(folder, source) or (is_image(source) and _same(folder, source.parent)):
            raise _refusal(option, f"{folder}/", " or holds one")


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def _refusal(option: str, path: Path | str, more: str = "") -> UsageError:
    return UsageError(f"{path} is an input as well{more}, and would be overwritten; give another {option}")
