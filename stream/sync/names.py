"""Pairing by name, for folders of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from stream.errors import UsageError

_SHOWN = 3


def pair_by_name(infrared_names: Sequence[str], visible_names: Sequence[str]) -> list[tuple[str, str]]:
    """Pair file names whose stems are equal (``00123.png`` with ``00123.jpg``), in the order of the infrared names.

    Raises UsageError when a name has no partner, when a stem comes twice in one folder, or when there is no image.
    """
    infrared = _by_stem(infrared_names, "infrared")
    visible = _by_stem(visible_names, "visible")
    if not infrared and not visible:
        raise UsageError("no images to pair: both folders are empty")
    complaints = []
    for missing_in, own, other in (("visible", infrared, visible), ("infrared", visible, infrared)):
        alone = [name for stem, name in own.items() if stem not in other]
        if alone:
            more = f" and {len(alone) - _SHOWN} more" if len(alone) > _SHOWN else ""
            complaints.append(f"{missing_in} has no image for {', '.join(alone[:_SHOWN])}{more}")
    if complaints:
        raise UsageError(
            f"image folders are paired by name, but {'; '.join(complaints)}: "
            "give both images of a pair the same name, or remove the extra ones"
        )
    return [(name, visible[stem]) for stem, name in infrared.items()]


def _by_stem(names: Sequence[str], what: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        stem = PurePath(name).stem
        if stem in found:
            raise UsageError(f"{what} images {found[stem]} and {name} have the same name: remove one of them")
        found[stem] = name
    return found
