"""A student in training, steered as in a video: by a part of its code, where a single picture is steered by all of it."""

from __future__ import annotations

import torch
from torch import Tensor

from models.prior import CODE_DIM

LEAST_STRENGTH = 0.2
"""Of the code, at the least; a video is steered by ``models.steering.STRENGTH`` of it."""


def partly_steered(chance: Tensor, share: float, partners: int) -> Tensor:
    """What steers each crop, as for ``models.student.Student.trunk``, (n, code + 1): 0, and the share that it takes.

    ``chance``: two numbers in 0..1 for each crop, (n, 2). ``share``: of the crops, 0..1, that are steered by 0.2 to 1
    of their code; the others by all of it. The last ``partners`` are steered as the moments before, ahead of them, are.
    """
    strength = LEAST_STRENGTH + (1 - LEAST_STRENGTH) * chance[:, 1]
    taken = torch.where(chance[:, 0] < share, 1 - strength, torch.zeros_like(strength))
    alone, first = taken[: len(taken) - 2 * partners], taken[len(taken) - 2 * partners : len(taken) - partners]
    taken = torch.cat([alone, first, first])
    return torch.cat([taken.new_zeros(len(taken), CODE_DIM), taken[:, None]], dim=1)
