"""The reference engine: the student in eager torch, on the CPU or a GPU. Slow on a CPU; for checks and training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.engines.base import EngineError, FusionResult, Resolution, check_lumas, halves, named_scores
from models.steering import steer_of

try:
    import torch

    from models.engines.network import fuse_lumas, load_network
except ImportError as error:
    raise EngineError(
        f"the torch engine needs the 'cuda' or 'train' extra (pip install 'nightglass[cuda]'): {error}"
    ) from error


class TorchEngine:
    """Runs the safetensors weights. Implements ``models.engines.base.Engine``."""

    name = "torch"
    parallel = 1

    def __init__(
        self, model: str = "stream", precision: str = "auto", threads: int = 0, resolution: Resolution = "auto"
    ) -> None:
        """``threads``: torch's threads on the CPU, 0: torch's own choice. Raises EngineError."""
        if precision not in ("auto", "fp32"):
            raise EngineError(f"precision {precision!r}: the torch engine runs fp32 only")
        self.model = model
        self.precision = "fp32"
        self._resolution = resolution
        if threads:
            torch.set_num_threads(threads)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        student = load_network(model)
        self._student = student.to(self._device, memory_format=torch.channels_last)

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
        lumas = torch.from_numpy(np.stack([infrared, visible])[:, None]).to(self._device)
        steer = torch.from_numpy(steer_of(code)).to(self._device)
        outputs = fuse_lumas(self._student, lumas, steer, torch.float32, halves(self._resolution, *visible.shape))
        luma, gain, scores, own = (out.cpu().numpy() for out in outputs)
        return FusionResult(luma, gain, named_scores(scores), own)

    def expect(self, height: int, width: int) -> None:
        """As ``models.engines.base.Engine.expect``: there is nothing that can be done beside other things."""

    def close(self) -> None:
        """Release memory and threads."""
