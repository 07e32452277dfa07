"""Flicker: what fusion adds to the picture's unrest where neither camera saw anything move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from training.metrics.image import Image

Plane = NDArray[np.float32]

WINDOW_FRAMES = 8
"""Frames in a window; windows follow one another without overlap, and a rest shorter than one is left out."""

STATIC_RANGE = 4.0
"""Grey levels that a source's 5x5 mean may span within a window where it still counts as static."""

_SMOOTHING_PX = 5


@dataclass(frozen=True, slots=True)
class Flicker:
    """Flicker of one fused sequence, in grey levels of 0..255.

    ``noise``: mean over static pixels of the temporal standard deviation; ``excess``: that, minus the larger of the
    two sources' ``noise``: above 0 the fusion flickers. None where no window had a static pixel.
    ``jump``: largest change of the mean luma from one frame to the next beyond the larger change of the two sources';
    None for fewer than two frames. It may be negative.
    """

    noise: float | None
    excess: float | None
    jump: float | None


@dataclass(frozen=True, slots=True)
class FlickerReport:
    """Flicker of several methods on one sequence. ``static_share``: static pixels among all of the whole windows."""

    frames: int
    windows: int
    static_share: float
    infrared_noise: float | None
    visible_noise: float | None
    methods: dict[str, Flicker] = field(default_factory=dict)


class _Deviation:
    """Standard deviation of each pixel over a window. Sums of 8-bit levels and squares are exact in float32."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum = np.zeros(shape, np.float32)
        self._square = np.zeros(shape, np.float32)

    def add(self, image: Image) -> None:
        cv2.accumulate(image, self._sum)
        cv2.accumulateSquare(image, self._square)

    def take(self, frames: int) -> Plane:
        """Population standard deviation by pixel, float32 (H, W); starts again from nothing."""
        variance = frames * self._square - self._sum * self._sum
        self._sum[:] = 0
        self._square[:] = 0
        return (np.sqrt(variance) / np.float32(frames)).astype(np.float32, copy=False)


class _Range:
    """Smallest and largest value of each pixel's neighbourhood mean over a window."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._low = np.full(shape, np.inf, np.float32)
        self._high = np.full(shape, -np.inf, np.float32)

    def add(self, image: Image) -> None:
        mean = cv2.boxFilter(image, cv2.CV_32F, (_SMOOTHING_PX, _SMOOTHING_PX))
        np.minimum(self._low, mean, out=self._low)
        np.maximum(self._high, mean, out=self._high)

    def take(self) -> Plane:
        """Largest minus smallest by pixel, float32 (H, W); starts again from nothing."""
        span = self._high - self._low
        self._low[:] = np.inf
        self._high[:] = -np.inf
        return span


class FlickerMeter:
    """Takes a sequence frame by frame and measures the flicker of any number of fusions of it.

    A pixel is static in a window where the 5x5 mean of **both** sources spans at most ``STATIC_RANGE`` levels: the
    mean tells movement from the cameras' own noise, which a limit on the pixel itself would cut away.
    """

    def __init__(self) -> None:
        self.shape: tuple[int, ...] | None = None
        """(H, W) of the frames; None before the first."""
        self._frames = 0
        self._windows = 0
        self._pixels = 0
        self._static = 0
        self._deviations: dict[str, _Deviation] = {}
        self._ranges: list[_Range] = []
        self._noise_sums: dict[str, float] = {}
        self._means: dict[str, float] = {}
        self._jumps: dict[str, float] = {}

    def add(self, infrared: Image, visible: Image, fused: Mapping[str, Image]) -> None:
        """Add the next frame: the sources and each method's result, all uint8 (H, W).

        Raises ValueError if the size or the methods differ from the frame before.
        """
        images = {"infrared": infrared, "visible": visible} | {f"fused {name}": image for name, image in fused.items()}
        if self.shape is None:
            self.shape = infrared.shape
            self._deviations = {name: _Deviation(infrared.shape) for name in images}
            self._ranges = [_Range(infrared.shape), _Range(infrared.shape)]
            self._noise_sums = dict.fromkeys(images, 0.0)
        if images.keys() != self._deviations.keys() or any(i.shape != self.shape for i in images.values()):
            raise ValueError(f"frame {self._frames} differs in size or methods from those before")
        self._frames += 1
        for name, image in images.items():
            self._deviations[name].add(image)
        for span, image in zip(self._ranges, (infrared, visible), strict=True):
            span.add(image)
        self._follow_means({name: float(image.mean()) for name, image in images.items()})
        if self._frames % WINDOW_FRAMES == 0:
            self._close_window()

    def report(self) -> FlickerReport:
        """Flicker of everything added so far."""
        noise = {name: total / self._static if self._static else None for name, total in self._noise_sums.items()}
        infrared, visible = noise.get("infrared"), noise.get("visible")
        methods = {
            key.removeprefix("fused "): Flicker(own, _excess(own, infrared, visible), self._jumps.get(key))
            for key, own in noise.items()
            if key not in ("infrared", "visible")
        }
        share = self._static / self._pixels if self._pixels else 0.0
        return FlickerReport(self._frames, self._windows, share, infrared, visible, methods)

    def _follow_means(self, means: dict[str, float]) -> None:
        if self._means:
            change = {name: abs(mean - self._means[name]) for name, mean in means.items()}
            allowed = max(change.pop("infrared"), change.pop("visible"))
            for name, value in change.items():
                self._jumps[name] = max(self._jumps.get(name, -np.inf), value - allowed)
        self._means = means

    def _close_window(self) -> None:
        infrared_span, visible_span = (span.take() for span in self._ranges)
        static = np.maximum(infrared_span, visible_span) <= STATIC_RANGE
        for name, deviation in self._deviations.items():
            self._noise_sums[name] += float(deviation.take(WINDOW_FRAMES).sum(where=static, dtype=np.float64))
        self._windows += 1
        self._pixels += static.size
        self._static += int(static.sum())


def _excess(own: float | None, infrared: float | None, visible: float | None) -> float | None:
    if own is None or infrared is None or visible is None:
        return None
    return own - max(infrared, visible)
