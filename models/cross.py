"""The spatial-channel cross-fusion of Zhang et al. (2025) for the student: both directions in one pass.

What the teacher does with two modules (``models.layers.CrossFusion``), one for each direction, is done here for both at
once: an engine on a CPU pays for every operation, however small. Features of the two modalities lie one after the
other, (B, 2 * dim, H, W), infrared first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import whole_windows

WINDOW_PX = 4
"""Side of the windows of queries, and of what the channels' gates average over."""

TOKEN_PX = 2
"""Side of the squares whose averages are keys and values."""


class PairedConv(nn.Module):
    """A 1x1 convolution of each modality by itself, (B, 2 * dim, H, W) -> (B, 2 * out, H, W).

    ``swapped``: each modality's output is made from the other's features. The weights are laid out as those of one
    convolution whose other half is zero, which costs an engine less than two groups.
    """

    def __init__(self, dim: int, out: int, swapped: bool = False) -> None:
        super().__init__()
        self.swapped = swapped
        self.weight = nn.Parameter(torch.empty(2, out, dim).uniform_(-1, 1) * dim**-0.5)
        self.bias = nn.Parameter(torch.zeros(2 * out))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        nothing = torch.zeros_like(self.weight[0])
        rows = [torch.cat([self.weight[0], nothing], dim=1), torch.cat([nothing, self.weight[1]], dim=1)]
        if self.swapped:
            rows = [row.roll(nothing.shape[1], dims=1) for row in rows]
        return F.conv2d(x, torch.cat(rows)[:, :, None, None], self.bias)


class PairedGate(nn.Module):
    """Gates each modality's channels by what the other shows nearby, (B, 2 * dim, H, W) in and out.

    Squeeze-and-excitation (Hu et al., CVPR 2018) with a local squeeze, since statistics of the whole frame make video
    flicker, and with the gate from the other modality. H and W are multiples of ``WINDOW_PX``.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.squeeze = PairedConv(dim, dim // 2)
        self.excite = PairedConv(dim // 2, dim, swapped=True)

    def forward(self, x: Tensor) -> Tensor:
        """``x`` times gates in 0..2."""
        gate = 2 * torch.sigmoid(self.excite(F.relu(self.squeeze(F.avg_pool2d(x, WINDOW_PX)))))
        return x * F.interpolate(gate, scale_factor=float(WINDOW_PX), mode="bilinear", align_corners=False)


class PairedAttention(nn.Module):
    """What each modality finds in windows of the other, (B, 2 * dim, H, W) in and out.

    Windows of queries as in Swin (Liu et al., ICCV 2021); keys and values come from the other modality, averaged over
    squares (as in PVT v2, Wang et al., 2022), from windows twice as wide that overlap by half (as in HaloNet, Vaswani
    et al., CVPR 2021). What is found is smoothed over a window: otherwise it changes at the windows' borders, and the
    fused picture shows them as blocks. H and W are multiples of ``WINDOW_PX``.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim {dim} must be a multiple of heads {heads}")
        self.heads = 2 * heads
        self.query = PairedConv(dim, dim)
        self.key_value = PairedConv(dim, 2 * dim, swapped=True)
        self.scale = (dim // heads) ** -0.5
        self.bias = nn.Parameter(torch.zeros(self.heads, WINDOW_PX**2, (2 * WINDOW_PX // TOKEN_PX) ** 2))

    def _windows(self, x: Tensor, parts: int, side: int) -> Tensor:
        """(B, 2 * parts * dim, H, W) -> (parts, B, H/side, W/side, heads, side * side, dim per head)."""
        b, c, h, w = x.shape
        x = x.view(b, 2, parts, self.heads // 2, c // parts // self.heads, h // side, side, w // side, side)
        x = x.permute(2, 0, 5, 7, 1, 3, 6, 8, 4)
        return x.reshape(parts, b, h // side, w // side, self.heads, side * side, c // parts // self.heads)

    def _wide_windows(self, x: Tensor) -> Tensor:
        """Keys and values, (2, B, H/4, W/4, heads, 16, dim per head), of averages (B, 4 * dim, H/2, W/2).

        Each window with half a window around it: four smaller ones' tokens, one after another.
        """
        x = self._windows(F.pad(x, (1,) * 4, mode="replicate"), 2, WINDOW_PX // TOKEN_PX)
        return torch.cat([x[:, :, i : x.shape[2] - 1 + i, j : x.shape[3] - 1 + j] for i in (0, 1) for j in (0, 1)], 5)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        b, c, h, w = x.shape
        s = WINDOW_PX
        (query,) = self._windows(self.query(x) * self.scale, 1, s)
        key, value = self._wide_windows(self.key_value(F.avg_pool2d(x, TOKEN_PX)))
        attention = query @ key.transpose(-2, -1) + self.bias
        out = attention.softmax(dim=-1) @ value
        out = out.reshape(b, h // s, w // s, self.heads, s, s, c // self.heads)
        out = out.permute(0, 3, 6, 1, 4, 2, 5).reshape(b, c, h, w)
        for _ in range(s // 2):
            out = F.avg_pool2d(out, 3, stride=1, padding=1, count_include_pad=False)
        return out


class PairedCrossFusion(nn.Module):
    """Each modality's features, gated by the other's channels and enriched by what they find in the other's windows;
    joined. (B, 2 * dim, H, W) in and out, any H and W: edges are repeated up to whole windows inside.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.gate = PairedGate(dim)
        self.attention = PairedAttention(dim, heads)
        self.join = nn.Conv2d(4 * dim, 2 * dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Joined features."""
        height, width = x.shape[-2:]
        x = whole_windows(x, WINDOW_PX)
        return self.join(torch.cat([self.gate(x), self.attention(x)], dim=1)[..., :height, :width])
