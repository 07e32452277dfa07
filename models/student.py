"""The real-time student: two lumas in, per-pixel weights and a residual out.

A coarse branch at 1/8 and 1/16 resolution, with the cross-fusion module, sees both images in context; a detail branch
works on pixel-unshuffled luma at 1/4 resolution. The output is three maps at full resolution, so that fine detail comes
straight from the sources and not through the narrow network::

    fused = gain_infrared * infrared + gain_visible * visible + residual

What the teacher reads in a sentence, the student reads in the pictures: averages of its coarse features, and of probes
of the finest detail, give a code of the same form as the teacher's (the prior). It modulates the coarse and the detail
branch. A second reader of the same form tells the kinds of degradation: it is taught on whole pictures, apart from the
rest, which has learned to obey the first as it is. Nothing else looks at the whole frame: statistics of it (instance
norm, stretching) make video flicker. In a video the code of the frames before, smoothed in time, steers the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.geometry import MAPS, SHUFFLE, SIZE_MULTIPLE
from models.layers import CrossFusion, Modulate, SeparableConv, blended, fold_identity, start_as_average, twice
from models.prior import CODE_DIM, KIND_NAMES

MAX_CHROMA_GAIN = 4.0

PROBES = 48
PROBE_CELLS = 2
"""The prior's probes: how many, and the side of what each looks at, in cells of 4x4 pixels."""


@dataclass(frozen=True, slots=True)
class StudentPreset:
    """Shape of a student.

    ``dim``: channels at 1/4 resolution; ``coarse_dim``, ``cross_dim``: channels of each modality at 1/8 and 1/16;
    ``blocks``: separable convolutions at 1/4 resolution; ``refines``: the same at 1/8.
    """

    dim: int
    coarse_dim: int
    cross_dim: int
    blocks: int
    refines: int
    heads: int = 2


PRESETS: dict[str, StudentPreset] = {
    "stream": StudentPreset(dim=32, coarse_dim=16, cross_dim=24, blocks=4, refines=3),
    "hd": StudentPreset(dim=24, coarse_dim=16, cross_dim=24, blocks=3, refines=2),
}


@dataclass(frozen=True, slots=True)
class Trunk:
    """What the exported part computes.

    ``maps``: shuffled, (B, 48, H/4, W/4); ``chroma_gain``: (B, 1, H/8, W/8), 0..4; ``code``: the picture's own,
    (B, code), -1..1; ``severity``: logits by kind, (B, kinds); ``eighth``, ``sixteenth``: features, for distillation.
    """

    maps: Tensor
    chroma_gain: Tensor
    code: Tensor
    severity: Tensor
    eighth: Tensor
    sixteenth: Tensor


@dataclass(frozen=True, slots=True)
class StudentOutput:
    """``luma``: fused, (B, 1, H, W), not clipped; ``maps``: (B, 3, H, W): the two gains and the residual."""

    luma: Tensor
    maps: Tensor
    trunk: Trunk


class Probes(nn.Module):
    """What shows in fine detail, (B, 48, H/16, W/16), from unshuffled lumas (B, 32, H/4, W/4).

    Noise, blur and stripes show in the finest detail, which the coarse features have no use for. One block of 8x8
    pixels in four is probed for it: enough for an average, and next to no work.
    """

    def __init__(self) -> None:
        super().__init__()
        self.probe = nn.Conv2d(2 * SHUFFLE * SHUFFLE, PROBES, PROBE_CELLS, stride=2 * PROBE_CELLS, groups=2)
        self.weigh = nn.Conv2d(PROBES, PROBES, 1)

    def forward(self, packed: Tensor) -> Tensor:
        """Features, at least 0."""
        return F.relu(self.weigh(self.probe(packed).abs()))


def _reader(summary: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(summary, 64), nn.ReLU(), nn.Linear(64, CODE_DIM), nn.Tanh())


class Student(nn.Module):
    """See the module's text. H and W must be multiples of ``models.geometry.SIZE_MULTIPLE``."""

    def __init__(self, preset: StudentPreset) -> None:
        super().__init__()
        self.preset = preset
        unshuffled = SHUFFLE * SHUFFLE
        dim, coarse, cross = preset.dim, preset.coarse_dim, preset.cross_dim
        self.stem = nn.Conv2d(2 * unshuffled, dim, 1)
        # Two groups keep the modalities apart until the cross-fusion, in one call of the engine instead of two.
        self.descend = nn.Conv2d(2 * unshuffled, 2 * coarse, 2, stride=2, groups=2)
        self.coarse = nn.Conv2d(2 * coarse, 2 * cross, 3, stride=2, padding=1, groups=2)
        self.cross = CrossFusion(cross, 2 * cross, preset.heads)
        self.context = nn.Conv2d(2 * cross, 2 * cross, 3, padding=1)
        summary = 2 * coarse + 2 * cross + PROBES
        self.probes = Probes()
        self.read = _reader(summary)
        self.kinds_probes = Probes()
        self.kinds_read = _reader(summary)
        self.judge = nn.Sequential(nn.Linear(CODE_DIM + summary, 64), nn.ReLU(), nn.Linear(64, len(KIND_NAMES)))
        self.modulate = Modulate(CODE_DIM, 2 * cross)
        self.modulate_detail = Modulate(CODE_DIM, dim)
        self.rise = nn.Conv2d(2 * cross, 2 * coarse, 1)
        self.refines = nn.ModuleList(SeparableConv(2 * coarse) for _ in range(preset.refines))
        self.chroma = nn.Conv2d(2 * coarse, 1, 1)
        self.ascend = nn.Conv2d(2 * coarse, dim, 1)
        self.blocks = nn.ModuleList(SeparableConv(dim) for _ in range(preset.blocks))
        self.head = nn.Conv2d(dim, MAPS * unshuffled, 1)
        fold_identity(self.context)
        start_as_average(self.head, unshuffled)
        nn.init.zeros_(self.chroma.weight)
        with torch.no_grad():
            # Start with colours as they are.
            self.chroma.bias.fill_(torch.logit(torch.tensor(1 / MAX_CHROMA_GAIN)))

    def trunk(self, packed: Tensor, steer: Tensor | None = None) -> Trunk:
        """From unshuffled lumas (B, 32, H/4, W/4) in 0..1, infrared first.

        ``steer``: (B, code + 1), a code and in the last place its share in 0..1, the rest being the picture's own code.
        So a video is steered by a code that is smoothed in time: what one frame says of itself jumps.
        """
        eighth = F.relu(self.descend(packed))
        sixteenth = F.relu(self.coarse(eighth))
        coarse = torch.cat([_mean(eighth), _mean(sixteenth)], dim=1)
        code = self.read(torch.cat([coarse, _mean(self.probes(packed))], dim=1))
        _, severity = self.judged(torch.cat([coarse, _mean(self.kinds_probes(packed))], dim=1))
        followed = code if steer is None else code + steer[:, -1:] * (steer[:, :-1] - code)
        infrared, visible = sixteenth.chunk(2, dim=1)
        sixteenth = sixteenth + self.cross(infrared, visible)
        sixteenth = F.relu(self.modulate(self.context(sixteenth), followed))
        eighth = eighth + twice(self.rise(sixteenth))
        for refine in self.refines:
            eighth = F.relu(refine(eighth))
        chroma_gain = MAX_CHROMA_GAIN * torch.sigmoid(self.chroma(eighth))
        x = F.relu(self.modulate_detail(self.stem(packed) + twice(self.ascend(eighth)), followed))
        for block in self.blocks:
            x = F.relu(block(x))
        return Trunk(self.head(x), chroma_gain, code, severity, eighth, sixteenth)

    def judged(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """From a summary (B, features) with the evidence of ``kinds_probes``: a code (B, code), logits (B, kinds)."""
        code = self.kinds_read(summary)
        return code, self.judge(torch.cat([code, summary], dim=1))

    def coarse_summary(self, packed: Tensor) -> Tensor:
        """Averages of the coarse features of unshuffled lumas, (B, features): the first part of the summary."""
        eighth = F.relu(self.descend(packed))
        return torch.cat([_mean(eighth), _mean(F.relu(self.coarse(eighth)))], dim=1)

    def forward(self, infrared: Tensor, visible: Tensor, steer: Tensor | None = None) -> StudentOutput:
        """Fuse lumas (B, 1, H, W) in 0..1, ``steer`` as for ``trunk``.

        Raises ValueError on sizes that are not multiples of 16.
        """
        if infrared.shape != visible.shape or infrared.shape[-1] % SIZE_MULTIPLE or infrared.shape[-2] % SIZE_MULTIPLE:
            raise ValueError(f"need equal sizes, multiples of {SIZE_MULTIPLE}: {infrared.shape}, {visible.shape}")
        trunk = self.trunk(packed_lumas(infrared, visible), steer)
        maps = F.pixel_shuffle(trunk.maps, SHUFFLE)
        return StudentOutput(blended(maps, infrared, visible), maps, trunk)


def packed_lumas(infrared: Tensor, visible: Tensor) -> Tensor:
    """Lumas (B, 1, H, W), unshuffled and joined: (B, 32, H/4, W/4), infrared first."""
    return torch.cat([F.pixel_unshuffle(infrared, SHUFFLE), F.pixel_unshuffle(visible, SHUFFLE)], dim=1)


def _mean(features: Tensor) -> Tensor:
    return features.mean(dim=(2, 3))


def make_student(name: str) -> Student:
    """A student with fresh weights. Raises ValueError for an unknown preset."""
    if name not in PRESETS:
        raise ValueError(f"unknown student preset {name!r}; there are: {', '.join(PRESETS)}")
    return Student(PRESETS[name])
