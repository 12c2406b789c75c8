"""Wrong implementations of 03.1, NT-Xent."""

import torch
import torch.nn.functional as F
from collected import wrong

from sslcourse.methods import nt_xent_loss


def similarities(z1, z2, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    return z @ z.T / temperature


def partners(count):
    return torch.arange(2 * count).roll(count)


def from_logits(logits, labels):
    return F.cross_entropy(logits.masked_fill(torch.eye(len(logits)).bool(), -torch.inf), labels)


@wrong("03.1", "view-is-its-own-positive")
def finds_itself(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    return F.cross_entropy(logits, torch.arange(len(logits)))


@wrong("03.1", "positive-is-masked")
def masked_positive(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    return from_logits(logits, torch.arange(len(logits)))


@wrong("03.1", "labels-all-zero")
def zero_labels(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    off = ~torch.eye(len(logits), dtype=torch.bool)
    candidates = logits.masked_select(off).view(len(logits), -1)
    return F.cross_entropy(candidates, torch.zeros(len(logits), dtype=torch.long))


@wrong("03.1", "pairs-read-as-neighbours")
def neighbours(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    return from_logits(logits, torch.arange(len(logits)) ^ 1)


@wrong("03.1", "inputs-not-normalised")
def not_unit(z1, z2, *, temperature):
    z = torch.cat([z1, z2])
    return from_logits(z @ z.T / temperature, partners(len(z1)))


@wrong("03.1", "normalised-over-the-wrong-axis")
def columns_unit(z1, z2, *, temperature):
    z = F.normalize(torch.cat([z1, z2]), dim=0)
    return from_logits(z @ z.T / temperature, partners(len(z1)))


@wrong("03.1", "self-pair-kept")
def itself_kept(z1, z2, *, temperature):
    return F.cross_entropy(similarities(z1, z2, temperature), partners(len(z1)))


@wrong("03.1", "positive-left-out-of-the-denominator")
def decoupled(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    rows = torch.arange(len(logits))
    positive = logits[rows, partners(len(z1))]
    logits[rows, partners(len(z1))] = -torch.inf
    logits.fill_diagonal_(-torch.inf)
    return (logits.logsumexp(dim=1) - positive).mean()


@wrong("03.1", "negatives-from-the-other-view-only")
def two_sides(z1, z2, *, temperature):
    logits = F.normalize(z1, dim=1) @ F.normalize(z2, dim=1).T / temperature
    labels = torch.arange(len(z1))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def loss_at(mistake, change):
    wrong("03.1", mistake)(
        lambda z1, z2, *, temperature: nt_xent_loss(z1, z2, temperature=change(temperature))
    )


loss_at("temperature-multiplied", lambda t: 1 / t)
loss_at("temperature-ignored", lambda t: 0.5)
loss_at("temperature-applied-twice", lambda t: t * t)
wrong("03.1", "loss-rescaled-by-temperature")(
    lambda z1, z2, *, temperature: temperature * nt_xent_loss(z1, z2, temperature=temperature)
)


@wrong("03.1", "one-loss-for-each-view")
def no_mean(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, partners(len(z1)), reduction="none")


wrong("03.1", "loss-without-minus")(
    lambda z1, z2, *, temperature: -nt_xent_loss(z1, z2, temperature=temperature)
)
wrong("03.1", "summed-over-the-batch")(
    lambda z1, z2, *, temperature: nt_xent_loss(z1, z2, temperature=temperature) * 2 * len(z1)
)
wrong("03.1", "wrong-factor")(
    lambda z1, z2, *, temperature: nt_xent_loss(z1, z2, temperature=temperature) * 2
)


@wrong("03.1", "only-first-views-are-anchors")
def first_only(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits[: len(z1)], partners(len(z1))[: len(z1)])


@wrong("03.1", "overflows-in-half-precision")
def large_mask(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    logits = logits.masked_fill(torch.eye(len(logits)).bool(), -1e9)
    return F.cross_entropy(logits, partners(len(z1)))


@wrong("03.1", "views-stacked-in-turn")
def in_turn(z1, z2, *, temperature):
    z = F.normalize(torch.stack([z1, z2], dim=1).flatten(0, 1), dim=1)
    return from_logits(z @ z.T / temperature, partners(len(z1)))


@wrong("03.1", "softmax-before-the-loss")
def softened_twice(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits.softmax(dim=1), partners(len(z1)))


@wrong("03.1", "self-pair-subtracted-wrongly")
def one_subtracted(z1, z2, *, temperature):
    e = similarities(z1, z2, temperature).exp()
    positive = e[torch.arange(len(e)), partners(len(z1))]
    return -torch.log(positive / (e.sum(dim=1) - 1)).mean()


@wrong("03.1", "wrong-partner")
def one_too_far(z1, z2, *, temperature):
    logits = similarities(z1, z2, temperature)
    off = ~torch.eye(len(logits), dtype=torch.bool)
    candidates = logits.masked_select(off).view(len(logits), -1)
    return F.cross_entropy(candidates, partners(len(z1)).clamp_max(len(logits) - 2))


@wrong("03.1", "gradient-stops-at-one-view")
def fixed_target(z1, z2, *, temperature):
    return nt_xent_loss(z1, z2.detach(), temperature=temperature)
