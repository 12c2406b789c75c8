"""The vision transformer: tokens, maps, visible patches, other sizes, pooling, options."""

import pytest
import torch
import torch.nn.functional as F
from small_vit import drawn, vit

from sslcourse.networks.patches import (
    patchify,
    unpatchify,
)
from sslcourse.networks.vit import represent


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
