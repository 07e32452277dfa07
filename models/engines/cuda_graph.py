"""The GPU engine: packing, trunk and output captured once in a CUDA graph, replayed for every frame.

Capture follows PyTorch's rules (docs, "CUDA Graphs"): a few warm-up runs on a side stream, then capture with
``capture_error_mode="thread_local"``, since decoder and sink threads may touch CUDA meanwhile. A replay overwrites its
outputs, so two graphs with buffers of their own take turns, and a result is copied to pinned memory before the next
turn of the same graph.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from models.engines.base import EngineError, FusionResult, Resolution, check_lumas, halves, named_scores
from models.prior import CODE_DIM
from models.steering import steer_of

try:
    import torch

    from models.engines.network import fuse_lumas, load_network
    from models.student import Student
except ImportError as error:
    raise EngineError(
        f"the cuda_graph engine needs the 'cuda' extra (pip install 'nightglass[cuda]'): {error}"
    ) from error

_WARM_UP_RUNS = 3
_MAX_SIZES = 2


class _Graph:
    """One captured graph for one frame size, with its own input, outputs and pinned host buffers."""

    def __init__(self, student: Student, height: int, width: int, dtype: torch.dtype, half: bool) -> None:
        device = torch.device("cuda")
        self.stream = torch.cuda.Stream()
        self.host_in = torch.empty((2, 1, height, width), dtype=torch.uint8, pin_memory=True)
        self.host_steer = torch.zeros(CODE_DIM + 1, pin_memory=True)
        self._in = torch.zeros((2, 1, height, width), dtype=torch.uint8, device=device)
        self._steer = torch.zeros(CODE_DIM + 1, device=device)
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for _ in range(_WARM_UP_RUNS):
                fuse_lumas(student, self._in, self._steer, dtype, half)
        self.stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=self.stream, capture_error_mode="thread_local"):
            self._out = fuse_lumas(student, self._in, self._steer, dtype, half)
        self.host_out = tuple(torch.empty(out.shape, dtype=out.dtype, pin_memory=True) for out in self._out)

    def launch(self) -> None:
        """Copy in, replay, copy out, all queued on the graph's stream."""
        with torch.cuda.stream(self.stream):
            self._in.copy_(self.host_in, non_blocking=True)
            self._steer.copy_(self.host_steer, non_blocking=True)
            self._graph.replay()
            for host, out in zip(self.host_out, self._out, strict=True):
                host.copy_(out, non_blocking=True)


class CudaGraphEngine:
    """Runs the safetensors weights on an NVIDIA GPU. Implements ``models.engines.base.Engine``."""

    name = "cuda_graph"
    parallel = 1

    def __init__(
        self, model: str = "stream", precision: str = "auto", threads: int = 0, resolution: Resolution = "auto"
    ) -> None:
        """``precision``: fp16 (``auto``), bf16 or fp32. Raises EngineError, also where there is no GPU."""
        if not torch.cuda.is_available():
            raise EngineError("the cuda_graph engine needs an NVIDIA GPU and driver, torch sees none; use 'openvino'")
        types = {"auto": torch.float16, "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
        if precision not in types:
            raise EngineError(f"precision {precision!r}: the cuda_graph engine runs fp16, bf16 or fp32")
        self.model = model
        self.precision = "fp16" if precision == "auto" else precision
        self._dtype = types[precision]
        self._resolution = resolution
        student = load_network(model)
        self._student = student.to("cuda", self._dtype, memory_format=torch.channels_last)
        self._graphs: OrderedDict[tuple[int, int], list[_Graph]] = OrderedDict()
        self._turn = 0

    @torch.inference_mode()
    def fuse(
        self,
        infrared: NDArray[np.uint8],
        visible: NDArray[np.uint8],
        code: NDArray[np.float32] | None = None,
        *,
        read: bool = True,
    ) -> FusionResult:
        """As ``models.engines.base.Engine.fuse``; reads every picture."""
        check_lumas(infrared, visible)
        height, width = visible.shape
        key = (height, width)
        if key not in self._graphs:
            half = halves(self._resolution, height, width)
            self._graphs[key] = [_Graph(self._student, height, width, self._dtype, half) for _ in range(2)]
            if len(self._graphs) > _MAX_SIZES:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        self._turn ^= 1
        graph = self._graphs[key][self._turn]
        graph.host_in[0, 0].copy_(torch.from_numpy(infrared))
        graph.host_in[1, 0].copy_(torch.from_numpy(visible))
        graph.host_steer.copy_(torch.from_numpy(steer_of(code)))
        graph.launch()
        graph.stream.synchronize()
        luma, gain, severity, own = (host.numpy() for host in graph.host_out)
        return FusionResult(luma.copy(), gain.copy(), named_scores(severity), own.copy())

    def expect(self, height: int, width: int) -> None:
        """As ``models.engines.base.Engine.expect``: there is nothing that can be done beside other things."""

    def close(self) -> None:
        """Release memory and threads."""
        self._graphs.clear()
