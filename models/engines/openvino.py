"""The CPU engine: the student's trunk in OpenVINO, its input and output written and read by our kernels."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from kernels.maps import apply_maps, pack_lumas
from models.engines.base import EngineError, FusionResult, check_lumas
from models.geometry import SHUFFLE, padded_size
from models.weights import weights_path

_MAX_SIZES = 4
"""Compiled sizes kept; a folder of pictures of many sizes must not fill the memory."""


class OpenVinoEngine:
    """Runs an exported student on the CPU. Implements ``models.engines.base.Engine``.

    The trunk is compiled once for every frame size (about 0.2 s each). No torch is imported.
    """

    name = "openvino"

    def __init__(self, model: str = "stream", precision: str = "auto", threads: int = 0) -> None:
        """``threads``: inference threads, 0: all processors. Raises EngineError."""
        if precision not in ("auto", "fp32", "bf16"):
            raise EngineError(f"precision {precision!r}: the openvino engine runs fp32, and bf16 where the CPU has it")
        self.model = model
        self._core = ov.Core()
        abilities = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision == "bf16" and "BF16" not in abilities:
            raise EngineError(f"precision 'bf16': this CPU does not run it (it has {', '.join(abilities)}); use 'auto'")
        self.precision = "bf16" if precision == "bf16" or (precision == "auto" and "BF16" in abilities) else "fp32"
        self._threads = threads or os.cpu_count() or 1
        try:
            self._network = self._core.read_model(weights_path(model, ".xml"))
        except RuntimeError as error:
            raise EngineError(f"model {model!r}: OpenVINO cannot read it: {str(error).splitlines()[0]}") from error
        self._compiled: OrderedDict[tuple[int, int], tuple[Any, NDArray[np.float32]]] = OrderedDict()

    def _request(self, height: int, width: int) -> tuple[Any, NDArray[np.float32]]:
        """Inference request and input buffer for trunk size (h, w), compiled on first use."""
        key = (height, width)
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        network = self._network.clone()
        network.reshape([1, height, width, network.input().partial_shape[3].get_length()])
        compiled = self._core.compile_model(
            network,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": self._threads,
                "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bf16" else "f32",
            },
        )
        packed = np.empty(compiled.input().shape, np.float32)
        request = compiled.create_infer_request()
        request.set_input_tensor(ov.Tensor(packed, shared_memory=True))
        self._compiled[key] = (request, packed)
        if len(self._compiled) > _MAX_SIZES:
            self._compiled.popitem(last=False)
        return self._compiled[key]

    def fuse(self, infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> FusionResult:
        """Fuse two registered full-range lumas, uint8, both (H, W), any size from 16x16. Raises EngineError."""
        check_lumas(infrared, visible)
        height, width = visible.shape
        request, packed = self._request(padded_size(height) // SHUFFLE, padded_size(width) // SHUFFLE)
        pack_lumas(infrared, visible, packed[0])
        request.infer()
        luma = np.empty((height, width), np.uint8)
        apply_maps(request.get_output_tensor().data[0], infrared, visible, luma)
        return FusionResult(luma)

    def close(self) -> None:
        """Release memory and threads."""
        self._compiled.clear()
