"""The GPU engine: packing, trunk and output captured once in a CUDA graph, replayed for every frame.

Capture follows PyTorch's rules (docs, "CUDA Graphs"): a few warm-up runs on a side stream, then capture with
``capture_error_mode="thread_local"``, since decoder and sink threads may touch CUDA meanwhile. A replay overwrites its
output, so two graphs with buffers of their own take turns, and a result is copied to pinned memory before the next
turn of the same graph.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from models.engines.base import EngineError, FusionResult, check_lumas
from models.geometry import padded_size

try:
    import torch
    import torch.nn.functional as F

    from models.engines.network import load_network
except ImportError as error:
    raise EngineError(
        f"the cuda_graph engine needs the 'cuda' extra (pip install 'nightglass[cuda]'): {error}"
    ) from error

_WARM_UP_RUNS = 3
_MAX_SIZES = 2


class _Graph:
    """One captured graph for one frame size, with its own input, output and pinned host buffers."""

    def __init__(self, student: torch.nn.Module, height: int, width: int, dtype: torch.dtype) -> None:
        device = torch.device("cuda")
        self.stream = torch.cuda.Stream()
        self.host_in = torch.empty((2, 1, height, width), dtype=torch.uint8, pin_memory=True)
        self.host_out = torch.empty((height, width), dtype=torch.uint8, pin_memory=True)
        self._in = torch.zeros((2, 1, height, width), dtype=torch.uint8, device=device)
        pad = (0, padded_size(width) - width, 0, padded_size(height) - height)

        def run() -> torch.Tensor:
            both = F.pad(self._in.to(dtype) / 255, pad, mode="replicate")
            luma = student(both[0:1], both[1:2]).luma[0, 0, :height, :width]
            return (luma.float() * 255 + 0.5).clamp(0, 255).to(torch.uint8)

        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            for _ in range(_WARM_UP_RUNS):
                run()
        self.stream.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, stream=self.stream, capture_error_mode="thread_local"):
            self._out = run()

    def launch(self) -> None:
        """Copy in, replay, copy out, all queued on the graph's stream."""
        with torch.cuda.stream(self.stream):
            self._in.copy_(self.host_in, non_blocking=True)
            self._graph.replay()
            self.host_out.copy_(self._out, non_blocking=True)


class CudaGraphEngine:
    """Runs the safetensors weights on an NVIDIA GPU. Implements ``models.engines.base.Engine``."""

    name = "cuda_graph"
    parallel = 1

    def __init__(self, model: str = "stream", precision: str = "auto", threads: int = 0) -> None:
        """``precision``: fp16 (``auto``), bf16 or fp32. Raises EngineError, also where there is no GPU."""
        if not torch.cuda.is_available():
            raise EngineError("the cuda_graph engine needs an NVIDIA GPU and driver, torch sees none; use 'openvino'")
        types = {"auto": torch.float16, "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
        if precision not in types:
            raise EngineError(f"precision {precision!r}: the cuda_graph engine runs fp16, bf16 or fp32")
        self.model = model
        self.precision = "fp16" if precision == "auto" else precision
        self._dtype = types[precision]
        student = load_network(model)
        self._student = student.to("cuda", self._dtype, memory_format=torch.channels_last)
        self._graphs: OrderedDict[tuple[int, int], list[_Graph]] = OrderedDict()
        self._turn = 0

    @torch.inference_mode()
    def fuse(self, infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> FusionResult:
        """Fuse two registered full-range lumas, uint8, both (H, W), any size from 16x16. Raises EngineError."""
        check_lumas(infrared, visible)
        height, width = visible.shape
        key = (height, width)
        if key not in self._graphs:
            self._graphs[key] = [_Graph(self._student, height, width, self._dtype) for _ in range(2)]
            if len(self._graphs) > _MAX_SIZES:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        self._turn ^= 1
        graph = self._graphs[key][self._turn]
        graph.host_in[0, 0].copy_(torch.from_numpy(infrared))
        graph.host_in[1, 0].copy_(torch.from_numpy(visible))
        graph.launch()
        graph.stream.synchronize()
        return FusionResult(graph.host_out.numpy().copy())

    def close(self) -> None:
        """Release memory and threads."""
        self._graphs.clear()
