"""A camera whose encoder hangs: its RTSP server answers everything and goes on sending reports, but no picture."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType

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

    def __init__(self) -> None:
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
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
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
                report = struct.pack(">BBHIQIII", 0x80, 200, 6, 7, 0xE000_0000 << 32, 0, 0, 0)
                while not self._stop.wait(0.1):
                    client.sendall(b"$\x01" + struct.pack(">H", len(report)) + report)
                return
