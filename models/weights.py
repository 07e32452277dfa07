"""Where the shipped weights lie: ``models/weights/NAME.safetensors`` and the engine's ``NAME.onnx``/``NAME.xml``."""

from __future__ import annotations

from pathlib import Path

from models.engines.base import EngineError

FOLDER = Path(__file__).resolve().parent / "weights"


def shipped_models() -> list[str]:
    """Names of the students that this installation has weights of."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def weights_path(model: str, suffix: str) -> Path:
    """Path of one file of a model. ``model`` is a shipped name, or the path of a file beside which the rest lies.

    Raises EngineError, listing what there is.
    """
    path = Path(model).with_suffix(suffix) if "/" in model else FOLDER / f"{model}{suffix}"
    if not path.is_file():
        raise EngineError(
            f"model {model!r}: no file {path}; shipped models: {', '.join(shipped_models()) or 'none'}, "
            "or give the path of exported weights (python -m training export)"
        )
    return path
