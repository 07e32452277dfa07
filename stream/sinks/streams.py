"""The picture streams that viewers choose from, and their headers. Pure."""

from __future__ import annotations

from typing import Any

from stream.config import PictureStream
from stream.frames import FusedFrame, Picture
from stream.sinks.wire import PayloadFormat, picture_header


def pictures_of(picture: Picture, fused: FusedFrame) -> dict[PictureStream, Picture]:
    """What each stream shows of a frame; ``picture``: as it was composed."""
    return {
        "fused": picture,
        "infrared": Picture(fused.infrared, None),
        "visible": Picture(fused.visible, None),
    }


def stream_header(
    stream: PictureStream,
    picture: Picture,
    fused: FusedFrame,
    *,
    camera: str,
    publish_ns: int,
    payload_format: PayloadFormat,
    mode: str,
    palette: str,
) -> dict[str, Any]:
    """The header of one stream's picture. ``mode``, ``palette``: of the composed picture; a camera alone has none."""
    composed = stream == "fused"
    return picture_header(
        fused,
        camera=camera,
        stream=stream,
        publish_ns=publish_ns,
        payload_format=payload_format,
        width_px=picture.width,
        height_px=picture.height,
        mode=mode if composed else stream,
        palette=palette if composed else None,
    )
