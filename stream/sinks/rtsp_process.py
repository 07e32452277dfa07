"""Connection to an RTSP server in a process of its own. Run as a script, with nothing of ours imported.

It is a process of its own because PyAV keeps Python's lock while FFmpeg connects and says goodbye: a server that does
not answer would stop everything else for seconds. And a process can be ended, whatever FFmpeg waits for.

Input: a line of JSON (``url``, ``host``, ``port``, ``options`` for FFmpeg, ``ticks_per_s``, ``period_ticks``,
``send_buffer_bytes``, ``sample_bytes``), a key frame in H.264 as the stream will have them, then for each picture
``HEADER`` (time stamp, whether it is a key frame, size) and the picture in H.264. The URL comes here and not as an
argument, which every user of the machine could read. Output: a line of JSON, ``{"connected": true}``; one more with
``error`` (the exception's name) and ``text`` where the connection fails or is lost. It ends then, and when its input
does.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import struct
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

HEADER = struct.Struct("<q?I")


def main() -> None:
    """Carry pictures from standard input to the server until either ends."""
    # Ctrl-C, and a service manager's signal, are for the program, which then ends our input.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    import av

    av.logging.set_level(None)
    pipe = sys.stdin.buffer
    order = json.loads(pipe.readline())
    sample = pipe.read(order["sample_bytes"])
    try:
        socket.getaddrinfo(order["host"], order["port"], type=socket.SOCK_STREAM)
        with av.open(io.BytesIO(sample), format="h264") as template:
            container = av.open(order["url"], "w", format="rtsp", options=order["options"])
            stream = container.add_stream_from_template(template.streams.video[0])
            container.start_encoding()
        _tune(order["send_buffer_bytes"])
        _say(connected=True)
        time_base = Fraction(1, order["ticks_per_s"])
        while (one := _read(pipe)) is not None:
            ticks, key, data = one
            packet = av.Packet(data)
            packet.pts = packet.dts = ticks
            packet.time_base = time_base
            packet.duration = order["period_ticks"]
            packet.is_keyframe = key
            packet.stream = stream
            container.mux(packet)
        with contextlib.suppress(av.FFmpegError, OSError):
            container.close()
    except socket.gaierror as error:
        _say(error="gaierror", text=error.strerror)
    except (av.FFmpegError, OSError) as error:
        _say(error=type(error).__name__, text=error.strerror or str(error))
    # Not by way of PyAV's clean-up, which says goodbye again to a server that may not be there any more.
    os._exit(0)


def _read(pipe: BinaryIO) -> tuple[int, bool, bytes] | None:
    head = pipe.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    ticks, key, size = HEADER.unpack(head)
    data = pipe.read(size)
    return (ticks, key, data) if len(data) == size else None


def _tune(send_buffer_bytes: int) -> None:
    """Have the kernel hold back nothing, and keep little.

    FFmpeg has no option for its RTSP connection, but it is the only one of this process.
    """
    for entry in Path("/proc/self/fd").iterdir():
        try:
            connection = socket.socket(fileno=os.dup(int(entry.name)))
        except OSError:  # no socket
            continue
        with connection:
            if connection.type == socket.SOCK_STREAM and connection.family in (socket.AF_INET, socket.AF_INET6):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)


def _say(**what: Any) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(what), flush=True)


if __name__ == "__main__":
    main()
