"""The site: which address gives what, and to whom."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import html
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

from stream.sinks.web.access import SESSION_S, Failures, Sessions, known_host, same_origin
from stream.sinks.web.facts import Facts
from stream.sinks.web.streams import Streams
from stream.sinks.wire import WireError

log = logging.getLogger("nightglass")

_PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_STATUS_S = 1.0
_MOST_BODY_BYTES = 4096
_SESSION_COOKIE = "nightglass"
_PUBLIC = ("/healthz", "/login", "/logout")
_EMBEDDED = ("/stream.mjpg", "/snapshot.jpg")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
    "Server": "Nightglass",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may come. ``sessions``: None where there is no password. ``names``: by which the page may be reached.

    ``port``: in the cookie's name, for browsers keep one jar for all ports of a host. ``tls``: the server speaks it.
    """

    sessions: Sessions | None
    names: frozenset[str]
    port: int
    tls: bool


class Site:
    """Makes the application. Used from the server's thread."""

    def __init__(self, facts: Facts, policy: Policy, pixel_aspect: float) -> None:
        self._facts = facts
        self._policy = policy
        self._failures = Failures()
        self._files = {path.name: path.read_bytes() for path in sorted(_PAGE.iterdir()) if path.suffix in _TYPES}
        self._cookie = f"{_SESSION_COOKIE}-{policy.port}"
        hello = {
            "camera": facts.camera,
            "streams": facts.streams,
            "pixel_aspect": pixel_aspect,
            "password": policy.sessions is not None,
            # A page that has stayed open over an update loads itself anew.
            "page": _version(self._files),
        }
        self._streams = Streams(facts, hello)

    def application(self) -> web.Application:
        """The application, ready to run."""
        app = web.Application(middlewares=[self._guard], client_max_size=_MOST_BODY_BYTES)
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(lambda _: self._streams.close())
        app.cleanup_ctx.append(self._telling)
        app.router.add_get("/", self._page)
        app.router.add_get("/live", self._streams.live)
        app.router.add_get("/stream.mjpg", self._streams.mjpeg, allow_head=False)
        app.router.add_get("/snapshot.jpg", self._streams.snapshot, allow_head=False)
        app.router.add_get("/status.json", self._status)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/login", self._login_page)
        app.router.add_post("/login", self._login)
        app.router.add_post("/logout", self._logout)
        app.router.add_get("/page/{name}", self._file)
        return app

    async def _telling(self, _: web.Application) -> AsyncIterator[None]:
        """Status messages to all pages, also while no pictures come."""
        task = asyncio.create_task(self._tell())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_STATUS_S)
            if self._facts.audience.wanted:
                try:
                    self._facts.audience.tell(await asyncio.to_thread(self._facts.status_message))
                except WireError as error:
                    log.error("web: status not sent: %s", error)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come. Raises HTTP errors."""
        policy = self._policy
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is not None and not same_origin(origin, request.host, policy.names):
            raise web.HTTPForbidden(
                text="a page of another site asks; if this is the page itself, add its name to outputs.web.hosts\n"
            )
        if policy.sessions is None:
            if not known_host(request.host, policy.names):
                raise web.HTTPForbidden(
                    text="not known by this name: use the address, or add it to outputs.web.hosts\n"
                )
        elif request.path not in _PUBLIC and not request.path.startswith("/page/"):
            self._let_in(request, policy.sessions)
        return await handler(request)

    def _let_in(self, request: web.Request, sessions: Sessions) -> None:
        now_s = self._facts.clock.now_ns() / 1e9
        if sessions.is_token(request.cookies.get(self._cookie, ""), now_s):
            return
        header = request.headers.get(hdrs.AUTHORIZATION, "")
        if header:
            self._refuse_many(request)
            basic = sessions.is_basic(header)
            if basic:
                return
            if basic is False:
                self._failed(request)
        if request.method == "GET" and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
            raise web.HTTPSeeOther("/login")
        # A browser would ask for it in a window of its own if a script of the page met the challenge.
        script = "Sec-Fetch-Mode" in request.headers
        challenge = {} if script else {hdrs.WWW_AUTHENTICATE: 'Basic realm="Nightglass", charset="UTF-8"'}
        raise web.HTTPUnauthorized(text="give the password of outputs.web.password_file\n", headers=challenge)

    def _refuse_many(self, request: web.Request) -> None:
        if self._failures.blocked(request.remote or "", self._facts.clock.monotonic_ns() / 1e9):
            raise web.HTTPTooManyRequests(text="too many wrong passwords: wait a minute\n")

    def _failed(self, request: web.Request) -> None:
        log.warning("web: wrong password from %s", request.remote)
        self._failures.add(request.remote or "", self._facts.clock.monotonic_ns() / 1e9)

    async def _page(self, _: web.Request) -> web.Response:
        return self._answer("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["name"])

    def _answer(self, name: str) -> web.Response:
        if name not in self._files:
            raise web.HTTPNotFound(text="no such file\n")
        return web.Response(body=self._files[name], content_type=_TYPES[Path(name).suffix], charset="utf-8")

    async def _login_page(self, _: web.Request) -> web.Response:
        if self._policy.sessions is None:
            raise web.HTTPSeeOther("/")
        return self._login_answer("")

    def _login_answer(self, message: str, status: int = 200) -> web.Response:
        text = self._files["login.html"].decode().replace("<!-- message -->", html.escape(message))
        return web.Response(text=text, content_type="text/html", status=status)

    async def _login(self, request: web.Request) -> web.Response:
        sessions = self._policy.sessions
        if sessions is None:
            raise web.HTTPSeeOther("/")
        self._refuse_many(request)
        password = (await request.post()).get("password", "")
        if not isinstance(password, str) or not sessions.is_password(password):
            self._failed(request)
            return self._login_answer("That is not the password.", 401)
        answer = web.HTTPSeeOther("/")
        answer.set_cookie(
            self._cookie,
            sessions.token(self._facts.clock.now_ns() / 1e9),
            max_age=SESSION_S,
            httponly=True,
            samesite="Strict",
            secure=self._policy.tls,
        )
        raise answer

    async def _logout(self, _: web.Request) -> web.Response:
        answer = web.HTTPSeeOther("/login")
        answer.del_cookie(self._cookie)
        raise answer

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(self._facts.status_header))

    async def _healthz(self, request: web.Request) -> web.Response:
        """200 while pictures come; with ``?strict`` only when nothing is wrong."""
        verdict = await asyncio.to_thread(self._facts.verdict)
        well = verdict.ok and not (verdict.problems and "strict" in request.query)
        return web.Response(text=f"{verdict.text()}\n", status=200 if well else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        body = await asyncio.to_thread(self._facts.metrics)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"})


def _version(files: Mapping[str, bytes]) -> str:
    """Differs from that of other files."""
    return hashlib.sha256(b"".join(files.values())).hexdigest()[:16]


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    if request.path not in _EMBEDDED:
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
