"""Sinks from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from stream.clock import Clock
from stream.config import ComposeConfig, OutputsConfig
from stream.sinks.base import Sink


def open_sinks(
    outputs: OutputsConfig,
    compose: ComposeConfig,
    camera: str,
    rate_hz: float,
    live: bool,
    clock: Clock,
    status: Callable[[], dict[str, Any]],
    pixel_aspect: Fraction = Fraction(1),
) -> list[Sink]:
    """The sinks that ``outputs`` asks for, not open yet: each is opened by the thread that will write to it.

    ``rate_hz``: nominal output rate. ``status``: counters for the status stream; called from another thread.
    ``pixel_aspect``: width of a pixel by its height, which video files, RTSP and the page say; others cannot.
    Raises UsageError for a recording that cannot be (unknown ending, codec that the container does not hold).
    """
    # Not at the top: each brings modules (libzmq, FFmpeg) that a run without it need not load.
    sinks: list[Sink] = []
    if outputs.record is not None:
        if outputs.record.path.endswith("/"):
            from stream.sinks.pngfolder import PngFolder

            sinks.append(PngFolder(outputs.record.path, live=live))
        else:
            from stream.sinks.recorder import Recorder

            sinks.append(Recorder(outputs.record, rate_hz=rate_hz, live=live, pixel_aspect=pixel_aspect))
    if outputs.rtsp is not None:
        from stream.sinks.rtsp import RtspPush

        sinks.append(RtspPush(outputs.rtsp, rate_hz=rate_hz, clock=clock, pixel_aspect=pixel_aspect))
    if outputs.zeromq is not None:
        from stream.sinks.publisher import ZeroMQPublisher

        sinks.append(ZeroMQPublisher(outputs.zeromq, camera, compose.mode, compose.palette, clock, status))
    if outputs.window is not None:
        from stream.sinks.window import Window

        sinks.append(Window(outputs.window))
    if outputs.web is not None:
        from stream.sinks.web.sink import WebPage

        sinks.append(WebPage(outputs.web, camera, compose, clock, status, pixel_aspect))
    return sinks
