"""The thread that reads a camera's packets."""

from __future__ import annotations

import threading
from pathlib import Path

import av
from cli_support import wait_for
from clocks import S, SteppedClock
from source_videos import write_video

from stream.sources.pump import Failed, PacketPump


def test_a_packet_is_stamped_when_it_comes_not_when_it_is_taken(tmp_path: Path) -> None:
    clock = SteppedClock()
    came_ns = clock.now_ns()
    container = av.open(str(write_video(tmp_path / "a.mp4", 5)))
    before = threading.enumerate()
    pump = PacketPump(container, container.streams.video[0], "camera", clock)
    wait_for(lambda: set(threading.enumerate()) <= set(before))
    clock.time_ns += 3 * S
    arrivals_ns = []
    try:
        for packet, arrival_ns in pump.packets(60.0):
            arrivals_ns += [arrival_ns] if packet.size else []
    except Failed as ended:
        assert ended.error is None
    pump.close()
    assert arrivals_ns == [came_ns] * 5
