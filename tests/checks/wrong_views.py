"""Wrong implementations of 03.2 to 03.8: what stands around NT-Xent."""

from itertools import combinations

import torch
import torch.nn.functional as F
from collected import wrong
from torch import nn

from sslcourse.methods import nt_xent_loss

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


@wrong("03.7", "pairs-left-out")
def neighbouring_views(views, *, temperature):
    losses = [nt_xent_loss(a, b, temperature=temperature) for a, b in zip(views, views[1:])]
    return torch.stack(losses).mean()


@wrong("03.7", "view-compared-with-itself")
def every_view_with_every_view(views, *, temperature):
    losses = [nt_xent_loss(a, b, temperature=temperature) for a in views for b in views]
    return torch.stack(losses).mean()


@wrong("03.7", "not-the-mean-over-pairs")
def added_pairs(views, *, temperature):
    return sum(nt_xent_loss(a, b, temperature=temperature) for a, b in combinations(views, 2))


@wrong("03.7", "temperature-not-passed-on")
def own_temperature(views, *, temperature):
    losses = [nt_xent_loss(a, b, temperature=0.5) for a, b in combinations(views, 2)]
    return torch.stack(losses).mean()


wrong("03.8", "imagenet-stem")(
    lambda width: nn.Sequential(
        nn.Conv2d(3, width, 7, stride=2, padding=3), nn.MaxPool2d(3, stride=2, padding=1)
    )
)
wrong("03.2", "views-exchanged")(
    lambda encoder, first, second: encoder(torch.cat([second, first])).chunk(2)
)
wrong("03.3", "views-exchanged")(lambda z: (z[1::2], z[0::2]))
wrong("03.3", "one-view-twice")(lambda z: (z[0::2], z[0::2]))


@wrong("03.2", "one-view-twice")
def first_half_twice(encoder, first, second):
    z = encoder(torch.cat([first, second]))
    return z[: len(first)], z[: len(first)]


@wrong("03.2", "encoder-in-evaluation-mode")
def measured_instead_of_trained(encoder, first, second):
    return encoder.eval()(torch.cat([first, second])).chunk(2)


@wrong("03.6", "view-of-a-view")
def augmented_twice(images, augment, generator):
    first = augment(images, generator)
    return first, augment(first, generator)


wrong("03.6", "generator-ignored")(
    lambda images, augment, generator: (augment(images), augment(images))
)
