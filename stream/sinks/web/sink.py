"""The web page as a Sink: encodes what somebody watches, once for all, and hands it to the server."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from stream.clock import Clock
from stream.config import ComposeConfig, PictureStream, WebConfig
from stream.endpoint import host_and_port, is_loopback
from stream.errors import SinkError
from stream.frames import FusedFrame, Picture
from stream.sinks.jpeg import JpegEncoder
from stream.sinks.streams import pictures_of, stream_header
from stream.sinks.wire import encode, topic_name

if TYPE_CHECKING:
    from stream.sinks.web.certificate import Certificate
    from stream.sinks.web.facts import Facts
    from stream.sinks.web.server import Server

log = logging.getLogger("nightglass")

_BACKLOG = 64
_REASONS = {
    errno.EADDRINUSE: "already in use; stop the other program, or choose another port under outputs.web.listen",
    errno.EADDRNOTAVAIL: "not an address of this machine; use one of its own, or 127.0.0.1",
    errno.EACCES: "not permitted; choose a port above 1023",
}


class WebPage:
    """A Sink that shows pictures and state in browsers, and never waits for one.

    A stream is encoded only while somebody watches it.
    """

    stage = "publish"

    def __init__(
        self,
        config: WebConfig,
        camera: str,
        compose: ComposeConfig,
        clock: Clock,
        status: Callable[[], dict[str, Any]],
        pixel_aspect: Fraction = Fraction(1),
    ) -> None:
        """``status``: counters, JSON-able; called from the server's threads. ``pixel_aspect``: width by height."""
        self.name = f"web {config.listen}"
        self.address: str | None = None
        """What to open in a browser, once it is open."""
        self._config = config
        self._camera = camera
        self._compose = compose
        self._clock = clock
        self._status = status
        self._pixel_aspect = pixel_aspect
        self._encoders: dict[str, JpegEncoder] = {}
        self._facts: Facts | None = None
        self._server: Server | None = None

    def open(self) -> None:
        """Listen. Raises SinkError."""
        try:
            # Not at the top: a run without the page need not load it.
            from stream.sinks.web.access import Sessions, read_password
            from stream.sinks.web.audience import Audience
            from stream.sinks.web.certificate import Certificate
            from stream.sinks.web.facts import Facts
            from stream.sinks.web.server import Server
            from stream.sinks.web.site import Policy, Site
        except ImportError as error:
            raise SinkError(
                f"{self.name}: a package is missing ({error}); run 'make setup', or pip install -e ."
            ) from None
        config = self._config
        if _in_the_clear(config):
            log.warning(
                "%s: password and pictures travel unencrypted; give outputs.web.tls, or put a reverse proxy with HTTPS "
                "before it",
                self.name,
            )
        sessions = None if config.password_file is None else Sessions(read_password(config.password_file))
        certificate = None if config.tls is None else Certificate(config.tls)
        facts = self._facts = Facts(
            self._camera, config.streams, Audience(config.max_viewers), self._clock, self._status
        )
        listener = self._listen()
        port = listener.getsockname()[1]
        self._name_address(port, certificate)
        policy = Policy(sessions, _names(config.hosts), port, certificate is not None)
        self._server = Server(
            self.name, listener, certificate, lambda: Site(facts, policy, float(self._pixel_aspect)).application()
        )
        self._server.start()

    def write(self, picture: Picture, fused: FusedFrame) -> None:
        """Show this frame to those who watch. Raises SinkError when the server has failed."""
        if self._server is None or self._facts is None:
            raise SinkError(f"{self.name}: not open")
        self._facts.see(fused)
        pictures = pictures_of(picture, fused)
        for stream in self._facts.audience.wanted:
            self._publish(stream, pictures[stream], fused)
        self._server.check()

    def close(self) -> None:
        """Tell viewers, and stop; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _publish(self, stream: PictureStream, picture: Picture, fused: FusedFrame) -> None:
        assert self._facts is not None and self._server is not None
        # Not at the top, as in open.
        from stream.sinks.web.audience import Encoded

        if stream not in self._encoders:
            self._encoders[stream] = JpegEncoder(self._config.jpeg_quality)
        jpeg = self._encoders[stream].encode(picture)
        header = stream_header(
            stream,
            picture,
            fused,
            camera=self._camera,
            publish_ns=self._clock.now_ns(),
            payload_format="jpeg",
            mode=self._compose.mode,
            palette=self._compose.palette,
        )
        encoded = Encoded(fused.seq, encode(topic_name(self._camera, stream), header, jpeg), jpeg)
        audience = self._facts.audience
        self._server.call(lambda: audience.publish(stream, encoded))

    def _listen(self) -> socket.socket:
        host, port = host_and_port(self._config.listen)
        if host == "localhost":
            host = "127.0.0.1"
        six = ":" in host
        try:
            return socket.create_server(
                (host, port),
                family=socket.AF_INET6 if six else socket.AF_INET,
                backlog=_BACKLOG,
                dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
            )
        except OSError as error:
            number = error.errno or 0
            # Below 0: the resolver's, for a name that is no address.
            reason = _REASONS[errno.EADDRNOTAVAIL] if number < 0 else _REASONS.get(number, error.strerror)
            raise SinkError(f"{self.name}: {reason}") from None

    def _name_address(self, port: int, certificate: Certificate | None) -> None:
        host, _ = host_and_port(self._config.listen)
        if host in ("0.0.0.0", "::"):
            host = _own_address()
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{'http' if certificate is None else 'https'}://{shown}:{port}/"
        self.name = f"web {self.address}"


def _in_the_clear(config: WebConfig) -> bool:
    """Whether a password would cross a network without encryption."""
    return config.password_file is not None and config.tls is None and not is_loopback(config.listen)


def _names(hosts: list[str]) -> frozenset[str]:
    """Names that the page may be reached by: those configured and this machine's own, lower case."""
    own = socket.gethostname().lower()
    short = own.partition(".")[0]
    return frozenset({"localhost", own, short, f"{short}.local", *(host.lower() for host in hosts)})


def _own_address() -> str:
    """The address by which other machines most likely reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: this only chooses the interface. RFC 5737 keeps the address for documents.
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()
