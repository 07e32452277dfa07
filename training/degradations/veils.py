"""Haze and smoke between camera and scene, by their transmission t: J t + A (1 - t), in linear light.

Koschmieder, Beitraege zur Physik der freien Atmosphaere 12, 1924; Narasimhan and Nayar, Vision and the Atmosphere,
IJCV 48, 2002. J: the scene, A: the light that the veil scatters to the camera.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.degradations.arrays import FloatImage
from training.degradations.fields import fractal, noise
from training.degradations.srgb import to_encoded, to_linear

DENSEST_HAZE = 3.4
DENSEST_SMOKE = 4.2
GROWTH = 1.5
"""Optical depth goes with strength^1.5: a thin veil is far more visible than its depth."""

PUFFS = 6
WAVELENGTH_NM = np.array([610.0, 550.0, 465.0])


def haze(image: FloatImage, strength: float, rng: np.random.Generator) -> tuple[FloatImage, FloatImage]:
    """Even haze, denser towards the top, where the scene is far: t = exp(-3.4 strength^1.5 depth), depth up to 1.

    ``image``: (H, W) or (H, W, 3). Gives the hazed image and its transmission (H, W), 1 where nothing is veiled.
    """
    height, width = image.shape[:2]
    top = rng.uniform(0.55, 1.0)
    bottom = top * rng.uniform(0.15, 0.8)
    rise = np.linspace(top, bottom, height, dtype=np.float32)[:, None]
    patches = 1 + 0.15 * noise(rng, height, width, rng.uniform(0.3, 1.0) * max(height, width))[0]
    depth = rise * np.clip(patches, 0.5, 1.5)
    warmth = rng.normal(0, 0.02)
    airlight = rng.uniform(0.6, 0.95) * np.array([1 + warmth, 1.0, 1 - warmth])
    transmission = np.exp(np.float32(-DENSEST_HAZE * strength**GROWTH) * depth)
    return _veiled(image, transmission, airlight, np.ones((1, 1), np.float32)), transmission


def smoke(image: FloatImage, strength: float, rng: np.random.Generator) -> tuple[FloatImage, FloatImage]:
    """Plumes of smoke: dense cores (t down to exp(-4.2 strength^1.5)), billowing borders, clearer parts between.

    Each plume is a chain of puffs that grow and drift apart; a fractal displacement makes them billow. Thin smoke is
    bluish, because optical depth grows as wavelength^-alpha (Angstrom, Geografiska Annaler 11, 1929); cores have the
    smoke's own colour and a slow shading. ``image``: (H, W) or (H, W, 3). Gives the image and its transmission (H, W).
    """
    height, width = image.shape[:2]
    # A training crop shows a part of a larger scene: the plumes are sized for that scene.
    scene_px = rng.uniform(0.8, 2.5) * max(height, width)
    # Half the resolution is enough for smoke, and takes a quarter of the time.
    half_height, half_width = (height + 1) // 2, (width + 1) // 2
    density = _doubled(_plumes(rng, half_height, half_width, scene_px / 2), height, width)
    slow = fractal(rng, half_height, half_width, 0.17 * scene_px, 3, 0.55)[0]
    shade = 1 + np.float32(0.11) * _doubled(slow, height, width)
    bluish = rng.uniform(-0.04, 0.14)
    airlight = rng.uniform(0.45, 0.85) * np.array([1 - bluish, 1.0, 1 + 0.6 * bluish]) * rng.normal(1, 0.01, 3)
    alpha = rng.uniform(0.0, 1.4)

    depth = np.float32(DENSEST_SMOKE * strength**GROWTH) * density
    transmission = np.exp(-depth)
    if image.ndim == 2:
        return _veiled(image, transmission, airlight, shade), transmission
    by_channel = ((WAVELENGTH_NM / 550) ** -alpha).astype(np.float32)
    return _veiled(image, np.exp(-depth[..., None] * by_channel), airlight, shade), transmission


def _veiled(
    image: FloatImage, transmission: FloatImage, airlight: NDArray[np.float64], shade: FloatImage
) -> FloatImage:
    """Koschmieder's law. A veil is lit by the same light as the scene: at night it is not bright."""
    airlight = airlight * min(1.0, 0.35 + 2 * float(np.median(image[::4, ::4])))
    veil = to_linear(np.clip(airlight, 0, 1).astype(np.float32))
    if image.ndim == 2:
        glow = veil[1] * shade
    else:
        glow = veil * shade[..., None]
        transmission = transmission if transmission.ndim == 3 else transmission[..., None]
    return to_encoded(glow + (to_linear(image) - glow) * transmission)


def _doubled(field: FloatImage, height_px: int, width_px: int) -> FloatImage:
    return cv2.resize(field, (width_px, height_px), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)


def _plumes(rng: np.random.Generator, height_px: int, width_px: int, scene_px: float) -> FloatImage:
    """Density of smoke (H, W), 0 where clear, 1 in the densest core of the picture."""
    margin = int(0.12 * scene_px)
    weights, centre_y, centre_x, radius = _puffs(rng, height_px, width_px, scene_px)
    y = np.arange(-margin, height_px + margin)[:, None]
    x = np.arange(-margin, width_px + margin)[:, None]
    column: FloatImage = (_bells(y, centre_y, radius) * weights.astype(np.float32)) @ _bells(x, centre_x, radius).T

    reach = np.float32(0.07 * scene_px)
    shift_y, shift_x, texture = fractal(rng, height_px, width_px, 0.25 * scene_px, 5, 0.62, fields=3)
    at_y = np.arange(margin, margin + height_px, dtype=np.float32)[:, None] + reach * shift_y
    at_x = np.arange(margin, margin + width_px, dtype=np.float32)[None, :] + reach * shift_x
    billowed = cv2.remap(column, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    wisps = np.maximum(1 + np.float32(0.45) * texture, np.float32(0.1))
    # The cut gives some plumes the firm border of fresh smoke; the others fade out, as old smoke does.
    cut = np.float32(rng.uniform(0.0, 0.25) * billowed.max())
    thick = np.maximum(billowed * wisps - cut, 0)
    # A plume may pass outside the crop and leave only its border: that border then counts as the core.
    core = np.float32(rng.uniform(0.5, 4.5))
    density = (1 - np.exp(-core * thick / max(float(thick.max()), 1e-6))) / (1 - np.exp(-core))
    spread = np.float32(rng.uniform(0.0, 0.12))
    return spread + (1 - spread) * density


def _bells(at_px: NDArray[np.int64], centre_px: NDArray[np.float64], radius_px: NDArray[np.float64]) -> FloatImage:
    """Gaussians (positions, centres), float32. Held above denormal numbers, which make products very slow."""
    return np.exp(np.maximum(-0.5 * ((at_px - centre_px) / radius_px) ** 2, -40)).astype(np.float32)


def _puffs(rng: np.random.Generator, height_px: int, width_px: int, scene_px: float) -> tuple[NDArray[np.float64], ...]:
    """Weight, centre and radius (pixels) of all puffs of one to four plumes."""
    parts = []
    age = np.linspace(0, 1, PUFFS)
    for _ in range(rng.integers(1, 5)):
        heading = rng.normal(-np.pi / 2, 0.9)
        reach = rng.uniform(0.2, 0.8) * scene_px
        start_y, start_x = rng.uniform(0.1, 1.2) * height_px, rng.uniform(-0.1, 1.1) * width_px
        jitter = 0.06 * scene_px * rng.standard_normal((2, PUFFS))
        radius = scene_px * (rng.uniform(0.03, 0.12) + rng.uniform(0.03, 0.2) * age)
        weight = rng.uniform(0.4, 1.0) * rng.uniform(0.7, 1.3, PUFFS) * (1 - 0.5 * age)
        centre_y, centre_x = start_y + reach * age * np.sin(heading), start_x + reach * age * np.cos(heading)
        parts.append((weight, centre_y + jitter[0], centre_x + jitter[1], radius))
    return tuple(np.concatenate(values) for values in zip(*parts, strict=True))
