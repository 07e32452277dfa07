"""Training side by side: the pool in device memory, captured steps, the command; needs the train extra."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install -e '.[train]'")

from test_distillation import CONFIGS, lively, pairs, sampler  # noqa: E402
from torch import nn  # noqa: E402

from models.checkpoint import load_student, load_teacher  # noqa: E402
from training.captured import CapturedStep  # noqa: E402
from training.config import load_run_config  # noqa: E402
from training.device_pool import DevicePool, Told, key_numbers, prepared  # noqa: E402
from training.distillation import Lesson  # noqa: E402
from training.losses import LossWeights, picture_weights  # noqa: E402
from training.pool import draw_batches  # noqa: E402
from training.sentences import SentenceBank, key_of  # noqa: E402
from training.together import TogetherConfig, main, train_together  # noqa: E402

pytestmark = pytest.mark.torch

CPU = torch.device("cpu")
DEVICES = [CPU, *([torch.device("cuda")] if torch.cuda.is_available() else [])]


def filled(groups: int = 4) -> DevicePool:
    bank = SentenceBank()
    pool = DevicePool(groups, 8, 2, Told(bank, CPU), CPU)
    pool.add(prepared(draw_batches(sampler(partners=2), groups + 1, 8), key_numbers(bank), LossWeights(), 1.5))
    assert pool.filled == groups, "what there is no room for stays out"
    return pool


def test_rows_of_a_batch_belong_together():
    pool, drawn = filled(), draw_batches(sampler(partners=2), 4, 8)
    draw = pool.draw(2, torch.Generator().manual_seed(0))
    draw.groups.copy_(torch.tensor([3, 1]))
    draw.mirrored.fill_(False)
    batch, weights, keys = pool.batch(draw)
    order = [(3, range(4)), (1, range(4)), (3, (4, 5)), (1, (4, 5)), (3, (6, 7)), (1, (6, 7))]
    rows = [(group, row) for group, own in order for row in own]
    assert batch.partners == 4 and len(rows) == 16
    for name in ("infrared", "visible", "clean_visible", "target"):
        expected = torch.stack([drawn[group][0][name][row] for group, row in rows]).float() / 255
        torch.testing.assert_close(getattr(batch, name), expected)
    expected = picture_weights(LossWeights(), batch.degradations, 1.5)
    assert set(weights) == set(expected)
    assert all(torch.equal(weights[name], expected[name]) for name in weights)
    bank = SentenceBank()
    numbers = key_numbers(bank)
    assert keys.tolist() == [numbers[key_of(done)] for done in batch.degradations]
    told, said = pool.told.embeddings(keys, draw.chance, 0.0)
    for row, done in zip(told, batch.degradations, strict=True):
        known = bank.embeddings[bank.rows_by_key()[key_of(done)]]
        assert (row == known).all(dim=1).any(), "the sentence says something else"
    assert said.all()
    silent, said = pool.told.embeddings(keys, draw.chance, 1.0)
    assert (silent == bank.neutral()).all() and not said.any()


def test_lessons_come_with_their_crops_mirrored_like_them():
    pool, teacher = filled(), lively()
    infrared, visible, keys = pool.seen(slice(0, 4))
    told, _ = pool.told.embeddings(keys, torch.zeros(len(keys), 2), 0.0)
    with torch.inference_mode():
        pool.teach("t", slice(0, 4), Lesson.of(teacher(infrared, visible, told)))
    draw = pool.draw(2, torch.Generator().manual_seed(1))
    for mirrored in (False, True):
        draw.mirrored.fill_(mirrored)
        batch, _, _ = pool.batch(draw)
        lesson = pool.lesson("t", draw)
        straight = [image.flip(-1) if mirrored else image for image in (batch.infrared, batch.visible)]
        with torch.inference_mode():
            _, _, keys = pool.batch(draw)
            expected = teacher(*straight, pool.told.embeddings(keys, torch.zeros(len(keys), 2), 0.0)[0]).luma
        expected = expected.clamp(0, 1)
        shown = lesson.luma.flip(-1) if mirrored else lesson.luma
        torch.testing.assert_close(shown, expected, atol=0.003, rtol=0)


def test_the_same_generator_draws_the_same():
    pool = filled()
    first, second = (pool.draw(2, torch.Generator().manual_seed(5)) for _ in range(2))
    other = pool.draw(2, torch.Generator().manual_seed(6))
    for name in ("groups", "mirrored", "chance", "drift"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    assert not torch.equal(first.chance, other.chance)
    assert float(first.drift.abs().max()) <= 1


def test_groups_of_another_size_are_refused():
    bank = SentenceBank()
    pool = DevicePool(4, 6, 2, Told(bank, CPU), CPU)
    with pytest.raises(ValueError, match="groups of 6"):
        pool.add(prepared(draw_batches(sampler(partners=2), 1, 8), key_numbers(bank), LossWeights(), 1.0))


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_a_captured_step_does_what_eager_steps_do(device: Any):
    """On a GPU the tenth step is a replay; a processor runs them all as they are."""

    def trained(step_by_step: bool) -> list[Any]:
        torch.manual_seed(0)
        network = nn.Linear(4, 2).to(device)
        inputs, wanted = torch.rand(8, 4, device=device), torch.rand(8, 2, device=device)
        if not step_by_step:
            step = CapturedStep(
                network, nn.Module(), lambda: {"error": (network(inputs) - wanted).square().mean()}, device, 0.9
            )
            for _ in range(10):
                step.run(0.01)
            if device.type == "cuda":
                torch.cuda.synchronize()
        else:
            optimizer = torch.optim.AdamW(network.parameters(), lr=0.01, weight_decay=1e-4)
            for _ in range(10):
                optimizer.zero_grad()
                (network(inputs) - wanted).square().mean().backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
        return [p.detach().cpu() for p in network.parameters()]

    for captured, eager in zip(trained(False), trained(True), strict=True):
        torch.testing.assert_close(captured, eager, atol=1e-5, rtol=1e-4)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("training.together.load_pairs", lambda root: pairs())
    return Path("unused")


def config(folder: Path, **own: Any) -> TogetherConfig:
    base = {"run": folder, "pool": 32, "steps": 3, "batch": 8, "crop_px": 64, "warmup_steps": 0, "clean_share": 0.3}
    short = {"steps": 3, "batch": 8, "warmup_steps": 0}
    settings: dict[str, Any] = {
        "output": folder,
        "base": base,
        "first": 8,
        "workers": 1,
        "teachers": {"told": short, "silent": {**short, "text": False}},
        "students": {"alone": {}, "again": {}, "taught": {"taught_by": "told"}},
    }
    return TogetherConfig.model_validate(settings | own)


def test_teachers_then_students(tiny: Path, tmp_path: Path):
    weights = train_together(config(tmp_path), tiny, CPU)
    assert set(weights) == {"told", "silent", "alone", "again", "taught"}
    assert load_teacher(weights["told"])[0].reads_text and not load_teacher(weights["silent"])[0].reads_text
    alone, again, taught = (list(load_student(weights[name])[0].parameters()) for name in ("alone", "again", "taught"))
    assert all(torch.equal(a, b) for a, b in zip(alone, again, strict=True)), "arms of one seed see the same"
    assert any(not torch.equal(a, b) for a, b in zip(alone, taught, strict=True)), "the teacher taught nothing"
    assert json.loads((tmp_path / "config.json").read_text())["base"]["steps"] == 3


def test_time_is_kept(tiny: Path, tmp_path: Path):
    limited = config(tmp_path, students={}, teachers_limit_s=1e-6)
    train_together(limited, tiny, CPU)
    assert not (tmp_path / "told" / "curves.jsonl").exists(), "it went on after its time"
    assert (tmp_path / "told" / "cpu.safetensors").exists()


def test_the_example_is_valid_and_a_gpu_is_asked_for(capsys: pytest.CaptureFixture[str]):
    example = load_run_config(CONFIGS / "together.yaml", TogetherConfig)
    assert {by for _, by in map(example.student_run, example.students)} == {None, *example.teachers}
    for name in example.teachers:
        assert example.teacher_run(name).steps > 0
    if not torch.cuda.is_available():
        with pytest.raises(SystemExit):
            main(["--config", str(CONFIGS / "together.yaml")])
        assert "--device cpu" in capsys.readouterr().err


def test_numbers_of_what_is_said_are_those_of_the_rows():
    bank = SentenceBank()
    assert list(key_numbers(bank)) == list(bank.rows_by_key())
    assert np.unique(list(key_numbers(bank).values())).size == len(bank.rows_by_key())
