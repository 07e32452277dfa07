"""The HTTP server: an event loop in a thread of its own, and nothing else in it. What it answers is in ``site``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from stream.errors import SinkError
from stream.sinks.web.certificate import Certificate

log = logging.getLogger("nightglass")

_START_S = 20.0
_STOP_S = 1.0
"""For viewers to hear that it is over; then their connections are cut."""

_REFRESH_S = 60.0


class Server:
    """Serves on a socket that listens already. ``start`` and ``close`` belong to one thread; ``call`` is for any."""

    def __init__(
        self,
        name: str,
        listener: socket.socket,
        certificate: Certificate | None,
        make: Callable[[], web.Application],
    ) -> None:
        """``name``: for messages. ``make``: makes the application, in the server's thread."""
        self._name = name
        self._listener = listener
        self._certificate = certificate
        self._make = make
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Start answering. Raises what keeps it from that."""
        self._thread.start()
        self._started.result(_START_S)

    def call(self, what: Callable[[], None]) -> None:
        """Have it done in the server's thread, soon. Raises SinkError when that thread has failed."""
        self.check()
        # It may stop just now.
        with contextlib.suppress(RuntimeError):
            assert self._loop is not None  # set before the thread says that it has started
            self._loop.call_soon_threadsafe(what)

    def check(self) -> None:
        """Raises SinkError when the server's thread has failed."""
        if not self._thread.is_alive():
            raise SinkError(f"{self._name}: its server has failed")

    def close(self) -> None:
        """Tell the viewers, stop, and wait for that; may be called twice."""
        stopping = self._stopping
        if stopping is not None:
            with contextlib.suppress(SinkError):
                self.call(stopping.set)
        if self._thread.ident is not None:
            self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
                return
            raise

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(
            self._make(), handle_signals=False, access_log=None, logger=_quiet_logger(), shutdown_timeout=_STOP_S
        )
        await runner.setup()
        try:
            context = None if self._certificate is None else self._certificate.context
            await web.SockSite(runner, self._listener, ssl_context=context).start()
            self._started.set_result(None)
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _REFRESH_S)
                    return
                if self._certificate is not None:
                    self._certificate.refresh()
        finally:
            await runner.cleanup()


def _quiet_logger() -> logging.Logger:
    """aiohttp's log without requests that are no HTTP, and clients that go in the middle of one.

    On an open port they come all day, and each brings a traceback.
    """
    logger = logging.getLogger("nightglass.web")
    if not logger.filters:
        logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, ConnectionError))
