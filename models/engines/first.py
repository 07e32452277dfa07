"""The first picture of a video, of which nothing is known before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.engines.base import FusionResult
from models.steering import steered_by


def fuse_first(fuse: Callable[[NDArray[np.float32] | None], FusionResult]) -> FusionResult:
    """What ``fuse`` makes of it, given a code: steered by what the student reads in it, but no more than the frames
    after it will be. By all of that, as a picture alone is, it would look otherwise. Costs a run more.
    """
    read = fuse(None)
    if read.code is None:
        return read
    return replace(fuse(steered_by(read.code)), scores=read.scores, code=read.code)
