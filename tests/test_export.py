"""The exported student computes what torch does, in every output; needs the train extra."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install -e '.[train]'")

import openvino as ov  # noqa: E402
from clips import luma  # noqa: E402
from torch import nn  # noqa: E402

from models.checkpoint import load_student, save_network  # noqa: E402
from models.engines import KINDS, Engine, load_engine  # noqa: E402
from models.engines.network import fuse_lumas  # noqa: E402
from models.outputs import INPUTS, OUTPUTS  # noqa: E402
from models.prior import CODE_DIM  # noqa: E402
from models.student import Student, make_student  # noqa: E402
from training import export as exporting  # noqa: E402

pytestmark = pytest.mark.torch

SIZES = [(16, 16), (45, 83), (121, 161), (64, 96), (33, 97)]


def trained_like() -> Student:
    """A small student whose outputs depend on everything, as after training."""
    torch.manual_seed(0)
    student = make_student("tiny").eval()
    for layer in (student.head, student.chroma, student.modulate.affine, student.modulate_detail.affine):
        nn.init.normal_(layer.weight, std=0.05)
    nn.init.normal_(student.judge[-1].weight, std=1.0)
    return student


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported once: it takes a while."""
    folder = tmp_path_factory.mktemp("export")
    save_network(trained_like(), "tiny", folder / "trained" / "a.safetensors")
    differences = exporting.export(folder / "trained" / "a.safetensors", folder)
    assert set(differences) == {"tiny.xml", "tiny.xml, unread", "tiny.onnx"}
    assert all(0 <= difference <= exporting.TOLERANCE for difference in differences.values())
    return folder


@pytest.fixture(scope="module")
def engines(folder: Path) -> tuple[Engine, Engine]:
    model = str(folder / "tiny.xml")
    return load_engine(model, "openvino", "fp32", 1), load_engine(model, "torch")


@pytest.fixture(scope="module")
def halving(folder: Path) -> tuple[Engine, Engine]:
    model = str(folder / "tiny.xml")
    return load_engine(model, "openvino", "fp32", 1, resolution="half"), load_engine(model, "torch", resolution="half")


@pytest.mark.parametrize("pair", ["engines", "halving"])
@pytest.mark.parametrize("size", SIZES)
def test_engines_agree_in_everything(request: pytest.FixtureRequest, pair: str, size: tuple[int, int]):
    engines = request.getfixturevalue(pair)
    infrared, visible = luma(3, size[1], size[0]), luma(40, size[1], size[0])
    given, expected = (engine.fuse(infrared, visible) for engine in engines)
    assert np.abs(given.luma.astype(int) - expected.luma.astype(int)).max() <= 1
    assert given.chroma_gain is not None and expected.chroma_gain is not None
    assert given.chroma_gain.shape == expected.chroma_gain.shape == (-(-size[0] // 8), -(-size[1] // 8))
    assert given.chroma_gain.dtype == expected.chroma_gain.dtype == np.float32
    assert np.abs(given.chroma_gain - expected.chroma_gain).max() < 1e-4
    if pair == "engines" or min(size) > 16:  # a halved 16x16 picture has one gain
        assert np.ptp(given.chroma_gain) > 1e-3, "the same gain everywhere compares nothing"
    assert tuple(given.scores) == tuple(expected.scores) == tuple(KINDS)
    # Scores are summed up with large weights.
    assert given.scores == pytest.approx(expected.scores, abs=5e-4)
    assert np.ptp(list(given.scores.values())) > 0.05


def test_pictures_that_are_not_read_are_fused_alike(engines: tuple[Engine, Engine]):
    infrared, visible = luma(3, 83, 45), luma(40, 83, 45)
    code = np.linspace(-1, 1, CODE_DIM, dtype=np.float32)
    # The whole network stands in until the other one is compiled.
    early = engines[0].fuse(infrared, visible, code, read=False)
    engines[0]._size((12, 24, False)).result()
    read, unread = (engines[0].fuse(infrared, visible, code, read=read) for read in (True, False))
    assert np.array_equal(read.luma, early.luma) and not early.scores and early.code is None
    assert np.array_equal(read.luma, unread.luma) and np.allclose(read.chroma_gain, unread.chroma_gain, atol=1e-5)
    assert read.scores and read.code is not None and not unread.scores and unread.code is None
    assert not np.array_equal(engines[0].fuse(infrared, visible, -code, read=False).luma, unread.luma)
    # Without a code there is nothing to go by but the pictures.
    assert engines[0].fuse(infrared, visible, read=False).scores


def test_outputs_have_names_and_shapes(folder: Path):
    core = ov.Core()
    for name, size in (("tiny.xml", [1, 12, 20, 32]), ("tiny.onnx", [1, 32, 12, 20])):
        network = core.read_model(folder / name)
        network.reshape({INPUTS[0]: size})
        shapes = {output.any_name: list(output.shape) for output in network.outputs}
        assert tuple(shapes) == OUTPUTS
        assert shapes["severity"] == [1, len(KINDS)]
        last = name == "tiny.xml"
        assert shapes["maps"] == ([1, 12, 20, 12] if last else [1, 12, 12, 20])
        assert shapes["chroma_gain"] == ([1, 6, 10, 1] if last else [1, 1, 6, 10])


@pytest.mark.parametrize(
    ("part", "output"), [("head", "maps"), ("chroma", "chroma_gain"), ("judge.2", "severity"), ("read.2", "maps")]
)
def test_a_network_that_computes_something_else_is_refused(folder: Path, part: str, output: str):
    other, _ = load_student(folder / "tiny.safetensors")
    layer = other.get_submodule(part)
    with torch.no_grad():
        layer.bias += 0.05
    with pytest.raises(exporting.ExportError, match=rf"tiny\.xml: {output} at .* differs"):
        exporting._check(exporting._Trunk(other).eval(), folder / "tiny.xml", folder / "tiny.onnx")


def test_files_hold_no_path_of_this_machine(folder: Path):
    for name in ("tiny.xml", "tiny.onnx", "tiny.bin"):
        content = (folder / name).read_bytes()
        assert b"site-packages" not in content and str(Path(exporting.__file__).parent).encode() not in content


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_near(dtype: str):
    """What the GPU engine captures, on the CPU."""
    half = getattr(torch, dtype)
    lumas = torch.from_numpy(np.stack([luma(3, 83, 45), luma(40, 83, 45)])[:, None])
    with torch.inference_mode():
        steer = torch.rand(CODE_DIM + 1)
        exact = fuse_lumas(trained_like(), lumas, steer, torch.float32)
        rough = fuse_lumas(trained_like().to(half), lumas, steer, half)
    assert [out.dtype for out in rough] == [torch.uint8, torch.float32, torch.float32, torch.float32]
    assert [tuple(out.shape) for out in rough] == [(45, 83), (6, 11), (len(KINDS),), (CODE_DIM,)]
    assert all(out.is_contiguous() for out in (*exact, *rough))
    for given, expected, allowed in zip(rough, exact, (1.0, 0.02, 0.02, 0.02), strict=True):
        assert (given.float() - expected.float()).abs().mean() < allowed
