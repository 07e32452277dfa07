"""Against flicker: what fusion adds to the noise of its sources between two moments of a resting scene."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.data import Batch

WINDOW_PX = 5
RESTING = 4.0 / 255
"""Largest change of a source's 5x5 mean at which a place counts as resting, as in ``training.flicker``."""

CALMER = 0.9
"""The fused picture is to be a little calmer than its noisier source."""


DRIFT_CELLS = 5
"""Corners of the field by which smoke and light drift over a crop, in each direction."""

DRIFT = 3.0 / 255
"""Largest drift between the two moments: below what counts as movement."""


def drifted(batch: Batch, rng: np.random.Generator) -> Batch:
    """The batch with a smooth field added to what is seen at the later moment, for each source on its own.

    Noise is not all that a resting scene changes by: thin smoke and clouds drift, and a picture that is made of them at
    twice the contrast flickers at twice the strength. What the fused picture is judged by stays as it is.
    """
    if not batch.partners:
        return batch
    shape = (batch.partners, 1, DRIFT_CELLS, DRIFT_CELLS)
    fields = []
    for _ in range(2):
        corners = rng.uniform(-1, 1, shape).astype(np.float32)
        fields.append(corners * rng.uniform(0, 1, (batch.partners, 1, 1, 1)).astype(np.float32))
    return drift(batch, torch.from_numpy(np.stack(fields)))


def drift(batch: Batch, fields: Tensor) -> Batch:
    """``drifted`` by given fields: -1..1 at ``DRIFT_CELLS`` corners, (2, partners, 1, cells, cells), infrared first."""
    seen = []
    for source, corners in zip((batch.infrared, batch.visible), fields, strict=True):
        field = DRIFT * F.interpolate(corners, source.shape[-2:], mode="bicubic", align_corners=True)
        later = (source[-batch.partners :] + field).clamp(0, 1)
        seen.append(torch.cat([source[: -batch.partners], later]))
    return dataclasses.replace(batch, infrared=seen[0], visible=seen[1])


def flicker_loss(batch: Batch, fused: Tensor) -> Tensor:
    """Excess of the fused picture's local change over the sources', a mean for each pair of partners, (partners,).

    ``fused``: of the batch, (n, 1, H, W). Only where both sources rest. The local change is the root of the mean square
    over 5x5 pixels; allowed is 0.9 times that of the less steady source.
    """
    fused_change = _change(fused, batch.partners)
    infrared, visible = (_change(source, batch.partners) for source in (batch.infrared, batch.visible))
    resting = (_box(infrared).abs() <= RESTING) & (_box(visible).abs() <= RESTING)
    allowed = CALMER * torch.maximum(_level(infrared), _level(visible))
    excess = F.relu(_level(fused_change) - allowed)
    return (excess * resting).mean(dim=(1, 2, 3))


def _change(pictures: Tensor, partners: int) -> Tensor:
    return pictures[-partners:] - pictures[-2 * partners : -partners]


def _box(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, WINDOW_PX, stride=1, padding=WINDOW_PX // 2, count_include_pad=False)


def _level(change: Tensor) -> Tensor:
    return torch.sqrt(_box(change.square()) + 1e-8)
