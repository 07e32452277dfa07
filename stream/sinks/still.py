"""One picture as a file."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import av
from av.video.stream import VideoStream

from stream.errors import SinkError
from stream.frames import Picture
from stream.sinks.planes import full_range_frame
from stream.sinks.rgb import to_rgb

_QUALITY = "85"


def write_still(path: Path, picture: Picture) -> None:
    """Write a PNG (RGB or grey, lossless but for the way from YCbCr) or WebP (quality 85), by the path's ending.

    Raises SinkError for another ending and when the file cannot be written.
    """
    try:
        if path.suffix.lower() == ".png":
            pixels, pixel_format = (picture.luma, "gray") if picture.chroma is None else (to_rgb(picture), "rgb24")
            _write(path, "png", av.VideoFrame.from_ndarray(pixels, format=pixel_format), {})
        elif path.suffix.lower() == ".webp":
            # libwebp takes BT.601 in limited range only; swscale knows the way there from the frame's format.
            frame = full_range_frame(picture, "yuvj420p").reformat(format="yuv420p")
            _write(path, "libwebp", frame, {"quality": _QUALITY})
        else:
            raise SinkError(f"{path}: a picture's path must end in .png or .webp")
    except (av.FFmpegError, OSError) as error:
        raise SinkError(f"{path}: cannot write the picture: {error.strerror}; check the folder and its room") from None


def _write(path: Path, codec: str, frame: av.VideoFrame, options: dict[str, str]) -> None:
    # "file:" keeps FFmpeg from reading a colon in the path as the name of a protocol.
    with av.open(f"file:{path}", "w", format="image2", options={"update": "1"}) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=1, options=options))
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, frame.format.name
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
