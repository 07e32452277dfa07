"""Made-up motion for tests of timing: things that cross the view of both cameras, seen differently by each."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from stream.sync.motion import HEIGHT_PX, WIDTH_PX, Views


class World:
    """Blobs that wander about, each at a pace of its own; a function of time. ``infrared`` sees them bright.

    ``visible`` sees them darker or brighter than the background as chance has it, on a texture, with other noise.
    """

    def __init__(self, seed: int, blobs: int = 4) -> None:
        rng = np.random.default_rng(seed)
        self._paces = rng.uniform(0.15, 0.9, (blobs, 2, 3))
        self._phases = rng.uniform(0, 2 * np.pi, (blobs, 2, 3))
        self._levels = rng.choice([-60.0, 50.0], blobs)
        self._texture = rng.uniform(90, 130, (12, 16)).repeat(4, 0).repeat(4, 1)
        self._rng = rng

    def picture(self, t_s: float, side: str, scale: int = 1) -> NDArray[np.uint8]:
        """What a camera sees at a moment, uint8 (48, 64) times ``scale``."""
        height, width = HEIGHT_PX * scale, WIDTH_PX * scale
        y, x = np.mgrid[:height, :width] / scale
        picture = (
            np.full((height, width), 60.0) if side == "infrared" else self._texture.repeat(scale, 0).repeat(scale, 1)
        )
        for paces, phases, level in zip(self._paces, self._phases, self._levels, strict=True):
            at = [np.sin(2 * np.pi * paces[k] * t_s + phases[k]).sum() / 3 for k in (0, 1)]
            middle_x, middle_y = WIDTH_PX * (0.5 + 0.6 * at[0]), HEIGHT_PX * (0.5 + 0.5 * at[1])
            blob = np.exp(-(((x - middle_x) / 3) ** 4) - ((y - middle_y) / 6) ** 4)
            picture = picture + blob * (120.0 if side == "infrared" else level)
        return (picture + self._rng.normal(0, 1.5, picture.shape)).clip(0, 255).astype(np.uint8)

    def views(self, side: str, times_s: NDArray[np.float64], stamps_s: NDArray[np.float64] | None = None) -> Views:
        """What a camera sees at its times, stamped as told."""
        pictures = np.stack([self.picture(t_s, side) for t_s in times_s]).astype(np.float32)
        stamps_s = times_s if stamps_s is None else stamps_s
        return Views(np.asarray(stamps_s, np.float64), pictures, np.ones(pictures.shape[1:], bool))

    def write(self, path: Path, side: str, begin_s: float, seconds: float, rate_hz: int) -> Path:
        """Encode what a camera sees from a moment on, 128x96, H.264 in MP4; the file's time starts at 0."""
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=rate_hz, options={"preset": "ultrafast", "crf": "20"})
            stream.width, stream.height, stream.pix_fmt = 2 * WIDTH_PX, 2 * HEIGHT_PX, "yuv420p"
            for number in range(round(seconds * rate_hz)):
                grey = self.picture(begin_s + number / rate_hz, side, scale=2)
                chroma = np.full((grey.shape[0] // 2, grey.shape[1]), 128, np.uint8)
                frame = av.VideoFrame.from_ndarray(np.vstack([grey, chroma]), format="yuv420p")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path
