"""The student's network for the engines that run it in torch. Importing this module needs torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor

from models.checkpoint import load_student
from models.engines.base import EngineError, chroma_gain_shape
from models.geometry import padded_size
from models.student import Student
from models.weights import weights_path


def load_network(model: str) -> Student:
    """The network of a shipped model or of exported weights, in evaluation mode. Raises EngineError, one line."""
    path = weights_path(model, ".safetensors")
    try:
        student, _ = load_student(path)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise EngineError(f"{path}: not weights that this version can run: {str(error).splitlines()[0]}") from error
    return student


def fuse_lumas(student: Student, lumas: Tensor, steer: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """What a ``FusionResult`` is made of, on the device of ``lumas``, which nothing here waits for: it can be captured.

    ``lumas``: uint8 (2, 1, H, W), infrared first. ``steer``: float32 (code + 1,), see ``models.steering.steer_of``.
    ``dtype``: of ``student``. Gives the fused luma, uint8 (H, W), the chroma gain, float32 of ``chroma_gain_shape``,
    the scores, float32 (kinds,), and the picture's own code, float32 (code,), all contiguous.
    """
    height, width = lumas.shape[-2:]
    pad = (0, padded_size(width) - width, 0, padded_size(height) - height)
    both = F.pad(lumas.to(dtype) / 255, pad, mode="replicate")
    output = student(both[0:1], both[1:2], steer[None].to(dtype))
    luma = (output.luma[0, 0, :height, :width].float() * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    rows, columns = chroma_gain_shape(height, width)
    gain = output.trunk.chroma_gain[0, 0, :rows, :columns].float()
    scores = torch.sigmoid(output.trunk.severity[0].float())
    return luma.contiguous(), gain.contiguous(), scores, output.trunk.code[0].float()
