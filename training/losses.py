"""Task losses on luma. All images (B, 1, H, W) in 0..1; every loss is one value a picture, (B,), lower is better."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.degradations import Degradation

C1 = 0.01**2
C2 = 0.03**2

FLAT = 0.3 / 255
"""Slope that counts as none, in grey levels per pixel: it has no direction to keep."""

INSIDE, AROUND = (1.5, 4), (10.0, 25)
"""Sigma and radius, in pixels, of the means in a warm body and around it."""

LUKEWARM = 0.08
"""Contrast to its surroundings from which something counts as warm; at twice as much it counts fully."""

GLOW = 0.04
"""How much brighter than in infrared a warm body is to be, as a share of its contrast there."""

NOTHING_WARM = 2e-4
"""Mean warmth of a picture that is next to nothing: a few warm pixels are not to outweigh the rest."""

MOST_KEPT = 1 / ((1 + math.exp(-8 * 0.5)) * (1 + math.exp(-11 * 0.2)))
"""What ``edge_loss`` finds of an edge that is kept altogether."""


@functools.lru_cache(maxsize=64)
def _blur_matrix(size_px: int, sigma_px: float, radius_px: int, stride: int, device: torch.device) -> Tensor:
    """Gaussian filter with reflected edges as a matrix, (size / stride, size)."""
    offsets = torch.arange(-radius_px, radius_px + 1)
    weights = torch.exp(-(offsets.float() ** 2) / (2 * sigma_px**2))
    weights = weights / weights.sum()
    centres = torch.arange(0, size_px, stride)
    columns = (centres[:, None] + offsets[None, :]).abs()
    columns = torch.where(columns >= size_px, 2 * (size_px - 1) - columns, columns)
    matrix = torch.zeros(len(centres), size_px)
    return matrix.scatter_add_(1, columns, weights.expand(len(centres), -1).contiguous()).to(device)


def blur(image: Tensor, sigma_px: float, radius_px: int, stride: int = 1) -> Tensor:
    """Gaussian filter with reflected edges, keeping every ``stride``-th row and column.

    Two matrix products: on crops of a hundred pixels several times faster on a CPU than a depthwise convolution.
    """
    rows = _blur_matrix(image.shape[-2], sigma_px, radius_px, stride, image.device)
    columns = _blur_matrix(image.shape[-1], sigma_px, radius_px, stride, image.device)
    return rows @ image @ columns.T


def sobel(image: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel derivatives, scaled to grey levels per pixel."""
    padded = F.pad(image, (1, 1, 1, 1), mode="reflect")
    down = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    dx = (down[..., 2:] - down[..., :-2]) / 8
    dy = (across[..., 2:, :] - across[..., :-2, :]) / 8
    return dx, dy


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the terms; what each pulls at is in ``task_losses``."""

    intensity: float = 3.0
    gradient: float = 5.0
    ssim: float = 1.0
    fidelity: float = 0.6
    edges: float = 1.5
    warmth: float = 0.8


_BRIGHTNESS_LOST = LossWeights(1.5, 1.0, 1.0, 1.0, 1.0, 1.0)
_SHARPNESS_LOST = LossWeights(1.0, 1.5, 1.0, 1.5, 1.5, 1.0)
_CONTRAST_LOST = LossWeights(1.0, 1.0, 1.5, 1.5, 1.0, 1.5)
_CLUTTER_ADDED = LossWeights(1.0, 1.0, 1.0, 1.5, 1.0, 1.5)

KIND_FACTORS: dict[str, LossWeights] = {
    "haze": _CONTRAST_LOST,
    "smoke": _CONTRAST_LOST,
    "rain": _CLUTTER_ADDED,
    "visible_blur": _SHARPNESS_LOST,
    "over_exposure": _BRIGHTNESS_LOST,
    "low_light": _BRIGHTNESS_LOST,
    "visible_noise": _CLUTTER_ADDED,
    "infrared_blur": _SHARPNESS_LOST,
    "low_contrast": _CONTRAST_LOST,
    "infrared_noise": _CLUTTER_ADDED,
    "stripes": _CLUTTER_ADDED,
    "dead_pixels": _CLUTTER_ADDED,
}
"""Kind of degradation -> factors on the weights: what a kind takes away counts more when it is there."""


def picture_weights(
    weights: LossWeights, done: Sequence[Sequence[Degradation]], clean_weight: float = 1.0
) -> dict[str, Tensor]:
    """Weights of each term for each picture, (B,), from what was done to it: the largest factor of its kinds.

    ``clean_weight``: factor where nothing was done, as is the case most of the time outside of training.
    """
    table: dict[str, list[float]] = {name: [] for name in asdict(weights)}
    for degradations in done:
        factors = [asdict(KIND_FACTORS[degradation.kind]) for degradation in degradations]
        for name, weight in asdict(weights).items():
            table[name].append(weight * max((factor[name] for factor in factors), default=clean_weight))
    return {name: torch.tensor(values) for name, values in table.items()}


Slopes = tuple[Tensor, Tensor]
"""Sobel derivatives of images, across and down."""


def gradient_loss(fused: Slopes, infrared: Slopes, visible: Slopes, detail_gain: float = 1.0) -> Tensor:
    """L1 between the fused Sobel gradient and ``detail_gain`` times the stronger source's, sign and direction kept."""
    (fx, fy), (ix, iy), (vx, vy) = fused, infrared, visible
    stronger = (ix**2 + iy**2) > (vx**2 + vy**2)
    wanted_x, wanted_y = (detail_gain * torch.where(stronger, i, v) for i, v in ((ix, vx), (iy, vy)))
    return _mean((fx - wanted_x).abs() + (fy - wanted_y).abs())


def edge_loss(fused: Slopes, infrared: Slopes, visible: Slopes, detail_gain: float = 1.0) -> Tensor:
    """1 - share of both sources' edges that is kept (Xydeas and Petrovic 2000), with gentler sigmoids.

    Kept is an edge of the same direction that is ``detail_gain`` times as strong.

    The absolute differences of ``gradient_loss`` are settled by the strongest edges, and are least when what is unsure
    is flattened; this one asks for the right strength and direction relative to each edge. The published slopes (15
    and 22) are too steep to learn by, and angles wrap here. For training only, not the reported metric.
    """
    fused_strength = _strength(fused)
    kept, present = torch.zeros_like(fused_strength), torch.zeros_like(fused_strength)
    for source in (infrared, visible):
        strength = _strength(source)
        wanted = detail_gain * strength
        ratio = torch.minimum(wanted, fused_strength) / torch.maximum(wanted, fused_strength)
        cross = (fused[0] * source[1] - fused[1] * source[0]).abs() / (strength * fused_strength)
        agreement = 1 - torch.asin(cross.clamp_max(0.999)) * (2 / torch.pi)
        kept = kept + strength * torch.sigmoid(8 * (ratio - 0.5)) * torch.sigmoid(11 * (agreement - 0.8))
        present = present + strength
    return 1 - _mean(kept) / (MOST_KEPT * _mean(present))


def warmth_loss(fused: Tensor, infrared: Tensor) -> Tensor:
    """How much darker than in infrared warm bodies are shown, relative to their contrast there; 0 is best, (B,).

    Warm is what is clearly brighter in infrared than the mean of its surroundings. Without this term a network that is
    unsure (noise, low contrast) shows people as the visible camera does: dark, in the dark. Only their brightness is
    asked for, a little more of it than infrared has, since their surroundings may be brighter than in infrared. Asking
    for contrast instead darkens what is around them: whole skies turned black.
    """
    inside = blur(infrared, *INSIDE)
    own = inside - blur(infrared, *AROUND)
    warm = ((own - LUKEWARM) / LUKEWARM).clamp(0, 1)
    wanted = (inside + GLOW * own).clamp_max(1)
    lost = (warm * F.relu(wanted - blur(fused, *INSIDE))).sum(dim=(1, 2, 3))
    return lost / ((warm * own).sum(dim=(1, 2, 3)) + NOTHING_WARM * own[0].numel())


def _strength(slopes: Slopes) -> Tensor:
    return torch.sqrt(slopes[0] ** 2 + slopes[1] ** 2 + FLAT**2)


def ssim_loss(fused: Tensor, infrared: Tensor, visible: Tensor) -> Tensor:
    """1 - mean of local SSIM (Wang et al. 2004, Gaussian 11x11, sigma 1.5, data range 1) with both sources."""
    sources = torch.cat([infrared, visible], dim=1)
    mean_s, mean_f = blur(sources, 1.5, 5), blur(fused, 1.5, 5)
    var_s, var_f = blur(sources**2, 1.5, 5) - mean_s**2, blur(fused**2, 1.5, 5) - mean_f**2
    cov = blur(sources * fused, 1.5, 5) - mean_s * mean_f
    ssim = ((2 * mean_s * mean_f + C1) * (2 * cov + C2)) / ((mean_s**2 + mean_f**2 + C1) * (var_s + var_f + C2))
    return 1 - _mean(ssim)


def fidelity_loss(fused: Tensor, infrared: Tensor, visible: Tensor, scales: int = 4) -> Tensor:
    """1 - mean over both sources of the visual information fidelity kept (Sheikh and Bovik 2006, pixel domain).

    Here with a smoothed gain, so that it has a gradient everywhere; for training only, not the reported metric.
    """
    noise = 2.0 / 255**2
    sources = torch.cat([infrared, visible], dim=1)
    kept = torch.zeros_like(sources[:, :, 0, 0])
    present = torch.zeros_like(kept)
    for scale in range(scales):
        radius = 2 ** (3 - scale)
        sigma = (2 * radius + 1) / 5.0
        if scale:
            sources, fused = blur(sources, sigma, radius, 2), blur(fused, sigma, radius, 2)
        mean_s, mean_f = blur(sources, sigma, radius), blur(fused, sigma, radius)
        var_s = (blur(sources**2, sigma, radius) - mean_s**2).clamp_min(0)
        var_f = (blur(fused**2, sigma, radius) - mean_f**2).clamp_min(0)
        cov = blur(sources * fused, sigma, radius) - mean_s * mean_f
        gain = (cov / (var_s + 1e-5)).clamp_min(0)
        rest = (var_f - gain * cov).clamp_min(0)
        kept = kept + torch.log2(1 + gain**2 * var_s / (rest + noise)).sum(dim=(2, 3))
        present = present + torch.log2(1 + var_s / noise).sum(dim=(2, 3))
    # Clipped at 1.2: more contrast than the source has must not be bought without end.
    return 1 - ((kept + 1) / (present + 1)).clamp_max(1.2).mean(dim=1)


def task_losses(
    fused: Tensor, infrared: Tensor, visible: Tensor, target: Tensor, detail_gain: float = 1.0
) -> dict[str, Tensor]:
    """All terms by the names of ``LossWeights``' fields, unweighted, (B,) each.

    Sources are the clean ones; ``target`` is the brightness to aim for, see ``training.targets``.
    """
    slopes = sobel(fused), sobel(infrared), sobel(visible)
    return {
        "intensity": _mean((fused - target).abs()),
        "gradient": gradient_loss(*slopes, detail_gain),
        "ssim": ssim_loss(fused, infrared, visible),
        "fidelity": fidelity_loss(fused, infrared, visible),
        "edges": edge_loss(*slopes, detail_gain),
        "warmth": warmth_loss(fused, infrared),
    }


def weighted_terms(losses: dict[str, Tensor], weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each term's weighted mean over the pictures. Raises KeyError if terms and weights have not the same names."""
    if set(losses) != set(weights):
        raise KeyError(f"loss terms {sorted(losses)} and weights {sorted(weights)} must have the same names")
    return {name: (loss * weights[name]).mean() for name, loss in losses.items()}


def _mean(values: Tensor) -> Tensor:
    return values.mean(dim=(1, 2, 3))
