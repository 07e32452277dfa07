"""A camera whose encoder hangs, at once or later.

Its RTSP server answers everything and goes on sending reports, but no more pictures.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import count
from types import TracebackType

import av
import numpy as np

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
    "a=control:track\r\n"
)
_ANSWERS = {
    b"OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n\r\n",
    b"DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n\r\n{_SDP}",
    b"SETUP": "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
    b"PLAY": "Session: 1\r\n\r\n",
}


class ReportsOnly:
    """Serves ``url`` while it is entered."""

    def __init__(self, pictures: int = 0) -> None:
        """``pictures``: so many come, at 50 Hz, before the encoder hangs. FFmpeg lets some 20 go to learn the rate."""
        self._pictures = pictures
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/hung"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> ReportsOnly:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        with ThreadPoolExecutor() as clients, contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self.connections += 1
                clients.submit(self._see_to, client)

    def _see_to(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        reader = client.makefile("rb")
        while request := reader.readline():
            headers = {}
            while (line := reader.readline().strip()) != b"":
                key, _, value = line.partition(b":")
                headers[key.lower()] = value.strip().decode()
            method = request.split()[0]
            answer = _ANSWERS.get(method, "\r\n")
            client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {headers[b'cseq']}\r\n{answer}".encode())
            if method == b"PLAY":
                for number, picture in enumerate(encoded(self._pictures)):
                    client.sendall(in_rtp(picture, number))
                    self._stop.wait(0.02)
                report = struct.pack(">BBHIQIII", 0x80, 200, 6, 7, 0xE000_0000 << 32, 0, 0, 0)
                while not self._stop.wait(0.1):
                    client.sendall(b"$\x01" + struct.pack(">H", len(report)) + report)
                return


def encoded(pictures: int) -> Iterator[bytes]:
    """Key frames of 64x48 in H.264's byte stream, with all that a decoder needs."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, 50), {"tune": "zerolatency", "x264-params": "keyint=1:annexb=1"}
    for number in range(pictures):
        grey = np.full((48, 64), 60 + number, np.uint8)
        for packet in encoder.encode(av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")):
            yield bytes(packet)


_NUMBERS = count()


def in_rtp(picture: bytes, number: int) -> bytes:
    """A picture as RTP (RFC 6184, a packet for each NAL unit) in RTSP's own connection."""
    units = [unit.rstrip(b"\0") for unit in picture.split(b"\0\0\1") if unit.rstrip(b"\0")]
    packets = []
    for unit in units:
        last = 0x80 if unit is units[-1] else 0
        header = struct.pack(">BBHII", 0x80, last | 96, next(_NUMBERS) & 0xFFFF, number * 1800, 6)
        packets.append(b"$\0" + struct.pack(">H", 12 + len(unit)) + header + unit)
    return b"".join(packets)
