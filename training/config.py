"""Configuration of a training run: one strict schema, as for the stream."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from training.degradations import KINDS
from training.losses import LossWeights

Positive = Annotated[float, Field(gt=0)]


class TrainConfigError(ValueError):
    """The YAML file of a run has an unknown key or a value that is not allowed."""


class StrictConfig(BaseModel):
    """Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RunConfig(StrictConfig):
    """What the training of a teacher and of a student have in common."""

    preset: str
    """Shape of the network."""
    start: Path | None = None
    """Weights of a network of the same preset to start from; None: fresh ones."""
    run: Path
    """Folder of the run: checkpoints, curves, record. A run that is there already is resumed."""
    steps: Annotated[int, Field(gt=0)] = 20_000
    batch: Annotated[int, Field(gt=0)] = 8
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
    losses: LossWeights = LossWeights()
    clean_weight: Positive = 1.0
    """Factor on the task losses of pairs that nothing was done to."""
    detail_gain: Positive = 1.0
    """How strong the fused picture's edges shall be, relative to those of the source where they are stronger."""

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: list[str] | None) -> list[str] | None:
        if unknown := sorted(set(kinds or ()) - set(KINDS)):
            raise ValueError(f"unknown {', '.join(unknown)}; there are {', '.join(KINDS)}")
        return kinds


class DistillWeights(StrictConfig):
    """Weights of what the teacher adds, see ``training.distillation``."""

    result: Annotated[float, Field(ge=0)] = 3.0
    feature: Annotated[float, Field(ge=0)] = 0.1
    prior: Annotated[float, Field(ge=0)] = 0.3


class StudentRunConfig(RunConfig):
    """Training of a student (``python -m training distill``)."""

    preset: str = "stream"
    crop_px: Annotated[int, Field(ge=64, multiple_of=64)] = 128
    teacher: Path | None = None
    """Weights of the teacher; None: task losses alone."""
    told: bool = True
    """False: the teacher is told nothing of what was done to the pictures, for the ablation."""
    pool: Annotated[int, Field(ge=0)] = 0
    """Crops that are drawn (and shown to the teacher) once and then reused; 0: every step draws new ones."""
    pool_file: Path | None = None
    """Where the pool is kept, so that several runs share it; None: in the folder of the run."""
    lessons_file: Path | None = None
    """Where the teacher's answers to the pool are kept; None: in the folder of the run."""
    partners: Annotated[int, Field(ge=0)] = 2
    """Crops of a batch that are another moment of others in it, against flicker; see ``training.temporal``."""
    distill: DistillWeights = DistillWeights()
    severity_weight: Annotated[float, Field(ge=0)] = 0.3
    """Weight of telling the kinds of degradation apart."""
    chroma_weight: Annotated[float, Field(ge=0)] = 1.0
    temporal_weight: Annotated[float, Field(ge=0)] = 200.0


class TeacherRunConfig(RunConfig):
    """Training of a teacher (``python -m training teacher``)."""

    preset: str = "cpu"
    text: bool = True
    """False: the teacher is told nothing at all, for the ablation."""
    neutral_share: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of pairs with the sentence that says nothing, so that the teacher also works without a description."""
    crop_px: Annotated[int, Field(ge=64, multiple_of=64)] = 64
    late_crop_px: Annotated[int, Field(ge=64, multiple_of=64)] = 128
    late_steps: Annotated[int, Field(ge=0)] = 1_500
    """The last steps see larger crops: small ones cost a quarter, but cut off what window attention looks for."""
    severity_weight: Annotated[float, Field(ge=0)] = 0.05
    """Weight of reading the degradations back from the code, which keeps the code meaningful for the student."""


Config = TypeVar("Config", bound=StrictConfig)


def load_run_config(path: Path, schema: type[Config]) -> Config:
    """Read a run's YAML. Raises TrainConfigError, one line that names file and key."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return schema.model_validate(data)
    except OSError as error:
        raise TrainConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise TrainConfigError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        raise TrainConfigError(f"{path}: key '{key}': {first['msg']}") from None
