"""Configuration of a training run: one strict schema, as for the stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Positive = Annotated[float, Field(gt=0)]


class TrainConfigError(ValueError):
    """The YAML file of a run has an unknown key or a value that is not allowed."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LossConfig(_Strict):
    """Weights of the task losses, see ``training.losses``."""

    intensity: float = 3.0
    gradient: float = 6.0
    ssim: float = 1.0
    fidelity: float = 0.35


class StudentRunConfig(_Strict):
    """Training of a student (``python -m training distill``)."""

    preset: str = "stream"
    run: Path
    """Folder of the run: checkpoints, curves, record. A run that is there already is resumed."""
    steps: Annotated[int, Field(gt=0)] = 20_000
    batch: Annotated[int, Field(gt=0)] = 8
    crop_px: Annotated[int, Field(ge=64)] = 128
    clean_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Share of crops that the network sees as they are; the others are degraded, and judged by the clean ones."""
    kinds: list[str] | None = None
    """Degradations to draw from (``training.degradations.KINDS``); None: all."""
    learning_rate: Positive = 2e-3
    warmup_steps: Annotated[int, Field(ge=0)] = 200
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.998
    seed: int = 0
    checkpoint_every: Annotated[int, Field(gt=0)] = 500
    threads: Annotated[int, Field(ge=0)] = 0
    losses: LossConfig = LossConfig()


def load_run_config(path: Path) -> StudentRunConfig:
    """Read a run's YAML. Raises TrainConfigError, one line that names file and key."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return StudentRunConfig.model_validate(data)
    except OSError as error:
        raise TrainConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise TrainConfigError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        raise TrainConfigError(f"{path}: key '{key}': {first['msg']}") from None
