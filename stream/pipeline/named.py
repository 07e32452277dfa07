"""Pairing of image files by name, one frame at a time. Pure."""

from __future__ import annotations

from pathlib import PurePath

from stream.frames import Frame, FramePair
from stream.sources.base import Role


class NamePairer:
    """Holds frames until the one of the same stem comes from the other folder.

    Both folders are read in the same order, so little waits here: only what stands beside an unreadable image.
    """

    def __init__(self) -> None:
        self._waiting: dict[Role, dict[str, Frame]] = {"infrared": {}, "visible": {}}

    @property
    def waiting(self) -> int:
        """Frames without a partner so far."""
        return sum(len(frames) for frames in self._waiting.values())

    def push(self, role: Role, frame: Frame) -> FramePair | None:
        """Add a frame; the pair it completes, if it does. Raises ValueError for a frame without a name."""
        if frame.name is None:
            raise ValueError(f"{frame.source}: frame {frame.seq} has no name to be paired by")
        stem = PurePath(frame.name).stem
        other: Role = "visible" if role == "infrared" else "infrared"
        partner = self._waiting[other].pop(stem, None)
        if partner is None:
            self._waiting[role][stem] = frame
            return None
        infrared, visible = (frame, partner) if role == "infrared" else (partner, frame)
        return FramePair(infrared, visible, capture_ns=visible.capture_ns)
