"""Reading pictures and videos as 8-bit BT.601 luma, and pairing them by name: what evaluation looks at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError

from training.metrics.image import Image

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".pgm"})
VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".ts", ".webm", ".m4v"})


class InputError(Exception):
    """A picture, video or folder cannot be used; the message names it and says what to do. Always one line."""


@dataclass(frozen=True, slots=True)
class Triple:
    """One moment: ``infrared``, ``visible`` and, where given, ``fused``, uint8 (H, W) luma, all of one size.

    ``name``: the file's stem, for a video with the frame's number after it. ``index``: position in its recording.
    """

    name: str
    index: int
    infrared: Image
    visible: Image
    fused: Image | None


def luma_of_rgb(rgb: Image) -> Image:
    """Full-range BT.601 luma, uint8 (H, W), of a uint8 (H, W, 3) picture in RGB order."""
    return np.ascontiguousarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[:, :, 0], dtype=np.uint8)


def luma_of_bgr(bgr: Image) -> Image:
    """Full-range BT.601 luma, uint8 (H, W), of a uint8 (H, W, 3) picture in OpenCV's BGR order."""
    return np.ascontiguousarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YCrCb)[:, :, 0], dtype=np.uint8)


def read_luma(path: Path) -> Image:
    """Read a grey or colour picture as uint8 (H, W) luma, 0..255.

    Raises InputError for a file that is no picture or has more than 8 bits a sample.
    """
    picture = _read(path)
    return picture if picture.ndim == 2 else luma_of_bgr(picture)


def read_rgb(path: Path) -> Image:
    """Read a grey or colour picture as uint8 (H, W, 3) RGB. Raises InputError as ``read_luma``."""
    picture = _read(path)
    code = cv2.COLOR_GRAY2RGB if picture.ndim == 2 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(picture, code).astype(np.uint8, copy=False)


def _read(path: Path) -> Image:
    """Grey (H, W) or BGR (H, W, 3)."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise InputError(f"{path}: cannot be read as a picture; check that the file is whole")
    if picture.dtype != np.uint8:
        raise InputError(f"{path}: has {picture.dtype} samples; metrics are defined on 8 bit, so convert it first")
    if picture.ndim == 3 and picture.shape[2] == 4:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)
    return picture.astype(np.uint8, copy=False)


def is_video(path: Path) -> bool:
    """Whether the path is a file with a video's ending."""
    return path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES


def files_by_stem(folder: Path, suffixes: frozenset[str]) -> dict[str, Path]:
    """The folder's files with these endings (any case), by stem; numbers within names sort by value: 9 before 10.

    Raises InputError for two files of one stem. Empty if there are none.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=_natural_order):
        if path.suffix.lower() not in suffixes or not path.is_file():
            continue
        if path.stem in found:
            raise InputError(f"{path}: same name as {found[path.stem].name}; keep one of them, names pair the files")
        found[path.stem] = path
    return found


def video_lumas(path: Path) -> Iterator[Image]:
    """Decode a video's frames, in order, as uint8 (H, W) full-range BT.601 luma.

    Raises InputError if it cannot be opened or decoded, or has more than 8 bits a sample.
    """
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path}: has no video stream; give a video, or a folder of pictures")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                if max(component.bits for component in frame.format.components) > 8:
                    raise InputError(
                        f"{path}: is {frame.format.name}; metrics are defined on 8 bit, so convert it first"
                    )
                yield luma_of_bgr(np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8))
    except FFmpegError as error:
        raise InputError(f"{path}: cannot be decoded ({error.strerror}); check that the file is whole") from error


def picture_triples(infrared: Path, visible: Path, fused: Path | None, step: int) -> Iterator[Triple]:
    """Every ``step``-th pair of pictures of two folders, by name, with its fused picture if a folder is given.

    Endings may differ. Raises InputError naming files without partner or of another size.
    """
    infrared_files, visible_files = files_by_stem(infrared, IMAGE_SUFFIXES), files_by_stem(visible, IMAGE_SUFFIXES)
    if not infrared_files:
        raise InputError(f"{infrared}: holds no pictures; accepted are {', '.join(sorted(IMAGE_SUFFIXES))}")
    _require_same_names(infrared_files, visible_files, infrared, visible)
    chosen = list(enumerate(infrared_files))[::step]
    fused_files = files_by_stem(fused, IMAGE_SUFFIXES) if fused is not None else None
    if fused is not None and fused_files is not None:
        _require_names((stem for _, stem in chosen), fused_files, fused)
    for index, stem in chosen:
        out = None
        ir, vi = read_luma(infrared_files[stem]), read_luma(visible_files[stem])
        _require_size(vi, visible_files[stem], ir, infrared_files[stem])
        if fused_files is not None:
            out = read_luma(fused_files[stem])
            _require_size(out, fused_files[stem], ir, infrared_files[stem])
        yield Triple(stem, index, ir, vi, out)


def video_triples(infrared: Path, visible: Path, fused: Path | None) -> Iterator[Triple]:
    """All frames of two videos that belong together frame by frame, with the fused video's if one is given.

    Raises InputError for videos of unequal length or size.
    """
    paths = [infrared, visible] + ([fused] if fused is not None else [])
    streams = [video_lumas(path) for path in paths]
    index = 0
    while True:
        frames = [next(stream, None) for stream in streams]
        if all(frame is None for frame in frames):
            break
        for path, frame in zip(paths, frames, strict=True):
            if frame is None:
                raise InputError(f"{path}: ends after {index} frames, before its partners; cut them to one length")
        lumas = [frame for frame in frames if frame is not None]
        for path, luma in zip(paths[1:], lumas[1:], strict=True):
            _require_size(luma, path, lumas[0], infrared)
        yield Triple(f"{infrared.stem}:{index:06d}", index, lumas[0], lumas[1], lumas[2] if fused is not None else None)
        index += 1
    if index == 0:
        raise InputError(f"{infrared}: holds no frames; check that the file is whole")


def paired_videos(infrared: Path, visible: Path, fused: Path | None) -> list[tuple[Path, Path, Path | None]]:
    """The videos of folders, paired by name; empty if the infrared folder holds none.

    Raises InputError naming videos without partner.
    """
    infrared_files = files_by_stem(infrared, VIDEO_SUFFIXES)
    if not infrared_files:
        return []
    visible_files = files_by_stem(visible, VIDEO_SUFFIXES)
    _require_same_names(infrared_files, visible_files, infrared, visible)
    if fused is None:
        return [(path, visible_files[stem], None) for stem, path in infrared_files.items()]
    fused_files = files_by_stem(fused, VIDEO_SUFFIXES)
    _require_names(infrared_files, fused_files, fused)
    return [(path, visible_files[stem], fused_files[stem]) for stem, path in infrared_files.items()]


def _natural_order(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts)]


def _require_same_names(first: dict[str, Path], second: dict[str, Path], first_in: Path, second_in: Path) -> None:
    _require_names(first, second, second_in)
    _require_names(second, first, first_in)


def _require_names(names: Iterable[str], files: dict[str, Path], folder: Path) -> None:
    missing = [name for name in names if name not in files]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise InputError(f"{folder}: no file named {', '.join(missing[:5])}{more}; files are paired by name")


def _require_size(image: Image, path: Path, expected: Image, expected_path: Path) -> None:
    if image.shape != expected.shape:
        height, width = image.shape
        raise InputError(
            f"{path}: is {width}x{height}, but {expected_path} is {expected.shape[1]}x{expected.shape[0]}; "
            "the pictures must be registered and of one size"
        )
