"""Mistakes of a learner who worked through exercises 5, 7 and 9."""

import numpy as np
import torch
import torch.nn.functional as F
from collected import unseen, wrong

from sslcourse.methods import beit_loss, sinkhorn
from sslcourse.methods.beit import block_mask
from sslcourse.teach.checks.ridge import ridge_scores


def parted(sources, chosen):
    held = torch.isin(sources, chosen)
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


def shuffled(count, seed):
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


@wrong("09.4", "share-of-the-views")
def views_counted(sources, share, seed):
    names = sources.unique()
    return parted(sources, names[shuffled(len(names), seed)[: round(share * len(sources))]])


@wrong("09.4", "places-instead-of-names")
def no_names(sources, share, seed):
    number = round(share * len(sources.unique()))
    return parted(sources, shuffled(int(sources.max()) + 1, seed)[:number])


@unseen("09.4", "places-instead-of-names")
def order_for_names(sources, share, seed):
    names = sources.unique()
    return parted(sources, shuffled(len(names), seed)[: round(share * len(names))])


@wrong("09.4", "pictures-drawn-twice")
def with_replacement(sources, share, seed):
    names, generator = sources.unique(), torch.Generator().manual_seed(seed)
    number = (round(share * len(names)),)
    return parted(sources, names[torch.randint(len(names), number, generator=generator)])


@unseen("09.4", "names-instead-of-positions")
def names_of_views(sources, share, seed):
    names = sources.unique()
    chosen = names[shuffled(len(names), seed)[: round(share * len(names))]]
    return tuple(sources[part] for part in parted(sources, chosen))


@unseen("09.4", "places-instead-of-names")
def nothing_held(sources, share, seed):
    names = sources.unique()
    chosen = set(names[shuffled(len(names), seed)[: round(share * len(names))]])
    held = [i for i, name in enumerate(sources) if name in chosen]
    return torch.arange(len(sources)), torch.tensor(held)


@wrong("07.1", "same-mask-every-time")
def seeded_anyway(n, grid, masked, *, generator=None):
    generator = generator or torch.Generator().manual_seed(0)
    return block_mask(n, grid, masked, generator=generator)


@unseen("07.1", "too-many-hidden")
def limit_forgotten(n, grid, masked, *, generator=None):
    mask = torch.zeros(n, grid, grid, dtype=torch.bool)
    for image in mask:
        while int(image.sum()) < masked:
            height, width = torch.randint(2, 6, (2,), generator=generator).tolist()
            top = int(torch.randint(grid - height + 1, (), generator=generator))
            left = int(torch.randint(grid - width + 1, (), generator=generator))
            image[top : top + height, left : left + width] = True
    return mask.flatten(1)


unseen("07.5", "")(lambda logits, tokens, mask: F.cross_entropy(logits, tokens))


@wrong("09.3", "results-exchanged")
def error_first(first, second):
    gaps = first - second
    return gaps.std() / len(gaps) ** 0.5, gaps.mean()


@wrong("09.3", "squared-after-the-sum")
def summed_too_early(first, second):
    gaps = first - second
    square = (gaps - gaps.mean()).sum() ** 2
    return gaps.mean(), (square / (len(gaps) - 1)) ** 0.5 / len(gaps) ** 0.5


@unseen("09.5", "dimensions-exchanged")
def scores_of_classes(train, labels, test, classes, *, strength):
    return ridge_scores(train, labels, test, classes, strength=strength).T


unseen("05.1", "dimensions-exchanged")(lambda scores, **rest: sinkhorn(scores, **rest).T)


@unseen("09.2", "")
def a_list_of_parts(labels, count, seed):
    parts = []
    for label in labels.unique():
        places = (labels == label).nonzero()[:, 0]
        parts.append(places[shuffled(len(places), seed)[:count]])
    return parts


@unseen("09.2", "")
def column_of_positions(labels, count, seed):
    parts = []
    for label in labels.unique():
        places = (labels == label).nonzero()
        parts.append(places[shuffled(len(places), seed)[:count]])
    return torch.cat(parts)


@unseen("05.1", "overflows-in-half-precision")
@torch.no_grad()
def largest_taken_off_in_half(scores, *, epsilon, iterations):
    q = torch.exp((scores - scores.max()) / epsilon)
    for _ in range(iterations):
        q = q / q.sum(dim=0, keepdim=True)
        q = q / q.sum(dim=1, keepdim=True)
    return q


@wrong("05.1", "exp-in-every-round")
@torch.no_grad()
def softmax_as_a_round(scores, *, epsilon, iterations):
    q = scores.float() / epsilon
    for _ in range(iterations):
        q = torch.softmax(torch.softmax(q, dim=0), dim=1)
    return q


@unseen("05.4", "returns-nothing")
def else_forgotten(features, queue, filled, prototypes):
    if filled == len(queue):
        both = torch.cat([features, queue])
        return sinkhorn(both @ prototypes.T, epsilon=0.5, iterations=3)[: len(features)]
    return None  # as Python does by itself


@wrong("07.6", "mask-of-the-first-image")
def one_mask(patches, mask, mask_token):
    patches = patches.clone()
    patches[:, mask[0]] = mask_token
    return patches


@wrong("07.6", "mask-token-added-everywhere")
def token_added(patches, mask, mask_token):
    return patches.masked_fill(mask[:, :, None], 0) + mask_token


@unseen("07.6", "")
def bool_subtracted(patches, mask, mask_token):
    return patches * (1 - mask[..., None]) + mask[..., None] * mask_token


@unseen("07.5", "")
def numpy_mean(logits, tokens, mask):
    return np.mean([beit_loss(logits, tokens, mask)])
