"""Network layers shared by teacher and student."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PixelNorm(nn.Module):
    """Layer normalization over the channels of each pixel, (B, dim, H, W) in and out.

    Deep residual networks need some normalization, or their features grow without end; this one (as in ConvNeXt, Liu
    et al., CVPR 2022) looks at no other pixel, so that nothing in one corner of a picture changes another.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Normalized features."""
        out: Tensor = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return out


class SeparableConv(nn.Sequential):
    """A 3x3 convolution of each channel by itself, then one across channels (Chollet, CVPR 2017), (B, dim, H, W).

    A fifth of the time of a full 3x3 convolution on a CPU. It starts near the identity: a residual connection that is
    folded into the weights, where a separate addition would cost an engine one more pass.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(nn.Conv2d(dim, dim, 3, padding=1, groups=dim), nn.Conv2d(dim, dim, 1))
        for conv in self:
            fold_identity(conv)


@torch.no_grad()
def fold_identity(conv: nn.Module) -> None:
    """Halve the weights of a fresh convolution and add the identity to them."""
    assert isinstance(conv, nn.Conv2d)
    nn.init.dirac_(identity := torch.empty_like(conv.weight), conv.groups)
    conv.weight.mul_(0.5).add_(identity)


def twice(x: Tensor) -> Tensor:
    """Twice the resolution, bilinear, (B, dim, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def whole_windows(x: Tensor, side: int) -> Tensor:
    """(B, dim, H, W) with its right and lower edges repeated up to whole windows of ``side``."""
    right, below = -x.shape[-1] % side, -x.shape[-2] % side
    return F.pad(x, (0, right, 0, below), mode="replicate") if right or below else x


def blended(maps: Tensor, infrared: Tensor, visible: Tensor) -> Tensor:
    """The fused luma (B, 1, H, W): two gains and a residual (B, 3, H, W) applied to the lumas (B, 1, H, W)."""
    return maps[:, 0:1] * infrared + maps[:, 1:2] * visible + maps[:, 2:3]


@torch.no_grad()
def start_as_average(head: nn.Conv2d, unshuffled: int) -> None:
    """Let a head that gives shuffled maps start as the plain average, from which every loss has a gradient."""
    head.weight.zero_()
    assert head.bias is not None
    head.bias.copy_(torch.tensor([0.5, 0.5, 0.0]).repeat_interleave(unshuffled))


class WindowCrossAttention(nn.Module):
    """Attention inside windows of one modality's features, asked by the other's (one direction).

    Queries come from ``x``, keys and values from ``y``, both (B, dim, H, W) with H and W multiples of
    ``window_px``, which is even. Windows as in Swin (Liu et al., ICCV 2021) with queries and keys from different
    modalities, as in the spatial half of the cross-fusion of Zhang et al. (2025). The keys' windows are twice as wide
    as the queries' and overlap by half (as in HaloNet, Vaswani et al., CVPR 2021), and what is found is smoothed over
    a window: otherwise it changes at the windows' borders, and the fused picture shows them as blocks.
    """

    def __init__(self, dim: int, heads: int, window_px: int) -> None:
        super().__init__()
        if dim % heads or window_px % 2:
            raise ValueError(f"dim {dim} must be a multiple of heads {heads}, and the window {window_px} even")
        self.heads = heads
        self.window_px = window_px
        self.query = nn.Conv2d(dim, dim, 1)
        self.key_value = nn.Conv2d(dim, 2 * dim, 1)
        self.project = nn.Conv2d(dim, dim, 1)
        self.scale = (dim // heads) ** -0.5
        self.bias = nn.Parameter(torch.zeros(heads, window_px**2, 4 * window_px**2))

    def _to_windows(self, x: Tensor, parts: int) -> Tensor:
        """(B, parts*dim, H, W) -> (parts, B, H/s, W/s, heads, s*s, dim per head) with s the window."""
        b, c, h, w = x.shape
        s, head_dim = self.window_px, c // parts // self.heads
        x = x.view(b, parts, self.heads, head_dim, h // s, s, w // s, s)
        x = x.permute(1, 0, 4, 6, 2, 5, 7, 3)
        return x.reshape(parts, b, h // s, w // s, self.heads, s * s, head_dim)

    def _to_wide_windows(self, x: Tensor, parts: int) -> Tensor:
        """As ``_to_windows``, but each window with half a window around it, four windows' tokens one after another."""
        half = self.window_px // 2
        x = self._to_windows(F.pad(x, (half,) * 4, mode="replicate"), parts)
        return torch.cat([x[:, :, i : x.shape[2] - 1 + i, j : x.shape[3] - 1 + j] for i in (0, 1) for j in (0, 1)], 5)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """What ``x`` finds in ``y``, (B, dim, H, W)."""
        b, c, h, w = x.shape
        s = self.window_px
        q = self._to_windows(self.query(x), 1)[0]
        kv = self._to_wide_windows(self.key_value(y), 2)
        attention = (q @ kv[0].transpose(-2, -1)) * self.scale + self.bias
        out = attention.softmax(dim=-1) @ kv[1]
        out = out.reshape(b, h // s, w // s, self.heads, s, s, c // self.heads)
        out = out.permute(0, 3, 6, 1, 4, 2, 5).reshape(b, c, h, w)
        for _ in range(self.window_px // 2):
            out = F.avg_pool2d(out, 3, stride=1, padding=1, count_include_pad=False)
        return self.project(out)


class ChannelGate(nn.Module):
    """Gates one modality's channels by what the other modality shows nearby, (B, dim, H, W) in and out.

    Squeeze-and-excitation (Hu et al., CVPR 2018) with two changes: the squeeze is local (an average over
    ``pool_px`` and not over the frame, since statistics of the whole frame make video flicker), and the gate comes
    from the other modality.
    """

    def __init__(self, dim: int, pool_px: int) -> None:
        super().__init__()
        self.pool_px = pool_px
        self.squeeze = nn.Conv2d(dim, dim // 2, 1)
        self.excite = nn.Conv2d(dim // 2, dim, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """``x`` times a gate in 0..2 computed from ``y``."""
        pooled = F.avg_pool2d(y, self.pool_px)
        gate = 2 * torch.sigmoid(self.excite(F.relu(self.squeeze(pooled))))
        return x * F.interpolate(gate, scale_factor=float(self.pool_px), mode="bilinear", align_corners=False)


class Modulate(nn.Module):
    """Feature-wise affine modulation of (B, dim, H, W) by a code (B, code); does nothing at first."""

    def __init__(self, code_dim: int, dim: int) -> None:
        super().__init__()
        self.affine = nn.Linear(code_dim, 2 * dim)
        nn.init.zeros_(self.affine.weight)
        nn.init.zeros_(self.affine.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """``x`` scaled and shifted by channel."""
        scale, shift = self.affine(code)[:, :, None, None].chunk(2, dim=1)
        return x * (1 + scale) + shift


class CrossFusion(nn.Module):
    """The spatial-channel cross-fusion module of Zhang et al. (2025), made light enough for video on a CPU.

    Each modality's features are gated by the other's channels and enriched by what they find in the other's
    windows; both results are joined. Two (B, dim, H, W) in, (B, out, H, W) out, any H and W: edges are repeated
    up to whole windows inside.
    """

    def __init__(self, dim: int, out: int, heads: int = 2, window_px: int = 4) -> None:
        super().__init__()
        self.window_px = window_px
        self.gate_infrared = ChannelGate(dim, window_px)
        self.gate_visible = ChannelGate(dim, window_px)
        self.ask_visible = WindowCrossAttention(dim, heads, window_px)
        self.ask_infrared = WindowCrossAttention(dim, heads, window_px)
        self.join = nn.Conv2d(2 * dim, out, 1)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Joined features, (B, out, H, W)."""
        height, width = infrared.shape[-2:]
        infrared, visible = (whole_windows(x, self.window_px) for x in (infrared, visible))
        a = self.gate_infrared(infrared, visible) + self.ask_visible(infrared, visible)
        b = self.gate_visible(visible, infrared) + self.ask_infrared(visible, infrared)
        return self.join(torch.cat([a, b], dim=1)[..., :height, :width])
