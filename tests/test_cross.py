"""The student's cross-fusion, both directions at once: each looks at the other modality; needs the train extra."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra: pip install -e '.[train]'")

import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from models.cross import TOKEN_PX, WINDOW_PX, PairedAttention, PairedConv, PairedCrossFusion, PairedGate  # noqa: E402

pytestmark = pytest.mark.torch

DIM, HEADS = 6, 2


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("swapped", [False, True])
def test_a_paired_convolution_is_one_for_each_modality(swapped: bool):
    conv = PairedConv(3, 5, swapped)
    torch.nn.init.normal_(conv.bias)
    infrared, visible = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    sources = (visible, infrared) if swapped else (infrared, visible)
    expected = [
        F.conv2d(source, weight[:, :, None, None], bias)
        for source, weight, bias in zip(sources, conv.weight, conv.bias.chunk(2), strict=True)
    ]
    torch.testing.assert_close(conv(torch.cat([infrared, visible], dim=1)), torch.cat(expected, dim=1))


def test_gates_come_from_the_other_modality():
    gate = PairedGate(DIM)
    x = torch.rand(1, 2 * DIM, 8, 8) + 0.1
    changed = x.clone()
    changed[:, :DIM] += 0.5
    before, after = gate(x) / x, gate(changed) / changed
    torch.testing.assert_close(before[:, :DIM], after[:, :DIM])
    assert (before[:, DIM:] - after[:, DIM:]).abs().max() > 1e-3
    assert before.min() > 0 and before.max() < 2


def attention_by_loops(attention: PairedAttention, x: Tensor) -> Tensor:
    """What ``PairedAttention`` does to one picture, query by query."""
    dim, height, width = x.shape[1] // 2, x.shape[2], x.shape[3]
    heads, of_head = attention.heads // 2, dim // (attention.heads // 2)
    query = attention.query(x)[0]
    tokens = F.pad(attention.key_value(F.avg_pool2d(x, TOKEN_PX)), (1,) * 4, mode="replicate")[0]
    found = torch.zeros(2 * dim, height, width)
    across = WINDOW_PX // TOKEN_PX
    # Tokens of a wide window: its four quarters one after another, each row by row.
    order = [
        (i * across + y, j * across + x) for i in (0, 1) for j in (0, 1) for y in range(across) for x in range(across)
    ]
    for modality in range(2):
        for head in range(heads):
            first = modality * dim + head * of_head
            key = tokens[modality * 2 * dim + head * of_head :][:of_head]
            value = tokens[modality * 2 * dim + dim + head * of_head :][:of_head]
            for y in range(height):
                for x_ in range(width):
                    top, left = y // WINDOW_PX * across, x_ // WINDOW_PX * across
                    place = y % WINDOW_PX * WINDOW_PX + x_ % WINDOW_PX
                    scores = torch.stack(
                        [query[first : first + of_head, y, x_] @ key[:, top + i, left + j] for i, j in order]
                    )
                    weights = (scores * of_head**-0.5 + attention.bias[modality * heads + head, place]).softmax(dim=0)
                    values = torch.stack([value[:, top + i, left + j] for i, j in order])
                    found[first : first + of_head, y, x_] = weights @ values
    found = found[None]
    for _ in range(WINDOW_PX // 2):
        found = F.avg_pool2d(found, 3, stride=1, padding=1, count_include_pad=False)
    return found


def test_attention_is_what_loops_make_of_it():
    attention = PairedAttention(DIM, HEADS)
    torch.nn.init.normal_(attention.bias)
    for conv in (attention.query, attention.key_value):
        torch.nn.init.normal_(conv.weight)
        torch.nn.init.normal_(conv.bias)
    x = torch.randn(1, 2 * DIM, 8, 12)
    with torch.no_grad():
        torch.testing.assert_close(attention(x), attention_by_loops(attention, x), rtol=1e-4, atol=1e-5)


def test_heads_must_share_the_features_evenly():
    with pytest.raises(ValueError, match="multiple of heads"):
        PairedAttention(5, 2)


@pytest.mark.parametrize("size", [(4, 4), (5, 11), (8, 9)])
def test_any_size_is_fused(size: tuple[int, int]):
    fusion = PairedCrossFusion(DIM, HEADS)
    x = torch.randn(2, 2 * DIM, *size)
    assert fusion(x).shape == x.shape
    whole = F.pad(x, (0, -size[1] % WINDOW_PX, 0, -size[0] % WINDOW_PX), mode="replicate")
    torch.testing.assert_close(fusion(x), fusion(whole)[..., : size[0], : size[1]])
