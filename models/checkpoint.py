"""Weights on disk: safetensors with the preset's name inside, so that a file says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.student import Student, make_student
from models.teacher import Teacher, make_teacher

Network = TypeVar("Network", bound=nn.Module)


def save_network(
    network: nn.Module, preset: str, path: Path, facts: dict[str, str] | None = None, half: bool = False
) -> None:
    """Write the weights (``half``: rounded to fp16) with kind, ``preset`` and further ``facts`` as metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()}
    if half:
        tensors = {name: tensor.half() for name, tensor in tensors.items()}
    kind = type(network).__name__.lower()
    save_file(tensors, path, metadata={"kind": kind, "preset": preset, **(facts or {})})


def load_student(path: Path) -> tuple[Student, str]:
    """Read weights; the student (in evaluation mode) and its preset's name.

    Raises FileNotFoundError, or ValueError when the file holds no student of ours.
    """
    preset, tensors, _ = _read(path, "student")
    return _filled(make_student(preset), tensors), preset


def load_teacher(path: Path) -> tuple[Teacher, str]:
    """Read weights; the teacher (in evaluation mode) and its preset's name. Raises as ``load_student``."""
    preset, tensors, facts = _read(path, "teacher")
    teacher = _filled(make_teacher(preset), tensors)
    teacher.reads_text = facts.get("text") != "False"
    return teacher, preset


def _read(path: Path, kind: str) -> tuple[str, dict[str, Tensor], dict[str, str]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights")
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        if "preset" not in metadata:
            raise ValueError(f"{path}: no 'preset' in its metadata; not weights of a Nightglass {kind}")
        if metadata.get("kind", kind) != kind:
            raise ValueError(f"{path}: weights of a {metadata['kind']}, not of a {kind}")
        tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  (not a dict)
    return metadata["preset"], tensors, metadata


def _filled(network: Network, tensors: dict[str, Tensor]) -> Network:
    network.load_state_dict(tensors)
    return network.eval()
