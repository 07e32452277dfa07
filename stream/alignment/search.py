"""The coarse search: which scales, turns and shifts could bring the two pictures together at all.

A grid over scale and rotation; for each node all shifts at once, by correlation of structure maps with the FFT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from stream.alignment.structure import Plane, StructureMap, inside, structure_map, warped
from stream.homography import Matrix

SCALES = tuple(float(s) for s in np.geomspace(0.5, 1.8, 24))
"""Width of the visible field as it appears in the infrared picture, relative to that picture's: steps of 5.7 %."""

ROTATIONS_DEG = (-7.5, -4.5, -1.5, 1.5, 4.5, 7.5)

MAX_SHIFT = 0.25
"""How far apart the centres may lie, as a share of the infrared picture's width."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A place where the coarse correlation peaks.

    ``homography``: float64 (3, 3), visible pixel -> infrared pixel at the working size. ``strength``: correlation in
    units of what unrelated pictures give.
    """

    homography: Matrix
    strength: float


def search(
    infrared: Sequence[Plane],
    visible: Sequence[Plane],
    count: int,
    scales: Sequence[float] = SCALES,
    surround_px: float = 4.0,
) -> list[Candidate]:
    """The ``count`` strongest distinct candidates of the given scales, best first.

    ``infrared`` and ``visible``: pictures of the same moments, float32 (H, W), 0..255, of one size each, both of
    one width. ``surround_px``: sigma of the neighbourhood whose common direction is taken off the maps. The statistic
    is Re(sum z1 conj(z2)) / sqrt(sum |z1|^2 |z2|^2 / 2) over the common field, summed over the pictures before the
    division: near a standard normal variable (up to a constant) for random directions, whatever the common field's
    size.
    """
    height, width = infrared[0].shape
    canvas = _Canvas(width, height)
    fixed = [_sharpened(structure_map(picture), surround_px) for picture in infrared]
    fixed_spectra = [np.conj(canvas.spectrum(z)) for z in fixed]
    energy_spectra = [np.conj(canvas.spectrum(np.abs(z) ** 2)) for z in fixed]
    found: list[tuple[float, float, float, float, float]] = []
    for scale in scales:
        for rotation_deg in ROTATIONS_DEG:
            surface = _correlate(canvas, fixed_spectra, energy_spectra, visible, scale, rotation_deg, surround_px)
            found += [(v, scale, rotation_deg, x, y) for v, x, y in _peaks(surface, 4)]
    found.sort(reverse=True)
    return _distinct(found, count, infrared[0].shape, visible[0].shape)


def centred(
    scale: float,
    rotation_deg: float,
    shift_px: tuple[float, float],
    visible_shape: tuple[int, ...],
    infrared_shape: tuple[int, ...],
) -> Matrix:
    """Visible -> infrared pixel: scaled and turned about the centres, then shifted (infrared pixels)."""
    height, width = visible_shape
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -rotation_deg, scale)
    matrix[0, 2] += (infrared_shape[1] - width) / 2 + shift_px[0]
    matrix[1, 2] += (infrared_shape[0] - height) / 2 + shift_px[1]
    return matrix


def _sharpened(z: StructureMap, surround_px: float) -> StructureMap:
    """Without what is common to a neighbourhood: many parallel edges would otherwise match at any place."""
    pairs = z.view(np.float32).reshape(*z.shape, 2)
    out = pairs - cv2.GaussianBlur(pairs, (0, 0), surround_px)
    return out.view(np.complex64)[..., 0]


class _Canvas:
    """The infrared picture with room around it for shifts, in a size that suits the FFT."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.reach = round(MAX_SHIFT * width)
        self.full_width = cv2.getOptimalDFTSize(width + 2 * self.reach)
        self.full_height = cv2.getOptimalDFTSize(height + 2 * self.reach)

    def spectrum(self, plane: NDArray[np.complex64] | Plane) -> NDArray[np.complex64]:
        """Spectrum of a plane whose pixel (0, 0) stands at the canvas's (0, 0)."""
        height, width = plane.shape
        padded = np.zeros((self.full_height, self.full_width), dtype=np.complex64)
        padded[:height, :width] = plane
        return cv2.dft(padded.view(np.float32).reshape(*padded.shape, 2)).view(np.complex64)[..., 0]

    def back(self, spectrum: NDArray[np.complex64]) -> Plane:
        """The real part of the plane with this spectrum."""
        pairs = spectrum.view(np.float32).reshape(*spectrum.shape, 2)
        flags = cv2.DFT_INVERSE | cv2.DFT_SCALE
        return np.ascontiguousarray(cv2.dft(pairs, flags=flags)[..., 0])


def _correlate(
    canvas: _Canvas,
    fixed_spectra: Sequence[NDArray[np.complex64]],
    energy_spectra: Sequence[NDArray[np.complex64]],
    visible: Sequence[Plane],
    scale: float,
    rotation_deg: float,
    surround_px: float,
) -> Plane:
    """The statistic for shifts -reach..reach in x and y, float32 (2 reach + 1, 2 reach + 1)."""
    reach = canvas.reach
    size = (canvas.width + 2 * reach, canvas.height + 2 * reach)
    matrix = centred(scale, rotation_deg, (0.0, 0.0), visible[0].shape, (size[1], size[0]))
    mask = inside((visible[0].shape[1], visible[0].shape[0]), matrix, size)
    total = np.zeros((canvas.full_height, canvas.full_width), dtype=np.complex64)
    noise = np.zeros_like(total)
    for picture, spectrum, energy in zip(visible, fixed_spectra, energy_spectra, strict=True):
        moving: StructureMap = _sharpened(structure_map(warped(picture, matrix, size)), surround_px) * mask
        total += canvas.spectrum(moving) * spectrum
        noise += canvas.spectrum(np.abs(moving) ** 2) * energy
    # Where the infrared picture's corner stands at (x, y) on the canvas, visible is shifted by reach - (x, y).
    window = slice(0, 2 * reach + 1)
    hits = canvas.back(total)[window, window]
    variance = canvas.back(noise)[window, window] / 2
    strongest = float(variance.max())
    surface = hits / np.sqrt(np.maximum(variance, 0.15 * strongest) + 1e-9)
    return np.ascontiguousarray(surface[::-1, ::-1], dtype=np.float32)


def _peaks(surface: Plane, count: int) -> list[tuple[float, float, float]]:
    """The highest local maxima: (value, x shift, y shift)."""
    reach = surface.shape[0] // 2
    crest = cv2.dilate(surface, np.ones((7, 7), dtype=np.uint8))
    rows, columns = np.nonzero((surface >= crest) & (surface > 0))
    values = surface[rows, columns]
    best = np.argsort(values)[::-1][:count]
    return [(float(values[i]), float(columns[i] - reach), float(rows[i] - reach)) for i in best]


def _distinct(
    found: Sequence[tuple[float, float, float, float, float]],
    count: int,
    infrared_shape: tuple[int, ...],
    visible_shape: tuple[int, ...],
) -> list[Candidate]:
    """Drops what maps the picture nearly as a stronger one does."""
    kept: list[Candidate] = []
    marks: list[NDArray[np.float64]] = []
    height, width = infrared_shape
    for value, scale, rotation_deg, x, y in found:
        matrix = centred(scale, rotation_deg, (x, y), visible_shape, infrared_shape)
        # Compared where infrared sees: its corners, taken back to the visible picture and scaled alike.
        corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
        back = np.column_stack([corners, np.ones(4)]) @ np.linalg.inv(matrix).T
        mark = back[:, :2] / back[:, 2:]
        if all(np.abs(mark - other).mean() > 0.05 * width for other in marks):
            marks.append(mark)
            kept.append(Candidate(matrix, value))
            if len(kept) == count:
                break
    return kept
