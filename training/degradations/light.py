"""Too little and too much light, modelled in linear light."""

from __future__ import annotations

import cv2
import numpy as np

from training.degradations.arrays import FloatImage, normals, to_8_bit
from training.degradations.fields import noise
from training.degradations.srgb import to_encoded, to_linear

MOST_STOPS_DOWN = 5.0
MOST_STOPS_UP = 3.6


def low_light(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Exposure down by 5 * strength^0.6 stops, uneven as under lamps, with the noise of the sensor.

    Noise variance = signal / full well + read noise squared (Foi et al., Practical Poissonian-Gaussian Noise Modeling,
    IEEE Trans. Image Process. 17, 2008); a 10 to 12-bit linear converter; then the sRGB curve and 8 bits. Colour
    pictures get a cast, as from street lamps. ``image``: (H, W) or (H, W, 3).
    """
    height, width = image.shape[:2]
    lamps = 1 + 0.2 * noise(rng, height, width, rng.uniform(0.5, 1.5) * max(height, width))[0]
    full_well = np.exp(rng.uniform(np.log(1_000), np.log(10_000)))
    read = rng.uniform(2e-4, 1e-3)
    levels = 2.0 ** rng.integers(10, 13) - 1
    cast = rng.uniform((0.8, 0.95, 0.65), (1.0, 1.0, 0.95)) if image.ndim == 3 else np.ones(())
    grain = normals(rng, *image.shape)

    stops = MOST_STOPS_DOWN * strength**0.6 * np.clip(lamps, 0.5, 1.5)
    light = np.exp2(-stops).astype(np.float32)
    tint = (1 - strength * (1 - cast)).astype(np.float32)
    signal = to_linear(image) * (light[..., None] if image.ndim == 3 else light) * tint
    # The converter's own gain is left alone: a dark picture stays dark, with the noise of a dark picture.
    fade = min(1.0, 4 * strength)
    signal = signal + np.float32(fade) * grain * np.sqrt(signal / np.float32(full_well) + np.float32(read * read))
    converted = np.rint(signal * np.float32(levels)) / np.float32(levels)
    return to_8_bit(to_encoded(converted))


def over_exposure(image: FloatImage, strength: float, rng: np.random.Generator) -> FloatImage:
    """Gain in linear light until up to 65 % of the picture clips, with a slight bloom around what has clipped.

    The gain is held between 1.2 and 3.6 stops times strength, so that a dark picture is not turned into noise.
    ``image``: (H, W) or (H, W, 3).
    """
    linear = to_linear(image)
    sparse = linear[::4, ::4].mean(axis=-1) if image.ndim == 3 else linear[::4, ::4]
    wanted = 1 / max(float(np.quantile(sparse, 1 - 0.65 * strength)), 1e-4)
    gain = min(max(wanted, 2 ** (1.2 * strength)), 2 ** (MOST_STOPS_UP * strength))
    sigma_px = rng.uniform(0.01, 0.04) * max(image.shape[:2])
    bright = linear * np.float32(gain)
    excess = np.clip(bright - 1, 0, 3)
    glow = cv2.GaussianBlur(excess, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101)
    return to_encoded(bright + np.float32(0.2) * glow)
