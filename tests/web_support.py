"""The web page as a running sink, fed with pictures, and what its tests share."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sinks_support import fused, scene

from stream.clock import SystemClock
from stream.config import ComposeConfig, WebConfig, WebTlsConfig
from stream.frames import FusedFrame, Picture
from stream.sinks.web.sink import WebPage

PASSWORD = "correct horse"

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="needs openssl (Debian: apt install openssl)"
)


def make_certificate(folder: Path, name: str) -> WebTlsConfig:
    """A key and a certificate that signs itself, for 127.0.0.1."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True, timeout=60)
    return WebTlsConfig(certificate=certificate, key=key)


class Feed:
    """Writes pictures to a page until it is told to pause; ``change`` makes frames other than usual."""

    def __init__(self, page: WebPage, draw: Callable[[int], Picture]) -> None:
        self.page = page
        self.draw = draw
        self.change: Callable[[FusedFrame], FusedFrame] = lambda frame: frame
        self.running = threading.Event()
        self.running.set()
        self._ended = threading.Event()
        self._clock = SystemClock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self.running.set()
        self._thread.join()

    def _run(self) -> None:
        seq = 0
        while not self._ended.wait(0.04):
            self.running.wait()
            picture = self.draw(seq)
            self.page.write(picture, self.change(fused(picture, seq, self._clock.now_ns())))
            seq += 1


@contextmanager
def page(
    status: Callable[[], dict[str, Any]] = dict, pixel_aspect: Fraction = Fraction(1), **config: Any
) -> Iterator[WebPage]:
    """A page of the camera ``gate`` on a free port."""
    settings = WebConfig(**{"listen": "127.0.0.1:0", **config})
    compose = ComposeConfig(mode="pip", palette="ironbow")
    sink = WebPage(settings, "gate", compose, SystemClock(), status, pixel_aspect)
    sink.open()
    try:
        yield sink
    finally:
        sink.close()
        sink.close()


@contextmanager
def fed_page(draw: Callable[[int], Picture] = scene, **config: Any) -> Iterator[tuple[WebPage, Feed]]:
    """The same with a thread that writes pictures."""
    with page(**config) as sink:
        feed = Feed(sink, draw)
        try:
            yield sink, feed
        finally:
            feed.end()


def degraded(name: Any) -> Callable[[FusedFrame], FusedFrame]:
    """Frames that are marked so."""
    return lambda frame: replace(frame, degraded=name)


def password_file(folder: Path) -> Path:
    """A file with the password, for its owner only."""
    path = folder / "web-password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path
