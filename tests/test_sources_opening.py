"""Which source a URL gets, the options that FFmpeg is given, and that passwords stay hidden."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_videos import write_video

from stream.clock import SystemClock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.sources.base import Source
from stream.sources.file import FileSource
from stream.sources.folder import FolderSource
from stream.sources.network import NetworkSource, network_input
from stream.sources.opening import is_live, open_source
from stream.sources.redact import redact
from stream.sources.v4l2 import V4L2Source, v4l2_input

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=12)


def make(url: str, **options: object) -> Source:
    return open_source(SourceConfig(url=url, **options), "infrared", SystemClock())


def test_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    assert isinstance(make(str(tmp_path)), FolderSource)
    assert isinstance(make(str(tmp_path / "a.png")), FolderSource)
    assert isinstance(make(str(write_video(tmp_path / "a.mp4", 2))), FileSource)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("rtsp://10.0.0.1/ir", NetworkSource),
        ("RTSPS://10.0.0.1/ir", NetworkSource),
        ("srt://10.0.0.1:9000", NetworkSource),
        ("udp://239.0.0.1:5000", NetworkSource),
        ("http://10.0.0.1/a.mjpg", NetworkSource),
        ("/dev/video0", V4L2Source),
        ("/dev/v4l/by-id/usb-FLIR_Boson-video-index0", V4L2Source),
    ],
)
def test_live_urls(url: str, kind: type) -> None:
    assert isinstance(make(url), kind)
    assert is_live(url)


def test_recordings_are_not_live(tmp_path: Path) -> None:
    assert not is_live(str(tmp_path)) and not is_live("sim:night-street") and not is_live("ftp://x/y")


@pytest.mark.parametrize("url", ["no/such.mp4", "", "/dev/null/x", "video0"])
def test_nothing_there(url: str) -> None:
    with pytest.raises(SourceError, match=r"no such file .*rtsp://.*sim:NAME"):
        make(url)


def test_unknown_scheme_names_no_password() -> None:
    with pytest.raises(SourceError, match=r"ftp://bob:\*\*\*@host/a.*accepted: rtsp://") as caught:
        make("ftp://bob:geheim@host/a")
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("url", ["rtsp:/bob:geheim@host/a", "bob:geheim@host/a", "rtsp//bob:ge@heim@host/a"])
def test_a_mistyped_url_names_no_password(url: str) -> None:
    with pytest.raises(SourceError, match="no such file") as caught:
        make(url)
    assert "geheim" not in str(caught.value) and "heim" not in str(caught.value) and "host/a" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://host/a", "rtsp://host/a"),
        ("rtsp://host/a@b", "rtsp://host/a@b"),
        ("rtsp://host:554/a@b", "rtsp://host:***@b"),
        ("rtsp://bob:12/34@host/a", "rtsp://bob:***@host/a"),
        ("rtsp://[fe80::1]:554/a", "rtsp://[fe80::1]:554/a"),
        ("rtsp://bob@host/a", "rtsp://bob@host/a"),
        ("rtsp://bob:x@host/a", "rtsp://bob:***@host/a"),
        ("rtsp://bob:@host/a", "rtsp://bob:***@host/a"),
        ("rtsp://bob:p@ss:w/rd@host:554/a", "rtsp://bob:***@host:554/a"),
        ("rtsp://bob:p/ss@host/a", "rtsp://bob:***@host/a"),
        ("rtsp://bob:p?s#s@host/a", "rtsp://bob:***@host/a"),
        ("rtsp://host/a?user=bob&password=x&n=1", "rtsp://host/a?user=bob&password=***&n=1"),
        ("rtsp://host/user=bob_password=x_channel=1", "rtsp://host/user=bob_password=***"),
        ("srt://host:9000?mode=caller&passphrase=x", "srt://host:9000?mode=caller&passphrase=***"),
        ("http://host/a?PWD=x;token=y", "http://host/a?PWD=***;token=***"),
        ("/videos/a:b@c?password=x.mp4", "/videos/a:b@c?password=x.mp4"),
    ],
)
def test_redaction(url: str, shown: str) -> None:
    assert redact(url) == shown


@settings(max_examples=300)
@given(
    user=WORDS,
    password=st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), max_size=12),
    host=WORDS,
    path=WORDS,
)
def test_no_password_is_ever_shown(user: str, password: str, host: str, path: str) -> None:
    marked = f"SECRET{password}TERCES"
    shown = redact(f"rtsp://{user}:{marked}@{host}/{path}")
    assert "SECRET" not in shown and "TERCES" not in shown
    assert shown == f"rtsp://{user}:***@{host}/{path}"


@given(url=st.text(max_size=60))
def test_redaction_never_fails_and_is_stable(url: str) -> None:
    assert redact(redact(url)) == redact(url)


def test_rtsp_options() -> None:
    config = SourceConfig(url="rtsp://h/a", transport="udp", timeout_s=2.5)
    options = network_input(config).options
    assert options["rtsp_transport"] == "udp" and options["timeout"] == "2500000" and "max_delay" in options
    tcp = network_input(SourceConfig(url="rtsp://h/a"))
    assert tcp.options["rtsp_transport"] == "tcp" and "max_delay" not in tcp.options


def test_only_rtp_needs_the_callback_for_reading() -> None:
    rtp = network_input(SourceConfig(url="rtp://h:5000", timeout_s=3.0))
    assert (rtp.open_timeout_s, rtp.read_timeout_s) == (3.0, 3.0)
    for scheme in ("rtsp", "srt", "udp", "tcp", "http"):
        other = network_input(SourceConfig(url=f"{scheme}://h:5000", timeout_s=3.0))
        assert other.read_timeout_s is None and other.open_timeout_s is not None and other.open_timeout_s > 3.0


def test_device_options() -> None:
    config = SourceConfig(url="/dev/video0", width=640, height=512, rate_hz=9.0)
    assert v4l2_input(config).options == {"video_size": "640x512", "framerate": "9"}
    assert v4l2_input(SourceConfig(url="/dev/video0")).options == {}
    with pytest.raises(SourceError, match="both 'width' and 'height'"):
        v4l2_input(SourceConfig(url="/dev/video0", width=640))


def test_missing_device() -> None:
    with pytest.raises(SourceError, match=r"/dev/video987: no such device; is the camera plugged in"):
        make("/dev/video987").open()


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (PermissionError(13, "Permission denied"), "group 'video'"),
        (OSError(16, "Device or resource busy"), "another program"),
        (OSError(22, "Invalid argument"), "size or rate"),
        (OSError(25, "Inappropriate ioctl"), "Inappropriate ioctl; is it a camera"),
    ],
)
def test_device_errors(error: OSError, advice: str) -> None:
    source = V4L2Source(SourceConfig(url="/dev/video0"), SystemClock())
    assert advice in str(source._explain(error, 0.0)) and "/dev/video0" in str(source._explain(error, 0.0))


def test_unreadable_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 2)
    path.chmod(0)
    try:
        readable = path.read_bytes() != b""
    except PermissionError:
        readable = False
    if readable:
        pytest.skip("runs as a user who may read everything")
    with pytest.raises(SourceError, match="Permission denied"):
        make(str(path)).open()
    path.chmod(stat.S_IRWXU)
