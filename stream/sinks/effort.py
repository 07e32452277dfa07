"""How much effort an encoder may make. Pure."""

from __future__ import annotations

from typing import Literal

from stream.config import EncoderPreset

SHARE = 0.25
"""Of the processors' time the encoder gets so much; the rest is for decoding and fusing what it is to encode."""

LEAST: EncoderPreset = "ultrafast"

_COST_NS: dict[str, tuple[tuple[EncoderPreset, float], ...]] = {
    "h264": (("veryfast", 40.0), ("superfast", 24.0)),
    "hevc": (("veryfast", 100.0), ("superfast", 95.0)),
}
"""Processor time a pixel, most effort first, of x264 and x265 on a night street full of noise and smoke."""


def preset_for(
    preset: EncoderPreset | Literal["auto"], codec: str, size: tuple[int, int], rate_hz: float, processors: int
) -> EncoderPreset:
    """The preset that is named; for ``auto`` the best with which ``codec`` keeps to ``SHARE`` at the video's own rate.

    ``size``: width and height in pixels. ``processors``: those that may be used.
    """
    if preset != "auto":
        return preset
    pixels_per_s = size[0] * size[1] * rate_hz
    for candidate, cost_ns in _COST_NS.get(codec, ()):
        if pixels_per_s * cost_ns / 1e9 <= SHARE * processors:
            return candidate
    return LEAST
