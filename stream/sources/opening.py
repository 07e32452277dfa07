"""From a configuration's ``url`` to the source that reads it."""

from __future__ import annotations

from pathlib import Path

from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.sources.base import Role, Source
from stream.sources.credentials import why_unreadable
from stream.sources.file import FileSource
from stream.sources.folder import FolderSource, is_image
from stream.sources.network import SCHEMES, NetworkSource
from stream.sources.pacing import CommonStart
from stream.sources.redact import redact, redact_meant
from stream.sources.v4l2 import V4L2Source, is_video_device
from stream.sync.ladder import CommonRung


def open_source(
    config: SourceConfig,
    role: Role,
    clock: Clock,
    common: CommonRung | None = None,
    start: CommonStart | None = None,
) -> Source:
    """Make the source for ``config.url``; it is not opened yet.

    A path may be a video file, an image or a folder of images; otherwise rtsp(s), rtp, srt, udp, tcp or http(s) URLs,
    ``/dev/videoN`` and ``sim:NAME``. Shared with the pair's other camera: ``common``, see ``stream.sync.ladder``, and
    ``start``, see ``stream.sources.pacing``.
    Raises SourceError for anything else.
    """
    url = config.url
    if url.startswith("sim:"):
        # Not at the top: the simulator brings more modules than a camera needs.
        from stream.sources.sim import SimSource

        return SimSource(config, role, clock)
    if (reason := why_unreadable(url)) is not None:
        raise SourceError(f"{redact(url)}: {reason}")
    if is_network(url):
        return NetworkSource(config, clock, role, common)
    if "://" in url:
        allowed = ", ".join(f"{name}://" for name in SCHEMES)
        raise SourceError(f"{redact(url)}: cannot read this kind of URL; accepted: {allowed}, a path, or sim:NAME")
    if is_video_device(url):
        return V4L2Source(config, clock)
    path = Path(url).expanduser()
    if url and (path.is_dir() or is_image(path)):
        return FolderSource(path, config, clock, start)
    if url and path.exists():
        return FileSource(path, config, clock, start)
    raise SourceError(
        f"no such file {redact_meant(url)!r}; a source is a video file, a folder of images, a URL such as rtsp://..., "
        "a device /dev/videoN, or sim:NAME"
    )


def is_network(url: str) -> bool:
    """Whether the URL is of a stream that comes over the network."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.lower() in SCHEMES


def is_live(url: str) -> bool:
    """Whether the URL is a camera's (network or device), which is worth retrying when it is lost."""
    return is_video_device(url) or is_network(url)
