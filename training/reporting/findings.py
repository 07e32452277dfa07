"""What the passes over the test data find, as plain records; every section of the report is computed from these."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from training.colour import ChromaError
from training.flicker import FlickerReport
from training.metrics import METRICS, Image
from training.prior_scores import ScoreRow
from training.reporting.work import ordered_map

Item = TypeVar("Item")
Part = Literal["clean", "degraded", "clips"]
Summary = dict[str, Any]
"""A section's figures, ready for JSON; its text is written from these alone."""


@dataclass(frozen=True, slots=True)
class Row:
    """Metrics of one fused picture. ``kind``, ``strength``: what was done to the pair; "" and 0 for a clean one.

    ``values``: metric -> value, all of ``METRICS``, always with the clean sources.
    """

    part: Part
    dataset: str
    picture: str
    kind: str
    strength: float
    method: str
    values: Mapping[str, float]

    @property
    def case(self) -> tuple[str, str, str, str, float]:
        """What was fused, whoever fused it."""
        return (self.part, self.dataset, self.picture, self.kind, self.strength)


@dataclass(frozen=True, slots=True)
class ChromaRow:
    """Error of the visible picture's chroma, with the student's gain and left as it is."""

    dataset: str
    picture: str
    kind: str
    strength: float
    gained: ChromaError
    left: ChromaError


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """How like a method's fusion of a degraded pair (``degraded`` says which) is to its fusion of the clean pair."""

    clip: str
    picture: str
    degraded: str
    method: str
    ssim: float
    psnr_db: float


@dataclass(frozen=True, slots=True)
class Look:
    """A row of a contact sheet. ``cells``: title -> thumbnail, uint8 (h, w, 3) RGB, of one size."""

    sheet: str
    label: str
    kind: str
    cells: dict[str, Image]


@dataclass(slots=True)
class Findings:
    """Everything found so far. ``people``: for each warm blob, method -> kept share of its contrast."""

    rows: list[Row] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)
    chroma: list[ChromaRow] = field(default_factory=list)
    agreement: list[AgreementRow] = field(default_factory=list)
    people: list[dict[str, float]] = field(default_factory=list)
    flicker: dict[str, FlickerReport] = field(default_factory=dict)
    smoke: dict[str, list[float]] = field(default_factory=dict)
    """Video -> smoke score of each frame."""
    looks: list[Look] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        """Take in what another pass, or another picture of the same, has found."""
        self.rows += other.rows
        self.scores += other.scores
        self.chroma += other.chroma
        self.agreement += other.agreement
        self.people += other.people
        self.flicker |= other.flicker
        self.smoke |= other.smoke
        self.looks += other.looks

    def part(self, part: Part) -> list[Row]:
        """The rows of one part."""
        return [row for row in self.rows if row.part == part]


def gather(function: Callable[[Item], Findings], items: Sequence[Item], workers: int, what: str) -> Findings:
    """What ``function`` finds in every item, put together in the order of the items; see ``ordered_map``."""
    findings = Findings()
    for own in ordered_map(function, items, workers, what):
        findings.add(own)
    return findings


def means(rows: Iterable[Row]) -> dict[str, dict[str, float]]:
    """Method -> metric -> mean over its rows, each counting the same; methods in the order of their first row."""
    by_method: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_method[row.method].append(row)
    return {
        method: {metric: sum(row.values[metric] for row in own) / len(own) for metric in METRICS}
        for method, own in by_method.items()
    }


def shared(rows: Iterable[Row], method: str) -> list[Row]:
    """The rows, of all methods, of what ``method`` has fused as well: means of these may be compared with its own."""
    rows = list(rows)
    fused = {row.case for row in rows if row.method == method}
    return [row for row in rows if row.case in fused]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write one CSV line for each fused picture, values to five digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["part", "dataset", "picture", "kind", "strength", "method", *METRICS])
        for row in rows:
            values = (f"{row.values[metric]:.5g}" for metric in METRICS)
            writer.writerow([row.part, row.dataset, row.picture, row.kind, f"{row.strength:g}", row.method, *values])
