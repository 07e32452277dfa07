"""Limited and full range (ITU-R BT.601-7, section 2.5.3: luma 16..235, chroma 16..240), and look-up tables."""

from __future__ import annotations

import numpy as np
from numba import njit, void
from numpy.typing import NDArray

from kernels.checks import check_lut, check_plane
from kernels.signatures import LUT, U8_IN, U8_OUT, U16_IN


def _linear_lut(scale: float, centre_in: int, centre_out: int) -> NDArray[np.uint8]:
    """uint8[256]: ``centre_out + (v - centre_in) * scale``, rounded half up, clipped to 0..255, read-only."""
    values = (np.arange(256, dtype=np.float64) - centre_in) * scale + centre_out
    lut = np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)
    lut.flags.writeable = False
    return lut


LIMITED_TO_FULL_LUMA = _linear_lut(255 / 219, 16, 0)
FULL_TO_LIMITED_LUMA = _linear_lut(219 / 255, 0, 16)
LIMITED_TO_FULL_CHROMA = _linear_lut(255 / 224, 128, 128)
FULL_TO_LIMITED_CHROMA = _linear_lut(224 / 255, 128, 128)


@njit([void(source, LUT, U8_OUT) for source in (U8_IN, U16_IN)], nogil=True, cache=True)
def _apply_lut(source, lut, out):
    for y in range(source.shape[0]):
        for x in range(source.shape[1]):
            out[y, x] = lut[source[y, x]]


def apply_lut(source: NDArray[np.uint8] | NDArray[np.uint16], lut: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Write ``lut[source]`` to ``out``.

    ``source``: uint8 or uint16 (H, W), may be strided or read-only. ``lut``: uint8[256] or, for uint16, uint8[65536].
    ``out``: uint8 (H, W), may be strided and may be ``source`` itself. Raises ValueError on other shapes and types.
    """
    check_plane("source", source, (np.uint8, np.uint16))
    check_plane("out", out, (np.uint8,), source.shape)
    check_lut("lut", lut, 256 if source.dtype == np.uint8 else 65536)
    _apply_lut(source, lut, out)
