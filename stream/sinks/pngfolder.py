"""A folder of lossless PNG, one a picture."""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from stream.errors import SinkError
from stream.frames import FusedFrame, Picture
from stream.sinks.claim import FolderClaim, Taken
from stream.sinks.rgb import to_rgb
from stream.sinks.room import check_room

_log = logging.getLogger("nightglass")

_NUMBER = re.compile(r"[0-9]{8,}")


class PngFolder:
    """A Sink that writes ``FusedFrame.name``'s stem (else the eight-digit ``seq``) + ``.png`` into a folder.

    A ``live`` recording never replaces what is there: its numbers then go on after the largest one in the folder, and
    no two live recordings write into one folder.
    Colour pictures become RGB, pictures without chroma 8-bit grey. Sizes may change from picture to picture.
    The folder is made if it is missing, its parent is not.
    """

    stage = "encode"

    def __init__(self, path: str, *, live: bool = False) -> None:
        self.name = f"record {path}"
        self.frames_written = 0
        self._folder = Path(path)
        self._live = live
        self._first = 0
        self._claim: FolderClaim | None = None
        self._written: dict[str, str] = {}
        self._encoder = _PngEncoder()

    def open(self) -> None:
        """Make the folder. Raises SinkError."""
        self._make()
        if self._live:
            self._first = self._next_number()
            if self._first:
                _log.warning("%s: pictures are there already, numbers go on from %08d", self.name, self._first)

    def _make(self) -> None:
        try:
            self._folder.mkdir(exist_ok=True)
        except FileNotFoundError:
            raise SinkError(f"{self.name}: folder {self._folder.parent} does not exist; create it first") from None
        except FileExistsError:
            raise SinkError(f"{self.name}: this is a file; name a folder, or a path ending in .mp4 or .mkv") from None
        except OSError as error:
            raise SinkError(f"{self.name}: cannot make the folder: {error.strerror}; choose another place") from None
        if self._live:
            self._hold()

    def _hold(self) -> None:
        self.close()
        try:
            self._claim = FolderClaim(self._folder)
        except Taken:
            raise SinkError(f"{self.name}: another process records there; give each its own folder") from None
        except OSError as error:
            raise SinkError(f"{self.name}: cannot open the folder: {error.strerror}; choose another place") from None

    def _next_number(self) -> int:
        numbers = [int(path.stem) for path in self._folder.glob("*.png") if _NUMBER.fullmatch(path.stem)]
        return max(numbers, default=-1) + 1

    def reopen(self) -> None:
        """After a failed write: make the folder if it is gone, and check that it takes pictures. Raises SinkError."""
        self._make()
        check_room(self.name, self._folder)

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        """Write one file. Raises SinkError when it cannot be written or would replace another one of this run."""
        stem = f"{self._first + fused.seq:08d}" if fused.name is None else self._own_stem(fused.name)
        path = self._folder / f"{stem}.png"
        data = self._encoder.encode(picture.luma if picture.chroma is None else to_rgb(picture))
        try:
            path.write_bytes(data)
        except OSError as error:
            path.unlink(missing_ok=True)  # half a PNG is worth nothing
            raise SinkError(
                f"{self.name}: cannot write {path}: {error.strerror}; check the disk's free space"
            ) from None
        self.frames_written += 1

    def _own_stem(self, name: str) -> str:
        """The stem of a name that no other picture of this run had. Only names are kept: numbers grow for months."""
        stem = Path(name).stem
        if stem in self._written:
            raise SinkError(
                f"{self.name}: {name} and {self._written[stem]} would both be {stem}.png; rename one of the inputs"
            )
        self._written[stem] = name
        return stem

    def close(self) -> None:
        """Let go of the folder; every file is finished when it is written. May be called twice."""
        claim, self._claim = self._claim, None
        if claim is not None:
            claim.release()


class _PngEncoder:
    """FFmpeg's PNG encoder at its fastest lossless setting: grey (H, W) or RGB (H, W, 3), uint8."""

    def __init__(self) -> None:
        self._codec: VideoCodecContext | None = None
        self._pts = 0

    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        pixel_format = "gray" if pixels.ndim == 2 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=pixel_format)
        frame.pts = self._pts
        self._pts += 1
        codec = self._codec
        if codec is None or (codec.width, codec.height, codec.pix_fmt) != (frame.width, frame.height, pixel_format):
            codec = av.CodecContext.create("png", "w")
            codec.width = frame.width
            codec.height = frame.height
            codec.pix_fmt = pixel_format
            codec.time_base = Fraction(1, 1000)
            codec.thread_count = 1
            codec.options = {"compression_level": "1", "pred": "up"}
            self._codec = codec
        return b"".join(bytes(packet) for packet in codec.encode(frame))
