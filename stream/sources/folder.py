"""Folders of images, played in the order of their names."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import av

from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.frames import Frame
from stream.sources.base import StreamInfo
from stream.sources.decode import PlaneReader, Planes
from stream.sources.pacing import CommonStart, Pacer
from stream.sources.pgm import read_pgm

log = logging.getLogger("nightglass")

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".pgm"})

_DEFAULT_RATE_HZ = 25.0


class BrokenImage(Exception):
    """An image cannot be decoded; the message says why, without its name."""


class FolderSource:
    """A folder of images, or a single image, in natural order of the names (``a2`` before ``a10``).

    Each frame carries its file's name in ``Frame.name``, which is what folders are paired by. Sizes may differ
    (``StreamInfo.variable_size``; its size and format are those of the first readable image). 8-bit grey stays
    as it is, also where it is stored as RGB with R = G = B; 16-bit grey stays uint16 in full counts; colour comes
    as full-range BT.601 luma and chroma, except JPEG and lossy WebP, whose own luma and chroma are taken unchanged.
    An image that cannot be decoded is counted, named in a warning and skipped; its number stays free.
    Rotation marks (EXIF) are ignored. The frame rate is ``config.rate_hz``, 25 if not given.
    """

    def __init__(self, path: Path, config: SourceConfig, clock: Clock, start: CommonStart | None = None) -> None:
        """``start``: with ``realtime``, shared with the recording that is played beside it."""
        self.name = str(path)
        self.broken_frames = 0
        self._path = path
        self._config = config
        self._clock = clock
        self._start = start
        self._files: list[Path] = []
        self._reader = PlaneReader(detect_grey=True)

    def open(self) -> StreamInfo:
        """List the folder and read one image. Raises SourceError: missing, without images, none of them readable."""
        self._files = list_images(self._path)
        for file in self._files:
            try:
                planes, pixel_format = self._load(file)
            except BrokenImage:
                continue
            height, width = planes.luma.shape
            return StreamInfo(
                width=width,
                height=height,
                rate_hz=self._rate_hz,
                frame_count=len(self._files),
                live=self._config.realtime,
                codec=file.suffix[1:].lower(),
                pixel_format=pixel_format,
                variable_size=True,
            )
        raise SourceError(f"{self.name}: none of its {len(self._files)} images can be read; are they damaged?")

    def frames(self) -> Iterator[Frame]:
        """Yield a frame for each readable image; for ever with ``config.loop``. Raises SourceError if none is."""
        pacer = Pacer(self._clock, self._start) if self._config.realtime else None
        seq = 0
        while True:
            read = 0
            for file in self._files:
                number, seq = seq, seq + 1
                try:
                    planes, pixel_format = self._load(file)
                except BrokenImage as error:
                    self.broken_frames += 1
                    log.warning("%s: skipped, cannot be read: %s", file, error)
                    continue
                read += 1
                elapsed_ns = round(number * 1e9 / self._rate_hz)
                yield Frame(
                    luma=planes.luma,
                    chroma=planes.chroma,
                    pixel_format=pixel_format,
                    color_range=planes.color_range,
                    pts_s=number / self._rate_hz,
                    capture_ns=pacer.wait_ns(elapsed_ns) if pacer else elapsed_ns,
                    clock="file",
                    seq=number,
                    source=self.name,
                    name=file.name,
                )
                if pacer:
                    pacer.rest(elapsed_ns, round(1e9 / self._rate_hz))
            if not read:
                raise SourceError(f"{self.name}: none of its {len(self._files)} images can be read any more")
            if not self._config.loop:
                return

    def close(self) -> None:
        """Nothing is held open between images."""

    @property
    def _rate_hz(self) -> float:
        return self._config.rate_hz or _DEFAULT_RATE_HZ

    def _load(self, file: Path) -> tuple[Planes, str]:
        try:
            data = file.read_bytes()
        except OSError as error:
            raise BrokenImage(error.strerror) from None
        if (pgm := read_pgm(data)) is not None:
            counts, pixel_format = pgm
            return Planes(counts, None, "full"), pixel_format
        try:
            # From memory: with a file's name FFmpeg would read "%d" in it as a pattern, and trust its ending.
            with av.open(io.BytesIO(data), "r", metadata_errors="replace") as container:
                picture = next(container.decode(video=0), None)
                if picture is None:
                    raise BrokenImage("there is no picture in it")
                return self._reader.read(picture), picture.format.name
        except (av.FFmpegError, IndexError) as error:
            raise BrokenImage(getattr(error, "strerror", None) or "not an image") from None


def list_images(path: Path) -> list[Path]:
    """The images of a folder in natural order, or the one image. Raises SourceError if there are none."""
    if path.is_file():
        return [path]
    try:
        files = [file for file in path.iterdir() if is_image(file) and not file.name.startswith(".")]
    except OSError as error:
        raise SourceError(f"{path}: cannot read the folder: {error.strerror}") from None
    if not files:
        kinds = ", ".join(sorted(suffix[1:] for suffix in IMAGE_SUFFIXES))
        raise SourceError(f"{path}: no images in this folder (looked for {kinds})")
    return sorted(files, key=lambda file: natural_key(file.name))


def is_image(path: Path) -> bool:
    """Whether the path is a file with the ending of an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sorting key by which runs of digits count as numbers; the name itself decides between ``a1`` and ``a01``."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(1, int(part), "") if index % 2 else (0, 0, part) for index, part in enumerate(parts)], name
