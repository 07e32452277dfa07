"""The student's network, its losses and its training; needs the train extra."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install -e '.[train]'")

from clips import luma  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from torch import Tensor  # noqa: E402

from models.checkpoint import load_student, save_network  # noqa: E402
from models.engines import EngineError, load_engine  # noqa: E402
from models.prior import CODE_DIM, KIND_NAMES  # noqa: E402
from models.student import PRESETS, Student, make_student  # noqa: E402
from models.weights import weights_path  # noqa: E402
from training.config import StudentRunConfig, TrainConfigError, load_run_config  # noqa: E402
from training.data import TRAIN_FOLDERS, CropSampler, data_hash, load_pairs  # noqa: E402
from training.degradations import KINDS, Degradation  # noqa: E402
from training.distill import train_student  # noqa: E402
from training.loop import Run, cosine_rate, gradient_shares  # noqa: E402
from training.losses import (  # noqa: E402
    KIND_FACTORS,
    LossWeights,
    edge_loss,
    fidelity_loss,
    gradient_loss,
    picture_weights,
    sobel,
    ssim_loss,
    task_losses,
    warmth_loss,
    weighted_terms,
)
from training.metrics.edge import qabf  # noqa: E402

pytestmark = pytest.mark.torch


def textured(seed: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = 128 + 80 * np.sin(x / rng.uniform(3, 20)) * np.cos(y / rng.uniform(3, 20))
    return np.clip(waves + rng.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)


def tensor(seed: int, height: int = 64, width: int = 64) -> Tensor:
    return torch.from_numpy(textured(seed, height, width)).float()[None, None] / 255


def trained_like(name: str) -> Student:
    """A student whose outputs depend on everything, as after training."""
    torch.manual_seed(0)
    student = make_student(name).eval()
    for layer in (student.head, student.chroma, student.modulate.affine, student.modulate_detail.affine):
        torch.nn.init.normal_(layer.weight, std=0.05)
    return student


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("size", [(16, 16), (32, 80), (96, 64)])
def test_student_shapes(name: str, size: tuple[int, int]):
    student = trained_like(name)
    with torch.inference_mode():
        out = student(torch.rand(2, 1, *size), torch.rand(2, 1, *size))
    assert out.luma.shape == (2, 1, *size) and out.maps.shape == (2, 3, *size)
    assert torch.isfinite(out.luma).all()


@pytest.mark.parametrize("name", PRESETS)
def test_fresh_student_is_the_average(name: str):
    a, b = tensor(1), tensor(2)
    torch.testing.assert_close(make_student(name)(a, b).luma, (a + b) / 2)


@pytest.mark.parametrize(("a", "b"), [((60, 64), (60, 64)), ((64, 72), (64, 72)), ((64, 64), (64, 80))])
def test_student_refuses_other_sizes(a: tuple[int, int], b: tuple[int, int]):
    with pytest.raises(ValueError, match="multiples of 16"):
        make_student("stream")(torch.rand(1, 1, *a), torch.rand(1, 1, *b))


def test_unknown_preset_lists_what_there_is():
    with pytest.raises(ValueError, match="stream"):
        make_student("huge")


@pytest.mark.parametrize("name", PRESETS)
def test_only_the_prior_looks_at_the_whole_frame(name: str):
    """A flash in one corner must not change the opposite one, but through the code: that would flicker."""
    student = trained_like(name)
    infrared, visible = tensor(1, 64, 512), tensor(2, 64, 512)
    flash = visible.clone()
    flash[..., :32, :32] = 1

    def difference(steer: Tensor | None = None) -> Tensor:
        with torch.inference_mode():
            return (student(infrared, flash, steer).luma - student(infrared, visible, steer).luma).abs()

    own = difference()
    assert own[..., :32].max() > 0.01 and 0 < own[..., 400:].max() < 0.05
    steer = torch.zeros(1, CODE_DIM + 1)
    steer[:, -1] = 1
    steered = difference(steer)
    assert steered[..., :32].max() > 0.01 and steered[..., 400:].max() == 0


def test_a_share_of_the_code_steers():
    student = trained_like("stream")
    a, b, given = tensor(1), tensor(2), torch.rand(1, CODE_DIM)
    with torch.inference_mode():
        own = student(a, b)
        none = student(a, b, torch.cat([given, torch.zeros(1, 1)], dim=1))
        full = student(a, b, torch.cat([given, torch.ones(1, 1)], dim=1))
        same = student(a, b, torch.cat([own.trunk.code, torch.ones(1, 1)], dim=1))
    torch.testing.assert_close(none.luma, own.luma)
    torch.testing.assert_close(same.luma, own.luma)
    assert (full.luma - own.luma).abs().max() > 1e-3
    torch.testing.assert_close(full.trunk.code, own.trunk.code)
    torch.testing.assert_close(full.trunk.severity, own.trunk.severity)


@pytest.mark.parametrize("name", PRESETS)
def test_every_weight_is_used(name: str):
    student = trained_like(name)
    out = student(tensor(1), tensor(2))
    loss = sum((part * torch.rand_like(part)).sum() for part in (out.luma, out.trunk.chroma_gain, out.trunk.severity))
    loss.backward()
    idle = [key for key, value in student.named_parameters() if value.grad is None or not value.grad.any()]
    assert idle == []


def test_a_fresh_student_leaves_colours_alone():
    gain = make_student("stream")(tensor(1), tensor(2)).trunk.chroma_gain
    assert gain.shape == (1, 1, 8, 8)
    torch.testing.assert_close(gain, torch.ones_like(gain))


@pytest.mark.parametrize("size", [(16, 16), (47, 61), (121, 161), (33, 97)])
def test_openvino_and_torch_agree_within_a_grey_level(size: tuple[int, int]):
    infrared, visible = textured(3, *size), textured(4, *size)
    given = load_engine("stream", "openvino", "fp32").fuse(infrared, visible).luma
    expected = load_engine("stream", "torch").fuse(infrared, visible).luma
    assert np.abs(given.astype(int) - expected.astype(int)).max() <= 1


def test_torch_engine_refuses():
    with pytest.raises(EngineError, match="fp32"):
        load_engine("stream", "torch", "int8")
    with pytest.raises(EngineError, match="16x16"):
        load_engine("stream", "torch").fuse(np.zeros((8, 64), np.uint8), np.zeros((8, 64), np.uint8))
    if not torch.cuda.is_available():
        with pytest.raises(EngineError, match="openvino"):
            load_engine("stream", "cuda_graph")


def test_weights_that_are_none(tmp_path: Path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"no weights at all")
    for engine in ("torch",) if not torch.cuda.is_available() else ("torch", "cuda_graph"):
        with pytest.raises(EngineError, match=r"bad\.safetensors") as caught:
            load_engine(str(path), engine)
        assert "\n" not in str(caught.value)


def test_a_perfect_fusion_costs_nothing():
    image = tensor(5)
    slopes = sobel(image)
    assert gradient_loss(slopes, slopes, slopes) == 0
    assert abs(float(edge_loss(slopes, slopes, slopes))) < 1e-3
    assert abs(float(ssim_loss(image, image, image))) < 1e-4
    # Its smoothed gain leaves a little even here.
    assert abs(float(fidelity_loss(image, image, image))) < 0.1
    assert task_losses(image, image, image, image)["intensity"] == 0


def test_edge_loss_orders_fusions_as_the_metric_does():
    """Mixtures of two scenes: what Qabf calls better must cost less."""
    a, b = tensor(11), tensor(12)
    infrared, visible = (np.ascontiguousarray(np.rint(image[0, 0].numpy() * 255), np.uint8) for image in (a, b))
    costs, scores = [], []
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        fused = share * a + (1 - share) * b
        costs.append(float(edge_loss(sobel(fused), sobel(a), sobel(b))))
        scores.append(qabf(infrared, visible, np.rint(fused[0, 0].numpy() * 255).astype(np.uint8)))
    assert np.argsort(costs).tolist() == np.argsort(scores)[::-1].tolist()


def test_losses_rise_with_damage_and_have_gradients():
    clean = tensor(6)
    fused = (0.5 * clean + 0.25).requires_grad_()
    losses = task_losses(fused, clean, clean, clean)
    perfect = task_losses(clean, clean, clean, clean)
    for name, loss in losses.items():
        assert loss > perfect[name] + 1e-3, name
        (gradient,) = torch.autograd.grad(loss, fused, retain_graph=True)
        assert torch.isfinite(gradient).all() and gradient.abs().sum() > 0, name


def test_warm_bodies_must_be_as_bright_as_in_infrared():
    """Whatever is around them: neither a dark sky nor a bright one is asked for."""
    infrared, night, day = (torch.full((1, 1, 128, 128), value) for value in (0.2, 0.05, 0.8))
    infrared[..., 40:90, 50:66] = 0.7
    shown = infrared.clone()
    shown[..., 40:90, 50:66] = 0.76
    hidden = infrared.clone()
    hidden[..., 40:90, 50:66] = 0.1
    before = day.clone()
    before[..., 38:92, 48:68] = 0.8
    assert float(warmth_loss(shown, infrared)) < 0.02
    assert float(warmth_loss(before, infrared)) < 0.02, "what is brighter than warm is bright enough"
    assert 0.02 < float(warmth_loss(infrared, infrared)) < 0.2, "a little more than infrared is wanted"
    assert float(warmth_loss(hidden, infrared)) > 1
    assert float(warmth_loss(night, night)) == 0, "nothing is warm"


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_flat_pictures_give_finite_gradients(value: float):
    flat = torch.full((1, 1, 64, 64), value)
    fused = flat.clone().requires_grad_()
    losses = task_losses(fused, flat, flat, flat)
    sum(losses.values()).backward()
    assert all(torch.isfinite(loss) for loss in losses.values())
    assert fused.grad is not None and torch.isfinite(fused.grad).all()


def test_every_loss_has_a_weight_of_its_name():
    image = tensor(7)
    losses = task_losses(image, image, image, image)
    names = {field.name for field in dataclasses.fields(LossWeights)}
    assert set(losses) == names
    weights = picture_weights(LossWeights(**dict.fromkeys(names, 2.0)), [()])
    assert float(sum(weighted_terms(losses, weights).values())) == pytest.approx(2 * float(sum(losses.values())), 1e-4)
    with pytest.raises(KeyError, match="same names"):
        weighted_terms({name: loss for name, loss in losses.items() if name != "ssim"}, weights)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_degradation_has_its_weights(kind: str):
    """The published code looks its weights up by labels, two of which never match."""
    base = LossWeights()
    weights = picture_weights(base, [(), (Degradation(kind, 0.5),)])
    clean = {name: float(values[0]) for name, values in weights.items()}
    degraded = {name: float(values[1]) for name, values in weights.items()}
    assert clean == pytest.approx(dataclasses.asdict(base))
    assert degraded != pytest.approx(clean)
    for name, factor in dataclasses.asdict(KIND_FACTORS[kind]).items():
        assert degraded[name] == pytest.approx(clean[name] * factor)


def test_weights_are_of_known_kinds_and_combine_by_the_largest():
    assert set(KIND_FACTORS) == set(KINDS) == set(KIND_NAMES)
    weights = picture_weights(LossWeights(), [(Degradation("low_light", 0.5), Degradation("infrared_blur", 0.5))])
    base = LossWeights()
    assert float(weights["intensity"]) == pytest.approx(1.5 * base.intensity)
    assert float(weights["gradient"]) == pytest.approx(1.5 * base.gradient)


def test_gradient_shares_add_up():
    a, b = tensor(8), tensor(9)
    fused = ((a + b) / 2).requires_grad_()
    losses = task_losses(fused, a, b, torch.maximum(a, b))
    unrelated = torch.ones(1, requires_grad=True)
    shares = gradient_shares({name: loss.mean() for name, loss in losses.items()} | {"idle": unrelated.sum()}, [fused])
    assert sum(shares.values()) == pytest.approx(1) and shares.pop("idle") == 0
    assert all(share > 0 for share in shares.values())


def test_cosine_rate():
    rates = [cosine_rate(step, 100, 10) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[9] == pytest.approx(1, abs=0.01)
    assert all(b <= a for a, b in pairwise(rates[10:])) and 0.01 <= rates[-1] < 0.02


def write_pgm(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = picture.shape
    path.write_bytes(b"P5 %d %d 255\n" % (width, height) + picture.tobytes())


@pytest.fixture(scope="module")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pair in every folder that training reads, and a test folder beside them."""
    root = tmp_path_factory.mktemp("data")
    for number, folder in enumerate([*TRAIN_FOLDERS, "msrs/test"]):
        write_pgm(root / folder / "ir" / "a.pgm", luma(number, 96, 80))
        write_pgm(root / folder / "vi" / "a.pgm", luma(40 - number, 96, 80))
    return root


def test_no_test_folder_is_trained_on(small_data: Path):
    assert not [folder for folder in TRAIN_FOLDERS if "test" in Path(folder).parts or folder.startswith("m3svd/videos")]
    assert {pair.origin for pair in load_pairs(small_data)} == {f"{folder}/a.pgm" for folder in TRAIN_FOLDERS}
    with pytest.raises(ValueError, match="never trained on"):
        load_pairs(small_data, {"msrs/test": 1.0})


@pytest.mark.data
def test_no_picture_of_a_test_folder_hides_in_a_train_folder(data_dir: Path):
    for name in ("msrs", "roadscene"):
        train, test = ({path.stem for path in (data_dir / name / part / "vi").iterdir()} for part in ("train", "test"))
        assert train and test and not train & test
    clips = {Path(folder).name for folder in TRAIN_FOLDERS if folder.startswith("m3svd")}
    assert not clips & {path.stem for path in (data_dir / "m3svd" / "videos" / "vi").iterdir()}


def test_data_hash_sees_every_pixel(small_data: Path):
    pairs = load_pairs(small_data)
    changed = pairs[0].infrared.copy()
    changed[5, 5] ^= 1
    assert data_hash(pairs) != data_hash([dataclasses.replace(pairs[0], infrared=changed), *pairs[1:]])


def test_crops_stay_registered(small_data: Path):
    """Where both pictures are one, both crops are, whatever was flipped and turned."""
    pairs = [
        dataclasses.replace(
            pair, visible=pair.infrared, target=pair.infrared, colour=np.repeat(pair.infrared[..., None], 3, axis=2)
        )
        for pair in load_pairs(small_data)
    ]
    batch = CropSampler(pairs, 64, np.random.default_rng(0)).sample(32)
    assert batch.infrared.shape == (32, 1, 64, 64) and batch.infrared.dtype == torch.float32
    for other in (batch.visible, batch.clean_infrared, batch.clean_visible, batch.target):
        assert torch.equal(batch.infrared, other)
    assert batch.infrared.min() >= 0 and batch.infrared.max() <= 1
    assert len({crop.numpy().tobytes() for crop in batch.infrared}) > 20


class Killed(Exception):
    """Stands for a kill in the middle of a run."""


def test_a_resumed_run_ends_as_an_uninterrupted_one(small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def config(name: str) -> StudentRunConfig:
        settings = {"steps": 6, "batch": 3, "crop_px": 64, "checkpoint_every": 3, "warmup_steps": 2, "clean_share": 0.5}
        return StudentRunConfig(preset="tiny", run=tmp_path / name, threads=1, partners=1, **settings)

    whole = load_file(train_student(config("whole"), small_data))

    save = Run.save

    def save_and_die(self: Run, state: dict) -> None:
        save(self, state)
        raise Killed

    monkeypatch.setattr(Run, "save", save_and_die)
    with pytest.raises(Killed):
        train_student(config("cut"), small_data)
    monkeypatch.setattr(Run, "save", save)
    resumed = load_file(train_student(config("cut"), small_data))

    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    fresh = make_student("tiny").state_dict()
    assert not all(torch.equal(whole[name], fresh[name]) for name in whole), "nothing was learned"
    curves = [json.loads(line) for line in (tmp_path / "cut" / "curves.jsonl").read_text().splitlines()]
    assert [line["step"] for line in curves] == [0, 3]
    record = json.loads((tmp_path / "cut" / "record.json").read_text())
    assert record["config"]["seed"] == 0 and record["pairs"] == len(TRAIN_FOLDERS) and len(record["data"]) == 64


def test_checkpoint_round_trip(tmp_path: Path):
    student = trained_like("tiny")
    save_network(student, "tiny", tmp_path / "sub" / "a.safetensors", {"step": "7"})
    again, preset = load_student(tmp_path / "sub" / "a.safetensors")
    assert preset == "tiny" and not again.training
    assert all(torch.equal(a, b) for a, b in zip(student.parameters(), again.parameters(), strict=True))
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        load_student(tmp_path / "none.safetensors")


def test_shipped_weights_say_what_they_are():
    _, preset = load_student(weights_path("stream", ".safetensors"))
    assert preset == "stream"


@pytest.mark.parametrize(
    "yaml", ["run: a\nstepz: 3\n", "run: a\nsteps: 0\n", "steps: 3\n", "run: [\n", "run: a\nkinds: [fog]\n"]
)
def test_bad_run_configuration(tmp_path: Path, yaml: str):
    (tmp_path / "bad.yaml").write_text(yaml)
    with pytest.raises(TrainConfigError, match=r"bad\.yaml: ") as caught:
        load_run_config(tmp_path / "bad.yaml", StudentRunConfig)
    assert "\n" not in str(caught.value)
