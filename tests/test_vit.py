"""The vision transformer against its definition: patches, positions, attention, visible patches."""

import math

import pytest
import torch
import torch.nn.functional as F

from sslcourse.networks import VisionTransformer, ema_copy
from sslcourse.networks.patches import (
    check_crop,
    hidden_count,
    patchify,
    sincos_positions,
    take,
    unpatchify,
    visible_positions,
)
from sslcourse.networks.transformer import Attention, Block, ConvStem, RelativePositions
from sslcourse.networks.vit import represent


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def vit(**options):
    torch.manual_seed(0)
    shared = {"image_size": 16, "patch_size": 4, "width": 24, "depth": 2, "heads": 3}
    return VisionTransformer(**shared | options)


def test_patchify_puts_every_pixel_where_the_paper_does():
    """Row, column, channel inside a patch; patches row by row."""
    images = torch.arange(2 * 3 * 8 * 12).view(2, 3, 8, 12)
    patches = patchify(images, 4)
    assert patches.shape == (2, 6, 48)
    for n, c, y, x in ((0, 0, 0, 0), (1, 2, 5, 3), (0, 1, 3, 11), (1, 0, 7, 4)):
        patch = (y // 4) * 3 + x // 4
        place = ((y % 4) * 4 + x % 4) * 3 + c
        assert patches[n, patch, place] == images[n, c, y, x]


@pytest.mark.parametrize("size", [(8, 8), (8, 12), (4, 16)])
def test_unpatchify_is_the_inverse(size):
    images = drawn(2, 3, *size)
    assert torch.equal(unpatchify(patchify(images, 4), 4, columns=size[1] // 4), images)
    if size[0] == size[1]:
        assert torch.equal(unpatchify(patchify(images, 2), 2), images)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: patchify(torch.zeros(1, 3, 10, 8), 4), "10x8 pixels can't be cut into patches"),
        (lambda: patchify(torch.zeros(3, 8, 8), 4), r"images \(N, C, H, W\)"),
        (lambda: unpatchify(torch.zeros(1, 4, 47), 4), r"patches \(N, L, 4\*4\*C\)"),
        (lambda: unpatchify(torch.zeros(1, 6, 48), 4), "6 patches don't make a square"),
        (lambda: unpatchify(torch.zeros(1, 6, 48), 4, columns=4), "don't fill rows of 4 columns"),
        (lambda: sincos_positions(2, 2, 6), "divisible by 4, got 6"),
        (lambda: check_crop(6, 4), "crops of 6 pixels can't be cut into patches of 4 pixels"),
        (lambda: hidden_count(64, 1.0), "between 0 and 1, got 1.0"),
        (lambda: hidden_count(4, 0.05), "hides 0 of 4 patches"),
        (lambda: hidden_count(4, 0.95), "hides 4 of 4 patches"),
        (lambda: visible_positions(torch.zeros(2, 4)), "mask must be bool"),
        (lambda: visible_positions(torch.ones(2, 4).bool()), "at least 1; the mask shows 0 to 0"),
        (lambda: visible_positions(torch.eye(4).bool() & (torch.arange(4) > 0)), "shows 3 to 4"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()


def test_positions_are_sines_and_cosines_of_column_and_row():
    places = sincos_positions(3, 5, 8)
    assert places.shape == (15, 8)
    row, column = 2, 4
    frequencies = [1.0, 1 / 100]
    expected = [
        wave(at * f) for at in (column, row) for wave in (math.sin, math.cos) for f in frequencies
    ]
    assert torch.allclose(places[row * 5 + column], torch.tensor(expected), atol=1e-6)
    assert len(places.unique(dim=0)) == 15


def test_visible_positions_keep_their_order():
    mask = torch.tensor([[True, False, True, False], [False, True, True, False]])
    positions = visible_positions(mask)
    assert positions.tolist() == [[1, 3], [0, 3]]
    assert torch.equal(visible_positions(mask, 2), positions)
    tokens = torch.arange(8.0).view(2, 4, 1)
    assert take(tokens, positions)[:, :, 0].tolist() == [[1, 3], [4, 7]]


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


@pytest.mark.parametrize("positions", ["sincos", "learned", "none"])
@pytest.mark.parametrize("relative", [False, True])
def test_tokens_and_attention_have_their_shapes(positions, relative):
    network, images = vit(positions=positions, relative=relative), drawn(2, 3, 16, 16)
    tokens = network(images)
    assert tokens.shape == (2, 17, 24)
    assert torch.allclose(tokens.mean(2), torch.zeros(2, 17), atol=1e-5), "after the LayerNorm"
    maps = network.attention(images)
    assert maps.shape == (2, 3, 17, 17)
    assert torch.allclose(maps.sum(3), torch.ones(2, 3, 17), atol=1e-5)


def test_the_map_is_what_the_last_block_uses():
    network, images = vit(depth=1), drawn(2, 3, 16, 16)
    seen = {}

    def keep(module, inputs, output):
        seen["x"], seen["out"] = inputs[0], output

    network.blocks[-1].attention.register_forward_hook(keep)
    network(images)
    attention = network.blocks[-1].attention
    values = attention.split(seen["x"])[2]
    gathered = (network.attention(images) @ values).transpose(1, 2).flatten(2)
    assert torch.allclose(attention.proj(gathered), seen["out"], atol=1e-5)


def test_an_empty_mask_changes_nothing_and_hidden_patches_cannot_matter():
    network, images = vit(), drawn(3, 3, 16, 16)
    none = torch.zeros(3, 16, dtype=torch.bool)
    assert torch.allclose(network(images, none), network(images), atol=1e-5)
    mask = torch.zeros(3, 16, dtype=torch.bool)
    mask[0, :8] = mask[1, 8:] = mask[2, ::2] = True
    tokens = network(images, mask)
    assert tokens.shape == (3, 9, 24)
    assert torch.equal(network(images, mask, visible=8), tokens)
    patches = patchify(images, 4)
    other = unpatchify(torch.where(mask[:, :, None], drawn(3, 16, 48, seed=5), patches), 4)
    assert torch.equal(network(other, mask), tokens)
    changed = unpatchify(torch.where(mask[:, :, None], patches, patches + 1), 4)
    assert not torch.allclose(network(changed, mask), tokens, atol=1e-2)


def test_images_of_a_batch_do_not_mix():
    network, images = vit(), drawn(4, 3, 16, 16)
    together = network(images)
    for index in range(4):
        alone = network(images[index : index + 1])
        assert torch.allclose(together[index], alone[0], atol=1e-5)


def test_patches_know_where_they_stand():
    """The same patch everywhere: without positions all tokens agree, with them they differ."""
    images = drawn(1, 3, 4, 4).repeat(1, 1, 4, 4)
    blind = vit(positions="none")(images)[:, 1:]
    assert torch.allclose(blind, blind[:, :1].expand_as(blind), atol=1e-5)
    for positions in ("sincos", "learned"):
        tokens = vit(positions=positions)(images)[0, 1:]
        assert torch.pdist(tokens).min() > 1e-3


def test_other_sizes_get_positions_in_between():
    network = vit()
    assert network(drawn(1, 3, 24, 32)).shape == (1, 1 + 6 * 8, 24)
    assert network.places(6, 8).shape == (1, 49, 24)
    assert torch.equal(network.places(4, 4), network.positions)
    plane = network.positions[:, 1:].view(1, 4, 4, 24).permute(0, 3, 1, 2)
    expected = F.interpolate(plane, (8, 8), mode="bicubic", antialias=True)
    actual = network.places(8, 8)[:, 1:].view(1, 8, 8, 24).permute(0, 3, 1, 2)
    assert torch.allclose(actual, expected)


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


def test_who_hides_patches_takes_no_convolutional_stem():
    mask = torch.arange(16).expand(1, 16) % 2 == 0
    with pytest.raises(ValueError, match="a patch's token knows the pixels of its neighbours"):
        vit(stem="conv")(drawn(1, 3, 16, 16), mask)


def test_an_encoder_says_how_it_stands_for_an_image():
    images = drawn(2, 3, 16, 16)
    for pool in ("mean", "class"):
        network = vit(pool=pool)
        assert torch.equal(represent(network, images), network.pool_tokens(network(images)))
    flat = torch.nn.Flatten()
    assert torch.equal(represent(flat, images), flat(images))


def test_pooling():
    images = drawn(2, 3, 16, 16)
    tokens = vit()(images)
    assert torch.equal(vit().pool_tokens(tokens), tokens[:, 1:].mean(1))
    assert torch.equal(vit(pool="class").pool_tokens(tokens), tokens[:, 0])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"image_size": 18}, "18x18 pixels can't be cut into patches of 4x4"),
        ({"heads": 5}, "heads divide the width, got 24, 2 and 5"),
        ({"depth": 0}, "at least 1"),
        ({"positions": "gps"}, "unknown positions 'gps'; choose one of sincos, learned, none"),
        ({"pool": "max"}, "unknown pool 'max'; choose one of mean, class"),
        ({"stem": "wide"}, "unknown stem 'wide'; choose one of patch, conv"),
        ({"stem": "conv", "image_size": 18, "patch_size": 6}, "another power of two; got 6"),
        ({"stem": "conv", "patch_size": 1}, "another power of two; got 1"),
        ({"width": 18}, "divisible by 4, got 18"),
    ],
)
def test_bad_options(options, problem):
    with pytest.raises(ValueError, match=problem):
        vit(**options)


def test_bad_images_and_masks():
    with pytest.raises(ValueError, match="15x16 pixels can't be cut"):
        vit(stem="conv")(torch.zeros(1, 3, 15, 16))
    with pytest.raises(ValueError, match="15x16 pixels can't be cut"):
        vit()(torch.zeros(1, 3, 15, 16))
    with pytest.raises(ValueError, match=r"the mask has shape \(1, 9\), but there are 16 patches"):
        vit()(torch.zeros(1, 3, 16, 16), torch.zeros(1, 9, dtype=torch.bool))
    with pytest.raises(ValueError, match="relative positions need all patches"):
        vit(relative=True)(torch.zeros(1, 3, 16, 16), torch.zeros(1, 16, dtype=torch.bool))
    with pytest.raises(ValueError, match="relative positions are made for 4x4 patches"):
        vit(relative=True)(torch.zeros(1, 3, 24, 24))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_computes_the_same():
    network, images = vit(), drawn(2, 3, 16, 16)
    mask = torch.arange(16).expand(2, 16) % 2 == 0
    expected = network(images, mask)
    actual = network.cuda()(images.cuda(), mask.cuda())
    assert torch.allclose(actual.cpu(), expected, atol=1e-4)
