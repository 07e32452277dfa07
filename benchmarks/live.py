"""Live fusion as a user runs it: latency from capture to publication, CPU, memory, and the first frame's time.

    .venv/bin/python -m benchmarks.live [--seconds 300] [--pairs 1] [--size 640x480] [--json live.json]

Every pair is a ``run_stream.py live`` of its own, which plays two recordings at their own rate, over and over, as two
cameras would send them, and publishes JPEG over ZeroMQ to one subscriber. Without ``--visible`` and ``--infrared`` the
recordings are the simulator's night street. CPU counts both processors: 100 % is all of them busy. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
import zmq

from stream.benchmarking.facts import ROOT, machine_facts
from stream.benchmarking.inputs import write_pair
from stream.clock import Clock, SystemClock
from stream.sinks.wire import decode
from stream.sources.base import Role

RECORDED_FRAMES = 450
_FIRST_WITHIN_S = 120.0
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass
class Pair:
    """One running ``live``, and what is noted of it. ``memory_mib``: once a second."""

    process: subprocess.Popen[bytes]
    report: Path
    socket: zmq.Socket[bytes]
    began_ns: int
    first_s: float | None = None
    received: int = 0
    memory_mib: list[float] = field(default_factory=list)


def start(folder: Path, number: int, sources: dict[Role, Path], seconds: float, clock: Clock) -> Pair:
    """Start one pair's ``live`` and subscribe to it."""
    endpoint = f"ipc://{folder}/{number}.socket"
    config: dict[str, Any] = {
        role: {"url": str(path), "realtime": True, "loop": True} for role, path in sources.items()
    }
    config["outputs"] = {"zeromq": {"endpoint": endpoint, "streams": ["fused"], "format": "jpeg"}}
    path, report = folder / f"{number}.yaml", folder / f"{number}.json"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 4)
    socket.setsockopt(zmq.SUBSCRIBE, b"camera/fused\0")
    began_ns = clock.monotonic_ns()
    command = [sys.executable, ROOT / "run_stream.py", "live", "--config", path, "--report", report]
    process = subprocess.Popen([*map(str, command), "--duration", str(seconds)], cwd=folder)
    socket.connect(endpoint)
    return Pair(process, report, socket, began_ns)


def watch(pairs: Sequence[Pair], clock: Clock) -> None:
    """Receive what is published until every pair has ended. Raises RuntimeError where nothing ever comes."""
    poller = zmq.Poller()
    for pair in pairs:
        poller.register(pair.socket, zmq.POLLIN)
    next_look_ns = clock.monotonic_ns()
    while any(pair.process.poll() is None for pair in pairs):
        ready = dict(poller.poll(100))
        now_ns = clock.monotonic_ns()
        for pair in pairs:
            if pair.socket in ready:
                decode(pair.socket.recv())
                pair.received += 1
            if pair.received == 1 and pair.first_s is None:
                pair.first_s = (now_ns - pair.began_ns) / 1e9
            if pair.first_s is None and now_ns - pair.began_ns > _FIRST_WITHIN_S * 1e9:
                pair.process.kill()
                raise RuntimeError(f"no frame within {_FIRST_WITHIN_S:.0f} s")
        if now_ns >= next_look_ns:
            next_look_ns += 1_000_000_000
            for pair in pairs:
                if (memory_mib := resident_mib(pair.process.pid)) is not None:
                    pair.memory_mib.append(memory_mib)


def resident_mib(pid: int) -> float | None:
    """Resident memory of a process; None once it has gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MIB
    except (OSError, IndexError):
        return None


def figures_of(pair: Pair, cpu_s: float) -> dict[str, Any]:
    """What one pair's run gave. ``cpu_s``: that its process took."""
    report = json.loads(pair.report.read_text(encoding="utf-8"))
    settled = pair.memory_mib[len(pair.memory_mib) // 10 :] or [0.0]
    tenth = max(1, len(settled) // 10)
    return {
        "first_frame_s": pair.first_s,
        "frames_out": report["frames_out"],
        "received": pair.received,
        "fps": report["fps"],
        "dropped": report["dropped"],
        "capture_to_publish_ms": report["capture_to_publish_ms"],
        "stage_ms": report["stage_ms"],
        "cpu_share_of_all_processors": cpu_s / report["elapsed_s"] / (os.cpu_count() or 1),
        "memory_mib": {
            "most": max(settled),
            "at_first": sum(settled[:tenth]) / tenth,
            "at_last": sum(settled[-tenth:]) / tenth,
        },
    }


def measure(sources: dict[Role, Path], pairs: int, seconds: float, clock: Clock) -> list[dict[str, Any]]:
    """Run ``pairs`` at once; their figures."""
    with tempfile.TemporaryDirectory(prefix="nightglass-live-") as scratch:
        running = [start(Path(scratch), number, sources, seconds, clock) for number in range(pairs)]
        before = os.times()
        watch(running, clock)
        after = os.times()
        for pair in running:
            pair.socket.close(linger=0)
            if pair.process.wait() != 0:
                raise RuntimeError(f"live ended with status {pair.process.returncode}")
        # Children that have been waited for are counted together; the pairs are all alike.
        children_s = after.children_user + after.children_system - before.children_user - before.children_system
        return [figures_of(pair, children_s / pairs) for pair in running]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the run (default 300)")
    parser.add_argument("--pairs", type=int, default=1, help="pairs of cameras at once (default 1)")
    parser.add_argument("--size", default="640x480", help="of the simulated recordings (default 640x480)")
    parser.add_argument("--infrared", type=Path, help="a recording to play instead")
    parser.add_argument("--visible", type=Path, help="its visible half")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    if (options.infrared is None) != (options.visible is None):
        parser.error("give both --infrared and --visible, or neither")
    clock = SystemClock()
    width, height = (int(part) for part in options.size.split("x"))
    with tempfile.TemporaryDirectory(prefix="nightglass-live-") as folder:
        if options.infrared is None:
            sources = write_pair(Path(folder), RECORDED_FRAMES, (width, height), clock)
        else:
            sources = {"infrared": options.infrared.resolve(), "visible": options.visible.resolve()}
        facts = machine_facts(clock)
        figures = measure(sources, options.pairs, options.seconds, clock)
    result = {"machine": facts, "seconds": options.seconds, "size": options.size, "pairs": figures}
    for each in figures:
        latency, memory = each["capture_to_publish_ms"], each["memory_mib"]
        print(
            f"first frame {each['first_frame_s']:.2f} s; {each['frames_out']} frames, {each['fps']:.1f} fps, dropped "
            f"{each['dropped'] or 'none'}; capture to publish p50 {latency['p50']:.1f}, p99 {latency['p99']:.1f} ms; "
            f"CPU {each['cpu_share_of_all_processors']:.0%}; memory {memory['at_first']:.0f} MiB at first, "
            f"{memory['at_last']:.0f} at last, {memory['most']:.0f} at most"
        )
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
