"""Recordings put one after another without being coded again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from stream.errors import SinkError


def join_videos(parts: Sequence[Path], output: Path) -> None:
    """Write the parts, recorded with the same settings, as one video without a gap.

    Raises SinkError when a part is coded differently from the first one (it could not be played) or a file cannot
    be read or written.
    """
    try:
        with av.open(f"file:{output}", "w") as joined:
            stream: Any = None
            end_s = Fraction(0)
            for path in parts:
                with av.open(f"file:{path}") as part:
                    source = part.streams.video[0]
                    if stream is None:
                        stream = joined.add_stream_from_template(source)
                        extradata = source.codec_context.extradata
                    elif source.codec_context.extradata != extradata:
                        raise SinkError(
                            f"{path}: coded differently from {parts[0]}: record both with the same settings"
                        )
                    end_s = _append(part, source, joined, stream, end_s)
    except (av.FFmpegError, OSError) as error:
        raise SinkError(f"{output}: cannot join the recordings: {error.strerror}") from None


def _append(part: Any, source: Any, joined: Any, stream: Any, start_s: Fraction) -> Fraction:
    """Copy all packets, shifted by ``start_s``; when the last one ends."""
    end_s = start_s
    for packet in part.demux(source):
        if packet.dts is None:  # the end of the file
            continue
        base = Fraction(packet.time_base.numerator, packet.time_base.denominator)
        shift = round(start_s / base)
        packet.pts += shift
        packet.dts += shift
        end_s = max(end_s, (packet.pts + packet.duration) * base)
        packet.stream = stream
        joined.mux(packet)
    return end_s
