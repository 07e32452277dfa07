"""The student's network for the engines that run it in torch. Importing this module needs torch."""

from __future__ import annotations

from safetensors import SafetensorError

from models.checkpoint import load_student
from models.engines.base import EngineError
from models.student import Student
from models.weights import weights_path


def load_network(model: str) -> Student:
    """The network of a shipped model or of exported weights, in evaluation mode. Raises EngineError, one line."""
    path = weights_path(model, ".safetensors")
    try:
        student, _ = load_student(path)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise EngineError(f"{path}: not weights that this version can run: {str(error).splitlines()[0]}") from error
    return student
