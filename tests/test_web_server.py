"""The web page's server over real sockets, with a real HTTP and WebSocket client."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import av
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sinks_support import fused, psnr, scene
from web_support import PASSWORD, degraded, fed_page, make_certificate, needs_openssl, page, password_file

from stream.errors import SinkError
from stream.frames import Picture
from stream.sinks.web.sink import WebPage
from stream.sinks.wire import Message, decode

LIMIT_S = 60.0
NETWORK = aiohttp.ClientTimeout(total=LIMIT_S)


def client(sink: WebPage, what: Callable[[aiohttp.ClientSession], Awaitable[Any]], **options: Any) -> Any:
    """Run a client of this page to its end."""

    async def run() -> Any:
        async with aiohttp.ClientSession(sink.address, timeout=NETWORK, **options) as session:
            return await asyncio.wait_for(what(session), LIMIT_S)

    return asyncio.run(run())


def get(sink: WebPage, path: str, **options: Any) -> tuple[int, str, Any]:
    """Status, body and headers of a simple request that follows no redirection."""

    async def ask(session: aiohttp.ClientSession) -> tuple[int, str, Any]:
        async with session.get(path, allow_redirects=False, **options) as answer:
            return answer.status, (await answer.read()).decode("utf-8", "replace"), answer.headers

    return client(sink, ask)


async def pictures(ws: aiohttp.ClientWebSocketResponse, stream: str = "fused") -> Message:
    """The next picture of a stream, confirmed."""
    while True:
        said = await ws.receive()
        assert said.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), said
        if said.type is aiohttp.WSMsgType.BINARY:
            message = decode(said.data)
            if message.header["stream"] != "status":
                await ws.send_json({"shown": message.header["seq"]})
            if message.header["stream"] == stream:
                return message


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


def luma_of(jpeg: bytes) -> np.ndarray:
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(jpeg))
    plane = frame.planes[0]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def test_pictures_come_in_the_wire_format_and_the_stream_can_be_chosen() -> None:
    async def watch(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect("/live") as ws:
            hello = await ws.receive_json()
            assert hello["hello"]["camera"] == "gate"
            assert hello["hello"]["streams"] == ["fused", "infrared", "visible"]
            status = decode((await ws.receive()).data)
            assert status.topic == "gate/status" and status.header["status"] == {"frames_out": 12}
            first = await pictures(ws)
            assert first.topic == "gate/fused" and first.header["mode"] == "pip"
            assert psnr(luma_of(bytes(first.payload)), scene(first.header["seq"]).luma) > 30
            await ws.send_json({"watch": "infrared"})
            second = await pictures(ws, "infrared")
            assert second.header["mode"] == "infrared" and second.header["palette"] is None
            assert psnr(luma_of(bytes(second.payload)), 255 - scene(second.header["seq"]).luma) > 30
            assert second.header["seq"] > first.header["seq"]
            await ws.send_json({"ping": 12.5})
            while True:
                said = await ws.receive()
                if said.type is aiohttp.WSMsgType.TEXT:
                    pong = json.loads(said.data)
                    break
                if decode(said.data).header["stream"] != "status":
                    await ws.send_json({"shown": decode(said.data).header["seq"]})
            assert pong["pong"] == 12.5
            assert abs(pong["now_ms"] / 1000 - time.time()) < LIMIT_S

    with fed_page(status=lambda: {"frames_out": 12}) as (sink, _):
        client(sink, watch)


def test_status_comes_without_pictures() -> None:
    async def watch(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect("/live?stream=visible") as ws:
            await ws.receive_json()
            headers = [decode((await ws.receive()).data).header for _ in range(3)]
            assert [header["stream"] for header in headers] == ["status"] * 3
            assert headers[-1]["subscribers"] == {"fused": 0, "infrared": 0, "visible": 1}

    with page() as sink:
        client(sink, watch)


def test_nothing_is_encoded_while_nobody_watches() -> None:
    with page() as sink:
        sink.write(scene(0), fused(scene(0), 0))
        assert not sink._encoders
        status, body, _ = get(sink, "/status.json")
        assert status == 200 and json.loads(body)["subscribers"]["fused"] == 0


def test_a_viewer_that_confirms_nothing_gets_two_pictures_and_holds_up_nobody() -> None:
    async def watch(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect("/live") as stuck, session.ws_connect("/live") as good:
            seen = [(await pictures(good)).header["seq"] for _ in range(20)]
            assert seen == sorted(set(seen))
            # All that lies there for the one that confirms nothing: it was sent before the good one's last picture.
            kinds = []
            while True:
                said = await stuck.receive()
                if said.type is aiohttp.WSMsgType.TEXT:
                    continue
                header = decode(said.data).header
                kinds.append(header["stream"])
                if header["stream"] == "status" and header.get("skipped", 0) > 0:
                    break
            assert kinds.count("fused") == 2

    with fed_page() as (sink, _):
        client(sink, watch)
        found = {s.name: s.value for f in text_string_to_metric_families(get(sink, "/metrics")[1]) for s in f.samples}
        assert found["nightglass_web_pictures_skipped_total"] > 0


def test_what_no_page_would_say_ends_the_connection() -> None:
    async def say(session: aiohttp.ClientSession, text: str) -> int | None:
        async with session.ws_connect("/live") as ws:
            await ws.send_str(text)
            while (said := await ws.receive()).type is not aiohttp.WSMsgType.CLOSE:
                assert said.type is not aiohttp.WSMsgType.CLOSED
            return said.data

    with page() as sink:
        for text in ("{", "[" * 400, '{"watch": "secret"}', '{"watch": ["fused"]}', '{"shown": "1"}', "1"):
            assert client(sink, lambda session, text=text: say(session, text)) == aiohttp.WSCloseCode.POLICY_VIOLATION
        assert client(sink, lambda session: say(session, "x" * 5000)) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        assert get(sink, "/status.json")[0] == 200


def test_as_many_viewers_as_may_be() -> None:
    async def watch(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect("/live") as first:
            await first.receive_json()
            async with session.ws_connect("/live") as second:
                said = await second.receive()
                assert said.type is aiohttp.WSMsgType.CLOSE and said.data == aiohttp.WSCloseCode.TRY_AGAIN_LATER
            for path in ("/stream.mjpg", "/snapshot.jpg"):
                async with session.get(path) as answer:
                    assert answer.status == 503 and "max_viewers" in await answer.text()
        while True:  # the server hears of it soon
            async with session.get("/snapshot.jpg") as answer:
                if answer.status == 200:
                    return

    with fed_page(max_viewers=1) as (sink, _):
        client(sink, watch)


def test_multipart_jpeg_plays_in_ffmpeg() -> None:
    with fed_page() as (sink, _):
        assert sink.address is not None
        with av.open(f"{sink.address}stream.mjpg?stream=visible", format="mpjpeg", timeout=LIMIT_S) as container:
            frames = [frame for _, frame in zip(range(5), container.decode(video=0), strict=False)]
        assert len(frames) == 5 and frames[0].width == 160


def test_multipart_jpeg_ends_when_no_pictures_come() -> None:
    async def watch(session: aiohttp.ClientSession) -> bytes:
        async with session.get("/stream.mjpg") as answer:
            assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace; boundary=")
            first = await answer.content.readuntil(b"\xff\xd9")
            feed.running.clear()
            return first + await answer.content.read()

    with fed_page() as (sink, feed):
        body = client(sink, watch)
        # Whole parts, each said to be as long as it is.
        head, _, rest = body.partition(b"\r\n\r\n")
        length = int(head.split(b"Content-Length: ")[1])
        assert rest[:2] == b"\xff\xd8" and rest[length - 2 : length] == b"\xff\xd9"
        assert rest[length:].startswith(b"\r\n--")


def test_a_snapshot_is_the_next_picture_and_none_when_none_comes() -> None:
    with fed_page() as (sink, feed):

        async def snap(session: aiohttp.ClientSession) -> bytes:
            async with session.get("/snapshot.jpg") as answer:
                assert (answer.status, answer.content_type) == (200, "image/jpeg")
                assert answer.headers["Cache-Control"] == "no-store"
                return await answer.read()

        assert luma_of(client(sink, snap)).shape == (120, 160)
        feed.running.clear()
        while (answer := get(sink, "/snapshot.jpg"))[0] == 200:
            pass
        assert answer[0] == 503 and answer[1].startswith("no picture for")
        feed.running.set()


def test_streams_that_are_not_there() -> None:
    with page(streams=["visible"]) as sink:
        for path in ("/snapshot.jpg?stream=fused", "/stream.mjpg?stream=infrared", "/live?stream=x", "/nothing"):
            assert get(sink, path)[0] == 404
        assert "there are: visible" in get(sink, "/snapshot.jpg?stream=fused")[1]


def test_health_goes_with_the_pictures() -> None:
    sources = {"infrared": "live", "visible": "live"}
    with fed_page(status=lambda: {"sources": dict(sources)}) as (sink, feed):
        while (answer := get(sink, "/healthz?strict"))[0] != 200:
            assert answer[1] == "no picture yet\n"
        assert answer[1] == "ok\n"
        sources["infrared"] = "lost"
        feed.change = degraded("infrared_missing")
        while (answer := get(sink, "/healthz"))[1] != "ok, but infrared missing; infrared lost\n":
            assert answer[0] == 200
        assert get(sink, "/healthz?strict")[0] == 503
        feed.running.clear()
        while (answer := get(sink, "/healthz"))[0] == 200:
            time.sleep(0.1)
        assert answer[0] == 503 and answer[1].startswith("no picture for ") and "infrared lost" in answer[1]


def test_metrics_are_prometheus_text() -> None:
    with fed_page(status=lambda: {"frames_out": 12, "frames_in": {"infrared": 3}}) as (sink, _):
        while get(sink, "/healthz")[0] != 200:
            pass
        status, body, headers = get(sink, "/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = {s.name: s.value for f in text_string_to_metric_families(body) for s in f.samples}
        assert found["nightglass_healthy"] == 1 and found["nightglass_frames_out_total"] == 12
        assert found["nightglass_picture_age_seconds_count"] > 0
        assert found["process_resident_memory_bytes"] > 0


def test_other_sites_cannot_read_what_the_loopback_shows() -> None:
    with fed_page(hosts=["cam.example.org"]) as (sink, _):
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            for path in ("/", "/live", "/snapshot.jpg", "/status.json"):
                assert get(sink, path, headers=headers)[0] == 403
        assert get(sink, "/", headers={"Host": "cam.example.org"})[0] == 200
        assert get(sink, "/status.json", headers={"Origin": "https://cam.example.org"})[0] == 200
        assert sink.address is not None
        assert get(sink, "/status.json", headers={"Origin": sink.address.rstrip("/")})[0] == 200
        headers = get(sink, "/")[2]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_asks_nobody_else_for_anything() -> None:
    with page() as sink:
        names = ["/", *(f"/page/{one}" for one in ("style.css", "main.js", "connection.js", "verdict.js", "icon.svg"))]
        for name in names:
            status, body, _ = get(sink, name)
            assert status == 200
            assert "://" not in body.replace("http://www.w3.org/2000/svg", ""), name
        assert get(sink, "/page/..%2fsite.py")[0] == get(sink, "/page/absent.js")[0] == 404


def test_with_a_password_nothing_is_shown_without_it(tmp_path: Path) -> None:
    with fed_page(password_file=password_file(tmp_path)) as (sink, _):
        for path in ("/live", "/snapshot.jpg", "/stream.mjpg", "/status.json", "/metrics", "/"):
            status, _, headers = get(sink, path)
            assert status == 401 and headers["WWW-Authenticate"].startswith("Basic ")
            assert get(sink, path, headers=basic("wrong"))[0] in (401, 429)
        browser = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
        status, _, headers = get(sink, "/", headers=browser)
        assert (status, headers["Location"]) == (303, "/login")
        assert "WWW-Authenticate" not in get(sink, "/status.json", headers={"Sec-Fetch-Mode": "cors"})[2]
        for path in ("/login", "/healthz", "/page/style.css"):
            assert get(sink, path)[0] in (200, 503)


def test_a_password_opens_the_page_for_programs_and_browsers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def sign_in(session: aiohttp.ClientSession) -> None:
        async with session.post("/login", data={"password": "wrong"}) as answer:
            assert answer.status == 401 and "not the password" in await answer.text()
        async with session.post("/login", data={"password": PASSWORD}, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and PASSWORD not in cookie
        async with session.ws_connect("/live") as ws:
            assert (await ws.receive_json())["hello"]["password"] is True
            await pictures(ws)
        async with session.post("/logout", allow_redirects=False) as answer:
            assert answer.status == 303
        async with session.get("/status.json") as answer:
            assert answer.status == 401

    with fed_page(password_file=password_file(tmp_path)) as (sink, _):
        assert get(sink, "/status.json", headers=basic(PASSWORD))[0] == 200
        # No public suffix list for addresses: aiohttp keeps cookies of those only when told.
        jar: Any = None

        async def run() -> None:
            nonlocal jar
            jar = aiohttp.CookieJar(unsafe=True)
            async with aiohttp.ClientSession(sink.address, timeout=NETWORK, cookie_jar=jar) as session:
                await sign_in(session)

        asyncio.run(run())
        assert "wrong password from 127.0.0.1" in caplog.text
    assert PASSWORD not in caplog.text


def test_passwords_cannot_be_tried_without_end(tmp_path: Path) -> None:
    with page(password_file=password_file(tmp_path)) as sink:
        tried = [get(sink, "/status.json", headers=basic(f"wrong {n}"))[0] for n in range(12)]
        assert tried == [401] * 10 + [429] * 2
        assert get(sink, "/status.json", headers=basic(PASSWORD))[0] == 429
        assert get(sink, "/healthz")[0] == 503


@needs_openssl
def test_https(tmp_path: Path) -> None:
    tls = make_certificate(tmp_path, "nightglass")
    trusted = ssl.create_default_context(cafile=tls.certificate)

    async def watch(session: aiohttp.ClientSession) -> None:
        async with session.ws_connect("/live") as ws:
            await pictures(ws)
        async with session.post("/login", data={"password": PASSWORD}, allow_redirects=False) as answer:
            assert "Secure" in answer.headers["Set-Cookie"]

    with fed_page(tls=tls, password_file=password_file(tmp_path)) as (sink, _):
        assert sink.address is not None and sink.address.startswith("https://127.0.0.1:")

        async def run() -> None:
            connector = aiohttp.TCPConnector(ssl=trusted)
            async with aiohttp.ClientSession(
                sink.address, connector=connector, headers=basic(PASSWORD), timeout=NETWORK
            ) as session:
                await asyncio.wait_for(watch(session), LIMIT_S)

        asyncio.run(run())


def test_errors_at_the_start_name_the_address_and_say_what_to_do(tmp_path: Path) -> None:
    with page() as sink:
        assert sink.address is not None
        taken = urlsplit(sink.address).netloc
        with pytest.raises(SinkError, match=rf"web {taken}: already in use.*outputs\.web\.listen"), page(listen=taken):
            pass
        assert get(sink, "/")[0] == 200
    for listen, said in (
        ("192.0.2.1:0", "not an address of this machine"),
        ("no-such-host.invalid:0", "not an address of this"),
    ):
        with pytest.raises(SinkError, match=said), page(listen=listen, insecure=True):
            pass
    with pytest.raises(SinkError, match="cannot read the password"), page(password_file=tmp_path / "absent"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may take any port")
def test_a_port_that_only_root_may_take() -> None:
    with pytest.raises(SinkError, match="above 1023"), page(listen="127.0.0.1:80"):
        pass


def test_a_password_over_a_network_without_encryption_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with page(listen="0.0.0.0:0", password_file=password_file(tmp_path)) as sink:
        assert "unencrypted" in caplog.text and "outputs.web.tls" in caplog.text
        assert sink.address is not None and "0.0.0.0" not in sink.address
    with page(listen="[::1]:0") as sink:
        assert sink.address is not None and sink.address.startswith("http://[::1]:")
        assert get(sink, "/")[0] == 200


def test_requests_that_are_no_http_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with page() as sink:
        parts = urlsplit(sink.address)
        assert isinstance(parts.hostname, str)
        for rubbish in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/9\r\n\r\n", b"GET /\0 HTTP/1.1\r\nA\r\n\r\n"):
            with socket.create_connection((parts.hostname, parts.port), LIMIT_S) as connection:
                connection.sendall(rubbish)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        assert get(sink, "/")[0] == 200
    assert not caplog.records, caplog.text


def test_it_stops_while_people_watch_and_tells_them() -> None:
    async def watch(session: aiohttp.ClientSession) -> tuple[int | None, bytes]:
        async with session.ws_connect("/live") as page_, session.get("/stream.mjpg") as stream:
            await pictures(page_)
            await stream.content.readuntil(b"\xff\xd9")
            closer.start()
            rest = await stream.content.read()
            while (said := await page_.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
            # Not the client's close_code: that is another one where the server has gone before the client's answer.
            return said.data, rest

    with fed_page() as (sink, feed):
        closer = threading.Thread(target=lambda: (feed.end(), sink.close()))
        code, _ = client(sink, watch)
        closer.join()
        assert code == aiohttp.WSCloseCode.GOING_AWAY
        with pytest.raises(SinkError, match="not open"):
            sink.write(scene(0), fused(scene(0), 0))
    assert not [thread for thread in threading.enumerate() if thread.name == "web"]


def test_it_stops_while_a_viewer_hangs() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (480, 640), np.uint8)
    with fed_page(lambda _: Picture(noise, None)) as (sink, _):
        parts = urlsplit(sink.address)
        hung = socket.create_connection((parts.hostname, parts.port), LIMIT_S)
        hung.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        hung.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
        assert hung.recv(64).startswith(b"HTTP/1.1 200")
        while json.loads(get(sink, "/status.json")[1])["skipped"] == 0:
            pass
    assert not [thread for thread in threading.enumerate() if thread.name == "web"]
    hung.close()


def test_a_server_that_has_failed_is_a_lost_output() -> None:
    with page() as sink:
        assert sink._server is not None
        sink._server.close()
        with pytest.raises(SinkError, match="its server has failed"):
            sink.write(scene(0), fused(scene(0), 0))
