"""What each mode shows, at even and odd sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.palette import PALETTES, colourise, palette_tables
from stream.compose import compose
from stream.config import Mode, Palette
from stream.frames import Chroma, FusedFrame, Picture, chroma_size

sizes = st.tuples(st.integers(16, 70), st.integers(16, 70))
MODES: tuple[Mode, ...] = ("fused", "side-by-side", "pip", "infrared", "visible")


def fused_frame(width: int, height: int, colour: bool = True, seed: int = 0) -> FusedFrame:
    rng = np.random.default_rng(seed)
    luma, infrared, visible = (rng.integers(0, 256, (height, width), dtype=np.uint8) for _ in range(3))
    w, h = chroma_size(width, height)
    chroma = Chroma(*(rng.integers(0, 256, (h, w), dtype=np.uint8) for _ in range(2))) if colour else None
    for plane in (luma, infrared, visible, *((chroma.cb, chroma.cr) if chroma else ())):
        plane.flags.writeable = False
    return FusedFrame(luma, chroma, infrared, visible, capture_ns=0, skew_ns=0, seq=0, clock="sim")


def assert_whole(picture: Picture) -> None:
    """A sink can take it: right types and chroma size."""
    assert picture.luma.dtype == np.uint8 and picture.luma.ndim == 2
    if picture.chroma is not None:
        w, h = chroma_size(picture.width, picture.height)
        assert picture.chroma.cb.shape == (h, w)


@given(sizes, st.booleans(), st.sampled_from(MODES), st.sampled_from(PALETTES), st.floats(0.06, 0.5))
def test_every_mode_gives_a_whole_picture(
    size: tuple[int, int], colour: bool, mode: Mode, palette: Palette, scale: float
) -> None:
    frame = fused_frame(size[0], size[1], colour)
    picture = compose(frame, mode, palette, scale)
    assert_whole(picture)
    coloured = (colour and mode != "infrared") or (palette not in ("white-hot", "black-hot") and mode not in MODES[::4])
    assert (picture.chroma is not None) == coloured
    if mode != "side-by-side":
        assert (picture.width, picture.height) == size


def test_fused_and_visible_are_passed_on_without_a_copy() -> None:
    frame = fused_frame(40, 30)
    fused, visible = compose(frame, "fused", "ironbow", 0.3), compose(frame, "visible", "ironbow", 0.3)
    assert fused.luma is frame.luma and visible.luma is frame.visible
    assert fused.chroma is frame.chroma and visible.chroma is frame.chroma


def test_corrected_colours_are_shown_with_the_fused_picture_only() -> None:
    frame = fused_frame(40, 30)
    camera = Chroma(np.full((15, 20), 90, np.uint8), np.full((15, 20), 91, np.uint8))
    frame = replace(frame, camera_chroma=camera)
    assert compose(frame, "fused", "white-hot", 0.3).chroma is frame.chroma
    assert compose(frame, "visible", "white-hot", 0.3).chroma is camera
    beside = compose(frame, "side-by-side", "white-hot", 0.3).chroma
    assert beside is not None and frame.chroma is not None
    assert np.array_equal(beside.cb[:, 20:40], camera.cb) and np.array_equal(beside.cb[:, 40:], frame.chroma.cb)


@pytest.mark.parametrize("palette", PALETTES)
def test_infrared_has_the_palettes_colours(palette: Palette) -> None:
    frame = fused_frame(33, 21)
    picture = compose(frame, "infrared", palette, 0.3)
    y, cb, cr = colourise(frame.infrared, palette)
    assert np.array_equal(picture.luma, y)
    if cb is None or cr is None:
        assert picture.chroma is None
    else:
        assert picture.chroma is not None
        assert np.array_equal(picture.chroma.cb, cb) and np.array_equal(picture.chroma.cr, cr)


@given(sizes, st.booleans())
def test_side_by_side_holds_the_three_pictures_whole_and_in_order(size: tuple[int, int], colour: bool) -> None:
    width, height = size
    frame = fused_frame(width, height, colour)
    picture = compose(frame, "side-by-side", "arctic", 0.3)
    pitch = width + width % 2
    assert (picture.width, picture.height) == (2 * pitch + width, height)
    assert picture.chroma is not None
    parts: list[Mode] = ["infrared", "visible", "fused"]
    for index, mode in enumerate(parts):
        alone = compose(frame, mode, "arctic", 0.3)
        assert np.array_equal(picture.luma[:, index * pitch : index * pitch + width], alone.luma)
        left, across = index * pitch // 2, (width + 1) // 2
        for plane, want in (
            (picture.chroma.cb, alone.chroma.cb if alone.chroma else 128),
            (picture.chroma.cr, alone.chroma.cr if alone.chroma else 128),
        ):
            assert np.all(plane[:, left : left + across] == want)


@given(sizes, st.booleans(), st.sampled_from(PALETTES), st.floats(0.06, 0.5))
def test_the_inset_stays_inside_and_leaves_the_rest_alone(
    size: tuple[int, int], colour: bool, palette: Palette, scale: float
) -> None:
    frame = fused_frame(size[0], size[1], colour)
    picture = compose(frame, "pip", palette, scale)
    rows, columns = np.nonzero(picture.luma != frame.luma)
    # Below and right of the middle, but for the border, one pixel of rounding each way, and nothing else changed.
    assert rows.min() >= size[1] * (1 - scale) - 16 - 6 and columns.min() >= size[0] * (1 - scale) - 16 - 6
    changed = picture.luma[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert changed.size <= (size[0] * scale + 6) * (size[1] * scale + 6)


def test_the_inset_is_the_infrared_picture_at_the_bottom_right_with_a_line_around_it() -> None:
    luma, visible = np.full((480, 640), 50, np.uint8), np.full((480, 640), 60, np.uint8)
    frame = FusedFrame(luma, None, np.full((480, 640), 200, np.uint8), visible, 0, 0, 0, "sim")
    picture = compose(frame, "pip", "ironbow", 0.3)
    assert picture.chroma is not None
    tables = palette_tables("ironbow")
    w, h, margin = 192, 144, 16
    x, y = 640 - margin - 2 - w, 480 - margin - 2 - h
    assert np.all(picture.luma[y : y + h, x : x + w] == tables.y[200])
    for plane, table in ((picture.chroma.cb, tables.cb), (picture.chroma.cr, tables.cr)):
        assert np.all(plane[y // 2 : (y + h) // 2, x // 2 : (x + w) // 2] == table[200])
        assert np.count_nonzero(plane != 128) == w * h // 4
    framed = picture.luma[y - 2 : y + h + 2, x - 2 : x + w + 2].copy()
    assert np.count_nonzero(picture.luma != 50) == framed.size
    framed[2:-2, 2:-2] = 255
    assert np.all(framed == 255)


def test_wrong_arguments_are_named() -> None:
    frame = fused_frame(32, 24)
    with pytest.raises(ValueError, match="unknown mode 'split'"):
        compose(frame, "split", "ironbow", 0.3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="pip_scale must be"):
        compose(frame, "pip", "ironbow", 0.6)
    with pytest.raises(ValueError, match="at least 16x16"):
        compose(fused_frame(12, 20), "pip", "ironbow", 0.3)
    with pytest.raises(ValueError, match="unknown palette"):
        compose(frame, "infrared", "lava", 0.3)  # type: ignore[arg-type]
