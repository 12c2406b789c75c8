"""Do maps find objects? The two scores by hand, the baselines, and heads chosen on other images."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from sslcourse.data import load
from sslcourse.evaluate import (
    ObjectScore,
    attention_maps,
    best_head,
    best_head_and_share,
    centre_box,
    fine_tune,
    jaccard,
    object_scores,
    pointing_accuracy,
    random_maps,
    score_maps,
    threshold_mass,
    to_pixels,
)
from sslcourse.networks import VisionTransformer, resnet

VALIDATION, TEST = load("scenes", "validation", limit=40), load("scenes", "test", limit=40)


def box(height, width, top, left, tall, wide):
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[top : top + tall, left : left + wide] = True
    return mask


def test_jaccard_by_hand():
    mask = box(4, 4, 0, 0, 2, 2)[None]
    shifted = box(4, 4, 0, 1, 2, 2)[None]
    assert jaccard(mask, mask).tolist() == [1.0]
    assert jaccard(shifted, mask).item() == pytest.approx(2 / 6)
    assert jaccard(~mask, mask).tolist() == [0.0]
    assert jaccard(torch.ones_like(mask), mask).item() == pytest.approx(4 / 16)


def test_jaccard_takes_patches_and_many_maps_of_an_image():
    masks = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)) > 0.4
    maps = torch.rand(3, 2, 4, 4, generator=torch.Generator().manual_seed(1)) > 0.5
    scores = jaccard(maps, masks)
    assert scores.shape == (3, 2)
    for n in range(3):
        for head in range(2):
            both = either = 0
            for y in range(8):
                for x in range(8):
                    a, b = bool(maps[n, head, y // 2, x // 2]), bool(masks[n, y, x])
                    both, either = both + (a and b), either + (a or b)
            assert scores[n, head].item() == pytest.approx(both / either)


def test_pointing_by_hand():
    masks = torch.stack([box(4, 4, 0, 0, 2, 2), box(4, 4, 2, 2, 2, 2)])
    maps = torch.zeros(2, 4, 4)
    maps[:, 1, 1] = 1.0  # on the first object, beside the second
    assert pointing_accuracy(maps, masks) == 0.5
    assert pointing_accuracy(maps + 5, masks) == 0.5, "only the strongest point counts"
    assert pointing_accuracy(torch.ones(2, 4, 4), masks) == 0.25, "chance: the objects' area"


def test_pointing_with_patches_is_pointing_with_their_pixels():
    maps = attention_maps(vit(), TEST)[:, 0]
    pixels = to_pixels(maps, 32, 32)
    found = pointing_accuracy(maps, TEST.masks)
    assert found == pytest.approx(pointing_accuracy(pixels, TEST.masks))
    expected = 0.0
    for one, mask in zip(maps, TEST.masks, strict=True):
        row, column = divmod(int(one.argmax()), 8)
        patch = mask[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        expected += patch.float().mean().item() / 40
    assert found == pytest.approx(expected, abs=1e-6)


def vit(**options):
    torch.manual_seed(0)
    return VisionTransformer(32, 4, 24, 2, 3, **options)


def maps_with_a_seeing_head(images, which):
    """Noise in all heads, but one of them looks at the objects."""
    maps = random_maps(torch.empty(len(images), 4, 8, 8), seed=3)
    patches = images.masks.unflatten(2, (8, 4)).unflatten(1, (8, 4)).float().mean(dim=(2, 4))
    maps[:, which] = patches + 1e-3
    return maps


def test_the_best_head_is_the_one_that_sees():
    for which in range(4):
        assert best_head(maps_with_a_seeing_head(VALIDATION, which), VALIDATION.masks) == which


def test_the_best_share_belongs_to_the_best_head():
    maps = maps_with_a_seeing_head(VALIDATION, 2)
    shares = [0.3, 0.6, 0.9]
    overlaps = {
        (head, share): jaccard(threshold_mass(maps[:, head], share), VALIDATION.masks).mean()
        for head in range(4)
        for share in shares
    }
    best = max(overlaps, key=overlaps.get)
    assert best_head_and_share(maps, VALIDATION.masks, shares) == best == (2, 0.9)
    assert best_head_and_share(maps, VALIDATION.masks, [0.3]) == (2, 0.3)


class TwoFaced(nn.Module):
    """Head 0 sees the objects of one set of images, head 1 those of another."""

    patch_size = 4

    def __init__(self, first, second):
        super().__init__()
        seeing = [(first, 0), (second, 1)]
        self.known = {
            image.sum().item(): maps
            for images, which in seeing
            for image, maps in zip(images.images, maps_with_a_seeing_head(images, which))
        }

    def attention(self, images):
        from sslcourse.data import denormalize

        keys = (denormalize(images) * 255).round().sum(dim=(1, 2, 3)).long().tolist()
        maps = torch.stack([self.known[key] for key in keys])  # (N, 4, 8, 8)
        row = torch.cat([torch.zeros(len(maps), 4, 1), maps.flatten(2)], dim=2)
        return row[:, :, None].expand(-1, -1, 65, -1)


def test_the_head_is_chosen_on_validation_images_never_on_the_test():
    network = TwoFaced(VALIDATION, TEST)
    table = object_scores({"two-faced": network}, VALIDATION, TEST)
    assert table["two-faced"].head == 0, "head 1 would be right, but only the test could know"
    assert table["two-faced"].jaccard < 0.5
    honest = object_scores({"two-faced": network}, TEST, TEST)
    assert honest["two-faced"].head == 1 and honest["two-faced"].jaccard > 0.55


def test_the_table_holds_what_no_claim_stands_without():
    encoders = {"untrained": vit(), "other": vit(pool="class", positions="learned")}
    table = object_scores(encoders, VALIDATION, TEST, share=0.5)
    assert list(table) == ["random map", "centre box", "untrained", "other"]
    maps = attention_maps(encoders["untrained"], TEST)
    head = best_head(attention_maps(encoders["untrained"], VALIDATION), VALIDATION.masks, 0.5)
    expected = replace(score_maps(maps[:, head], TEST.masks, 0.5, head), block=-1)
    assert table["untrained"] == expected
    overlap = jaccard(threshold_mass(maps[:, head], 0.5), TEST.masks).mean().item()
    point = pointing_accuracy(maps[:, head], TEST.masks)
    assert table["untrained"] == ObjectScore(overlap, point, head, 0.5, -1)
    area = TEST.masks.float().mean().item()
    assert table["random map"].pointing == pytest.approx(area, abs=0.15)
    assert table["random map"].jaccard < 0.3
    inside = centre_box(VALIDATION.masks).expand(40, 32, 32)
    assert table["centre box"].jaccard == pytest.approx(jaccard(inside, TEST.masks).mean().item())
    assert table["centre box"].pointing == pytest.approx(
        pointing_accuracy(inside.float(), TEST.masks)
    )


def test_of_several_shares_each_row_takes_its_own_and_never_the_tests():
    network = TwoFaced(VALIDATION, TEST)
    table = object_scores({"two-faced": network}, VALIDATION, TEST, share=(0.3, 0.6, 0.9))
    maps = maps_with_a_seeing_head(VALIDATION, 0)
    _, share = best_head_and_share(maps, VALIDATION.masks, (0.3, 0.6, 0.9))
    assert (table["two-faced"].head, table["two-faced"].share) == (0, share) == (0, 0.9)
    assert table["random map"].share in (0.3, 0.6, 0.9) and table["centre box"].share is None


def test_of_every_block_the_best_on_validation_images_is_taken():
    encoder, shares = vit(), (0.3, 0.6, 0.9)
    maps = [attention_maps(encoder, VALIDATION, block=block) for block in range(2)]
    overlaps = {
        (block, head, share): jaccard(
            threshold_mass(maps[block][:, head], share), VALIDATION.masks
        ).mean()
        for block in range(2)
        for head in range(maps[0].shape[1])
        for share in shares
    }
    found = object_scores({"a": encoder}, VALIDATION, TEST, share=shares, every_block=True)["a"]
    assert (found.block, found.head, found.share) == max(overlaps, key=overlaps.get)
    assert found.block != 1, "or this test could not tell it from the last block"
    there = attention_maps(encoder, TEST, block=found.block)[:, found.head]
    assert found.jaccard == score_maps(there, TEST.masks, found.share).jaccard


def test_the_centre_box_is_the_best_of_its_kind():
    masks = box(9, 12, 2, 3, 5, 5)[None].repeat(3, 1, 1)
    found = centre_box(masks)
    assert torch.equal(found, masks[0]), "an odd and an even side leave half a pixel to one side"
    scene = centre_box(VALIDATION.masks)
    rows, columns = scene.any(dim=1).nonzero(), scene.any(dim=0).nonzero()
    side = len(rows)
    assert side == len(columns) and scene.sum() == side**2
    assert rows[0] == (32 - side) // 2 == columns[0]

    def overlap(side):
        start = (32 - side) // 2
        other = box(32, 32, start, start, side, side).expand(40, 32, 32)
        return jaccard(other, VALIDATION.masks).mean().item()

    assert overlap(side) == pytest.approx(max(overlap(s) for s in range(1, 33)))


def test_random_maps_are_their_seeds():
    like = torch.empty(5, 2, 4, 4)
    maps = random_maps(like, seed=1)
    assert maps.shape == like.shape and maps.min() >= 0 and maps.max() < 1
    assert torch.equal(maps, random_maps(like, seed=1))
    assert not torch.equal(maps, random_maps(like, seed=2))
    assert maps.flatten(1).std(dim=1).min() > 0.15


def test_a_transformer_trained_with_labels_stands_in_the_table():
    encoder = vit(pool="class")
    before = encoder.class_token.detach().clone()
    tuned = fine_tune(encoder, load("scenes", limit=80), TEST, steps=3).encoder
    assert torch.equal(encoder.class_token, before)
    assert not torch.equal(tuned.class_token, before), "the tuned copy, not the learner's encoder"
    table = object_scores({"with labels": tuned}, VALIDATION, TEST)
    assert 0 <= table["with labels"].jaccard <= 1


MASKS = torch.ones(2, 8, 8, dtype=torch.bool)
EMPTY = torch.stack([MASKS[0], ~MASKS[0]])
UNKNOWN = replace(TEST, masks=None)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: jaccard(torch.ones(2, 8, 8), MASKS), "threshold_mass makes them so"),
        (lambda: jaccard(MASKS, None), "have no masks, so nothing says where"),
        (lambda: jaccard(MASKS, MASKS.float()), r"masks must be bool \(N, H, W\)"),
        (lambda: jaccard(MASKS, EMPTY), "leave out images without an object"),
        (lambda: jaccard(MASKS[:1], MASKS), "of the images that the masks are of"),
        (lambda: jaccard(MASKS[:, :3], MASKS), "3x8 patches don't fit images of 8x8"),
        (lambda: pointing_accuracy(torch.ones(2, 3, 8, 8), MASKS), "one map for each image"),
        (lambda: pointing_accuracy(torch.ones(3, 8, 8), MASKS), "of the images that the masks"),
        (lambda: best_head(torch.ones(2, 8, 8), MASKS), r"need maps \(N, heads, rows, colum"),
        (lambda: best_head_and_share(torch.ones(2, 1, 8, 8), MASKS, []), "and 0 shares"),
        (lambda: centre_box(None), "have no masks"),
        (lambda: centre_box(EMPTY), "with an object in each"),
        (lambda: object_scores({"a": vit()}, UNKNOWN, TEST), "have no masks"),
        (lambda: object_scores({"a": vit()}, VALIDATION, UNKNOWN), "have no masks"),
        (lambda: object_scores({}, VALIDATION, TEST), "name at least one encoder"),
        (lambda: object_scores({"a": resnet(8, 1)}, VALIDATION, TEST), "need a VisionTransformer"),
        (
            lambda: object_scores({"a": resnet(8, 1)}, VALIDATION, TEST, every_block=True),
            "need a VisionTransformer",
        ),
        (lambda: object_scores({"a": vit()}, VALIDATION, TEST, share=[]), "and 0 shares"),
    ],
)
def test_what_does_not_fit_is_one_sentence(call, problem):
    with pytest.raises(ValueError, match=problem):
        call()
