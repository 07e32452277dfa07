"""Scoring recordings: which frames are measured, what is fused, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from training.baselines import BASELINES
from training.flicker import FlickerMeter, FlickerReport
from training.images import InputError, Triple, is_video, paired_videos, picture_triples, video_triples
from training.metrics import METRICS, MIN_SIZE_PX, Image, Scorer
from training.sheet import Thumbnails, thumbnails


class Fuse(Protocol):
    """Two registered pictures, infrared and visible, uint8 (H, W), into one of the same size."""

    def begin(self, recording: Recording) -> None:
        """The next pictures are those of ``recording``."""

    def __call__(self, infrared: Image, visible: Image, /) -> Image:
        """The fused picture."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Pictures that belong together. ``sequence``: they follow one another in time, so that flicker has a meaning."""

    name: str
    sequence: bool
    triples: Callable[[], Iterator[Triple]]


@dataclass(slots=True)
class Scores:
    """What an evaluation found.

    ``images``: picture -> method -> metric -> value. ``flicker``: recording -> report, for sequences.
    ``frames_read``: all frames looked at, for metrics or for flicker alone. ``thumbnails``: by picture, if asked for.
    """

    images: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    flicker: dict[str, FlickerReport] = field(default_factory=dict)
    frames_read: int = 0
    thumbnails: dict[str, Thumbnails] = field(default_factory=dict)

    def means(self) -> dict[str, dict[str, float]]:
        """Method -> metric -> mean over the pictures, each counting the same whatever its size."""
        methods = next(iter(self.images.values())).keys()
        count = len(self.images)
        return {
            method: {metric: sum(image[method][metric] for image in self.images.values()) / count for metric in METRICS}
            for method in methods
        }


def find_recordings(infrared: Path, visible: Path, fused: Path | None, every: int, sequence: bool) -> list[Recording]:
    """What the given paths hold: videos, folders of videos paired by name, or folders of pictures paired by name.

    ``fused`` is of the same kind, or None. ``sequence``: pictures, in the order of their names, follow one another in
    time; then all are read, else only every ``every``-th. Raises InputError if the paths don't fit together.
    """
    paths = [path for path in (infrared, visible, fused) if path is not None]
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path")
    if all(is_video(path) for path in paths):
        return [_video(infrared, visible, fused)]
    for path in paths:
        if not path.is_dir():
            raise InputError(f"{path}: not a folder; give videos throughout, or folders throughout")
    videos = paired_videos(infrared, visible, fused)
    if videos:
        return [_video(*trio) for trio in videos]
    step = 1 if sequence else every
    name = infrared.resolve().name
    return [Recording(name, sequence, lambda: picture_triples(infrared, visible, fused, step))]


def score_recordings(
    recordings: Iterable[Recording],
    every: int,
    method: str,
    fuse: Fuse | None = None,
    baselines: bool = True,
    keep_thumbnails: bool = False,
) -> Scores:
    """Score every ``every``-th frame of each recording, and the flicker of all frames of sequences.

    ``method``: the name that the fused pictures get in the tables. ``fuse`` makes them; None: the recordings bring
    them. Raises InputError, and what ``fuse`` raises.
    """
    scores = Scores()
    for recording in recordings:
        if fuse is not None:
            fuse.begin(recording)
        meter = FlickerMeter() if recording.sequence else None
        for triple in recording.triples():
            scores.frames_read += 1
            measured = triple.index % every == 0
            if meter is None and not measured:
                continue
            fused = _fusions(triple, method, fuse, baselines)
            if meter is not None:
                _require_one_size(triple, meter)
                meter.add(triple.infrared, triple.visible, fused)
            if measured:
                scores.images[triple.name] = _score(triple, fused)
                if keep_thumbnails:
                    sources = {"infrared": triple.infrared, "visible": triple.visible}
                    shown = {name: image for name, image in fused.items() if not name.startswith("Copy-")}
                    scores.thumbnails[triple.name] = thumbnails(sources | shown)
        if meter is not None:
            scores.flicker[recording.name] = meter.report()
    return scores


def _video(infrared: Path, visible: Path, fused: Path | None) -> Recording:
    return Recording(infrared.stem, True, lambda: video_triples(infrared, visible, fused))


def _fusions(triple: Triple, method: str, fuse: Fuse | None, baselines: bool) -> dict[str, Image]:
    fused = triple.fused if fuse is None else fuse(triple.infrared, triple.visible)
    if fused is None:
        raise ValueError(f"{triple.name}: has no fused picture, and nothing to make one")
    fusions = {method: fused}
    if baselines:
        fusions |= {name: make(triple.infrared, triple.visible) for name, make in BASELINES.items()}
    return fusions


def _score(triple: Triple, fused: dict[str, Image]) -> dict[str, dict[str, float]]:
    height, width = triple.infrared.shape
    if min(height, width) < MIN_SIZE_PX:
        raise InputError(
            f"{triple.name}: is {width}x{height}; metrics need at least {MIN_SIZE_PX}x{MIN_SIZE_PX} pixels"
        )
    scorer = Scorer(triple.infrared, triple.visible)
    return {name: scorer.score(image) for name, image in fused.items()}


def _require_one_size(triple: Triple, meter: FlickerMeter) -> None:
    if meter.shape is not None and meter.shape != triple.infrared.shape:
        height, width = triple.infrared.shape
        raise InputError(
            f"{triple.name}: is {width}x{height}, unlike the frames before it; flicker needs one size, so leave "
            "--sequence out if these pictures are no sequence"
        )
