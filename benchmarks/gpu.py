"""The GPU path measured: ``python benchmarks/gpu.py --json R.json``, on a machine with torch, numba-cuda and numpy.

One CUDA graph holds everything between decoder and encoder: registration and normalization, the student, noise
reduction, colours. It is compared, in one run, with the student in eager torch, with the ``cuda_graph`` engine (the
student alone, called from the host), and with the least the device's memory and the host link allow.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kernels import gpu
from models.engines.base import halves
from models.engines.cuda_graph import CudaGraphEngine
from models.engines.network import fuse_lumas, load_network
from models.engines.torch_engine import TorchEngine
from models.prior import CODE_DIM
from models.student import Student

SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
RUNS = 200
KEPT = 0.7


class FrameGraph:
    """From planes in pinned memory to planes in pinned memory, captured once, with buffers of its own."""

    def __init__(self, student: Student, height: int, width: int, half: bool) -> None:
        self.stream = torch.cuda.Stream()
        shapes = {"infrared": (height, width), "visible": (height, width)}
        shapes |= {name: (height // 2, width // 2) for name in ("u", "v")}
        self.host_in = {k: torch.zeros(s, dtype=torch.uint8, pin_memory=True) for k, s in shapes.items()}
        self.host_out = {k: torch.zeros(shapes[k], dtype=torch.uint8, pin_memory=True) for k in ("visible", "u", "v")}
        on_device: dict[str, Any] = {"dtype": torch.uint8, "device": "cuda"}
        self._in = {k: torch.zeros(s, **on_device) for k, s in shapes.items()}
        self._lumas = torch.zeros((2, 1, height, width), **on_device)
        self._last = torch.zeros((2, 1, height, width), **on_device)
        self._out = {k: torch.zeros(shapes[k], **on_device) for k in ("visible", "u", "v")}
        self._levels, self._mean, self._edges = (
            gpu.cuda.to_device(np.zeros((height, width), np.uint16)) for _ in range(3)
        )
        self._parts = torch.zeros((height, width), **on_device)
        self._matrix, self._lut = torch.eye(3, device="cuda"), torch.arange(256, **on_device)
        self._steer = torch.zeros(CODE_DIM + 1, device="cuda")
        self._student, self._half = student, half
        torch.cuda.synchronize()
        with torch.cuda.stream(self.stream):
            for _ in range(3):
                self._frame()
        self.stream.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream, capture_error_mode="thread_local"):
            self._frame()

    def _frame(self) -> None:
        stream = gpu.cuda.external_stream(torch.cuda.current_stream().cuda_stream)

        def seen(tensor: torch.Tensor) -> Any:
            return gpu.cuda.as_cuda_array(tensor, sync=False)

        for name, plane in self._in.items():
            plane.copy_(self.host_in[name], non_blocking=True)
        now, last = [seen(plane[0]) for plane in self._lumas], [seen(plane[0]) for plane in self._last]
        gpu.register_normalize(seen(self._in["infrared"]), seen(self._matrix), seen(self._lut), now[0], stream)
        self._lumas[1, 0].copy_(self._in["visible"])
        luma, gain, *_ = fuse_lumas(self._student, self._lumas, self._steer, torch.float16, self._half)
        out = seen(self._out["visible"])
        parts = seen(self._parts)
        gpu.raise_detail(seen(luma), self._levels, stream)
        room = self._mean, self._edges
        gpu.steady(self._levels, (now[0], now[1]), (last[0], last[1]), KEPT, *room, out, parts, stream)
        self._last.copy_(self._lumas)
        for name in ("u", "v"):
            gpu.apply_chroma_gain(seen(self._in[name]), seen(gain), seen(self._out[name]), stream)
        for name, plane in self._out.items():
            self.host_out[name].copy_(plane, non_blocking=True)

    def launch(self) -> None:
        """Queue one frame."""
        with torch.cuda.stream(self.stream):
            self.graph.replay()


def times_ms(frame: Callable[[], object], runs: int = RUNS) -> dict[str, float]:
    """Median, 10th and 90th percentile of a call that ends when its work is done."""
    for _ in range(10):
        frame()
    spans = []
    for _ in range(runs):
        begun = time.perf_counter()
        frame()
        spans.append((time.perf_counter() - begun) * 1e3)
    deciles = statistics.quantiles(spans, n=10)
    return {"median": statistics.median(spans), "p10": deciles[0], "p90": deciles[-1]}


def pipelined_fps(graphs: list[FrameGraph], runs: int = RUNS) -> float:
    """Frames a second with two graphs in turn: one is copied in and out while the other computes."""
    torch.cuda.synchronize()
    begun = time.perf_counter()
    for index in range(runs):
        graph = graphs[index % len(graphs)]
        graph.stream.synchronize()
        graph.launch()
    torch.cuda.synchronize()
    return runs / (time.perf_counter() - begun)


def limits() -> dict[str, float]:
    """GB/s of a copy inside the device (bytes read and written), and from and to pinned memory."""
    big, other = (torch.empty(2**28, dtype=torch.uint8, device="cuda") for _ in range(2))
    host = torch.empty(2**26, dtype=torch.uint8, pin_memory=True)

    def rate(copy: Callable[[], object], moved: int) -> float:
        def done() -> None:
            copy()
            torch.cuda.synchronize()

        return moved / times_ms(done, 20)["median"] / 1e6

    return {
        "device_gb_s": rate(lambda: other.copy_(big), 2 * big.numel()),
        "to_device_gb_s": rate(lambda: big[: host.numel()].copy_(host, non_blocking=True), host.numel()),
        "from_device_gb_s": rate(lambda: host.copy_(big[: host.numel()], non_blocking=True), host.numel()),
    }


@torch.inference_mode()
def measure(width: int, height: int) -> dict[str, Any]:
    """All figures at one size; the half-resolution look where ``auto`` takes it."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2, height // 8, width // 8), dtype=np.uint8)
    infrared, visible = (np.ascontiguousarray(np.kron(one, np.ones((8, 8), np.uint8))) for one in noise)
    half = halves("auto", height, width)
    row: dict[str, Any] = {"width": width, "height": height, "half": half}
    eager = TorchEngine()
    expected = eager.fuse(infrared, visible).luma
    row["eager_fp32_ms"] = times_ms(lambda: eager.fuse(infrared, visible), 50)
    for precision in ("fp32", "fp16"):
        engine = CudaGraphEngine(precision=precision)
        got = engine.fuse(infrared, visible).luma
        error = float(np.mean((got.astype(np.float64) - expected) ** 2))
        row[f"psnr_{precision}_db"] = 99.0 if error == 0 else 10 * float(np.log10(255**2 / error))
        row[f"engine_{precision}_ms"] = times_ms(functools.partial(engine.fuse, infrared, visible))
        engine.close()
    student = load_network("stream").to("cuda", torch.float16, memory_format=torch.channels_last)
    graphs = [FrameGraph(student, height, width, half) for _ in range(2)]
    for graph in graphs:
        graph.host_in["infrared"].copy_(torch.from_numpy(infrared))
        graph.host_in["visible"].copy_(torch.from_numpy(visible))

    def frame() -> None:
        graphs[0].launch()
        graphs[0].stream.synchronize()

    row["frame_graph_ms"] = times_ms(frame)
    row["frame_graph_fps"] = pipelined_fps(graphs)
    row["bytes_to_device"], row["bytes_from_device"] = int(2.5 * height * width), int(1.5 * height * width)
    return row


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("torch sees no GPU: nothing to measure", file=sys.stderr)
        return 1
    report = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "limits": limits(), "sizes": []}
    for width, height in SIZES:
        report["sizes"].append(row := measure(width, height))
        print(
            f"{width}x{height}: eager {row['eager_fp32_ms']['median']:.2f} ms, engine fp32 "
            f"{row['engine_fp32_ms']['median']:.3f}, fp16 {row['engine_fp16_ms']['median']:.3f} ms "
            f"({row['psnr_fp16_db']:.1f} dB), whole frame {row['frame_graph_ms']['median']:.3f} ms, "
            f"{row['frame_graph_fps']:.0f} fps"
        )
        if args.json:
            args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
