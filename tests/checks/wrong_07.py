"""Wrong implementations of lesson 07."""

import math

import torch
import torch.nn.functional as F
from collected import wrong

from sslcourse.methods import block_mask


@wrong("07.1", "too-many-hidden")
def unlimited(n, grid, masked, *, generator=None):
    return block_mask(n, grid, masked) | block_mask(n, grid, masked)


@wrong("07.1", "mask-inverted")
def shows(n, grid, masked, *, generator=None):
    return ~block_mask(n, grid, masked, generator=generator)


@wrong("07.1", "empty-mask")
def sometimes_empty(n, grid, masked, *, generator=None):
    mask = block_mask(n, grid, masked, generator=generator)
    mask[torch.rand(n, generator=generator) < 0.2] = False
    return mask


@wrong("07.1", "same-mask-for-all")
def shared(n, grid, masked, *, generator=None):
    return block_mask(1, grid, masked, generator=generator).repeat(n, 1)


@wrong("07.1", "rows-instead-of-blocks")
def whole_rows(n, grid, masked, *, generator=None):
    order = torch.rand(n, grid, generator=generator).argsort(dim=1)
    return (order < masked // grid).repeat_interleave(grid, dim=1)


@wrong("07.1", "scattered-patches")
def scattered(n, grid, masked, *, generator=None):
    return torch.rand(n, grid * grid, generator=generator).argsort(dim=1).argsort(dim=1) < masked


@wrong("07.1", "too-few-hidden")
def one_small_block(n, grid, masked, *, generator=None):
    mask = torch.zeros(n, grid, grid, dtype=torch.bool)
    for image, (top, left) in zip(mask, torch.randint(0, grid - 3, (n, 2), generator=generator)):
        image[top : top + 3, left : left + 3] = True
    return mask.flatten(1)


def each(logits, tokens):
    return F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none").view_as(tokens)


wrong("07.5", "loss-on-the-visible-patches")(
    lambda logits, tokens, mask: each(logits, tokens)[~mask].mean()
)
wrong("07.5", "loss-on-all-patches")(lambda logits, tokens, mask: each(logits, tokens).mean())
wrong("07.5", "divided-by-all-patches")(
    lambda logits, tokens, mask: (each(logits, tokens) * mask).mean()
)
wrong("07.5", "patches-summed")(lambda logits, tokens, mask: each(logits, tokens)[mask].sum())
wrong("07.5", "images-weighed-alike")(
    lambda logits, tokens, mask: ((each(logits, tokens) * mask).sum(1) / mask.sum(1)).mean()
)
wrong("07.5", "softmax-before-the-loss")(
    lambda logits, tokens, mask: F.cross_entropy(logits.softmax(2)[mask], tokens[mask])
)
wrong("07.5", "loss-without-minus")(
    lambda logits, tokens, mask: (
        F.log_softmax(logits, 2).gather(2, tokens[:, :, None])[:, :, 0][mask].mean()
    )
)
wrong("07.5", "wrong-factor")(
    lambda logits, tokens, mask: each(logits, tokens)[mask].mean() / math.log(2)
)
wrong("07.5", "softmax-over-the-wrong-axis")(
    lambda logits, tokens, mask: (
        -F.log_softmax(logits, 1).gather(2, tokens[:, :, None])[:, :, 0][mask].mean()
    )
)


def softened(mistake):
    def collect(function):
        wrong("07.2", mistake)(
            lambda logits, noise, *, temperature: function(logits, noise, temperature)
        )

    return collect


softened("noise-forgotten")(lambda x, g, t: torch.softmax(x / t, -1))
softened("choice-is-hard")(lambda x, g, t: F.one_hot((x + g).argmax(-1), x.shape[-1]).float())
softened("noise-not-divided")(lambda x, g, t: torch.softmax(x / t + g, -1))
softened("noise-subtracted")(lambda x, g, t: torch.softmax((x - g) / t, -1))
softened("temperature-multiplied")(lambda x, g, t: torch.softmax((x + g) * t, -1))
softened("temperature-ignored")(lambda x, g, t: torch.softmax(x + g, -1))
softened("no-softmax")(lambda x, g, t: torch.sigmoid((x + g) / t))
softened("softmax-over-the-wrong-axis")(lambda x, g, t: torch.softmax((x + g) / t, 1))


def chosen(shares, dim=-1):
    return torch.zeros_like(shares).scatter(dim, shares.argmax(dim, keepdim=True), 1.0)


wrong("07.3", "choice-without-gradient")(chosen)
wrong("07.3", "shares-returned")(lambda shares: shares)
wrong("07.3", "shares-not-taken-off")(lambda shares: chosen(shares) + shares)
wrong("07.3", "detached-on-the-wrong-side")(
    lambda shares: chosen(shares) + shares.detach() - shares
)
wrong("07.3", "another-code-chosen")(lambda shares: chosen(-shares) + shares - shares.detach())
wrong("07.3", "choice-along-the-wrong-axis")(
    lambda shares: chosen(shares, 1) + shares - shares.detach()
)


def entropy(tokens, codes, log=torch.log):
    share = torch.bincount(tokens.flatten(), minlength=codes) / tokens.numel()
    share = share[share > 0]
    return -(share * log(share)).sum()


def unguarded(tokens, codes):
    share = torch.bincount(tokens.flatten(), minlength=codes) / tokens.numel()
    return -(share * share.log()).sum()


def perplexity(tokens, codes):
    return torch.exp(entropy(tokens, codes))


wrong("07.4", "zero-times-log-zero")(lambda tokens, codes: torch.exp(unguarded(tokens, codes)))
wrong("07.4", "entropy-not-exponentiated")(entropy)
wrong("07.4", "logarithms-of-different-bases")(
    lambda tokens, codes: torch.exp(entropy(tokens, codes, torch.log2))
)
wrong("07.4", "used-codes-counted")(lambda tokens, codes: len(set(tokens.flatten().tolist())))
wrong("07.4", "images-averaged")(
    lambda tokens, codes: sum(perplexity(row, codes) for row in tokens) / len(tokens)
)
wrong("07.4", "share-of-the-codebook")(lambda tokens, codes: perplexity(tokens, codes) / codes)
wrong("07.7", "zero-times-log-zero")(unguarded)
wrong("07.7", "chance-instead-of-unigram")(lambda tokens, codes: math.log(codes))
wrong("07.7", "logarithm-of-another-base")(lambda tokens, codes: entropy(tokens, codes, torch.log2))
wrong("07.7", "perplexity-instead-of-entropy")(perplexity)
wrong("07.7", "images-averaged")(
    lambda tokens, codes: sum(entropy(row, codes) for row in tokens) / len(tokens)
)


@wrong("07.1", "always-one-block")
def one_square(n, grid, masked, *, generator=None):
    mask = torch.zeros(n, grid, grid, dtype=torch.bool)
    side = math.isqrt(masked)
    for image, (top, left) in zip(mask, torch.randint(0, grid - side, (n, 2), generator=generator)):
        image[top : top + side, left : left + side] = True
    return mask.flatten(1)


wrong("07.1", "generator-ignored")(
    lambda n, grid, masked, *, generator=None: block_mask(n, grid, masked)
)


@wrong("07.1", "always-in-one-part")
def from_the_corner(n, grid, masked, *, generator=None):
    mask = torch.zeros(n, grid, grid, dtype=torch.bool)
    for image in mask:
        for height, width in torch.randint(2, 6, (30, 2), generator=generator).tolist():
            tried = image.clone()
            tried[:height, :width] = True
            if tried.sum() <= masked:
                image.copy_(tried)
    return mask.flatten(1)
