"""Pictures over HTTP: to the page by WebSocket, to other programs as multipart JPEG, and single ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from stream.config import PictureStream
from stream.sinks.web.audience import AudienceClosed, Encoded, Viewer
from stream.sinks.web.facts import Facts
from stream.sinks.web.health import STALE_S

_PING_S = 20.0
"""A viewer that vanishes without closing its connection stops being encoded for after one and a half of these."""

_CLOSE_S = 0.5
_MOST_INCOMING_BYTES = 512
_SEND_WITHIN_S = 10.0
_UNSENT_BYTES = 1 << 17
"""What of a picture stream may lie in the kernel before the link takes it: else seconds of old ones gather there."""

_BOUNDARY = "nightglass-picture"
_FULL = "as many are watching as outputs.web.max_viewers allows"


class Streams:
    """Handlers for ``/live``, ``/stream.mjpg`` and ``/snapshot.jpg``."""

    def __init__(self, facts: Facts, hello: Mapping[str, Any]) -> None:
        """``hello``: told to a page when it connects."""
        self._facts = facts
        self._hello = hello
        self._sockets: set[web.WebSocketResponse] = set()

    async def close(self) -> None:
        """End all of them; pages hear that the server goes."""
        self._facts.audience.close()
        closing = [ws.close(code=WSCloseCode.GOING_AWAY, message=b"the server stops") for ws in list(self._sockets)]
        await asyncio.gather(*closing, return_exceptions=True)

    async def live(self, request: web.Request) -> web.WebSocketResponse:
        """Pictures and status in the wire format, newest first and only; the page confirms each picture."""
        stream = self._stream(request)
        # JPEG does not get smaller.
        ws = web.WebSocketResponse(
            timeout=_CLOSE_S, heartbeat=_PING_S, compress=False, max_msg_size=_MOST_INCOMING_BYTES
        )
        await ws.prepare(request)
        viewer = self._facts.audience.join(stream, confirms=True)
        if viewer is None:
            await ws.close(code=WSCloseCode.TRY_AGAIN_LATER, message=_FULL.encode())
            return ws
        self._sockets.add(ws)
        sender: asyncio.Task[None] | None = None
        try:
            await ws.send_json({"hello": self._hello})
            viewer.tell(await asyncio.to_thread(self._facts.status_message))
            sender = asyncio.create_task(self._send(ws, viewer))
            async for message in ws:
                if message.type is not WSMsgType.TEXT or not await self._heard(ws, viewer, message.data):
                    await ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"not understood")
        except ConnectionError:
            pass
        finally:
            if sender is not None:
                sender.cancel()
            self._sockets.discard(ws)
            self._facts.audience.leave(viewer)
        return ws

    async def mjpeg(self, request: web.Request) -> web.StreamResponse:
        """Multipart JPEG, for programs and ``<img>``. It ends when none come: nobody is to look at an old one."""
        viewer = self._join(self._stream(request))
        response = web.StreamResponse(
            headers={"Content-Type": f"multipart/x-mixed-replace; boundary={_BOUNDARY}", "Connection": "close"}
        )
        response.force_close()
        try:
            if request.transport is not None:
                connection = request.transport.get_extra_info("socket")
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
            await response.prepare(request)
            await response.write(f"--{_BOUNDARY}\r\n".encode())
            while True:
                picture = await asyncio.wait_for(viewer.next(), STALE_S)
                if isinstance(picture, Encoded):
                    await asyncio.wait_for(response.write(_part(picture.jpeg)), _SEND_WITHIN_S)
                    self._facts.audience.sent[viewer.stream] += 1
        except (TimeoutError, AudienceClosed, ConnectionError):
            pass
        finally:
            self._facts.audience.leave(viewer)
        return response

    async def snapshot(self, request: web.Request) -> web.Response:
        """The next picture, as JPEG; 503 when none comes."""
        viewer = self._join(self._stream(request))
        try:
            picture = await asyncio.wait_for(viewer.next(), STALE_S)
        except (TimeoutError, AudienceClosed):
            verdict = await asyncio.to_thread(self._facts.verdict)
            raise web.HTTPServiceUnavailable(text=f"{verdict.text()}\n") from None
        finally:
            self._facts.audience.leave(viewer)
        assert isinstance(picture, Encoded)  # status messages go to pages only
        self._facts.audience.sent[viewer.stream] += 1
        return web.Response(body=picture.jpeg, content_type="image/jpeg")

    def _join(self, stream: PictureStream) -> Viewer:
        viewer = self._facts.audience.join(stream, confirms=False)
        if viewer is None:
            raise web.HTTPServiceUnavailable(text=f"{_FULL}\n")
        return viewer

    def _stream(self, request: web.Request) -> PictureStream:
        asked = request.query.get("stream", self._facts.streams[0])
        for stream in self._facts.streams:
            if stream == asked:
                return stream
        allowed = ", ".join(self._facts.streams)
        raise web.HTTPNotFound(text=f"no such stream here; there are: {allowed} (outputs.web.streams)\n")

    async def _send(self, ws: web.WebSocketResponse, viewer: Viewer) -> None:
        with contextlib.suppress(ConnectionError, AudienceClosed):
            while True:
                what = await viewer.next()
                if isinstance(what, Encoded):
                    assert viewer.flight is not None
                    viewer.flight.sent(what.seq, self._facts.clock.monotonic_ns())
                    await ws.send_bytes(what.message)
                    self._facts.audience.sent[viewer.stream] += 1
                else:
                    await ws.send_bytes(what)

    async def _heard(self, ws: web.WebSocketResponse, viewer: Viewer, text: str) -> bool:
        """Do what a page says; False for what none of ours would."""
        match _parsed(text):
            case {"shown": int(seq)}:
                viewer.shown(seq, self._facts.clock.monotonic_ns())
            case {"watch": stream} if stream in self._facts.streams:
                self._facts.audience.switch(viewer, stream)
            case {"ping": float() | int() as stamp}:
                with contextlib.suppress(ConnectionError):
                    await ws.send_json({"pong": stamp, "now_ms": self._facts.clock.now_ns() / 1e6})
            case _:
                return False
        return True


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _part(jpeg: bytes) -> bytes:
    # The boundary comes after the picture, so that a program shows it now and not with the next one.
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
    return b"".join((head, jpeg, f"\r\n--{_BOUNDARY}\r\n".encode()))
