"""The engines: any size, no torch for the CPU, errors that say what is missing."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from openvino import opset13 as opset

from models.engines import KINDS, EngineError, load_engine
from models.engines.openvino import OpenVinoEngine, automatic_precision
from models.geometry import SIZE_MULTIPLE, padded_size
from models.weights import shipped_models, weights_path

HAS_BF16 = "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.fixture(scope="module")
def engine() -> OpenVinoEngine:
    return OpenVinoEngine("stream", "fp32", threads=2)


def textured(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = 128 + 80 * np.sin(x / rng.uniform(3, 20)) * np.cos(y / rng.uniform(3, 20))
    return np.clip(waves + rng.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)


@settings(max_examples=6)
@given(st.integers(16, 90), st.integers(16, 90), st.integers(0, 99))
def test_any_size(engine: OpenVinoEngine, height: int, width: int, seed: int):
    infrared, visible = textured(seed, height, width), textured(seed + 1, height, width)
    before = infrared.copy(), visible.copy()
    first, second = engine.fuse(infrared, visible), engine.fuse(infrared, visible)
    assert first.luma.shape == (height, width) and first.luma.dtype == np.uint8
    assert second.luma is not first.luma and np.array_equal(first.luma, second.luma)
    gain = first.chroma_gain
    assert gain is not None and gain.shape == (math.ceil(height / 8), math.ceil(width / 8)) and gain.dtype == np.float32
    assert gain.min() >= 0 and gain.max() <= 4 and np.array_equal(gain, second.chroma_gain)
    assert tuple(first.scores) == tuple(KINDS) and first.scores == second.scores
    assert all(type(score) is float and 0 <= score <= 1 for score in first.scores.values())
    assert np.array_equal(infrared, before[0]) and np.array_equal(visible, before[1])


def test_the_result_is_the_callers(engine: OpenVinoEngine):
    a, b = textured(1, 48, 64), textured(2, 48, 64)
    kept = engine.fuse(a, b)
    luma, gain, scores = kept.luma.copy(), kept.chroma_gain.copy(), dict(kept.scores)
    other = engine.fuse(b, a)
    assert not np.array_equal(other.chroma_gain, gain) and other.scores != scores, "it looks at its input"
    assert np.array_equal(kept.luma, luma) and np.array_equal(kept.chroma_gain, gain) and kept.scores == scores
    kept.luma[:], kept.chroma_gain[:] = 0, 0
    again = engine.fuse(a, b)
    assert np.array_equal(again.luma, luma) and np.array_equal(again.chroma_gain, gain)


def test_views_with_a_row_pitch(engine: OpenVinoEngine):
    wide = textured(3, 48, 80)
    visible = textured(4, 48, 64)
    assert np.array_equal(
        engine.fuse(wide[:, :64], visible).luma, engine.fuse(np.ascontiguousarray(wide[:, :64]), visible).luma
    )


def test_it_fuses(engine: OpenVinoEngine):
    """Grey where both are grey; what only one camera sees is seen."""
    flat = np.full((96, 128), 100, np.uint8)
    warm = flat.copy()
    warm[30:60, 40:60] = 220
    fused = engine.fuse(warm, flat).luma
    assert fused[35:55, 45:55].mean() > fused[70:, 90:].mean() + 30
    assert np.abs(engine.fuse(flat, flat).luma.astype(int) - 100).max() < 25


def test_what_is_far_away_changes_nothing_but_what_is_read_of_the_whole(engine: OpenVinoEngine):
    """No statistics of the whole frame but the prior's code: with the same code, as in a video, nothing at all."""
    infrared, visible = textured(3, 96, 512), textured(4, 96, 512)
    warm = infrared.copy()
    warm[30:60, 40:60] = 220
    before, after = engine.fuse(infrared, visible), engine.fuse(warm, visible)
    assert np.abs(before.luma[:, 400:].astype(int) - after.luma[:, 400:]).max() <= 3
    steered = [engine.fuse(plane, visible, before.code).luma[:, 400:] for plane in (infrared, warm)]
    assert np.array_equal(*steered)


@pytest.mark.parametrize("size", [(15, 64), (64, 15), (1, 1)])
def test_too_small(engine: OpenVinoEngine, size: tuple[int, int]):
    with pytest.raises(EngineError, match="16x16"):
        engine.fuse(np.zeros(size, np.uint8), np.zeros(size, np.uint8))


def test_many_sizes_do_not_pile_up():
    engine = OpenVinoEngine("stream", "fp32", threads=1)
    for number in range(6):
        side = 16 * (number + 1)
        engine.fuse(np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8))
    assert len(engine._sizes) <= 4
    engine.close()


def test_big_pictures_are_looked_at_at_half_the_resolution_and_keep_their_detail():
    """What a picture of even 2x2 blocks gives is the same either way, but for the interpolation."""
    infrared, visible = textured(5, 360, 640), textured(6, 360, 640)
    big = [plane.repeat(2, axis=0).repeat(2, axis=1) for plane in (infrared, visible)]
    auto, full = load_engine(threads=1), load_engine(threads=1, resolution="full")
    small, halved = full.fuse(infrared, visible), auto.fuse(*big)
    assert halved.luma.shape == (720, 1280) and halved.chroma_gain.shape == (90, 160)
    assert np.abs(halved.luma[::2, ::2].astype(int) - small.luma).mean() < 3
    assert halved.scores == pytest.approx(small.scores, abs=1e-4)
    assert not np.array_equal(full.fuse(*big).luma, halved.luma)
    # Below the limit nothing is halved.
    assert np.array_equal(auto.fuse(infrared, visible).luma, small.luma)


def test_precision():
    assert OpenVinoEngine("stream", "auto").precision in (("bf16", "fp32") if HAS_BF16 else ("fp32",))
    assert automatic_precision(["FP32", "BF16"], ["avx2", "amx_bf16"]) == "bf16"
    assert automatic_precision(["FP32", "BF16"], ["avx2", "avx512_bf16"]) == "fp32", "slower than fp32 there"
    assert automatic_precision(["FP32"], ["amx_bf16"]) == "fp32"
    with pytest.raises(EngineError, match="int8"):
        OpenVinoEngine("stream", "int8")
    if not HAS_BF16:
        with pytest.raises(EngineError, match="bf16"):
            OpenVinoEngine("stream", "bf16")


@pytest.mark.skipif(not HAS_BF16, reason="this CPU has no bf16")
def test_bf16_is_near_fp32(engine: OpenVinoEngine):
    a, b = textured(5, 96, 128), textured(6, 96, 128)
    rough = OpenVinoEngine("stream", "bf16").fuse(a, b).luma.astype(int)
    difference = np.abs(rough - engine.fuse(a, b).luma)
    assert difference.mean() < 1.5


def test_auto_is_openvino():
    engine = load_engine()
    assert (engine.name, engine.model) == ("openvino", "stream")
    engine.close()


def test_unknown_names():
    with pytest.raises(EngineError, match=r"'warp'.*openvino"):
        load_engine(engine="warp")
    with pytest.raises(EngineError, match=r"'nonesuch'.*stream.*export"):
        load_engine("nonesuch")


def test_weights_that_are_none(tmp_path: Path):
    (tmp_path / "bad.xml").write_text("<net/>")
    with pytest.raises(EngineError, match="bad") as caught:
        load_engine(str(tmp_path / "bad.xml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (("maps",), 0),
        (("maps", "chroma_gain", "severity", "code", "followed"), 3),
        (("maps", "chroma_gain", "severity", "code", "followed"), 12),  # with maps of 48 features
        (("severity", "maps", "chroma_gain", "code", "followed"), 12),
    ],
)
def test_networks_of_other_versions_are_refused(tmp_path: Path, names: tuple[str, ...], kinds: int):
    packed = opset.parameter([1, 4, 4, 32], name="packed")
    results = []
    for name in names:
        shape = [1, kinds] if name == "severity" else [1, 4, 4, 48]
        result = opset.result(opset.constant(np.zeros(shape, np.float32)))
        result.output(0).set_names({name})
        results.append(result)
    ov.save_model(ov.Model(results, [packed]), tmp_path / "old.xml")
    with pytest.raises(EngineError, match=rf"old\.xml.*outputs are {'; '.join(names)}, .*export it again") as caught:
        load_engine(str(tmp_path / "old.xml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["torch", "cuda_graph"])
@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed here")
def test_engines_that_need_torch_say_how_to_get_it(name: str):
    with pytest.raises(EngineError, match=r"pip install 'nightglass\[cuda\]'"):
        load_engine(engine=name)


def test_every_shipped_model_is_whole():
    assert "stream" in shipped_models()
    for name in shipped_models():
        for suffix in (".safetensors", ".onnx", ".xml", ".bin"):
            assert weights_path(name, suffix).stat().st_size > 1000


@given(st.integers(1, 5000))
def test_padded_size(size: int):
    padded = padded_size(size)
    assert padded % SIZE_MULTIPLE == 0 and 0 <= padded - size < SIZE_MULTIPLE
