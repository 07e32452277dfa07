"""The text-guided teacher: fuses degraded pairs, told by a sentence what is wrong with them. Training only.

Two encoders over four scales, cross-fusion at every scale, one decoder. The sentence's embedding passes a narrow code
(the prior), which modulates the decoder's features at every scale (FiLM: Perez et al., AAAI 2018; degradation text in
fusion: Yi et al., Text-IF, CVPR 2024; Zhang et al. 2025). The output are the student's maps: two gains and a residual.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.geometry import MAPS
from models.layers import (
    ChannelGate,
    CrossFusion,
    Modulate,
    PixelNorm,
    WindowCrossAttention,
    blended,
    start_as_average,
    twice,
)
from models.prior import CODE_DIM, KIND_NAMES

SCALES = 4
EMBEDDING_DIM = 384
"""Length of a sentence's embedding (MiniLM-L6)."""


@dataclass(frozen=True, slots=True)
class TeacherPreset:
    """Shape of a teacher.

    ``shuffle``: pixel-unshuffle factor before the first scale; each further scale halves the resolution. By scale,
    finest first: ``dims`` channels of each modality; ``blocks`` of each encoder; ``decoder_blocks``; heads of the
    window attention inside the blocks and in the cross-fusion (0: none there). ``code_dim``: length of the prior.
    """

    shuffle: int
    dims: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]
    decoder_blocks: tuple[int, int, int, int]
    block_heads: tuple[int, int, int, int]
    cross_heads: tuple[int, int, int, int]
    code_dim: int = CODE_DIM


PRESETS: dict[str, TeacherPreset] = {
    "cpu": TeacherPreset(2, (24, 48, 72, 96), (1, 1, 1, 1), (1, 1, 1, 1), (0, 0, 0, 4), (0, 0, 4, 4)),
    "paper": TeacherPreset(1, (48, 96, 192, 384), (2, 3, 3, 4), (3, 3, 3, 4), (2, 4, 8, 8), (2, 4, 8, 8)),
}


@dataclass(frozen=True, slots=True)
class TeacherOutput:
    """``luma``: fused, (B, 1, H, W), not clipped; ``maps``: (B, 3, H, W); ``code``: the prior, (B, code) in -1..1.

    ``severity``: logits of each kind of degradation as read from the code, (B, kinds). ``features``: of the decoder by
    scale, finest first, for distillation.
    """

    luma: Tensor
    maps: Tensor
    code: Tensor
    severity: Tensor
    features: tuple[Tensor, ...]


class Block(nn.Module):
    """Two convolutions, under channel attention and followed by window attention if ``heads`` is not 0.

    (B, dim, H, W) in and out.
    """

    def __init__(self, dim: int, heads: int, window_px: int = 4) -> None:
        super().__init__()
        self.norm = PixelNorm(dim)
        self.first = nn.Conv2d(dim, dim, 3, padding=1)
        self.second = nn.Conv2d(dim, dim, 3, padding=1)
        self.gate = ChannelGate(dim, window_px) if heads else None
        self.attention_norm = PixelNorm(dim) if heads else None
        self.attention = WindowCrossAttention(dim, heads, window_px) if heads else None
        for layer in (self.second, *([self.attention.project] if self.attention else [])):
            layer.weight.data.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """Refined features."""
        inner = self.second(F.relu(self.first(self.norm(x))))
        x = x + (inner if self.gate is None else self.gate(inner, inner))
        if self.attention is None or self.attention_norm is None:
            return x
        calm = self.attention_norm(x)
        return x + self.attention(calm, calm)


class Join(nn.Module):
    """Cross-fusion without the window attention, for the fine scales: channel gates from the other, and a 1x1."""

    def __init__(self, dim: int, window_px: int = 4) -> None:
        super().__init__()
        self.gate_infrared = ChannelGate(dim, window_px)
        self.gate_visible = ChannelGate(dim, window_px)
        self.join = nn.Conv2d(2 * dim, dim, 1)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Joined features, (B, dim, H, W)."""
        gated = (self.gate_infrared(infrared, visible), self.gate_visible(visible, infrared))
        return self.join(torch.cat(gated, dim=1))


class Encoder(nn.Module):
    """One modality's features at four scales."""

    def __init__(self, preset: TeacherPreset) -> None:
        super().__init__()
        self.shuffle = preset.shuffle
        dims = preset.dims
        self.stem = nn.Conv2d(preset.shuffle**2, dims[0], 3, padding=1)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(dim, heads) for _ in range(count)))
            for dim, heads, count in zip(dims, preset.block_heads, preset.blocks, strict=True)
        )
        self.down = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(dims))

    def forward(self, luma: Tensor) -> list[Tensor]:
        """Features by scale, finest first."""
        x = self.stem(F.pixel_unshuffle(luma, self.shuffle))
        scales = []
        for index, stage in enumerate(self.stages):
            x = stage(x if index == 0 else self.down[index - 1](x))
            scales.append(x)
        return scales


class Teacher(nn.Module):
    """See the module's text. H and W must be multiples of ``size_multiple``."""

    def __init__(self, preset: TeacherPreset) -> None:
        super().__init__()
        self.preset = preset
        dims = preset.dims
        self.size_multiple = preset.shuffle * 2 ** (SCALES - 1) * 4
        self.reads_text = True
        """False for one trained without sentences, which is given zeros."""
        self.infrared = Encoder(preset)
        self.visible = Encoder(preset)
        self.cross = nn.ModuleList(
            CrossFusion(dim, dim, count) if count else Join(dim)
            for dim, count in zip(dims, preset.cross_heads, strict=True)
        )
        self.infrared_norms = nn.ModuleList(PixelNorm(dim) for dim in dims)
        self.visible_norms = nn.ModuleList(PixelNorm(dim) for dim in dims)
        self.read = nn.Sequential(nn.Linear(EMBEDDING_DIM, 128), nn.GELU(), nn.Linear(128, preset.code_dim), nn.Tanh())
        self.severity = nn.Linear(preset.code_dim, len(KIND_NAMES))
        self.modulate = nn.ModuleList(Modulate(preset.code_dim, dim) for dim in dims)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(dim, heads) for _ in range(count)))
            for dim, heads, count in zip(dims, preset.block_heads, preset.decoder_blocks, strict=True)
        )
        self.up = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in pairwise(dims))
        unshuffled = preset.shuffle**2
        self.last_norm = PixelNorm(dims[0])
        self.head = nn.Conv2d(dims[0], MAPS * unshuffled, 3, padding=1)
        start_as_average(self.head, unshuffled)

    def forward(self, infrared: Tensor, visible: Tensor, embedding: Tensor) -> TeacherOutput:
        """Fuse lumas (B, 1, H, W) in 0..1 under sentences (B, 384). Raises ValueError on other sizes."""
        multiple = self.size_multiple
        if infrared.shape != visible.shape or infrared.shape[-1] % multiple or infrared.shape[-2] % multiple:
            raise ValueError(f"need equal sizes, multiples of {multiple}: {infrared.shape}, {visible.shape}")
        code = self.read(embedding)
        seen = zip(self.infrared_norms, self.infrared(infrared), self.visible_norms, self.visible(visible), strict=True)
        joined = [cross(a(ir), b(vi)) for cross, (a, ir, b, vi) in zip(self.cross, seen, strict=True)]
        features: list[Tensor] = []
        for index in reversed(range(SCALES)):
            x = joined[index]
            if features:
                x = x + twice(self.up[index](features[-1]))
            features.append(self.stages[index](self.modulate[index](x, code)))
        maps = F.pixel_shuffle(self.head(F.relu(self.last_norm(features[-1]))), self.preset.shuffle)
        return TeacherOutput(
            blended(maps, infrared, visible), maps, code, self.severity(code), tuple(reversed(features))
        )


def make_teacher(name: str) -> Teacher:
    """A teacher with fresh weights. Raises ValueError for an unknown preset."""
    if name not in PRESETS:
        raise ValueError(f"unknown teacher preset {name!r}; there are: {', '.join(PRESETS)}")
    return Teacher(PRESETS[name])
