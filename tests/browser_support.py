"""A real browser without a screen, driven by the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

LIMIT_S = 60.0
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)


def browser_program() -> str | None:
    """Path of a Chromium, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One browser with one page. A context manager that ends it; used from one thread."""

    def __init__(self) -> None:
        program = browser_program()
        assert program is not None
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [program, *_FLAGS, f"--user-data-dir={self._folder.name}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Debian's program is a script: what it starts is ended with it
        )
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._count = 0
        self.events: list[dict[str, Any]] = []
        """What the browser has told without being asked, such as errors on the page's console."""

    def __enter__(self) -> Browser:
        try:
            self._loop.run_until_complete(self._connect())
            for domain in ("Page", "Runtime", "Log"):
                self.call(f"{domain}.enable")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._session is not None:
            self._loop.run_until_complete(self._session.close())
        self._loop.close()
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._folder.cleanup()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; its result."""
        return self._loop.run_until_complete(asyncio.wait_for(self._call(method, parameters), LIMIT_S))

    def open(self, address: str) -> None:
        """Go to an address, and wait until the page is loaded."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page, awaited."""
        done = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until the expression is true; its value."""
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                value = self.evaluate(expression)
            except AssertionError:
                value = None  # the page changes just now
            if value:
                return value
            assert time.monotonic() < end, f"in vain: {expression}\n{self.text()}\n{self.events[-5:]}"
            time.sleep(0.05)

    def until(self, what: Callable[[], Any]) -> Any:
        """Wait until something on this side is true, while the browser goes on; its value."""
        end = time.monotonic() + LIMIT_S
        while not (value := what()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.05)
        return value

    def text(self) -> str:
        """All that can be read on the page."""
        return str(self.evaluate("document.body.innerText"))

    def size(self, width_px: int, height_px: int, *, phone: bool = False) -> None:
        """Make the page so large."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=height_px,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )

    def screenshot(self, path: Path) -> None:
        """Write what is visible as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    async def _connect(self) -> None:
        self._session = aiohttp.ClientSession()
        end = time.monotonic() + LIMIT_S
        written = Path(self._folder.name, "DevToolsActivePort")
        while not written.exists() or "\n" not in written.read_text():
            assert time.monotonic() < end and self._process.poll() is None, "the browser does not start"
            await asyncio.sleep(0.05)
        port = written.read_text().splitlines()[0]
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            (page,) = [one for one in await answer.json() if one["type"] == "page"]
        self._socket = await self._session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0)

    async def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._count += 1
        await self._socket.send_str(json.dumps({"id": self._count, "method": method, "params": parameters}))
        while True:
            said = json.loads(await self._socket.receive_str())
            if said.get("id") == self._count:
                assert "error" not in said, said
                return said["result"]
            if "method" in said:
                self.events.append(said)
