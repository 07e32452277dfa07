"""Cameras attached to this machine (Video4Linux: USB and capture cards)."""

from __future__ import annotations

import errno
import re

from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.sources.live import LiveInput, LiveSource

_DEVICE = re.compile(r"/dev/video[0-9]+|/dev/v4l/by-(?:id|path)/.+")


class V4L2Source(LiveSource):
    """A ``/dev/videoN`` device, asked for ``config.width`` x ``config.height`` at ``config.rate_hz``."""

    def __init__(self, config: SourceConfig, clock: Clock) -> None:
        super().__init__(v4l2_input(config), config, clock)

    def _explain(self, error: Exception, waited_s: float) -> SourceError:
        code = getattr(error, "errno", None)
        if code == errno.ENOENT or code == errno.ENODEV:
            advice = "no such device; is the camera plugged in? (ls /dev/video* shows what there is)"
        elif code in (errno.EACCES, errno.EPERM):
            advice = "permission denied; add the user to the group 'video' and log in again"
        elif code == errno.EBUSY:
            advice = "busy; another program uses the camera"
        elif code == errno.EINVAL:
            advice = "it refuses this size or rate; v4l2-ctl --list-formats-ext shows what it can do"
        else:
            advice = f"{getattr(error, 'strerror', None) or type(error).__name__}; is it a camera?"
        return SourceError(f"{self.name}: {advice}")


def is_video_device(url: str) -> bool:
    """Whether the text names a Video4Linux device."""
    return _DEVICE.fullmatch(url) is not None


def v4l2_input(config: SourceConfig) -> LiveInput:
    """FFmpeg's options for a device. Raises SourceError if only one of width and height is given."""
    options: dict[str, str] = {}
    if (config.width is None) != (config.height is None):
        raise SourceError(f"{config.url}: give both 'width' and 'height', or neither")
    if config.width is not None:
        options["video_size"] = f"{config.width}x{config.height}"
    if config.rate_hz is not None:
        options["framerate"] = f"{config.rate_hz:g}"
    return LiveInput(config.url, config.url, "v4l2", options)
