"""Scenes that two cameras of different kind see, drawn."""

from __future__ import annotations

import cv2
import numpy as np


def drawn_scene(seed: int, size=(1000, 800)):
    """One scene in two modalities: the same outlines, unrelated grey levels; uint8 (H, W) each."""
    rng = np.random.default_rng(seed)
    width, height = size
    infrared, visible = np.full((height, width), 90, np.uint8), np.full((height, width), 140, np.uint8)
    for _ in range(200):
        centre = rng.uniform((0, 0), size)
        corners = rng.integers(3, 6)
        angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
        outline = centre + rng.uniform(15, 90) * np.stack([np.cos(angles), np.sin(angles)], 1)
        points = np.rint(outline).astype(np.int32)
        for picture in (infrared, visible):
            cv2.fillPoly(picture, [points], int(rng.integers(20, 235)), cv2.LINE_AA)
    return infrared, visible


def seen(picture, matrix, size, seed, noise=3.0):
    """What a camera sees of the scene (scene pixel -> its pixel), with noise."""
    moved = cv2.warpPerspective(cv2.GaussianBlur(picture, (0, 0), 1.2), matrix, size, flags=cv2.INTER_LINEAR)
    noisy = moved + np.random.default_rng(seed).normal(0, noise, moved.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
