"""The reference engine: the student in eager torch, on the CPU or a GPU. Slow on a CPU; for checks and training."""

from __future__ import annotations

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
        f"the torch engine needs the 'cuda' or 'train' extra (pip install 'nightglass[cuda]'): {error}"
    ) from error


class TorchEngine:
    """Runs the safetensors weights. Implements ``models.engines.base.Engine``."""

    name = "torch"
    parallel = 1

    def __init__(self, model: str = "stream", precision: str = "auto", threads: int = 0) -> None:
        """``threads``: torch's threads on the CPU, 0: torch's own choice. Raises EngineError."""
        if precision not in ("auto", "fp32"):
            raise EngineError(f"precision {precision!r}: the torch engine runs fp32 only")
        self.model = model
        self.precision = "fp32"
        if threads:
            torch.set_num_threads(threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        student = load_network(model)
        self._student = student.to(self._device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def fuse(self, infrared: NDArray[np.uint8], visible: NDArray[np.uint8]) -> FusionResult:
        """Fuse two registered full-range lumas, uint8, both (H, W), any size from 16x16. Raises EngineError."""
        check_lumas(infrared, visible)
        height, width = visible.shape
        both = torch.from_numpy(np.stack([infrared, visible])[:, None]).to(self._device).float() / 255
        pad = (0, padded_size(width) - width, 0, padded_size(height) - height)
        both = F.pad(both, pad, mode="replicate")
        luma = self._student(both[0:1], both[1:2]).luma[0, 0, :height, :width]
        return FusionResult((luma * 255 + 0.5).clamp(0, 255).to(torch.uint8).cpu().numpy())

    def close(self) -> None:
        """Release memory and threads."""
