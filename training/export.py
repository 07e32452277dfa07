"""Export a student for the engines: ``python -m training export --weights A.safetensors --output models/weights``.

Writes NAME.safetensors (torch engines), NAME.onnx (any runtime) and NAME.xml/.bin (OpenVINO, features last), checks
each against torch, and says how far apart they are. The networks' outputs are those of ``models.outputs.OUTPUTS``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import openvino as ov
import torch
from numpy.typing import NDArray
from openvino import Layout
from openvino.preprocess import PrePostProcessor
from torch import Tensor, nn

from models.checkpoint import load_student
from models.engines.unread import PICTURES, STEER, unread
from models.geometry import SHUFFLE
from models.outputs import INPUTS, OUTPUTS
from models.prior import CODE_DIM
from models.student import Student

TOLERANCE = 2e-4
"""Largest difference of an output between torch and an exported network.

The maps count in units of the full grey scale, the chroma gain in factors.
"""

SCORE_TOLERANCE = 2e-3
"""The same for the severity, in probabilities: it is summed up with weights of up to a hundred, where engines that add
in another order are not good to the last digits (measured on noise: 1.2e-3). A kind is told from 0.5 on.
"""


class ExportError(RuntimeError):
    """The exported network does not compute what torch does."""


class _Trunk(nn.Module):
    """The part that is exported: packing and the final sum are kernels. Gives ``OUTPUTS`` in their order."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, packed: Tensor, steer: Tensor) -> tuple[Tensor, ...]:
        trunk = self.student.trunk(packed, steer)
        return trunk.maps, trunk.chroma_gain, torch.sigmoid(trunk.severity), trunk.code, trunk.followed


def export(weights: Path, folder: Path) -> dict[str, float]:
    """Export; the largest difference to torch for each file. Raises ExportError above the tolerances."""
    student, preset = load_student(weights)
    trunk = _Trunk(student).eval()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{preset}.safetensors"
    if target.resolve() != weights.resolve():
        shutil.copyfile(weights, target)
    features = 2 * SHUFFLE * SHUFFLE
    # Not a multiple of the attention window, so that the padding inside is exported as a function of the size.
    example = torch.rand(1, features, 60, 44)
    onnx_path = folder / f"{preset}.onnx"
    height, width = torch.export.Dim("height", min=1), torch.export.Dim("width", min=1)
    torch.onnx.export(
        trunk,
        (example, torch.rand(1, CODE_DIM + 1)),
        onnx_path,
        dynamo=True,
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_shapes=({2: 4 * height, 3: 4 * width}, None),
        external_data=False,
    )
    _forget_sources(onnx_path)
    network = ov.Core().read_model(onnx_path)
    processor = PrePostProcessor(network)
    # Features last at both ends, as the kernels write and read them.
    processor.input(INPUTS[0]).tensor().set_layout(Layout("NHWC"))
    processor.input(INPUTS[0]).model().set_layout(Layout("NCHW"))
    for name in PICTURES:
        processor.output(name).model().set_layout(Layout("NCHW"))
        processor.output(name).tensor().set_layout(Layout("NHWC"))
    network = processor.build()
    ov.save_model(network, folder / f"{preset}.xml", compress_to_fp16=False)
    return _check(trunk, folder / f"{preset}.xml", onnx_path)


def _forget_sources(path: Path) -> None:
    """Take the exporter's stack traces, which hold paths of this machine, out of an ONNX file."""
    model = onnx.load(path)
    del model.metadata_props[:]
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    for function in model.functions:
        del function.metadata_props[:]
        for node in function.node:
            del node.metadata_props[:]
    onnx.save(model, path)


def _check(trunk: nn.Module, xml: Path, onnx_path: Path) -> dict[str, float]:
    differences: dict[str, float] = {}
    core = ov.Core()
    read, foreign = core.read_model(xml), core.read_model(onnx_path)
    rng = torch.Generator().manual_seed(0)  # The same weights pass or fail every time.
    for height, width in ((120, 160), (60, 44), (4, 4)):
        packed = torch.rand(1, 2 * SHUFFLE * SHUFFLE, height, width, generator=rng)
        steer = torch.rand(1, CODE_DIM + 1, generator=rng)
        with torch.inference_mode():
            expected = dict(zip(OUTPUTS, (part.numpy() for part in trunk(packed, steer)), strict=True))
        first = packed.numpy()
        last = np.ascontiguousarray(first.transpose(0, 2, 3, 1))
        for name, network, given in (
            (xml.name, read, (last, steer.numpy())),
            (f"{xml.name}, unread", unread(read), (last, expected[STEER])),
            (onnx_path.name, foreign, (first, steer.numpy())),
        ):
            for output, values in _outputs(core, network, given).items():
                if network is not foreign and output in PICTURES:
                    values = values.transpose(0, 3, 1, 2)
                if values.shape != expected[output].shape:
                    raise ExportError(f"{name}: {output} at {width}x{height} is {values.shape}")
                difference = float(np.abs(values - expected[output]).max())
                if not difference <= (SCORE_TOLERANCE if output == "severity" else TOLERANCE):
                    raise ExportError(f"{name}: {output} at {width}x{height} differs from torch by {difference:.2g}")
                differences[name] = max(difference, differences.get(name, 0.0))
    return differences


def _outputs(core: ov.Core, network: ov.Model, given: tuple[NDArray[np.float32], ...]) -> dict[str, NDArray[Any]]:
    """What a network makes of its inputs, by name."""
    network.reshape({INPUTS[0]: list(given[0].shape)})
    results = core.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(given)
    return {output.any_name: values for output, values in results.items()}


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training export", description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True, help="safetensors of a trained student")
    parser.add_argument("--output", type=Path, default=Path("models/weights"), help="folder of the exported files")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        differences = export(args.weights, Path(scratch))
        args.output.mkdir(parents=True, exist_ok=True)
        for path in Path(scratch).iterdir():
            shutil.move(path, args.output / path.name)
    for name, difference in differences.items():
        print(f"{name}: largest difference to torch {difference:.2g}")
    return 0
