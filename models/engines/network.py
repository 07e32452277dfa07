"""The student's network for the engines that run it in torch. Importing this module needs torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor

from models.checkpoint import load_student
from models.engines.base import EngineError, chroma_gain_shape
from models.geometry import MAP_PX, padded_size
from models.layers import blended
from models.student import Student, full_size, map_values, packed_lumas
from models.weights import weights_path


def load_network(model: str) -> Student:
    """The network of a shipped model or of exported weights, in evaluation mode. Raises EngineError, one line."""
    path = weights_path(model, ".safetensors")
    try:
        student, _ = load_student(path)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise EngineError(f"{path}: not weights that this version can run: {str(error).splitlines()[0]}") from error
    return student


def fuse_lumas(
    student: Student, lumas: Tensor, steer: Tensor, dtype: torch.dtype, half: bool = False
) -> tuple[Tensor, ...]:
    """What a ``FusionResult`` is made of, on the device of ``lumas``, which nothing here waits for: it can be captured.

    ``lumas``: uint8 (2, 1, H, W), infrared first. ``steer``: float32 (code + 1,), see ``models.steering.steer_of``.
    ``dtype``: of ``student``. ``half``: the student looks at half the width and height (``kernels.halved``).
    Gives the fused luma, uint8 (H, W), the chroma gain, float32 of ``chroma_gain_shape``, the scores, float32 (kinds,),
    and the picture's own code, float32 (code,), all contiguous.
    """
    height, width = lumas.shape[-2:]
    both = lumas.to(dtype) / 255
    seen = F.avg_pool2d(_padded(both, height + height % 2, width + width % 2), 2) if half else both
    rows, columns = seen.shape[-2:]
    seen = _padded(seen, padded_size(rows), padded_size(columns))
    trunk = student.trunk(packed_lumas(seen[0:1], seen[1:2]), steer[None].to(dtype))
    if half:
        step = 2 * MAP_PX
        values = map_values(trunk.maps)[..., : -(-height // step), : -(-width // step)]
        maps = F.interpolate(values, scale_factor=float(step), mode="bilinear", align_corners=False)
        gain = F.interpolate(trunk.chroma_gain, scale_factor=2.0)
    else:
        maps, gain = full_size(trunk.maps), trunk.chroma_gain
    maps = maps[..., :height, :width]
    fused = blended(maps, both[0:1], both[1:2])
    luma = (fused[0, 0].float() * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    gain_rows, gain_columns = chroma_gain_shape(height, width)
    scores = torch.sigmoid(trunk.severity[0].float())
    gain = gain[0, 0, :gain_rows, :gain_columns].float()
    return luma.contiguous(), gain.contiguous(), scores, trunk.code[0].float()


def _padded(pictures: Tensor, height: int, width: int) -> Tensor:
    """Pictures (n, 1, h, w) with the last row and column repeated up to a size."""
    return F.pad(pictures, (0, width - pictures.shape[-1], 0, height - pictures.shape[-2]), mode="replicate")
