"""The simulated pair of cameras, ``sim:NAME``: a Source that renders its frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from stream.clock import Clock
from stream.config import SourceConfig
from stream.frames import Frame
from stream.sources.base import Role, StreamInfo
from stream.sources.simscene import schedule
from stream.sources.simscene.catalogue import load_scene
from stream.sources.simscene.scene import Scene
from stream.sources.simscene.spec import SimSpec, parse_spec

log = logging.getLogger("nightglass")


class SimSource:
    """One camera of a simulated pair.

    Not realtime: a recording; ``capture_ns`` counts from 0, every frame waits for its reader.
    Realtime: a camera; frames fall on whole multiples of the frame period in Unix time, so that two cameras opened
    one after the other are in step and see one world. A reader that is too slow loses frames (``skipped_frames``).
    ``seq`` counts frame times, so that lost frames leave gaps. Raises SourceError at once for a bad URL.
    """

    def __init__(self, spec: SourceConfig, role: Role, clock: Clock) -> None:
        self.name = spec.url
        self.broken_frames = 0
        self.skipped_frames = 0
        self.sim: SimSpec = parse_spec(spec.url)
        self._live = spec.realtime
        self._total = None if spec.realtime and spec.loop else schedule.frame_total(self.sim, role)
        self._role: Role = role
        self._clock = clock
        self._scene: Scene | None = None

    def open(self) -> StreamInfo:
        """Build the scene (a second or two of drawing) and say what it will give."""
        self._scene = load_scene(self.sim)
        self._scene.prepare(self._role)
        width, height = self.sim.size_of(self._role)
        count = None
        if self._total is not None and not self._live:
            count = sum(not schedule.is_lost(self.sim, self._role, seq) for seq in range(self._total))
        return StreamInfo(
            width=width,
            height=height,
            rate_hz=float(self.sim.fps_of(self._role)),
            frame_count=count,
            live=self._live,
            codec="sim",
            pixel_format=self._pixel_format,
        )

    def frames(self) -> Iterator[Frame]:
        """Yield frames in order; see the class for their stamps."""
        return self._live_frames() if self._live else self._recorded_frames()

    def close(self) -> None:
        """Let go of the scene; ``frames`` ends."""
        self._scene = None

    @property
    def _pixel_format(self) -> str:
        if self._role == "visible":
            return "yuv420p"
        return "gray16le" if self.sim.bits == 16 else "gray"

    def _recorded_frames(self) -> Iterator[Frame]:
        seq = 0
        while self._scene is not None and (self._total is None or seq < self._total):
            if not schedule.is_lost(self.sim, self._role, seq):
                true_ns = schedule.frame_time_ns(self.sim, self._role, seq)
                yield self._render(self._scene, seq, true_ns, pts_ns=true_ns)
            seq += 1

    def _live_frames(self) -> Iterator[Frame]:
        first = schedule.next_tick(self.sim, self._role, self._clock.now_ns())
        start_ns = schedule.frame_time_ns(self.sim, self._role, first)
        patience_ns = schedule.frame_time_ns(self.sim, self._role, 1) + round(self.sim.jitter_ms * 1e6)
        seq = 0
        while self._scene is not None and (self._total is None or seq < self._total):
            true_ns = schedule.frame_time_ns(self.sim, self._role, first + seq)
            due_ns = true_ns + schedule.delay_ns(self.sim, self._role, seq)
            if schedule.is_lost(self.sim, self._role, seq):
                self._sleep_until(true_ns)
            elif self._clock.now_ns() > true_ns + patience_ns:
                if self.skipped_frames == 0:
                    log.warning("%s: frames are not taken fast enough; the simulator skips some", self.name)
                self.skipped_frames += 1
            else:
                frame = self._render(self._scene, seq, true_ns, pts_ns=true_ns - start_ns)
                self._sleep_until(due_ns)
                yield frame
            seq += 1

    def _sleep_until(self, due_ns: int) -> None:
        self._clock.sleep_s((due_ns - self._clock.now_ns()) / 1e9)

    def _render(self, scene: Scene, seq: int, true_ns: int, *, pts_ns: int) -> Frame:
        rendered = scene.render(self._role, true_ns / 1e9)
        offset_ns = self.sim.offset_ns_of(self._role)
        return Frame(
            luma=rendered.luma,
            chroma=rendered.chroma,
            pixel_format=self._pixel_format,
            color_range="limited" if self._role == "visible" else "full",
            pts_s=(pts_ns + offset_ns) / 1e9,
            capture_ns=true_ns + offset_ns,
            clock="sim",
            seq=seq,
            source=self.name,
        )
