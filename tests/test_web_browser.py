"""The web page in a real browser: what it shows, what it says, and what it does when things go wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from browser_support import LIMIT_S, NAMES, Browser, browser_program
from web_support import PASSWORD, degraded, fed_page, page, password_file

from stream.frames import AlignmentNote, Chroma, FusedFrame, Picture, Prior
from stream.sinks.web import site
from stream.sinks.web.sink import WebPage

pytestmark = pytest.mark.skipif(
    browser_program() is None,
    reason=f"needs a browser (Debian: apt install chromium-headless-shell): {', '.join(NAMES)}",
)

LIVE = "document.getElementById('live-text').textContent === 'Live'"
NOT_LIVE = "document.getElementById('live-text').textContent === 'Not live'"
NOTICES = "[...document.querySelectorAll('#notices li')].map(item => item.className + ': ' + item.textContent)"
STATUS = {
    "sources": {"infrared": "live", "visible": "live"},
    "reconnects": {"infrared": 3, "visible": 0},
    "lost_outputs": {},
    "frames_out": 1200,
    "elapsed_s": 48.0,
}


def blue(_: int) -> Picture:
    """Luma 91, Cb 217, Cr 114: RGB 71, 71, 248. The left half of it is black."""
    luma = np.full((120, 160), 91, np.uint8)
    cb, cr = np.full((60, 80), 217, np.uint8), np.full((60, 80), 114, np.uint8)
    luma[:, :80], cb[:, :40], cr[:, :40] = 0, 128, 128
    return Picture(luma, Chroma(cb, cr))


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    with Browser() as one:
        yield one


@pytest.fixture
def browser(started: Browser) -> Iterator[Browser]:
    started.size(1000, 800)
    yield started
    started.call("Page.navigate", url="about:blank")
    # Nothing that the page was refused, and no script of it that failed.
    broken = [one for one in started.events if one["method"] == "Runtime.exceptionThrown" or "Policy" in str(one)]
    started.events.clear()
    assert not broken, broken


def pixel(browser: Browser, x: int, y: int) -> list[int]:
    return browser.evaluate(f"[...document.getElementById('picture').getContext('2d').getImageData({x},{y},1,1).data]")


def test_the_canvas_shows_the_picture_and_the_page_what_is_known(browser: Browser) -> None:
    prior = Prior({"smoke": 0.8}, "visible: smoke", ("smoke",))
    with fed_page(blue, status=lambda: dict(STATUS), pixel_aspect=Fraction(4, 3)) as (sink, feed):
        feed.change = lambda frame: replace(frame, prior=prior, alignment=AlignmentNote("knocked", 0.2))
        browser.open(sink.address)
        browser.wait(LIVE)
        assert np.allclose(pixel(browser, 130, 60), [71, 71, 248, 255], atol=6)
        assert np.allclose(pixel(browser, 30, 60), [0, 0, 0, 255], atol=6)
        assert browser.evaluate("document.getElementById('camera').textContent") == browser.evaluate("document.title")
        said = browser.wait(f"{NOTICES}.length === 2 && {NOTICES}")
        assert said == [
            "warning: A camera was knocked: infrared no longer lies on visible.",
            "note: Visible: smoke",
        ]
        browser.wait("document.getElementById('facts').innerText.includes('reconnected 3 times')")
        browser.wait("/^[0-9.]+ s behind$/.test(document.getElementById('age').textContent)")
        browser.wait("parseInt(document.getElementById('rate').textContent) > 0")
        box = browser.evaluate("(b => b.width / b.height)(document.getElementById('picture').getBoundingClientRect())")
        assert box == pytest.approx(160 * 4 / 3 / 120, rel=0.02), "pixels that are not square"
        assert (
            browser.evaluate("document.getElementById('picture').getAttribute('aria-label')")
            == "gate fused picture, live"
        )


def test_another_stream_is_chosen(browser: Browser) -> None:
    with fed_page(blue) as (sink, _):
        browser.open(sink.address)
        browser.wait(LIVE)
        browser.evaluate("document.querySelector('input[value=infrared]').click()")
        # Infrared is 255 less the luma, without colours.
        browser.wait("document.getElementById('picture').getAttribute('aria-label').includes('infrared')")
        assert np.allclose(pixel(browser, 130, 60), [164, 164, 164, 255], atol=4)


@pytest.mark.parametrize(
    ("mark", "sources", "said"),
    [
        ("infrared_missing", {}, "error: Infrared missing, visible only."),
        (
            "infrared_missing",
            {"infrared": "lost", "visible": "live"},
            "error: Infrared missing, visible only (connection lost, trying again).",
        ),
        ("visible_missing", {"visible": "stalled"}, "error: Visible missing, infrared only (sends no pictures)."),
        ("infrared_frozen", {"infrared": "live"}, "note: Infrared pauses: its shutter is closed."),
    ],
)
def test_a_camera_that_is_missing_is_said(browser: Browser, mark: Any, sources: dict[str, str], said: str) -> None:
    with fed_page(blue, status=lambda: {"sources": sources}) as (sink, feed):
        feed.change = degraded(mark)
        browser.open(sink.address)
        browser.wait(f"JSON.stringify({NOTICES}) === JSON.stringify([{said!r}])")
        assert browser.evaluate("document.title.startsWith('⚠')") is said.startswith("error")


def test_a_lost_output_is_said_and_what_it_is_called_cannot_run(browser: Browser) -> None:
    lost = {"record <img src=x onerror=alert(1)>": "disk full"}
    with fed_page(blue, status=lambda: {"lost_outputs": lost}) as (sink, _):
        browser.open(sink.address)
        said = "error: Output lost: record <img src=x onerror=alert(1)>: disk full"
        browser.wait(f"JSON.stringify({NOTICES}) === JSON.stringify([{said!r}])")
        assert browser.evaluate("document.querySelectorAll('img').length") == 0


def test_an_old_picture_is_not_shown_as_if_it_were_live(browser: Browser) -> None:
    sources = {"infrared": "lost", "visible": "lost"}
    with fed_page(blue, status=lambda: {"sources": sources}) as (sink, feed):
        browser.open(sink.address)
        browser.wait(LIVE)
        feed.running.clear()
        browser.wait(NOT_LIVE)
        browser.wait("document.getElementById('stale').checkVisibility()")
        browser.wait("/^This picture is [0-9.]+ s old$/.test(document.getElementById('stale').textContent)")
        assert "grayscale" in browser.evaluate("getComputedStyle(document.getElementById('picture')).filter")
        (said,) = browser.evaluate(NOTICES)
        assert said.startswith("error: No new pictures come. Infrared: connection lost, trying again; visible:")
        feed.running.set()
        browser.wait(LIVE)
        assert not browser.evaluate("document.getElementById('stale').checkVisibility()")


def test_the_picture_is_as_old_as_its_capture(browser: Browser) -> None:
    hour = 3600 * 10**9

    def late(frame: FusedFrame) -> FusedFrame:
        return replace(frame, capture_ns=frame.capture_ns - hour)

    with fed_page(blue) as (sink, feed):
        feed.change = late
        browser.open(sink.address)
        browser.wait(NOT_LIVE)
        assert browser.evaluate("document.getElementById('age').textContent") == "60 min behind"
        feed.change = lambda frame: replace(frame, capture_ns=7, clock="file")  # a recording: no Unix time
        browser.wait(LIVE)


def test_it_comes_back_by_itself_when_the_server_does(browser: Browser) -> None:
    with fed_page(blue) as (sink, _):
        address = sink.address
        browser.open(address)
        browser.wait(LIVE)
        browser.evaluate("document.querySelector('input[value=visible]').click()")
        browser.evaluate("window.before = true")
    browser.wait(NOT_LIVE)
    (said,) = browser.evaluate(NOTICES)
    assert said.startswith("error: No connection") and said.endswith("Trying again.")
    assert address is not None
    listen = address.removeprefix("http://").rstrip("/")
    with fed_page(blue, listen=listen):
        browser.wait(LIVE)
        browser.wait("document.getElementById('picture').getAttribute('aria-label') === 'gate visible picture, live'")
        assert browser.evaluate("document.querySelector('input[value=visible]').checked")
        assert browser.evaluate("window.before"), "the page was not loaded anew"


def test_a_page_from_before_an_update_loads_itself_anew(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    with fed_page(blue) as (sink, _):
        address = sink.address
        browser.open(address)
        browser.wait(LIVE)
        browser.evaluate("window.before = true")
    monkeypatch.setattr(site, "_version", lambda _: "another")
    assert address is not None
    with fed_page(blue, listen=address.removeprefix("http://").rstrip("/")):
        browser.wait(f"window.before === undefined && {LIVE}")


def test_the_picture_that_is_shown_is_saved(browser: Browser, tmp_path: Path) -> None:
    with fed_page(blue) as (sink, _):
        browser.open(sink.address)
        browser.wait(LIVE)
        browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=True)
        browser.evaluate("document.getElementById('save').click()")
        saved = browser.until(lambda: [path for path in tmp_path.glob("gate-fused-*.jpg") if path.stat().st_size])
        assert saved[0].read_bytes()[:2] == b"\xff\xd8"
        assert saved[0].read_bytes()[-2:] == b"\xff\xd9"


def test_full_screen_also_where_the_browser_has_none(browser: Browser) -> None:
    with fed_page(blue) as (sink, _):
        browser.size(390, 844, phone=True)
        browser.open(sink.address)
        browser.wait(LIVE)
        assert not browser.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        browser.evaluate("delete Element.prototype.requestFullscreen; document.getElementById('full').click()")
        browser.wait("document.getElementById('full').getAttribute('aria-pressed') === 'true'")
        box = browser.evaluate(
            "(b => [b.left, b.top, b.width, b.height])(document.getElementById('screen').getBoundingClientRect())"
        )
        assert box == [0, 0, 390, 844]
        browser.evaluate("document.getElementById('full').click()")
        browser.wait("document.getElementById('full').getAttribute('aria-pressed') === 'false'")


def test_a_password_is_asked_for_once(browser: Browser, tmp_path: Path) -> None:
    path = password_file(tmp_path)
    with fed_page(blue, password_file=path) as (sink, _):
        browser.open(sink.address)
        assert browser.evaluate("location.pathname") == "/login"

        def give(password: str) -> None:
            browser.evaluate(f"document.getElementById('password').value = {password!r}; document.forms[0].submit()")

        give("wrong password")
        browser.wait("document.body?.innerText.includes('That is not the password.')")
        give(PASSWORD)
        browser.wait(f"location.pathname === '/' && {LIVE}")
        address = sink.address
    assert address is not None
    listen = address.removeprefix("http://").rstrip("/")
    browser.wait(NOT_LIVE)
    with fed_page(blue, password_file=path, listen=listen):
        browser.wait(LIVE)  # a restart asks for nothing
        browser.evaluate("document.querySelector('#logout button').click()")
        browser.wait("location.pathname === '/login'")
    path.write_text("another password")
    with page(password_file=path, listen=listen) as again:
        assert isinstance(again, WebPage)
        browser.open(address)
        assert browser.evaluate("location.pathname") == "/login"


def test_as_many_as_may_watch(browser: Browser) -> None:
    with fed_page(blue, max_viewers=1) as (sink, _):
        parts = urlsplit(sink.address)
        with socket.create_connection((parts.hostname, parts.port), LIMIT_S) as watching:
            watching.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            assert watching.recv(64).startswith(b"HTTP/1.1 200")
            browser.open(sink.address)
            full = "error: No connection (as many are watching as outputs.web.max_viewers allows). Trying again."
            browser.wait(f"{NOTICES}[0] === {full!r}")
        browser.wait(LIVE)
