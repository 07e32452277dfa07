"""Finding and reading the pairs of a test set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.images import IMAGE_SUFFIXES, InputError, files_by_stem, read_luma, read_rgb
from training.metrics import MIN_SIZE_PX
from training.suites import Shown, clean_pair


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where a pair lies. ``name``: the files' stem."""

    dataset: str
    name: str
    infrared: Path
    visible: Path


def list_pairs(data: Path, dataset: str, infrared: str = "ir", visible: str = "vi") -> list[PairFiles]:
    """The pairs of a set, two folders of pictures of the same names, in the order of their names.

    Raises InputError for a missing folder or partner.
    """
    folders = [data / dataset / infrared, data / dataset / visible]
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; set NIGHTGLASS_DATA, or give --data")
    first, second = (files_by_stem(folder, IMAGE_SUFFIXES) for folder in folders)
    if odd := sorted(first.keys() ^ second.keys()):
        raise InputError(f"{data / dataset}: {odd[0]} is in one of {infrared} and {visible} only; names pair the files")
    return [PairFiles(dataset, name, path, second[name]) for name, path in first.items()]


def read_pair(files: PairFiles) -> Shown:
    """A pair as recorded. Raises InputError for files that are no pictures, do not fit, or are too small to measure."""
    pair = clean_pair(f"{files.dataset}/{files.name}", read_luma(files.infrared), read_rgb(files.visible))
    if min(pair.visible.shape) < MIN_SIZE_PX:
        raise InputError(f"{files.visible}: is smaller than {MIN_SIZE_PX}x{MIN_SIZE_PX} pixels, too small to measure")
    return pair
