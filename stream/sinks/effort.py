"""How much effort an encoder may make. Pure."""

from __future__ import annotations

from stream.config import EncoderPreset, RecordConfig

SHARE = 0.25
"""Of the processors' time the encoder gets so much; the rest is for decoding and fusing what it is to encode."""

LEAST: EncoderPreset = "ultrafast"

_COST_NS: dict[str, tuple[tuple[EncoderPreset, float], ...]] = {
    "h264": (("veryfast", 40.0), ("superfast", 24.0)),
    "hevc": (("veryfast", 100.0), ("superfast", 95.0)),
}
"""Processor time a pixel, most effort first, of x264 and x265 on a night street full of noise and smoke."""


def preset_for(config: RecordConfig, size: tuple[int, int], rate_hz: float, processors: int) -> EncoderPreset:
    """The preset that ``config`` names; for ``auto`` the best that keeps to ``SHARE`` at the recording's own rate.

    ``size``: width and height in pixels. ``processors``: those that may be used.
    """
    if config.preset != "auto":
        return config.preset
    pixels_per_s = size[0] * size[1] * rate_hz
    for preset, cost_ns in _COST_NS.get(config.codec, ()):
        if pixels_per_s * cost_ns / 1e9 <= SHARE * processors:
            return preset
    return LEAST
