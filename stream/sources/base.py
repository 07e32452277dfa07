"""What every source is: something that opens, says what it will give, and yields frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from stream.frames import Frame

Role = Literal["infrared", "visible"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source knows of itself once it is open.

    ``rate_hz``: nominal frame rate, None if unknown. ``frame_count``: number of frames, None if unknown or live.
    ``live``: frames arrive in real time and cannot be asked for again; they are dropped rather than waited for.
    ``pixel_aspect``: width of a pixel by its height, as analogue cameras' recorders have it; 1 where nothing is said.
    ``has_sound``: there is sound beside the pictures, which nothing reads.
    ``variable_size``: every frame may have its own size (folders of images). ``codec``: the decoder's name.
    """

    width: int
    height: int
    rate_hz: float | None
    frame_count: int | None
    live: bool
    codec: str
    pixel_format: str
    variable_size: bool = False
    pixel_aspect: Fraction = Fraction(1)
    has_sound: bool = False

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of the pictures; None where they may differ."""
        return None if self.variable_size else (self.width, self.height)


class Source(Protocol):
    """A camera, recording, folder of images or simulator. Not thread-safe: one thread opens, reads and closes it.

    A source does not retry: ``stream.sources.retry`` alone does. A frame that cannot be decoded is counted in
    ``broken_frames`` and skipped.
    """

    name: str
    """Printable name: path or URL without its password."""

    @property
    def broken_frames(self) -> int:
        """Frames so far that could not be decoded."""

    def open(self) -> StreamInfo:
        """Open it. Raises SourceError, naming what is wrong and what to do."""

    def frames(self) -> Iterator[Frame]:
        """Yield frames in presentation order until the end.

        Raises SourceEnded when a recording stops before its declared end, SourceError when the stream breaks.
        """

    def close(self) -> None:
        """Release everything; may be called twice, from the thread that opened it."""
