"""Pictures for the sinks' tests: a moving scene with edges, texture and colour."""

from __future__ import annotations

import numpy as np

from stream.frames import Chroma, ClockName, FusedFrame, Picture, Prior, chroma_size

T0_NS = 1_700_000_000_123_000_000
"""2023-11-14T22:13:20.123Z."""


def scene(seq: int, width_px: int = 160, height_px: int = 120, *, colour: bool = True) -> Picture:
    """Full-range picture number ``seq``: a gradient, a moving square, smooth chroma."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    luma = (128 + 100 * np.sin((x + 3 * seq) / 25) * np.cos(y / 31)).astype(np.uint8)
    left = (4 * seq) % max(1, width_px - 20)
    luma[10:30, left : left + 20] = 255
    luma[40:60, left : left + 20] = 0
    if not colour:
        return Picture(luma, None)
    w, h = chroma_size(width_px, height_px)
    cy, cx = np.mgrid[0:h, 0:w]
    cb = (128 + 40 * np.sin(cx / 20)).astype(np.uint8)
    cr = (128 + 40 * np.cos((cy + seq) / 20)).astype(np.uint8)
    return Picture(luma, Chroma(cb, cr))


def fused(
    picture: Picture,
    seq: int,
    capture_ns: int | None = None,
    *,
    name: str | None = None,
    clock: ClockName = "arrival",
    prior: Prior | None = None,
) -> FusedFrame:
    """The fused frame a picture was made from, at 25 Hz unless said otherwise."""
    return FusedFrame(
        luma=picture.luma,
        chroma=picture.chroma,
        infrared=255 - picture.luma,
        visible=picture.luma // 2,
        capture_ns=T0_NS + seq * 40_000_000 if capture_ns is None else capture_ns,
        skew_ns=1_500_000,
        seq=seq,
        clock=clock,
        prior=prior,
        name=name,
    )


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Peak signal-to-noise ratio of 8-bit data, decibels."""
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else 10 * np.log10(255**2 / error)
