"""Weights on disk: safetensors with the preset's name inside, so that a file says what it is."""

from __future__ import annotations

from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from models.student import Student, make_student


def save_student(student: Student, preset: str, path: Path, facts: dict[str, str] | None = None) -> None:
    """Write the weights (fp32) with ``preset`` and further ``facts`` as metadata."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().contiguous() for name, tensor in student.state_dict().items()}
    save_file(tensors, path, metadata={"preset": preset, **(facts or {})})


def load_student(path: Path) -> tuple[Student, str]:
    """Read weights; the student (in evaluation mode) and its preset's name.

    Raises FileNotFoundError, or ValueError when the file holds no student of ours.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights")
    with safe_open(path, framework="pt") as file:
        preset = (file.metadata() or {}).get("preset")
        if preset is None:
            raise ValueError(f"{path}: no 'preset' in its metadata; not weights of a Nightglass student")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    student = make_student(preset)
    student.load_state_dict(tensors)
    return student.eval(), preset
