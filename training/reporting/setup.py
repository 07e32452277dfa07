"""What a report is made of, and of which pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from training.fusers import TEACHER, Fuser

PICTURE_SETS = ("msrs/test", "roadscene/test")
VIDEO_SET = "m3svd/videos"
SMOKE_VIDEOS = ("0117_1605", "0117_1620")
CLIP_SET = "m3svd/clips"
DEGRADED_CLIPS = ("0114_1551", "0115_1831")


@dataclass(frozen=True, slots=True)
class Setup:
    """``teachers``: method's name -> the teacher as it is told; empty without one, else with ``TEACHER`` told right.

    ``every``, ``degraded_every``: every so-many-th picture of a set; ``teacher_every``: every so-many-th of those, for
    the teacher and the contact sheets; ``video_every``: frames measured. ``video_frames``: how many are read of each
    video, None: all. ``workers``: pictures at the same time.
    ``dark_level``: median luma below which a picture is dark and does not get ``not_when_dark``.
    """

    data: Path
    student: Fuser
    teachers: Mapping[str, Fuser]
    dark_level: float
    not_when_dark: frozenset[str]
    every: int = 1
    degraded_every: int = 4
    teacher_every: int = 4
    video_every: int = 40
    video_frames: int | None = None
    seed: int = 0
    workers: int = 2

    @property
    def teacher(self) -> Fuser | None:
        """The teacher that is told the truth."""
        return self.teachers.get(TEACHER)
