"""Attention maps and rollout against the definition; thresholds by mass; maps brought to pixels."""

import itertools

import pytest
import torch

from sslcourse.data import load, normalize
from sslcourse.evaluate import attention_maps, attention_rollout, threshold_mass, to_pixels
from sslcourse.networks import VisionTransformer, resnet

IMAGES = load("scenes", limit=12)


def drawn(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def vit(**options):
    torch.manual_seed(0)
    shared = {"image_size": 32, "patch_size": 4, "width": 24, "depth": 3, "heads": 3}
    return VisionTransformer(**shared | options)


def test_a_map_is_the_class_tokens_row_without_itself():
    network = vit()
    maps = attention_maps(network, IMAGES)
    assert maps.shape == (12, 3, 8, 8) and maps.dtype == torch.float32 and not maps.requires_grad
    whole = network.attention(normalize(IMAGES.images))  # (N, heads, 65, 65)
    for n, head, row, column in ((0, 0, 0, 0), (3, 2, 1, 5), (11, 1, 7, 6)):
        expected = whole[n, head, 0, 1 + row * 8 + column].item()
        assert maps[n, head, row, column].item() == pytest.approx(expected, abs=1e-6)
    rest = 1 - whole[:, :, 0, 0]
    assert torch.allclose(maps.sum(dim=(2, 3)), rest, atol=1e-5)


def test_maps_do_not_depend_on_batches_and_leave_the_mode_alone():
    network = vit().train()
    together = attention_maps(network, IMAGES.images)
    assert torch.allclose(attention_maps(network, IMAGES, batch_size=5), together, atol=1e-6)
    assert network.training
    assert attention_maps(network, IMAGES.images[:2, :, :, :24]).shape == (2, 3, 8, 6)
    assert attention_maps(network, torch.rand(2, 3, 48, 32)).shape == (2, 3, 12, 8)


def test_attention_of_blocks_ends_with_the_last_blocks():
    network, images = vit(), normalize(IMAGES.images[:2])
    blocks = list(network.attention_of_blocks(images))
    assert len(blocks) == 3
    assert torch.allclose(blocks[-1], network.attention(images), atol=1e-6)
    shallow = vit()
    shallow.blocks = network.blocks[:1]
    for name in ("class_token", "embedding.weight", "embedding.bias"):
        shallow.get_parameter(name).data.copy_(network.get_parameter(name))
    assert torch.allclose(blocks[0], shallow.attention(images), atol=1e-6)


def test_maps_of_any_block():
    encoder, images = vit(), drawn(5, 3, 32, 32)
    with torch.no_grad():
        blocks = list(encoder.eval().attention_of_blocks(normalize(images)))
    for number, weights in enumerate(blocks):
        expected = weights[:, :, 0, 1:].unflatten(2, (8, 8))
        for name in (number, number - 3):
            assert torch.allclose(attention_maps(encoder, images, block=name), expected)
    assert torch.equal(attention_maps(encoder, images), attention_maps(encoder, images, block=2))
    for wrong in (3, -4):
        with pytest.raises(ValueError, match=f"has blocks 0 to 2, got block {wrong}"):
            attention_maps(encoder, images, block=wrong)


def test_rollout_counts_every_path():
    """As a sum over all paths of tokens from the last block down to the first."""
    network = vit(image_size=8, depth=3)
    image = IMAGES.images[:1, :, 12:20, 12:20]
    rolled = attention_rollout(network, image)
    assert rolled.shape == (1, 2, 2)
    mixes = []
    for weights in network.attention_of_blocks(normalize(image)):
        mean = weights[0].mean(dim=0).tolist()
        mixes.append(
            [[(v + (i == j)) / 2 for j, v in enumerate(row)] for i, row in enumerate(mean)]
        )
    for patch in range(1, 5):
        total = 0.0
        for second, first in itertools.product(range(5), repeat=2):
            total += mixes[2][0][second] * mixes[1][second][first] * mixes[0][first][patch]
        assert rolled.flatten()[patch - 1].item() == pytest.approx(total, rel=1e-4)
    one = vit(depth=1)
    assert torch.allclose(
        attention_rollout(one, IMAGES), attention_maps(one, IMAGES).mean(1) / 2, atol=1e-6
    )


def smallest_set(values, share):
    """The size of the smallest set that holds `share`, by trying all of them."""
    for size in range(1, len(values) + 1):
        if sum(sorted(values)[-size:]) >= (share - 1e-12) * sum(values):
            return size
    raise AssertionError


@pytest.mark.parametrize("share", [0.1, 0.6, 0.9, 1.0])
def test_the_threshold_keeps_the_smallest_set_with_enough_mass(share):
    maps = drawn(20, 3, 5) ** 3
    kept = threshold_mass(maps, share)
    assert kept.shape == maps.shape and kept.dtype == torch.bool
    for values, chosen in zip(maps.flatten(1), kept.flatten(1), strict=True):
        assert values[chosen].sum() >= share * values.sum() - 1e-5
        assert chosen.sum() == smallest_set(values.tolist(), share)
        weakest = values[chosen].min()
        assert (values[~chosen] <= weakest).all(), "the strongest are kept"


def test_the_published_rule_on_a_map_by_hand():
    maps = torch.tensor([[0.1, 0.4], [0.2, 0.3]])
    assert threshold_mass(maps).tolist() == [[False, True], [False, True]]  # 0.7 of the mass
    assert threshold_mass(maps * 7, 0.75).tolist() == [[False, True], [True, True]]
    assert threshold_mass(maps, 0.3).tolist() == [[False, True], [False, False]]
    even = threshold_mass(torch.ones(1, 5))
    assert even.sum() == 3, "three of five hold exactly 60 %"
    assert threshold_mass(torch.tensor([[0.0, 1.0]]), 1.0).tolist() == [[False, True]]


def test_maps_of_any_rank_are_thresholded_one_by_one():
    maps = drawn(2, 3, 4, 4)
    kept = threshold_mass(maps, 0.5)
    for n, head in itertools.product(range(2), range(3)):
        assert torch.equal(kept[n, head], threshold_mass(maps[n, head], 0.5))


def test_every_pixel_gets_the_value_of_its_patch():
    maps = torch.arange(12).view(2, 1, 2, 3)
    pixels = to_pixels(maps, 8, 6)
    assert pixels.shape == (2, 1, 8, 6)
    for y, x in itertools.product(range(8), range(6)):
        assert torch.equal(pixels[:, :, y, x], maps[:, :, y // 4, x // 2])
    nearest = torch.nn.functional.interpolate(maps.float(), (8, 6), mode="nearest")
    assert torch.equal(pixels.float(), nearest)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: attention_maps(resnet(8, 1), IMAGES), "need a VisionTransformer, got a ResNet"),
        (lambda: attention_rollout(resnet(8, 1), IMAGES), "need a VisionTransformer"),
        (lambda: attention_maps(vit(), IMAGES[:0]), "need images and a batch_size, got 0 and 64"),
        (lambda: attention_maps(vit(), IMAGES, 0), "got 12 and 0"),
        (lambda: attention_maps(vit(), torch.zeros(2, 1, 32, 32)), r"images \(N, 3, H, W\)"),
        (lambda: attention_maps(vit(), torch.zeros(2, 3, 30, 32)), "30x32 pixels can't be cut"),
        (lambda: attention_maps(vit(), torch.zeros(2, 3, 2, 2)), "2x2 pixels can't be cut"),
        (lambda: threshold_mass(torch.ones(2, 2), 0.0), r"share must be in \(0, 1\], got 0"),
        (lambda: threshold_mass(torch.ones(2, 2), 1.1), r"share must be in \(0, 1\]"),
        (lambda: threshold_mass(torch.ones(4)), r"floats \(…, H, W\)"),
        (lambda: threshold_mass(torch.ones(2, 2).bool()), "maps must be floats"),
        (lambda: threshold_mass(torch.zeros(2, 2)), "a sum greater than 0"),
        (lambda: threshold_mass(torch.tensor([[-1.0, 2.0]])), "without negative values"),
        (lambda: threshold_mass(torch.tensor([[torch.nan, 2.0]])), "finite"),
        (lambda: to_pixels(torch.ones(1, 8, 8), 30, 32), "8x8 patches don't fit images of 30x32"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()
