"""Network cameras: FFmpeg's options for low latency and errors that say what to check."""

from __future__ import annotations

import errno
import logging

import av

from stream.clock import Clock
from stream.config import SourceConfig
from stream.errors import SourceError
from stream.sources.base import Role
from stream.sources.decode import TELLS_SENDER_TIME
from stream.sources.live import LiveInput, LiveSource
from stream.sources.redact import redact
from stream.sync.ladder import CommonRung

log = logging.getLogger("nightglass")

_SLACK_S = 7.0
"""Beyond ``timeout_s``: FFmpeg waits for a key frame to know the picture, which some cameras send every 5 s, and slow
cameras send a picture now and then."""

SCHEMES = ("rtsp", "rtsps", "rtp", "srt", "udp", "tcp", "http", "https")


class NetworkSource(LiveSource):
    """A camera or stream behind a URL. RTSP goes over ``config.transport``; ``rtp://`` needs a static payload type
    (MPEG-TS): for others give RTSP, or the file with the session's description (SDP).
    """

    def __init__(
        self, config: SourceConfig, clock: Clock, role: Role = "visible", common: CommonRung | None = None
    ) -> None:
        super().__init__(network_input(config), config, clock, role, common)
        if not TELLS_SENDER_TIME:
            log.info("%s: its sender reports are not read: that takes PyAV 16.1 or newer", self.name)

    def _explain(self, error: Exception, waited_s: float) -> SourceError:
        if waited_s >= 0.9 * self._config.timeout_s:
            # FFmpeg reports some of its time-outs as "invalid data" or "input/output error".
            error = TimeoutError()
        return SourceError(f"{self.name}: {advice(error, self._config.timeout_s)}")


def network_input(config: SourceConfig) -> LiveInput:
    """FFmpeg's options for a URL. Times are in microseconds there."""
    scheme = config.url.partition("://")[0].lower()
    timeout_us = str(round(config.timeout_s * 1e6))
    options = {"fflags": "nobuffer"}
    # FFmpeg's own time-out begins anew with every byte: a camera that sends reports but no picture would never be given
    # up. PyAV's does not, but its callback takes the GIL, so it is for opening only; later a ``PacketPump`` sees to it.
    open_timeout_s, read_timeout_s = config.timeout_s + _SLACK_S, None
    if scheme in ("rtsp", "rtsps"):
        options |= {"rtsp_transport": config.transport, "timeout": timeout_us, "allowed_media_types": "video"}
        if config.transport == "udp":
            # How long packets may wait for an earlier one that is late, and room for a key frame's burst.
            options |= {"max_delay": "200000", "reorder_queue_size": "64", "buffer_size": "1048576"}
    elif scheme == "udp":
        options |= {"timeout": timeout_us, "fifo_size": "50000", "overrun_nonfatal": "1", "buffer_size": "1048576"}
    elif scheme == "rtp":
        # FFmpeg's RTP reader has no time-out of its own, so PyAV's must do for reading, too.
        options |= {"max_delay": "200000", "reorder_queue_size": "64"}
        open_timeout_s = read_timeout_s = config.timeout_s
    elif scheme == "srt":
        options |= {"timeout": timeout_us, "connect_timeout": str(round(config.timeout_s * 1e3))}
    elif scheme == "tcp":
        options |= {"timeout": timeout_us}
    else:
        options |= {"timeout": timeout_us, "rw_timeout": timeout_us}
    silent_s = config.timeout_s + _SLACK_S
    name = redact(config.url)
    return LiveInput(config.url, name, None, options, open_timeout_s, read_timeout_s, silent_s, hd_is_709=True)


def advice(error: Exception, timeout_s: float) -> str:
    """What went wrong and what to check, on one line; never the URL, which may hold a password."""
    text = getattr(error, "strerror", None) or type(error).__name__
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; check host and port, and that the camera's server runs"
    if isinstance(error, (TimeoutError, av.ExitError)):
        return f"no answer within {timeout_s:g} s; check address, cable and firewall, or raise timeout_s"
    if isinstance(error, av.HTTPUnauthorizedError):
        return "the camera refuses user or password (401); check them, and percent-encode special characters"
    if isinstance(error, av.HTTPForbiddenError):
        return "the camera refuses access (403); check the user's rights"
    if isinstance(error, av.HTTPNotFoundError):
        return "the camera knows no such stream (404); check the path behind the host"
    if isinstance(error, av.ProtocolNotFoundError):
        return "the installed PyAV is built without this protocol; relay the stream as rtsp:// or udp://"
    if isinstance(error, av.InvalidDataError) or getattr(error, "errno", None) == errno.EIO:
        return "the connection was cut, or what it sends is not a video stream; check port, path and the sender"
    if isinstance(error, av.EOFError):
        return "the sender ended the stream"
    return f"{text}; check host, port and path, and that this machine reaches them"
