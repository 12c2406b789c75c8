"""Wrong implementations of lesson 03."""

from itertools import combinations

import torch
import torch.nn.functional as F
from collected import wrong
from torch import nn

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


wrong("03.2", "chunk-splits-features")(
    lambda encoder, first, second: encoder(torch.cat([first, second])).chunk(2, dim=1)
)
wrong("03.2", "views-encoded-apart")(
    lambda encoder, first, second: (encoder(first), encoder(second))
)
wrong("03.2", "rows-parted-in-another-order")(
    lambda encoder, first, second: encoder(torch.stack([first, second], 1).flatten(0, 1)).chunk(2)
)
wrong("03.3", "chunk-splits-features")(lambda z: z.chunk(2, dim=1))
wrong("03.3", "halves-instead-of-pairs")(lambda z: (z[: len(z) // 2], z[len(z) // 2 :]))
wrong("03.4", "normalised-over-the-wrong-axis")(lambda z: z / z.norm(dim=0))
wrong("03.4", "another-norm")(lambda z: z / z.pow(2).sum(dim=1, keepdim=True))
wrong("03.5", "projection-instead-of-representation")(
    lambda encoder, head, images: head(encoder(images))
)


@wrong("03.6", "identical-views")
def seeded_again(images, augment, generator):
    return (
        augment(images, torch.Generator().manual_seed(1)),
        augment(images, torch.Generator().manual_seed(1)),
    )


wrong("03.6", "one-view-is-the-image")(
    lambda images, augment, generator: (images, augment(images, generator))
)


@wrong("03.6", "one-draw-for-the-whole-batch")
def one_seed_for_all(images, augment, generator):
    def view(seed):
        draws = (torch.Generator().manual_seed(seed) for _ in images)
        return torch.stack([augment(x[None], g)[0] for x, g in zip(images, draws)])

    return view(1), view(2)


@wrong("03.7", "extra-positives-as-negatives")
def other_views_are_negatives(views, *, temperature):
    z = F.normalize(torch.cat(list(views)), dim=1)
    logits = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    shifts = range(1, len(views))
    count = len(views[0])
    labels = [(torch.arange(len(z)) + shift * count) % len(z) for shift in shifts]
    return torch.stack([F.cross_entropy(logits, label) for label in labels]).mean()


wrong("03.7", "views-ignored")(
    lambda views, *, temperature: nt_xent_loss(views[0], views[1], temperature=temperature)
)
wrong("03.8", "imagenet-stem")(
    lambda width: nn.Sequential(
        nn.Conv2d(3, width, 7, stride=2, padding=3), nn.MaxPool2d(3, stride=2, padding=1)
    )
)
wrong("03.2", "views-exchanged")(
    lambda encoder, first, second: encoder(torch.cat([second, first])).chunk(2)
)
wrong("03.3", "views-exchanged")(lambda z: (z[1::2], z[0::2]))


@wrong("03.6", "view-of-a-view")
def augmented_twice(images, augment, generator):
    first = augment(images, generator)
    return first, augment(first, generator)


wrong("03.6", "generator-ignored")(
    lambda images, augment, generator: (augment(images), augment(images))
)
wrong("03.7", "pairs-summed")(
    lambda views, *, temperature: sum(
        nt_xent_loss(a, b, temperature=temperature) for a, b in combinations(views, 2)
    )
)
