"""Passwords that take a URL apart are refused before anything is connected, and are not printed."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.clock import SystemClock
from stream.config import SourceConfig, parse_config
from stream.errors import ConfigError, SourceError
from stream.sources.credentials import why_unreadable
from stream.sources.opening import open_source


@pytest.mark.parametrize("password", ["sec/ret", "sec?ret", "sec#ret", "sec%ret", "%", "9%zz", "sec:r/et", "/sec"])
def test_a_raw_character_that_takes_the_url_apart_is_refused(password: str) -> None:
    url = f"rtsp://admin:{password}@192.0.2.1:554/main"
    with pytest.raises(ConfigError, match=r"cam\.yaml: key 'visible.url': .* as %2F") as configured:
        parse_config({"visible": {"url": url}}, "cam.yaml")
    with pytest.raises(SourceError, match=r"192\.0\.2\.1:554/main: .* % as %25") as opened:
        open_source(SourceConfig(url=url), "visible", SystemClock())
    for caught in (configured, opened):
        assert "\n" not in str(caught.value)
        assert f":{password}@" not in str(caught.value) and "ret" not in str(caught.value).replace("secret", "")


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://192.0.2.1/main",
        "rtsp://192.0.2.1:554/a@b",
        "rtsp://[2001:db8::1]:554/a@b",
        "rtsp://[2001:db8::1]/a@b",
        "rtsp://user@host/main",
        "rtsp://user:p@ss@host:554/main?x=50%",
        "http://host/a?mail=a:b@c",
        "udp://@239.1.1.1:5000",
        "/media/100% full @ night:1.mp4",
        "sim:night-street?fps=20",
    ],
)
def test_all_else_is_left_alone(url: str) -> None:
    assert why_unreadable(url) is None


@given(st.text(min_size=1), st.text(min_size=1))
def test_what_is_percent_encoded_is_never_refused(user: str, password: str) -> None:
    assert why_unreadable(f"rtsp://{quote(user, safe='')}:{quote(password, safe='')}@host/main") is None
