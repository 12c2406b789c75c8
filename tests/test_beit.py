"""BEiT: block masks and their statistics, the loss against a loop, and what may influence what."""

import math

import pytest
import torch
from resuming import check_resuming

from sslcourse.data import load
from sslcourse.methods import BEiT, beit_loss, block_mask, patchify
from sslcourse.networks import ImageTokenizer, VisionTransformer
from sslcourse.train import TrainConfig, fit

IMAGES = load("scenes", limit=64)


def drawn(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def beit(**options):
    torch.manual_seed(0)
    encoder = VisionTransformer(32, 4, 24, 2, 3, relative=True, layer_scale=0.1)
    return BEiT(encoder, ImageTokenizer(4, 16, 16, 8), **options)


@pytest.mark.parametrize(("grid", "masked", "mean"), [(14, 75, 74.0), (8, 25, 24.0)])
def test_block_masks_come_close_to_what_is_asked(grid, masked, mean):
    """The paper's own code hides 74.5 of 75 on a 14x14 grid, and 24.6 of 25 on 8x8."""
    counts = block_mask(2_000, grid, masked, generator=seeded()).sum(1)
    assert counts.max() <= masked and counts.float().mean() > mean
    assert counts.min() > 0.8 * masked


def test_masks_are_made_of_blocks():
    """Hidden patches have more hidden neighbours than the same number of single patches have."""

    def neighbours(mask):
        plane = mask.view(-1, 14, 14).float()
        pairs = (plane[:, 1:] * plane[:, :-1]).sum() + (plane[:, :, 1:] * plane[:, :, :-1]).sum()
        return pairs / plane.sum()

    blocks = block_mask(500, 14, 75, generator=seeded())
    singles = torch.rand(500, 196, generator=seeded()).argsort(1) < 75
    assert neighbours(blocks) > 1.5 > 1.1 * neighbours(singles)


def test_one_block_is_a_rectangle_of_a_likely_shape():
    first = block_mask(4_000, 14, 75, smallest=75, generator=seeded()).view(-1, 14, 14)
    heights, widths = first.any(2).sum(1), first.any(1).sum(1)
    single = heights * widths == first.sum((1, 2))
    assert single.sum() > 300, "enough masks are one full rectangle"
    aspect = (heights / widths)[single]
    assert aspect.min() > 0.2 and aspect.max() < 5
    assert aspect.log().mean().abs() < 0.1, "tall and wide are equally likely"


def test_every_patch_is_hidden_now_and_then_and_every_image_differs():
    mask = block_mask(2_000, 8, 25, generator=seeded())
    share = mask.float().mean(0)
    assert share.min() > 0.1 and share.max() < 0.7
    assert len(mask.unique(dim=0)) > 1_900
    assert torch.equal(mask, block_mask(2_000, 8, 25, generator=seeded()))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((2, 8, 0), "masked must be 1 to 63 of the 8x8 patches, got 0"),
        ((2, 8, 64), "masked must be 1 to 63"),
        ((2, 1, 1), "masked must be 1 to 0"),
    ],
)
def test_masks_that_cannot_be(arguments, problem):
    with pytest.raises(ValueError, match=problem):
        block_mask(*arguments)
    with pytest.raises(ValueError, match="smallest block must have 1 to 10 patches, got 20"):
        block_mask(2, 8, 10, smallest=20)


def loop_of_beit_loss(logits, tokens, mask):
    terms = []
    for n in range(len(logits)):
        for place in range(logits.shape[1]):
            if mask[n, place]:
                row = logits[n, place].tolist()
                total = sum(map(math.exp, row))
                terms.append(-math.log(math.exp(row[tokens[n, place]]) / total))
    return sum(terms) / len(terms)


def test_the_loss_equals_the_loop():
    logits, tokens = drawn(3, 6, 5), torch.randint(5, (3, 6), generator=seeded())
    mask = torch.rand(3, 6, generator=seeded(1)) < 0.4
    assert mask.sum(1).unique().numel() > 1, "images hide different numbers of patches"
    loss = beit_loss(logits, tokens, mask)
    assert loss.item() == pytest.approx(loop_of_beit_loss(logits, tokens, mask), rel=1e-12)
    assert beit_loss(logits.half(), tokens, mask).dtype == torch.float32


def test_equal_scores_stand_on_the_chance_line():
    loss = beit_loss(torch.zeros(2, 4, 9), torch.zeros(2, 4).long(), torch.ones(2, 4).bool())
    assert loss.item() == pytest.approx(math.log(9))


def test_the_gradient_is_softmax_minus_token_on_hidden_patches_and_zero_elsewhere():
    logits, tokens = drawn(2, 4, 5).requires_grad_(), torch.randint(5, (2, 4), generator=seeded())
    mask = torch.tensor([[True, False, False, True], [False, True, False, False]])
    beit_loss(logits, tokens, mask).backward()
    target = torch.nn.functional.one_hot(tokens, 5)
    expected = (torch.softmax(logits.detach(), 2) - target) / 3 * mask[:, :, None]
    assert torch.allclose(logits.grad, expected)


@pytest.mark.parametrize(
    ("logits", "tokens", "mask", "problem"),
    [
        ((2, 4), [[0] * 4] * 2, [[True] * 4] * 2, r"logits must be \(N, L, K\)"),
        ((2, 4, 3), [[0] * 5] * 2, [[True] * 5] * 2, r"tokens \(N, L\)"),
        ((2, 4, 3), [[0] * 4] * 2, [[True] * 3] * 2, r"mask must be bool \(2, 4\)"),
        ((2, 4, 3), [[0] * 4] * 2, [[1] * 4] * 2, "mask must be bool"),
        ((2, 4, 3), [[3] * 4] * 2, [[True] * 4] * 2, "0 to 2, the codebook's 3 codes; got 3 to 3"),
        ((2, 4, 3), [[-1] * 4] * 2, [[True] * 4] * 2, "got -1 to -1"),
        ((2, 4, 3), [[0.0] * 4] * 2, [[True] * 4] * 2, "tokens must be whole numbers"),
        ((2, 4, 3), [[0] * 4] * 2, [[False] * 4] * 2, "hides no patch"),
    ],
)
def test_bad_input_of_the_loss(logits, tokens, mask, problem):
    with pytest.raises(ValueError, match=problem):
        beit_loss(torch.zeros(logits), torch.tensor(tokens), torch.tensor(mask))


def test_the_method_is_made_of_these_parts():
    method = beit()
    images, tokens, mask = method.make_views(IMAGES.images[:8], seeded())
    assert images.shape == (8, 3, 32, 32) and tokens.shape == mask.shape == (8, 64)
    assert torch.equal(tokens, method.tokenizer.tokens(images)), "the tokens of this very view"
    logits = method.logits(images, mask)
    assert logits.shape == (8, 64, 16)
    loss, diagnostics = method.loss((images, tokens, mask))
    assert loss.item() == pytest.approx(beit_loss(logits, tokens, mask).item(), rel=1e-5)
    assert diagnostics["chance"] == math.log(16)
    share = torch.bincount(tokens.flatten(), minlength=16) / tokens.numel()
    assert float(diagnostics["unigram"]) == pytest.approx(torch.special.entr(share).sum().item())
    right = (logits.argmax(2) == tokens)[mask].float().mean()
    assert float(diagnostics["found"]) == pytest.approx(right.item())
    whole = torch.ones_like(mask)
    with pytest.raises(ValueError, match="hides 64 patches of an image, this BEiT at most 26"):
        method.loss((images, tokens, whole))


@pytest.mark.parametrize("blocks", [True, False])
def test_the_masks_hide_what_was_asked(blocks):
    _, _, mask = beit(blocks=blocks).make_views(IMAGES.images, seeded())
    counts = mask.sum(1)
    assert counts.max() <= 26 and counts.float().mean() > 24
    assert blocks or (counts == 26).all()


def test_hidden_pixels_influence_nothing_and_visible_ones_do():
    method = beit().eval()
    images, _, mask = method.make_views(IMAGES.images[:4], seeded())
    with torch.no_grad():  # at the start the scale of the blocks is small
        for block in method.encoder.blocks:
            block.scale1.fill_(1.0), block.scale2.fill_(1.0)
    wide = mask.view(4, 1, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    expected = method.logits(images, mask)
    assert torch.equal(method.logits(torch.where(wide, 5.0, images), mask), expected)
    changed = method.logits(torch.where(wide, images, images + 1), mask)
    assert not torch.allclose(changed[mask], expected[mask], atol=1e-2)


def test_hidden_places_are_told_apart():
    method = beit().eval()
    with torch.no_grad():
        for block in method.encoder.blocks:
            block.scale1.fill_(1.0), block.scale2.fill_(1.0)
        images, _, mask = method.make_views(IMAGES.images[:4], seeded())
        logits = method.logits(images, mask)
    assert torch.pdist(logits[0][mask[0]]).min() > 1e-4, "places differ"
    alone = torch.cat([method.logits(images[i : i + 1], mask[i : i + 1]) for i in range(4)])
    assert torch.allclose(alone, logits, atol=1e-5), "images of a batch do not mix"


def test_the_tokenizer_stays_as_it_is():
    method = beit()
    before = {name: value.clone() for name, value in method.tokenizer.state_dict().items()}
    fit(method, IMAGES, TrainConfig(steps=2, batch_size=16, weight_decay=0.5))
    for name, value in method.tokenizer.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not any(p.requires_grad for p in method.tokenizer.parameters())


def test_the_loss_goes_below_what_frequencies_alone_give():
    """Tokens that say how bright a patch is can be guessed from the patches around it."""

    def brightness(views):
        mean = patchify(views, 4).mean(2)
        return (4 * (mean + 2)).clamp(0, 15).long()

    method = beit(blocks=False)
    method.tokenizer.tokens = brightness
    recipe = TrainConfig(steps=120, batch_size=64, learning_rate=3e-3, weight_decay=0.0)
    history = fit(method, IMAGES, recipe)
    assert history["loss"][0] == pytest.approx(math.log(16), abs=0.1)
    assert history["loss"][-1] < history["unigram"][-1] - 0.1


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_ratio_that_hides_nothing_or_everything(ratio):
    with pytest.raises(ValueError, match="mask ratio must be between 0 and 1"):
        beit(mask_ratio=ratio)


def test_a_tokenizer_that_does_not_fit():
    with pytest.raises(ValueError, match="one token of 8x8 pixels, the encoder one of 4x4"):
        BEiT(VisionTransformer(32, 4, 24, 1, 3), ImageTokenizer(8, 16, 16, 8))
    method = beit(blocks=False)
    with pytest.raises(ValueError, match="144 tokens of views of 48x48 pixels"):
        method.make_views(load("scenes", limit=2, size=48).images, seeded())


def test_resuming_is_exact(tmp_path):
    check_resuming(beit, IMAGES, tmp_path)
