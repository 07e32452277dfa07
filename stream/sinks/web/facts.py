"""What the page's server knows: the last picture, the pipeline's counters, who watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from stream.clock import Clock
from stream.config import PictureStream
from stream.frames import FusedFrame
from stream.sinks.web.audience import Audience
from stream.sinks.web.health import Seen, Verdict, verdict
from stream.sinks.web.metrics import Ages, Collector, Known
from stream.sinks.wire import encode, status_header, topic_name


class Facts:
    """``see`` is for the thread that writes pictures, the rest for any."""

    def __init__(
        self,
        camera: str,
        streams: Sequence[PictureStream],
        audience: Audience,
        clock: Clock,
        status: Callable[[], dict[str, Any]],
    ) -> None:
        """``status``: the pipeline's counters."""
        self.camera = camera
        self.streams = tuple(streams)
        self.audience = audience
        self.clock = clock
        self._status = status
        self._seen: Seen | None = None
        self._scores: Mapping[str, float] = {}
        self._ages = Ages()
        self._seq = 0

    def see(self, fused: FusedFrame) -> None:
        """A picture has come."""
        self._seen = Seen(self.clock.monotonic_ns(), fused.degraded)
        self._scores = {} if fused.prior is None else fused.prior.scores
        if fused.clock != "file":  # its stamps are no Unix time
            self._ages.add((self.clock.now_ns() - fused.capture_ns) / 1e9)

    def verdict(self) -> Verdict:
        """Whether pictures come."""
        return verdict(self._seen, self._status(), self.clock.monotonic_ns())

    def status_header(self) -> dict[str, Any]:
        """The header of a status message (docs/wire-format.md), and how many pictures slow viewers did not get."""
        self._seq += 1
        header = status_header(
            camera=self.camera,
            seq=self._seq - 1,
            publish_ns=self.clock.now_ns(),
            subscribers={stream: self.audience.viewers(stream) for stream in self.streams},
            status=self._status(),
        )
        return header | {"skipped": self.audience.skipped}

    def status_message(self) -> bytes:
        """The same as a whole message. Raises WireError."""
        return encode(topic_name(self.camera, "status"), self.status_header())

    def metrics(self) -> bytes:
        """In Prometheus's text format."""
        # Not at the top: a run that nobody asks for metrics need not load it.
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        status, now_ns, seen = self._status(), self.clock.monotonic_ns(), self._seen
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(
            Collector(
                Known(
                    camera=self.camera,
                    status=status,
                    healthy=verdict(seen, status, now_ns).ok,
                    silent_s=None if seen is None else (now_ns - seen.at_ns) / 1e9,
                    ages=self._ages,
                    viewers={stream: self.audience.viewers(stream) for stream in self.streams},
                    sent=dict(self.audience.sent),
                    skipped=self.audience.skipped,
                    scores=self._scores,
                )
            )
        )
        return generate_latest(registry)
