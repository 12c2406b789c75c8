"""Attention, blocks, relative positions and the convolutional stem against their definitions."""

import math

import pytest
import torch
import torch.nn.functional as F
from small_vit import drawn, vit

from sslcourse.networks import ema_copy
from sslcourse.networks.transformer import Attention, Block, ConvStem, RelativePositions


@pytest.mark.parametrize("biased", [False, True])
def test_attention_its_map_and_pytorchs_fused_function_agree(biased):
    torch.manual_seed(0)
    attention, x = Attention(24, 3), drawn(2, 5, 24)
    bias = drawn(3, 5, 5, seed=1) if biased else None
    weights = attention.weights(x, bias)
    assert torch.allclose(weights.sum(3), torch.ones(2, 3, 5), atol=1e-6)
    values = attention.split(x)[2]
    expected = attention.proj((weights @ values).transpose(1, 2).flatten(2))
    assert torch.allclose(attention(x, bias), expected, atol=1e-5)
    q, k, v = attention.split(x)
    fused = F.scaled_dot_product_attention(q, k, v, None if bias is None else bias[None])
    assert torch.allclose(attention.proj(fused.transpose(1, 2).flatten(2)), expected, atol=1e-5)


def test_attention_equals_the_formula_written_as_a_loop():
    torch.manual_seed(0)
    attention, x = Attention(6, 2).double(), drawn(1, 3, 6, dtype=torch.float64)
    rows = (x[0] @ attention.qkv.weight.T + attention.qkv.bias).tolist()
    gathered = torch.zeros(3, 6, dtype=torch.float64)
    for head in range(2):
        part = slice(3 * head, 3 * head + 3)
        q, k, v = ([row[6 * kind :][part] for row in rows] for kind in range(3))
        for i in range(3):
            scores = [sum(a * b for a, b in zip(q[i], k[j])) / math.sqrt(3) for j in range(3)]
            total = sum(map(math.exp, scores))
            for j in range(3):
                share = math.exp(scores[j]) / total
                gathered[i, part] += share * torch.tensor(v[j], dtype=torch.float64)
    expected = gathered @ attention.proj.weight.T + attention.proj.bias
    assert torch.allclose(attention(x)[0], expected)


def test_a_block_is_pytorchs_pre_norm_layer():
    torch.manual_seed(0)
    block, x = Block(24, 3), drawn(2, 5, 24)
    theirs = torch.nn.TransformerEncoderLayer(
        24,
        3,
        96,
        dropout=0.0,
        activation="gelu",
        norm_first=True,
        batch_first=True,
        layer_norm_eps=1e-6,
    ).eval()
    pairs = {
        "self_attn.in_proj_weight": block.attention.qkv.weight,
        "self_attn.in_proj_bias": block.attention.qkv.bias,
        "self_attn.out_proj.weight": block.attention.proj.weight,
        "self_attn.out_proj.bias": block.attention.proj.bias,
        "linear1.weight": block.mlp[0].weight,
        "linear1.bias": block.mlp[0].bias,
        "linear2.weight": block.mlp[2].weight,
        "linear2.bias": block.mlp[2].bias,
        "norm1.weight": block.norm1.weight,
        "norm1.bias": block.norm1.bias,
        "norm2.weight": block.norm2.weight,
        "norm2.bias": block.norm2.bias,
    }
    theirs.load_state_dict(pairs)
    assert torch.allclose(block(x), theirs(x), atol=1e-5)


def test_layer_scale_of_zero_leaves_the_tokens_alone():
    torch.manual_seed(0)
    block, x = Block(24, 3, layer_scale=0.0), drawn(2, 5, 24)
    assert torch.equal(block(x), x)


def test_relative_positions_depend_on_the_offset_alone():
    relative = RelativePositions(3, 4, 2)
    with torch.no_grad():
        relative.table.copy_(drawn(*relative.table.shape))
    bias = relative()
    assert bias.shape == (2, 13, 13)
    place = [(i // 4, i % 4) for i in range(12)]
    by_offset = {}
    for i, (row, column) in enumerate(place):
        for j, (other_row, other_column) in enumerate(place):
            offset = row - other_row, column - other_column
            value = bias[0, 1 + i, 1 + j].item()
            assert by_offset.setdefault(offset, value) == value
    assert len(set(by_offset.values())) == 5 * 7
    special = {bias[0, 0, 0].item(), bias[0, 0, 1].item(), bias[0, 1, 0].item()}
    assert len(special) == 3 and not special & set(by_offset.values())
    assert (bias[0, 0, 1:] == bias[0, 0, 1]).all() and (bias[0, 1:, 0] == bias[0, 1, 0]).all()


@pytest.mark.parametrize("patch_size", [2, 4, 8])
def test_a_convolutional_stem_makes_a_token_of_every_patch(patch_size):
    network, images = vit(stem="conv", patch_size=patch_size), drawn(2, 3, 16, 24)
    rows, columns = 16 // patch_size, 24 // patch_size
    tokens = network.embed(images)
    assert tokens.shape == (2, rows * columns, 24)
    assert network(images).shape == (2, 1 + rows * columns, 24)
    changed = images.clone()
    changed[0, :, -1, -1] += 5  # the last pixel of the last patch
    moved = (network.embed(changed) - tokens).abs().amax(dim=2) > 1e-4
    assert moved[0, -1] and not moved[1].any(), "images of a batch share nothing"
    twin = ema_copy(network)
    assert torch.equal(twin.eval()(images), network.train()(images)), "no running statistics"


def test_a_token_of_a_convolutional_stem_sees_its_own_patch_best():
    torch.manual_seed(0)
    stem = ConvStem(4, 24)
    for module in stem.layers:
        if isinstance(module, torch.nn.GroupNorm):
            module.weight.data.fill_(1.0)
    images = drawn(1, 3, 16, 16).requires_grad_()
    stem(images)[0, 6].abs().sum().backward()  # row 1, column 2
    seen = images.grad.abs().sum(dim=(0, 1)).view(4, 4, 4, 4).sum(dim=(1, 3))
    assert seen.argmax() == 6
    # the norms know the whole image, but only its mean and deviation
    assert seen[1, 2] > 5 * seen[3, 0]
