"""From a rough map to a precise one: one homography for all windows.

For the current map each window gives the mean and the covariance of its correlation near the place where the map puts
it, and these go into weighted least squares; then the range narrows (J. Saragih, S. Lucey, J. Cohn, Deformable Model
Fitting by Regularized Landmark Mean-Shift, IJCV 2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.alignment.parameters import jacobian, prior
from stream.alignment.structure import Plane
from stream.alignment.windows import Parameters, WindowField, values_at


@dataclass(frozen=True, slots=True)
class Weighing:
    """How far windows are believed.

    ``sharpness``: how strongly a window prefers its best place: weights are exp(sharpness x correlation / its own
    spread). ``place_variance_px``: least variance of a window's place, square pixels: things at another distance, and
    edges of heat beside those of light. ``loosened``: see ``parameters.prior``.
    """

    sharpness: float
    place_variance_px: float
    loosened: float


CAREFUL = Weighing(3.0, 0.5, 1.0)
"""For a map that may still be wrong: a window's second best place counts, too."""


def fit(
    field: WindowField,
    so_far: Parameters,
    sigmas_px: Sequence[float],
    steps: int = 4,
    weighing: Weighing = CAREFUL,
) -> Parameters:
    """Fit the displacement of all windows by one homography near identity, from wide to narrow.

    ``so_far``: what the map that the field was made with has of the unlikely parameters (see ``unlikely_part``).
    ``sigmas_px``: radii within which a window looks around the place where the map puts it, ``steps`` times each.
    Gives the eight parameters (see ``near_identity``).
    """
    parameters = np.zeros(8)
    if not len(field.centres):
        return parameters
    weights = _place_weights(field, weighing.sharpness)
    reach = field.reach
    axis = np.arange(-reach, reach + 1, dtype=np.float64)
    basis, least = jacobian(field), weighing.place_variance_px
    unlikely = prior(weighing.loosened)
    for sigma_px in sigmas_px:
        for _ in range(steps):
            expected = basis @ parameters
            dx = axis[None, :] - expected[:, 0:1]
            dy = axis[None, :] - expected[:, 1:2]
            near_x, near_y = np.exp(-0.5 * (dx / sigma_px) ** 2), np.exp(-0.5 * (dy / sigma_px) ** 2)
            local = weights * near_y[:, :, None] * near_x[:, None, :]
            mass = local.sum(axis=(1, 2)) + 1e-12
            trusted = _reliability(field, expected)
            across, down = local.sum(axis=1), local.sum(axis=2)
            mean_x, mean_y = (across * dx).sum(axis=1) / mass, (down * dy).sum(axis=1) / mass
            xx = (across * dx**2).sum(axis=1) / mass - mean_x**2
            yy = (down * dy**2).sum(axis=1) / mass - mean_y**2
            xy = np.einsum("nyx,ny,nx->n", local, dy, dx, optimize=True) / mass - mean_x * mean_y
            information, pull = _without_kernel(np.stack([mean_x, mean_y], 1), xx + least, yy + least, xy, sigma_px)
            information, pull = information * trusted[:, None, None], pull * trusted[:, None]
            normal = np.einsum("nai,nab,nbj->ij", basis, information, basis, optimize=True) + unlikely
            side = np.einsum("nai,na->i", basis, pull, optimize=True) - unlikely @ (parameters + so_far)
            parameters = parameters + np.linalg.solve(normal, side)
    return parameters


def _place_weights(field: WindowField, sharpness: float) -> Plane:
    flat = field.surfaces.reshape(len(field.surfaces), -1)
    spread = flat.std(axis=1) + 0.02
    peak = flat.max(axis=1)
    return np.exp(sharpness * (field.surfaces - peak[:, None, None]) / spread[:, None, None]).astype(np.float32)


def _reliability(field: WindowField, places_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """0..1: how far a window's correlation at its place stands out from that at all places of its surface."""
    flat = field.surfaces.reshape(len(field.surfaces), -1)
    above = (values_at(field, places_px) - flat.mean(axis=1)) / (flat.std(axis=1) + 0.02)
    # A window that has not found its place yet still gets some say: the fit starts away from it.
    return np.asarray(0.1 + 0.9 * np.clip(above / 4, 0, 1) ** 2, dtype=np.float64) / field.overlap


def _without_kernel(
    mean: NDArray[np.float64],
    xx: NDArray[np.float64],
    yy: NDArray[np.float64],
    xy: NDArray[np.float64],
    sigma_px: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Information of a window by itself, (N, 2, 2), and information x its mean, (N, 2).

    Seen through a Gaussian kernel N(0, sigma^2), a Gaussian of information A has information A + 1 / sigma^2 and mean
    (A + 1 / sigma^2)^-1 A m: the kernel is taken off again, so that a window without opinion weighs nothing.
    """
    covariance = np.empty((len(xx), 2, 2))
    covariance[:, 0, 0], covariance[:, 1, 1] = xx, yy
    covariance[:, 0, 1] = covariance[:, 1, 0] = xy
    values, vectors = np.linalg.eigh(np.linalg.inv(covariance))
    own = np.maximum(values - 1 / sigma_px**2, 0.0)
    total = np.maximum(values, 1 / sigma_px**2)
    information = np.einsum("nij,nj,nkj->nik", vectors, own, vectors)
    full = np.einsum("nij,nj,nkj->nik", vectors, np.where(own > 0, total, 0.0), vectors)
    # full x mean = A m; a window pulls at most as far as the kernel reaches.
    return information, np.einsum("nij,nj->ni", full, mean)
