"""The student's input and output kernels against NumPy, for any size and any maps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from kernels.blocks import FACTOR, MAP_PX, PIXELS, VALUES, halved_size
from kernels.halved import apply_maps_doubled, pack_lumas_halved
from kernels.maps import apply_maps, pack_lumas

sides = st.integers(1, 41)
seeds = st.integers(0, 2**32 - 1)


def planes(seed: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two lumas, the second one a view with a row pitch, as decoders give."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 256, (height, width), np.uint8)
    second = rng.integers(0, 256, (height, width + 5), np.uint8)[:, :width]
    return first, second


def blocks_of(side: int) -> int:
    return -(-side // FACTOR)


def unshuffled(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) to (H/4, W/4, 16): ``torch.nn.functional.pixel_unshuffle`` with features last."""
    h, w = picture.shape[0] // FACTOR, picture.shape[1] // FACTOR
    return picture.reshape(h, FACTOR, w, FACTOR).transpose(0, 2, 1, 3).reshape(h, w, PIXELS)


def side_by_side(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """One map (h, w, 4) as a picture of its values, (2h, 2w): ``torch.nn.functional.pixel_shuffle``."""
    h, w, _ = blocks.shape
    across = FACTOR // MAP_PX
    return blocks.reshape(h, w, across, across).transpose(0, 2, 1, 3).reshape(h * across, w * across)


def three(maps: NDArray[np.float32]) -> list[NDArray[np.float64]]:
    """The values of gain of infrared, gain of visible, residual."""
    return [side_by_side(maps[..., k * VALUES : (k + 1) * VALUES]).astype(np.float64) for k in range(3)]


@settings(max_examples=60)
@given(sides, sides, st.integers(0, 3), st.integers(0, 3), seeds)
def test_pack_lumas(height: int, width: int, more_y: int, more_x: int, seed: int):
    infrared, visible = planes(seed, height, width)
    out = np.full((blocks_of(height) + more_y, blocks_of(width) + more_x, 2 * PIXELS), np.nan, np.float32)
    pack_lumas(infrared, visible, out)
    pad = ((0, out.shape[0] * FACTOR - height), (0, out.shape[1] * FACTOR - width))
    for index, plane in enumerate((infrared, visible)):
        expected = unshuffled(np.pad(plane, pad, mode="edge").astype(np.float32)) / 255
        np.testing.assert_allclose(out[..., index * PIXELS : (index + 1) * PIXELS], expected, atol=1e-6)


@settings(max_examples=60)
@given(sides, sides, st.integers(0, 3), st.integers(0, 3), seeds, st.sampled_from([0.3, 1.0, 4.0]))
def test_apply_maps(height: int, width: int, more_y: int, more_x: int, seed: int, strength: float):
    infrared, visible = planes(seed, height, width)
    shape = (blocks_of(height) + more_y, blocks_of(width) + more_x, 3 * VALUES)
    maps = np.random.default_rng(seed + 1).normal(0.5, strength, shape).astype(np.float32)
    out = np.empty((height, width), np.uint8)
    apply_maps(maps, infrared, visible, out)
    of_infrared, of_visible, residual = (
        values.repeat(MAP_PX, axis=0).repeat(MAP_PX, axis=1)[:height, :width] for values in three(maps)
    )
    exact = np.clip(of_infrared * infrared + of_visible * visible + 255 * residual, 0, 255)
    # Half a level of rounding, and what single precision loses on sums of a few hundred.
    assert np.abs(out - exact).max() <= 0.501


@settings(max_examples=30)
@given(sides, sides, seeds)
def test_gains_of_one_give_a_source_back(height: int, width: int, seed: int):
    infrared, visible = planes(seed, height, width)
    for chosen, expected in ((0, infrared), (1, visible)):
        maps = np.zeros((blocks_of(height), blocks_of(width), 3 * VALUES), np.float32)
        maps[..., chosen * VALUES : (chosen + 1) * VALUES] = 1
        out = np.empty((height, width), np.uint8)
        apply_maps(maps, infrared, visible, out)
        assert np.array_equal(out, expected)


@pytest.mark.parametrize("value", [np.inf, 1e30, -np.inf, -1e30])
def test_values_out_of_range_are_clipped(value: float):
    grey = np.full((4, 4), 7, np.uint8)
    maps = np.zeros((1, 1, 3 * VALUES), np.float32)
    maps[..., 2 * VALUES :] = value
    out = np.empty((4, 4), np.uint8)
    apply_maps(maps, grey, grey, out)
    assert (out == (255 if value > 0 else 0)).all()


GREY = np.zeros((9, 10), np.uint8)


@pytest.mark.parametrize(
    ("infrared", "visible", "out"),
    [
        (GREY, GREY, np.zeros((2, 3, 32), np.float32)),  # does not cover the height
        (GREY, GREY, np.zeros((3, 2, 32), np.float32)),  # nor the width
        (GREY, GREY, np.zeros((3, 3, 48), np.float32)),
        (GREY, GREY, np.zeros((3, 3, 32), np.float64)),
        (GREY, GREY, np.zeros((32, 3, 3), np.float32).T),
        (GREY, GREY[:8], np.zeros((3, 3, 32), np.float32)),
        (GREY.astype(np.uint16), GREY, np.zeros((3, 3, 32), np.float32)),
    ],
)
def test_pack_lumas_refuses(infrared: NDArray, visible: NDArray, out: NDArray):
    with pytest.raises(ValueError, match=r"out|visible|infrared"):
        pack_lumas(infrared, visible, out)


@pytest.mark.parametrize(
    ("maps", "out"),
    [
        (np.zeros((2, 3, 12), np.float32), GREY),
        (np.zeros((3, 3, 32), np.float32), GREY),
        (np.zeros((3, 3, 12), np.float32), GREY[:8]),
        (np.zeros((3, 3, 12), np.float32), GREY.astype(np.float32)),
    ],
)
def test_apply_maps_refuses(maps: NDArray, out: NDArray):
    with pytest.raises(ValueError, match=r"out|maps"):
        apply_maps(maps, GREY, GREY, out)


def halved(plane: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Means of 2x2 pixels; the last row and column of odd sides count twice."""
    even = np.pad(plane, ((0, plane.shape[0] % 2), (0, plane.shape[1] % 2)), mode="edge").astype(np.float64)
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4


def enlarged(plane: NDArray[np.float64], times: int) -> NDArray[np.float64]:
    """Each pixel becomes ``times`` by ``times``, bilinearly, as OpenCV does it."""
    size = (times * plane.shape[1], times * plane.shape[0])
    return cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)


@settings(max_examples=60)
@given(sides, sides, st.integers(0, 2), st.integers(0, 2), seeds)
def test_pack_lumas_halved(height: int, width: int, more_y: int, more_x: int, seed: int):
    infrared, visible = planes(seed, height, width)
    rows, columns = halved_size(height), halved_size(width)
    out = np.full((blocks_of(rows) + more_y, blocks_of(columns) + more_x, 2 * PIXELS), np.nan, np.float32)
    pack_lumas_halved(infrared, visible, out)
    pad = ((0, out.shape[0] * FACTOR - rows), (0, out.shape[1] * FACTOR - columns))
    for index, plane in enumerate((infrared, visible)):
        expected = unshuffled(np.pad(halved(plane), pad, mode="edge")) / 255
        np.testing.assert_allclose(out[..., index * PIXELS : (index + 1) * PIXELS], expected, atol=1e-6)


@settings(max_examples=60)
@given(sides, sides, st.integers(0, 2), st.integers(0, 2), seeds)
def test_apply_maps_doubled(height: int, width: int, more_y: int, more_x: int, seed: int):
    infrared, visible = planes(seed, height, width)
    rows, columns = halved_size(height), halved_size(width)
    shape = (blocks_of(rows) + more_y, blocks_of(columns) + more_x, 3 * VALUES)
    maps = np.random.default_rng(seed + 1).normal(0.4, 0.3, shape).astype(np.float32)
    out = np.empty((height, width), np.uint8)
    apply_maps_doubled(maps, infrared, visible, out)
    of_infrared, of_visible, residual = (
        enlarged(values[: -(-rows // MAP_PX), : -(-columns // MAP_PX)], 2 * MAP_PX)[:height, :width]
        for values in three(maps)
    )
    exact = np.clip(of_infrared * infrared + of_visible * visible + 255 * residual, 0, 255)
    assert np.abs(out - exact).max() <= 0.501


def test_halved_kernels_refuse_blocks_that_do_not_cover():
    with pytest.raises(ValueError, match="out"):
        pack_lumas_halved(GREY, GREY, np.zeros((1, 2, 32), np.float32))
    with pytest.raises(ValueError, match="maps"):
        apply_maps_doubled(np.zeros((2, 1, 12), np.float32), GREY, GREY, GREY.copy())
