"""11.1 and 11.4: attention weights and the Jaccard index."""

import torch
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def attention_weights(way: Way, q: Tensor, k: Tensor) -> Tensor:
    tokens, width = q.shape[2:]
    if way("inputs") == "keys-ask":
        q, k = k, q
    if way("inputs") == "queries-with-queries":
        k = q
    if way("inputs") == "keys-with-keys":
        q = k
    if way("inputs") == "lengths-taken-away":
        q, k = q / q.norm(dim=3, keepdim=True), k / k.norm(dim=3, keepdim=True)
    turned = k.reshape(*k.shape[:2], width, tokens) if way("inputs") == "reshaped" else None
    scores = q @ (k.transpose(2, 3) if turned is None else turned)  # (N, heads, T, T)
    scale = {
        "not-scaled": 1.0,
        "divided-by-the-width": 1 / width,
        "root-of-the-tokens": tokens**-0.5,
        "root-of-the-heads": q.shape[1] ** -0.5,
        "root-of-all-heads-together": (q.shape[1] * width) ** -0.5,
        "multiplied": width**0.5,
    }.get(way("scale"), width**-0.5)
    scores = scores * scale
    own = torch.eye(tokens, dtype=torch.bool)
    hidden = {
        "later-ones-hidden": lambda: torch.ones(tokens, tokens).triu(1).bool(),
        "earlier-ones-hidden": lambda: torch.ones(tokens, tokens).tril(-1).bool(),
        "itself-hidden": lambda: own,
        "first-one-hidden": lambda: torch.arange(tokens).eq(0).expand(tokens, tokens),
    }.get(way("hidden"), lambda: None)()
    if hidden is not None:
        scores = scores.masked_fill(hidden, -torch.inf)
    ends = {
        "softmax-over-queries": lambda: scores.softmax(dim=2),
        "softmax-over-heads": lambda: scores.softmax(dim=1),
        "softmax-over-images": lambda: scores.softmax(dim=0),
        "softmax-over-all": lambda: scores.flatten(2).softmax(dim=2).view_as(scores),
        "softmax-left-out": lambda: scores,
        "sigmoid": lambda: scores.sigmoid(),
        "logarithms": lambda: scores.log_softmax(dim=3),
        "scaled-after-the-softmax": lambda: (scores / scale).softmax(dim=3) * scale,
        "heads-averaged": lambda: scores.softmax(dim=3).mean(dim=1, keepdim=True).expand_as(scores),
        "transposed": lambda: scores.softmax(dim=3).transpose(2, 3),
    }
    return ends.get(way("last-step"), lambda: scores.softmax(dim=3))()


def jaccard(way: Way, maps: Tensor, masks: Tensor) -> Tensor:
    if way("inputs") == "background-counts":
        maps, masks = ~maps, ~masks
    both, either = (maps & masks).flatten(1), (maps | masks).flatten(1)
    inside = {
        "where-they-agree": lambda: (maps == masks).flatten(1).sum(dim=1),
        "the-map": lambda: maps.flatten(1).sum(dim=1),
    }.get(way("above"), lambda: both.sum(dim=1))()
    sizes = maps.flatten(1).sum(dim=1), masks.flatten(1).sum(dim=1)
    below = {
        "one-of-them-only": lambda: (maps ^ masks).flatten(1).sum(dim=1),
        "sizes-added": lambda: sizes[0] + sizes[1],
        "half-the-sizes": lambda: (sizes[0] + sizes[1]) / 2,
        "the-smaller": lambda: torch.minimum(*sizes),
        "the-larger": lambda: torch.maximum(*sizes),
        "the-map": lambda: sizes[0],
        "the-mask": lambda: sizes[1],
        "all-pixels": lambda: torch.full_like(sizes[0], both.shape[1]),
        "union-and-both": lambda: either.sum(dim=1) + both.sum(dim=1),
    }.get(way("below"), lambda: either.sum(dim=1))()
    if way("last-step") == "all-images-together":
        inside, below = inside.sum().expand_as(inside), below.sum().expand_as(below)
    ends = {
        "one-minus": lambda: 1 - inside / below,
        "one-added-to-both": lambda: (inside + 1) / (below + 1),
        "one-added-below": lambda: inside / (below + 1),
        "1e-2-added-below": lambda: inside / (below + 1e-2),
        "whole-numbers": lambda: inside // below,
        "percent": lambda: 100 * inside / below,
        "root": lambda: (inside / below).sqrt(),
    }
    return ends.get(way("last-step"), lambda: inside / below)()


FORMULAS = {
    "11.1": Formula(
        attention_weights,
        {
            "inputs": {
                "keys-ask": "queries and keys are exchanged",
                "queries-with-queries": "queries are compared with queries",
                "keys-with-keys": "keys are compared with keys",
                "lengths-taken-away": "queries and keys are brought to length 1",
                "reshaped": "the keys are reshaped, not transposed",
            },
            "scale": {
                "not-scaled": "the scores are not scaled",
                "divided-by-the-width": "the scores are divided by d, not by its root",
                "root-of-the-tokens": "the scores are divided by the root of the number of tokens",
                "root-of-the-heads": "the scores are divided by the root of the number of heads",
                "root-of-all-heads-together": "the width of all heads together is taken for d",
                "multiplied": "the scores are multiplied by the root of d",
            },
            "hidden": {
                "later-ones-hidden": "later tokens are hidden, as in a language model",
                "earlier-ones-hidden": "earlier tokens are hidden",
                "itself-hidden": "each token is hidden from itself",
                "first-one-hidden": "the first token is hidden",
            },
            "last-step": {
                "softmax-over-queries": "the softmax runs over the queries",
                "softmax-over-heads": "the softmax runs over the heads",
                "softmax-over-images": "the softmax runs over the images",
                "softmax-over-all": "the softmax runs over all pairs of tokens",
                "softmax-left-out": "the softmax is left out",
                "sigmoid": "a sigmoid stands for the softmax",
                "logarithms": "logarithms of the weights are returned",
                "scaled-after-the-softmax": "the scale comes after the softmax",
                "heads-averaged": "the heads are averaged",
                "transposed": "rows and columns are exchanged",
            },
        },
    ),
    "11.4": Formula(
        jaccard,
        {
            "inputs": {"background-counts": "the background is compared, not the object"},
            "above": {
                "where-they-agree": "all pixels are counted where both agree, background too",
                "the-map": "the whole map is counted, not what lies in the mask",
            },
            "below": {
                "one-of-them-only": "only pixels in one of them are counted below",
                "sizes-added": "the two sizes are added below",
                "half-the-sizes": "the mean of the two sizes stands below (the Dice score)",
                "the-smaller": "the smaller of the two stands below",
                "the-larger": "the larger of the two stands below",
                "the-map": "the map alone stands below",
                "the-mask": "the mask alone stands below",
                "all-pixels": "all pixels stand below",
                "union-and-both": "pixels in both count twice below",
            },
            "last-step": {
                "all-images-together": "all images are counted together",
                "one-minus": "the result is taken from 1",
                "one-added-to-both": "1 is added above and below",
                "one-added-below": "1 is added below",
                "1e-2-added-below": "1e-2 is added below",
                "whole-numbers": "whole numbers are divided without decimals",
                "percent": "percent are returned",
                "root": "the root is taken",
            },
        },
    ),
}
