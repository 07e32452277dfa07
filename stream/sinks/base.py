"""What every sink is: something that takes composed pictures, one after another."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from stream.frames import FusedFrame, Picture


class Sink(Protocol):
    """An output. The pipeline runs each sink in a thread of its own: open, write and close come from that thread."""

    name: str
    """Printable name for reports and errors, such as ``record out/a.mp4`` or ``zeromq tcp://127.0.0.1:5556``."""

    stage: str
    """The stage its time is counted under: ``encode`` or ``publish``."""

    def open(self) -> None:
        """Take hold of file, port or screen. Raises SinkError if that cannot be."""

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        """Take one picture and the fused frame it was made from. Raises SinkError when the output is lost."""

    def close(self) -> None:
        """Finish what is written so far so that it can be read; may be called twice."""


@runtime_checkable
class Resumable(Sink, Protocol):
    """An output that can be begun again after a write has failed, once what was in its way is gone: a full disk."""

    def reopen(self) -> None:
        """Check that it can be written again. Raises SinkError if not; the next picture then begins anew."""


@runtime_checkable
class ReportingSink(Sink, Protocol):
    """A sink that goes on without its other side, and says how it stands with that."""

    def report(self) -> dict[str, Any]:
        """State and counters for status and report, JSON-able and without passwords; from any thread.

        ``reason``: why its other side is away, None while it is not.
        """
