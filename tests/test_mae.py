"""MAE's masks and loss against slow loops, closed forms and gradients; what may influence what."""

import math

import pytest
import torch
from resuming import check_resuming

from sslcourse.data import Augment, load
from sslcourse.data.operations import denormalize, normalize
from sslcourse.methods import (
    MAE,
    mae_loss,
    normalize_patches,
    patchify,
    random_mask,
    unpatchify,
)
from sslcourse.networks import VisionTransformer
from sslcourse.train import TrainConfig, fit

IMAGES = load("scenes", limit=64)


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def mae(**options):
    torch.manual_seed(0)
    encoder = VisionTransformer(32, 8, 24, 2, 3)
    return MAE(encoder, **{"decoder_width": 16, "decoder_heads": 2} | options)


@pytest.mark.parametrize("ratio", [0.25, 0.5, 0.75, 0.9])
def test_random_mask_hides_the_share_in_every_image(ratio):
    mask = random_mask(50, 64, ratio, generator=torch.Generator().manual_seed(0))
    assert mask.dtype == torch.bool and mask.shape == (50, 64)
    assert (mask.sum(1) == round(64 * ratio)).all()
    assert len(mask.unique(dim=0)) == 50, "every image has a mask of its own"


def test_random_mask_has_no_favourite_patch():
    mask = random_mask(20_000, 16, 0.75, generator=torch.Generator().manual_seed(0))
    share = mask.float().mean(0)
    # five standard errors of a share over 20,000 images
    assert (share - 0.75).abs().max() < 5 * math.sqrt(0.75 * 0.25 / 20_000)
    together = (mask[:, 0] & mask[:, 1]).float().mean()
    assert together.item() == pytest.approx(12 / 16 * 11 / 15, abs=0.02)


def test_random_mask_comes_from_its_generator():
    masks = [random_mask(4, 16, 0.5, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(masks[0], masks[1]) and not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.1, 1.5])
def test_a_ratio_outside_zero_and_one(ratio):
    with pytest.raises(ValueError, match="mask ratio must be between 0 and 1"):
        random_mask(2, 16, ratio)


def test_a_ratio_that_hides_nothing_or_everything():
    with pytest.raises(ValueError, match="hides 0 of 4 patches"):
        random_mask(2, 4, 0.1)
    with pytest.raises(ValueError, match="hides 4 of 4 patches"):
        mae_with = VisionTransformer(16, 8, 24, 1, 3)
        MAE(mae_with, mask_ratio=0.95)


def loop_of_mae_loss(predictions, targets, mask):
    errors = []
    for n in range(predictions.shape[0]):
        for place in range(predictions.shape[1]):
            if mask[n, place]:
                pairs = zip(predictions[n, place].tolist(), targets[n, place].tolist())
                squares = [(a - b) ** 2 for a, b in pairs]
                errors.append(sum(squares) / len(squares))
    return sum(errors) / len(errors)


def test_the_loss_equals_the_loop():
    predictions, targets = drawn(3, 5, 12), drawn(3, 5, 12, seed=1)
    mask = random_mask(3, 5, 0.6, generator=torch.Generator().manual_seed(0))
    loss = mae_loss(predictions, targets, mask)
    assert loss.item() == pytest.approx(loop_of_mae_loss(predictions, targets, mask), rel=1e-12)
    uneven = torch.tensor([[True, False, False, False, False], [True] * 5, [False] * 5])
    loss = mae_loss(predictions, targets, uneven)
    assert loss.item() == pytest.approx(loop_of_mae_loss(predictions, targets, uneven), rel=1e-12)


def test_the_gradient_is_zero_on_visible_patches_and_exact_on_hidden_ones():
    predictions, targets = drawn(2, 6, 4).requires_grad_(), drawn(2, 6, 4, seed=1)
    mask = random_mask(2, 6, 0.5, generator=torch.Generator().manual_seed(0))
    mae_loss(predictions, targets, mask).backward()
    expected = 2 * (predictions.detach() - targets) / (6 * 4) * mask[:, :, None]
    assert torch.allclose(predictions.grad, expected)
    assert (predictions.grad[~mask] == 0).all()


def test_half_precision_is_raised():
    predictions = (drawn(1, 4, 3) * 300).half()
    loss = mae_loss(predictions, -predictions, torch.ones(1, 4).bool())
    assert loss.dtype == torch.float32 and loss.isfinite()


def test_normalised_patches():
    patches = drawn(2, 3, 48) * 7 + 5
    normal = normalize_patches(patches)
    assert torch.allclose(normal.mean(2), torch.zeros(2, 3).double(), atol=1e-9)
    assert torch.allclose(normal.var(2), torch.ones(2, 3).double(), atol=1e-6)
    by_hand = [(v - 5.0) / math.sqrt(2.5 + 1e-6) for v in (3.0, 4.0, 5.0, 6.0, 7.0)]
    one = normalize_patches(torch.tensor([[[3.0, 4.0, 5.0, 6.0, 7.0]]], dtype=torch.float64))
    assert torch.allclose(one[0, 0], torch.tensor(by_hand, dtype=torch.float64))
    assert normalize_patches(torch.ones(1, 1, 48)).abs().max() == 0, "a flat patch stays finite"


@pytest.mark.parametrize("values", [12, 48])
def test_saying_zero_scores_n_minus_one_over_n(values):
    targets = normalize_patches(drawn(4, 8, values))
    loss = mae_loss(torch.zeros_like(targets), targets, torch.ones(4, 8).bool())
    assert loss.item() == pytest.approx((values - 1) / values, rel=1e-4)


@pytest.mark.parametrize(
    ("predictions", "targets", "mask", "problem"),
    [
        ((2, 4, 3), (2, 4, 5), (2, 4), "of one shape"),
        ((2, 4), (2, 4), (2, 4), r"must be \(N, L, n\)"),
        ((2, 4, 3), (2, 4, 3), (2, 3), r"mask must be bool \(2, 4\)"),
    ],
)
def test_bad_shapes(predictions, targets, mask, problem):
    with pytest.raises(ValueError, match=problem):
        mae_loss(torch.zeros(predictions), torch.zeros(targets), torch.ones(mask).bool())


def test_a_convolutional_stem_would_show_what_is_hidden():
    with pytest.raises(ValueError, match="hiding patches would hide little"):
        MAE(VisionTransformer(16, 4, 24, 2, 3, stem="conv"))


def test_a_mask_of_numbers_or_an_empty_one():
    patches = torch.zeros(2, 4, 3)
    with pytest.raises(ValueError, match="mask must be bool"):
        mae_loss(patches, patches, torch.ones(2, 4))
    with pytest.raises(ValueError, match="hides no patch"):
        mae_loss(patches, patches, torch.zeros(2, 4).bool())


def views_of(method, count=8):
    return method.make_views(IMAGES.images[:count], torch.Generator().manual_seed(0))


@pytest.mark.parametrize("normalized", [True, False])
def test_the_method_is_made_of_these_parts(normalized):
    method = mae(normalized_targets=normalized)
    images, mask = views_of(method)
    predictions = method(images, mask)
    assert predictions.shape == (8, 16, 192)
    targets = patchify(images, 8)
    targets = normalize_patches(targets) if normalized else targets
    loss, diagnostics = method.loss((images, mask))
    assert loss.item() == pytest.approx(mae_loss(predictions, targets, mask).item(), rel=1e-5)
    constant = targets[mask].mean(0).expand_as(targets)
    chance = 191 / 192 if normalized else mae_loss(constant, targets, mask).item()
    assert float(diagnostics["chance"]) == pytest.approx(chance, rel=1e-4)


def test_views_are_fresh_for_every_image():
    images, mask = views_of(mae())
    again, other = mae().make_views(IMAGES.images[:8], torch.Generator().manual_seed(1))
    assert images.shape == (8, 3, 32, 32) and not torch.equal(images, again)
    assert not torch.equal(mask, other) and len(mask.unique(dim=0)) == 8
    copies = mae().make_views(IMAGES.images[:1].repeat(6, 1, 1, 1))[0]
    assert copies.var(0).mean() > 0.01, "copies of one image are cropped differently"


def test_hidden_pixels_influence_nothing():
    method = mae().eval()
    images, mask = views_of(method)
    patches = patchify(images, 8)
    other = unpatchify(torch.where(mask[:, :, None], patches.flip(0) + 1, patches), 8)
    assert torch.equal(method(images, mask), method(other, mask))


def test_visible_pixels_and_positions_influence_predictions():
    """A decoder that is used: hidden patches differ from place to place and image to image."""
    method = mae().eval()
    images, _ = views_of(method)
    mask = torch.arange(16).expand(8, 16) % 4 != 0
    predictions = method(images, mask)
    hidden = predictions[:, mask[0]]  # (8, 12, 192)
    assert torch.pdist(hidden[0]).min() > 1e-3, "places differ"
    assert torch.pdist(hidden[:, 0]).min() > 1e-3, "images differ"
    loss, _ = method.loss((images, mask))
    loss.backward()
    for name, parameter in method.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


def test_images_of_a_batch_do_not_mix():
    method = mae().eval()
    images, mask = views_of(method)
    alone = torch.cat([method(images[i : i + 1], mask[i : i + 1]) for i in range(8)])
    assert torch.allclose(method(images, mask), alone, atol=1e-5)


def test_tokens_return_to_their_places():
    """With a decoder that does nothing, each place shows what the encoder said about it."""
    method = mae(decoder_depth=0).eval()
    images, mask = views_of(method)
    tokens = method.encoder(images, mask)[:, 1:]
    method.decoder_positions.zero_()
    method.decoder_norm = method.prediction = torch.nn.Identity()
    placed = method(images, mask)
    expected = method.decoder_embedding(tokens)
    for image in range(8):
        assert torch.allclose(placed[image, ~mask[image]], expected[image], atol=1e-5)
        assert (placed[image, mask[image]] == method.mask_token[0]).all()


@pytest.mark.parametrize("normalized", [True, False])
def test_pictures_keep_what_is_visible(normalized):
    method = mae(normalized_targets=normalized).eval()
    images = IMAGES.images[:8]
    mask = random_mask(8, 16, 0.75, generator=torch.Generator().manual_seed(0))
    pictures = denormalize(method.reconstruct(normalize(images), mask))
    assert pictures.shape == images.shape and pictures.min() >= 0 and pictures.max() <= 1
    shown, true = patchify(pictures, 8), patchify(images / 255, 8)
    assert torch.allclose(shown[~mask], true[~mask], atol=1e-5)
    patches = patchify(images, 8)
    patches = torch.where(mask[:, :, None], 255 - patches, patches)
    other = denormalize(method.reconstruct(normalize(unpatchify(patches, 8)), mask))
    assert torch.allclose(other, pictures, atol=1e-6)


def test_a_perfect_prediction_gives_back_the_picture():
    method = mae(normalized_targets=False)
    images, mask = IMAGES.images[:4], random_mask(4, 16, 0.5)
    method.forward = lambda normalized, mask, visible=None: patchify(normalized, 8)
    pictures = denormalize(method.reconstruct(normalize(images), mask))
    assert torch.allclose(pictures, images / 255, atol=1e-5)


def test_training_lowers_the_loss_below_chance(tmp_path):
    method = mae(augment=Augment(crop_scale=None, jitter=None, grayscale=0))
    recipe = TrainConfig(steps=60, batch_size=32, learning_rate=3e-3)
    history = fit(method, IMAGES, recipe)
    assert history["loss"][-1] < 0.8 * history["chance"][-1]


def test_resuming_is_exact(tmp_path):
    check_resuming(mae, IMAGES, tmp_path)
