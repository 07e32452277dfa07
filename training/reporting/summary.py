"""All sections of the report together: their figures, and their text."""

from __future__ import annotations

from collections.abc import Mapping

from training.metrics import DEFINITIONS_VERSION
from training.reporting import chroma, clean, clips, degraded, night, prior, told, videos
from training.reporting.findings import Findings, Summary
from training.reporting.peers import Peers
from training.reporting.setup import Setup


def summarize(setup: Setup, findings: Findings, peers: Peers | None, made_by: Mapping[str, str]) -> Summary:
    """All sections' figures. ``made_by``: what the fused pictures were made with, as text by name."""
    clean_rows, degraded_rows = findings.part("clean"), findings.part("degraded")
    return {
        "definitions": DEFINITIONS_VERSION,
        "made_by": dict(made_by),
        "settings": {
            name: getattr(setup, name)
            for name in ("every", "degraded_every", "teacher_every", "video_every", "video_frames", "seed")
        },
        "clean": clean.summarize(clean_rows, peers),
        "degraded": degraded.summarize(degraded_rows),
        "told": told.summarize(degraded_rows),
        "clips": clips.summarize(findings.part("clips"), findings.agreement),
        "prior": prior.summarize(findings.scores, findings.smoke),
        "colour": chroma.summarize(findings.chroma),
        "videos": videos.summarize(clean_rows, findings.flicker),
        "night": night.summarize(findings.people),
    }


def markdown(summary: Summary, sheets: Mapping[str, str]) -> str:
    """The report's text. ``sheets``: file -> title of the contact sheets that go with the pairs as recorded."""
    made_by = "; ".join(f"{name}: {text}" for name, text in summary["made_by"].items())
    settings = ", ".join(f"{name} {value}" for name, value in summary["settings"].items() if value is not None)
    parts = [
        "# Report on the student",
        f"Written by `python -m training report`. {made_by}. Metric definitions {summary['definitions']}. Settings: "
        f"{settings}. Figures of every picture are in [images.csv](images.csv), all figures below in "
        "[report.json](report.json).",
        *clean.write(summary["clean"]),
        *(f"![{title}]({file})" for file, title in sheets.items()),
        *degraded.write(summary["degraded"], summary["clean"]),
        *told.write(summary["told"]),
        *clips.write(summary["clips"]),
        *prior.write(summary["prior"]),
        *chroma.write(summary["colour"]),
        *videos.write(summary["videos"]),
        *night.write(summary["night"]),
    ]
    return "\n\n".join(parts) + "\n"
