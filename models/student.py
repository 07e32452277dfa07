"""The real-time student: two lumas in, per-pixel weights and a residual out.

A coarse branch at 1/8 and 1/16 resolution, with the cross-fusion module, sees both images in context; a detail branch
works on pixel-unshuffled luma at 1/4 resolution. The output is three maps, each value for 2x2 pixels, that are applied
to every pixel, so that fine detail comes straight from the sources and not through the narrow network::

    fused = gain_infrared * infrared + gain_visible * visible + residual

(Maps with a value for each pixel were no better: without more training their averages over 2x2 pixels give the same
picture to 60 dB.)

What the teacher reads in a sentence, the student reads in the pictures: averages of its coarse features, and of probes
of the finest detail, give a code of the same form as the teacher's (the prior). It modulates the coarse and the detail
branch. A second reader tells the kinds of degradation: it is taught on whole pictures, apart from the rest, which has
learned to obey the first as it is, and it sees how unevenly things lie in a picture, too. Nothing else looks at the
whole frame: statistics of it (instance norm, stretching) make video flicker. In a video the code of the frames before,
smoothed in time, steers the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.cross import PairedCrossFusion
from models.geometry import MAP_PX, MAPS, SHUFFLE, SIZE_MULTIPLE
from models.layers import Modulate, SeparableConv, blended, fold_identity, start_as_average, twice
from models.prior import CODE_DIM, KIND_NAMES

MAX_CHROMA_GAIN = 4.0

PROBES = 48
PROBE_CELLS = 2
"""The prior's probes: how many, and the side of what each looks at, in cells of 4x4 pixels."""

EVERY_CELLS, EVERY_CELLS_TRAINING = 8, 4
"""The finest detail is looked at in one block of 8x8 pixels in 16: enough for an average over a picture, and next to no
work. Training looks at one in four: its crops are small."""

FILTERS, BANDS = 32, 24
"""Of each modality's finest detail: filters, and sums of their power."""

FULL_SCALE = 16.0
"""What a luma of 1 counts as in these powers, so that they stay within half precision."""

FAINT = 0.0025
"""Power below which it makes no difference how little there is: about one grey level."""

LOG_MIDDLE, LOG_SPREAD = -0.5, 3.0
"""Where the logarithms of power lie."""

ROOTS = 4
"""Square roots, one of another, that stand for the logarithm."""


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
    "stream": StudentPreset(dim=16, coarse_dim=16, cross_dim=16, blocks=4, refines=2),
    "tiny": StudentPreset(dim=8, coarse_dim=8, cross_dim=8, blocks=2, refines=1),
}


@dataclass(frozen=True, slots=True)
class Trunk:
    """What the exported part computes.

    ``maps``: shuffled, (B, 12, H/4, W/4), see ``map_values``; ``chroma_gain``: (B, 1, H/8, W/8), 0..4; ``code``: the
    picture's own, (B, code), -1..1; ``followed``: the one it is steered by, (B, code); ``severity``: logits by kind,
    (B, kinds); ``eighth``, ``sixteenth``: features, for distillation.
    """

    maps: Tensor
    chroma_gain: Tensor
    code: Tensor
    followed: Tensor
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
    """What shows in fine detail, (B, 48, h, w).

    Noise, blur and stripes show in the finest detail, which the coarse features have no use for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(2 * SHUFFLE * SHUFFLE, PROBES, PROBE_CELLS, groups=2)
        self.weigh = nn.Conv2d(PROBES, PROBES, 1)

    def forward(self, filtered: Tensor) -> Tensor:
        """Features, at least 0, of what ``filters`` gave for some blocks, (B, 48, h, w)."""
        return F.relu(self.weigh(filtered.abs()))


class Bands(nn.Module):
    """How strong fine detail is, in logarithms, (B, 48, h, w).

    What tells blur and noise from a picture's own detail is how the powers of coarser and finer detail relate, block by
    block: noise is seen in the flattest blocks, blur in the liveliest. The filters start as a discrete cosine transform
    of the blocks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv2d(2 * SHUFFLE * SHUFFLE, 2 * FILTERS, PROBE_CELLS, groups=2, bias=False)
        self.sums = nn.Parameter(0.3 * torch.randn(2 * BANDS, FILTERS, 1, 1))
        self.weigh = nn.Conv2d(2 * BANDS, PROBES, 1)
        with torch.no_grad():
            self.filters.weight.copy_(FULL_SCALE * _cosines(FILTERS).repeat(2, 1, 1, 1))

    def forward(self, filtered: Tensor) -> Tensor:
        """Features, at least 0, of what ``filters`` gave for some blocks, (B, 64, h, w)."""
        power = F.conv2d(filtered.square(), self.sums.square(), groups=2)
        return F.relu(self.weigh((_near_logarithm(power + FAINT) - LOG_MIDDLE) / LOG_SPREAD))


def _near_logarithm(x: Tensor) -> Tensor:
    """A power so small that it runs like the natural logarithm (Box and Cox 1964), -5.0 for -6 and 4.5 for 4.

    Made of square roots, which engines do fast and all alike; OpenVINO's logarithm is neither.
    """
    for _ in range(ROOTS):
        x = torch.sqrt(x)
    return 2**ROOTS * (x - 1)


def _cosines(count: int) -> Tensor:
    """``count`` patterns of a block's cosine transform (Ahmed et al. 1974), coarse to fine, (count, 16, 2, 2)."""
    side = PROBE_CELLS * SHUFFLE
    waves = torch.cos((torch.arange(side) + 0.5) * torch.arange(side)[:, None] * (torch.pi / side))
    waves = waves / waves.norm(dim=1, keepdim=True)
    frequencies = sorted(((u, v) for u in range(side) for v in range(side) if u + v), key=sum)
    chosen = [frequencies[round(i * (len(frequencies) - 1) / (count - 1))] for i in range(count)]
    patterns = torch.stack([torch.outer(waves[u], waves[v]) for u, v in chosen])
    return F.pixel_unshuffle(patterns[:, None], SHUFFLE)


def _reader(summary: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(summary, 64), nn.ReLU(), nn.Linear(64, CODE_DIM), nn.Tanh())


class Student(nn.Module):
    """See the module's text. H and W must be multiples of ``models.geometry.SIZE_MULTIPLE``."""

    def __init__(self, preset: StudentPreset) -> None:
        super().__init__()
        self.preset = preset
        unshuffled = SHUFFLE * SHUFFLE
        values = (SHUFFLE // MAP_PX) ** 2
        dim, coarse, cross = preset.dim, preset.coarse_dim, preset.cross_dim
        self.stem = nn.Conv2d(2 * unshuffled, dim, 1)
        # Two groups keep the modalities apart until the cross-fusion, in one call of the engine instead of two.
        self.descend = nn.Conv2d(2 * unshuffled, 2 * coarse, 2, stride=2, groups=2)
        self.coarse = nn.Conv2d(2 * coarse, 2 * cross, 3, stride=2, padding=1, groups=2)
        self.cross = PairedCrossFusion(cross, preset.heads)
        self.context = nn.Conv2d(2 * cross, 2 * cross, 3, padding=1)
        averages = 2 * coarse + 2 * cross + PROBES
        self.probes = Probes()
        self.read = _reader(averages)
        summary = 2 * averages
        self.bands = Bands()
        self.kinds_read = _reader(summary)
        self.judge = nn.Sequential(nn.Linear(CODE_DIM + summary, 64), nn.ReLU(), nn.Linear(64, len(KIND_NAMES)))
        self.modulate = Modulate(CODE_DIM, 2 * cross)
        self.modulate_detail = Modulate(CODE_DIM, dim)
        self.rise = nn.Conv2d(2 * cross, 2 * coarse, 1)
        self.refines = nn.ModuleList(SeparableConv(2 * coarse) for _ in range(preset.refines))
        self.chroma = nn.Conv2d(2 * coarse, 1, 1)
        self.ascend = nn.Conv2d(2 * coarse, dim, 1)
        self.blocks = nn.ModuleList(SeparableConv(dim) for _ in range(preset.blocks))
        self.head = nn.Conv2d(dim, MAPS * values, 1)
        fold_identity(self.context)
        start_as_average(self.head, values)
        nn.init.zeros_(self.chroma.weight)
        with torch.no_grad():
            # Start with colours as they are.
            self.chroma.bias.fill_(torch.logit(torch.tensor(1 / MAX_CHROMA_GAIN)))

    def trunk(self, packed: Tensor, steer: Tensor | None = None) -> Trunk:
        """From unshuffled lumas (B, 32, H/4, W/4) in 0..1, infrared first.

        ``steer``: (B, code + 1), a code and in the last place its share in 0..1, the rest being the picture's own code.
        So a video is steered by a code that is smoothed in time: what one frame says of itself jumps.
        """
        eighth, sixteenth = self._descended(packed)
        probed, filtered = self._finest(packed)
        seen = [mean_and_size(features) for features in (eighth, sixteenth, self.bands(filtered))]
        means = [summary.chunk(2, dim=1)[0] for summary in seen[:2]]
        code = self.read(torch.cat([*means, _mean(self.probes(probed))], dim=1))
        _, severity = self.judged(torch.cat(seen, dim=1))
        followed = code if steer is None else code + steer[:, -1:] * (steer[:, :-1] - code)
        sixteenth = sixteenth + self.cross(sixteenth)
        sixteenth = F.relu(self.modulate(self.context(sixteenth), followed))
        eighth = eighth + twice(self.rise(sixteenth))
        for refine in self.refines:
            eighth = F.relu(refine(eighth))
        chroma_gain = MAX_CHROMA_GAIN * torch.sigmoid(self.chroma(eighth))
        x = F.relu(self.modulate_detail(self.stem(packed) + twice(self.ascend(eighth)), followed))
        for block in self.blocks:
            x = F.relu(block(x))
        return Trunk(self.head(x), chroma_gain, code, followed, severity, eighth, sixteenth)

    def judged(self, summary: Tensor) -> tuple[Tensor, Tensor]:
        """The kinds' code (B, code) and logits (B, kinds).

        ``summary``: (B, features), ``mean_and_size`` of the features at 1/8, of those at 1/16, and of ``bands``.
        """
        code = self.kinds_read(summary)
        return code, self.judge(torch.cat([code, summary], dim=1))

    def coarse_summary(self, packed: Tensor) -> Tensor:
        """``mean_and_size`` of the coarse features of unshuffled lumas, (B, features): what ``judged`` wants first."""
        return torch.cat([mean_and_size(features) for features in self._descended(packed)], dim=1)

    def _finest(self, packed: Tensor) -> tuple[Tensor, Tensor]:
        """What the filters of ``probes`` and of ``bands`` give for the blocks that are looked at, (B, n, h, w) each.

        In one convolution: reading the pictures is what takes time.
        """
        parts = (self.probes.filters, self.bands.filters)
        weight = torch.cat([_ungrouped(part.weight) for part in parts])
        bias = F.pad(self.probes.filters.bias, (0, self.bands.filters.out_channels))
        every = EVERY_CELLS_TRAINING if self.training else EVERY_CELLS
        filtered = F.conv2d(packed, weight, bias, stride=every)
        probed, banded = filtered.split([part.out_channels for part in parts], dim=1)
        return probed, banded

    def _descended(self, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Features at 1/8 and at 1/16, before the modalities meet."""
        eighth = F.relu(self.descend(packed))
        return eighth, F.relu(self.coarse(eighth))

    def forward(self, infrared: Tensor, visible: Tensor, steer: Tensor | None = None) -> StudentOutput:
        """Fuse lumas (B, 1, H, W) in 0..1, ``steer`` as for ``trunk``.

        Raises ValueError on sizes that are not multiples of 16.
        """
        if infrared.shape != visible.shape or infrared.shape[-1] % SIZE_MULTIPLE or infrared.shape[-2] % SIZE_MULTIPLE:
            raise ValueError(f"need equal sizes, multiples of {SIZE_MULTIPLE}: {infrared.shape}, {visible.shape}")
        trunk = self.trunk(packed_lumas(infrared, visible), steer)
        maps = full_size(trunk.maps)
        return StudentOutput(blended(maps, infrared, visible), maps, trunk)


def map_values(maps: Tensor) -> Tensor:
    """A trunk's maps (B, 12, H/4, W/4) side by side, (B, 3, H/2, W/2)."""
    return F.pixel_shuffle(maps, SHUFFLE // MAP_PX)


def full_size(maps: Tensor) -> Tensor:
    """A trunk's maps (B, 12, H/4, W/4) with a value for each pixel, (B, 3, H, W)."""
    return F.interpolate(map_values(maps), scale_factor=float(MAP_PX))


def packed_lumas(infrared: Tensor, visible: Tensor) -> Tensor:
    """Lumas (B, 1, H, W), unshuffled and joined: (B, 32, H/4, W/4), infrared first."""
    return torch.cat([F.pixel_unshuffle(infrared, SHUFFLE), F.pixel_unshuffle(visible, SHUFFLE)], dim=1)


def _ungrouped(weight: Tensor) -> Tensor:
    """Weights (2n, c, h, w) of a convolution in two groups as those of one without, (2n, 2c, h, w)."""
    first, second = weight.chunk(2)
    return torch.cat([F.pad(first, (0, 0, 0, 0, 0, first.shape[1])), F.pad(second, (0, 0, 0, 0, first.shape[1], 0))])


def _mean(features: Tensor) -> Tensor:
    return features.mean(dim=(2, 3))


def mean_and_size(features: Tensor) -> Tensor:
    """Of each feature (B, n, H, W) its mean over the picture and its root mean square, which tells how uneven it is,
    (B, 2n).
    """
    return torch.cat([_mean(features), torch.sqrt(_mean(features.square()) + 1e-8)], dim=1)


def make_student(name: str) -> Student:
    """A student with fresh weights. Raises ValueError for an unknown preset."""
    if name not in PRESETS:
        raise ValueError(f"unknown student preset {name!r}; there are: {', '.join(PRESETS)}")
    return Student(PRESETS[name])
