"""Wrong implementations of NT-Xent and InfoNCE whose candidates are others."""

import torch
import torch.nn.functional as F
from collected import wrong
from wrong_03 import from_logits, partners, similarities
from wrong_04 import detached, info_nce


@wrong("03.1", "positives-not-known")
def all_others_attract(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature).fill_diagonal_(-torch.inf)
    others = ~torch.eye(len(logits), dtype=torch.bool)
    return -F.log_softmax(logits, dim=1)[others].mean()


@wrong("03.1", "positive-counted-twice")
def positive_in_front_and_among_the_others(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    rows = torch.arange(len(logits))
    others = logits[~torch.eye(len(logits), dtype=torch.bool)].view(len(logits), -1)
    both = torch.cat([logits[rows, partners(len(z1))][:, None], others], dim=1)
    return F.cross_entropy(both, torch.zeros(len(both), dtype=torch.long))


@wrong("03.1", "negatives-from-the-own-side-only")
def own_side(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    count = len(z1)
    mine = torch.arange(2 * count) < count
    seen = mine[:, None] == mine[None]
    seen[torch.arange(2 * count), partners(count)] = True
    return from_logits(logits.masked_fill(~seen, -torch.inf), partners(count))


@wrong("03.1", "divided-too-often")
def mean_over_a_matrix(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature).fill_diagonal_(-1e4)
    wanted = F.one_hot(partners(len(z1)), len(logits))
    return -(wanted * F.log_softmax(logits, dim=1)).mean()


@detached("part-of-the-queue-ignored")
def as_many_as_queries(q, k, n, t):
    return info_nce(q, k, n[: len(q)], t)


@detached("negatives-not-divided-by-temperature")
def positive_divided(q, k, n, t):
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True) / t, q @ n.T], dim=1)
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))


@detached("softmax-before-the-loss")
def softened_twice(q, k, n, t):
    logits = torch.cat([(q * k).sum(dim=1, keepdim=True), q @ n.T], dim=1) / t
    return F.cross_entropy(logits.softmax(dim=1), torch.zeros(len(q), dtype=torch.long))


detached("loss-rescaled-by-temperature")(lambda q, k, n, t: 2 * t * info_nce(q, k, n, t))
