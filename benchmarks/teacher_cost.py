"""Cost of the student beside its teacher: parameters, and time for a frame on the same engine, taking turns in one run.

    .venv-train/bin/python -m benchmarks.teacher_cost --teacher models/weights/teacher.safetensors

Both run in OpenVINO in fp32 with the same number of threads. Frames are padded to what each network needs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import Tensor, nn

from models.checkpoint import load_student, load_teacher
from models.geometry import SHUFFLE, trunk_size
from models.outputs import INPUTS
from models.steering import steer_of
from models.teacher import EMBEDDING_DIM, Teacher
from models.weights import weights_path


class _TeacherLuma(nn.Module):
    """The teacher's picture alone, for conversion."""

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        self.teacher = teacher

    def forward(self, infrared: Tensor, visible: Tensor, embedding: Tensor) -> Tensor:
        luma: Tensor = self.teacher(infrared, visible, embedding).luma
        return luma


def _count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _request(network: ov.Model, threads: int) -> ov.InferRequest:
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    return ov.Core().compile_model(network, "CPU", settings).create_infer_request()


def _teacher_request(
    teacher: Teacher, width: int, height: int, threads: int
) -> tuple[ov.InferRequest, list[np.ndarray]]:
    multiple = teacher.size_multiple
    shape = (1, 1, -(-height // multiple) * multiple, -(-width // multiple) * multiple)
    example = (torch.rand(shape), torch.rand(shape), torch.rand(1, EMBEDDING_DIM))
    with torch.inference_mode():
        network = ov.convert_model(
            _TeacherLuma(teacher), example_input=example, input=[list(part.shape) for part in example]
        )
    return _request(network, threads), [part.numpy() for part in example]


def _student_request(name: str, width: int, height: int, threads: int) -> tuple[ov.InferRequest, list[np.ndarray]]:
    shape = [1, *trunk_size(height, width, half=False), 2 * SHUFFLE * SHUFFLE]
    network = ov.Core().read_model(weights_path(name, ".xml"))
    network.reshape({INPUTS[0]: shape})
    return _request(network, threads), [np.random.default_rng(0).random(shape, np.float32), steer_of(None)[None]]


def _times_ms(request: ov.InferRequest, inputs: list[np.ndarray], times: list[float]) -> None:
    start_ns = time.perf_counter_ns()
    request.infer(inputs)
    times.append((time.perf_counter_ns() - start_ns) / 1e6)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", type=Path, required=True, help="the teacher's weights")
    parser.add_argument("--student", default="stream", help="model name or exported .xml (default stream)")
    parser.add_argument("--size", default="640x480", help="frame size (default 640x480)")
    parser.add_argument("--runs", type=int, default=30, help="timed runs of each (default 30)")
    parser.add_argument("--threads", type=int, default=0, help="inference threads, 0: all")
    parser.add_argument("--json", type=Path, help="write the figures here")
    args = parser.parse_args()
    width, height = (int(part) for part in args.size.split("x"))
    teacher, _ = load_teacher(args.teacher)
    student, _ = load_student(weights_path(args.student, ".safetensors"))
    runs = {
        "teacher": _teacher_request(teacher, width, height, args.threads),
        "student": _student_request(args.student, width, height, args.threads),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(args.runs + 3):
        for name, (request, inputs) in runs.items():
            _times_ms(request, inputs, times[name])
    report = {"size": args.size, "runs": args.runs, "threads": args.threads, "parameters": {}, "ms": {}}
    for name, network in (("teacher", teacher), ("student", student)):
        kept = sorted(times[name][3:])
        report["parameters"][name] = _count(network)
        report["ms"][name] = {"min": kept[0], "median": kept[len(kept) // 2], "max": kept[-1]}
    report["student_share"] = {
        "parameters": _count(student) / _count(teacher),
        "time": report["ms"]["student"]["median"] / report["ms"]["teacher"]["median"],
    }
    text = json.dumps(report, indent=1)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
