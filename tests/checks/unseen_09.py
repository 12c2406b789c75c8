"""Mistakes of lesson 09 in other words than those that the checks were made with."""

import random

import numpy as np
import torch
import torch.nn.functional as F
from collected import unseen
from wrong_ridge import both_scaled, one_hot


@unseen("09.2", "images-drawn-twice")
def choices(labels, count, seed):
    draw = random.Random(seed)
    places = [[i for i, one in enumerate(labels.tolist()) if one == c] for c in (0, 1, 2)]
    return [place for some in places for place in draw.choices(some, k=count)]


@unseen("09.2", "global-randomness-moved")
def numpys_global(labels, count, seed):
    np.random.seed(seed)  # noqa: NPY002
    order = np.random.permutation(len(labels))  # noqa: NPY002
    return np.concatenate([order[labels.numpy()[order] == c][:count] for c in np.unique(labels)])


@unseen("09.2", "draw-not-repeatable")
def fresh_noise(labels, count, seed):
    noise = torch.rand(len(labels))
    parts = [noise.masked_fill(labels != c, -1).topk(count).indices for c in labels.unique()]
    return torch.cat(parts)


@unseen("09.2", "not-equally-likely")
def second_half_forgotten(labels, count, seed):
    """Of each class only the first seven images take part."""
    generator = torch.Generator().manual_seed(seed)
    places = [(labels == c).nonzero()[:7, 0] for c in labels.unique()]
    return torch.cat([p[torch.randperm(len(p), generator=generator)[:count]] for p in places])


@unseen("09.2", "classes-not-balanced")
def shares_of_the_classes(labels, count, seed):
    """Larger classes give more."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    sizes = labels.bincount()
    wanted = (sizes * count * len(sizes) / len(labels)).round().long()
    wanted[-1] = count * len(sizes) - wanted[:-1].sum()
    parts = [order[labels[order] == c][:number] for c, number in enumerate(wanted)]
    return torch.cat(parts)


@unseen("09.2", "always-the-first-ones")
def sorted_by_label(labels, count, seed):
    order = labels.argsort(stable=True)
    begins = labels.bincount().cumsum(0) - labels.bincount()
    return torch.cat([order[b : b + count] for b in begins])


@unseen("09.2", "")
def as_a_mask(labels, count, seed):
    return torch.ones(len(labels), dtype=torch.bool)


@unseen("09.3", "pairs-torn-apart")
def errors_added(first, second):
    errors = [scores.std() / len(scores) ** 0.5 for scores in (first, second)]
    return first.mean() - second.mean(), sum(errors)


@unseen("09.3", "pairs-torn-apart")
def scores_pooled(first, second):
    both = torch.cat([first - first.mean(), second - second.mean()])
    return (first - second).mean(), both.std() / len(first) ** 0.5


@unseen("09.3", "divided-by-all-seeds")
def numpy_default(first, second):
    gaps = first.numpy() - second.numpy()
    return gaps.mean(), gaps.std() / np.sqrt(len(gaps))


@unseen("09.3", "")
def middle_gap(first, second):
    gaps = first - second
    return gaps.median(), gaps.std() / len(gaps) ** 0.5


@unseen("09.3", "")
def range_of_the_gaps(first, second):
    gaps = first - second
    return gaps.mean(), (gaps.max() - gaps.min()) / 2


@unseen("09.3", "")
def one_seed_spent_twice(first, second):
    gaps = first - second
    return gaps.mean(), gaps.std() / (len(gaps) - 1) ** 0.5


@unseen("09.3", "best-seeds-compared")
def records(first, second):
    return first.amax() - second.amax(), (first - second).std() / len(first) ** 0.5


@unseen("09.4", "pictures-torn-apart")
def coin_for_each_view(sources, share, seed):
    noise = torch.rand(len(sources), generator=torch.Generator().manual_seed(seed))
    held = noise < share
    return (~held).nonzero().flatten(), held.nonzero().flatten()


@unseen("09.4", "views-taken-for-neighbours")
def last_rows_of_the_sorted(sources, share, seed):
    """Right only where the views of a picture stand beside each other."""
    names = sources.unique_consecutive()
    draw = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    blocks = torch.arange(len(names)).repeat_interleave(
        sources.unique_consecutive(return_counts=True)[1]
    )
    held = torch.isin(blocks, draw[: round(share * len(names))])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


@unseen("09.4", "wrong-number-held-out")
def coin_for_each_picture(sources, share, seed):
    draw = random.Random(seed)
    held = {name for name in sorted(set(sources.tolist())) if draw.random() < share}
    places = range(len(sources))
    return (
        [i for i in places if int(sources[i]) not in held],
        [i for i in places if int(sources[i]) in held],
    )


@unseen("09.4", "wrong-number-held-out")
def cut_off(sources, share, seed):
    names = sources.unique()
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    held = torch.isin(sources, names[order[: int(share * len(names))]])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


@unseen("09.4", "same-views-in-both")
def drawn_twice(sources, share, seed):
    """Both parts are drawn from all pictures, one after the other."""
    generator, names = torch.Generator().manual_seed(seed), sources.unique()
    parts = []
    for number in (round((1 - share) * len(names)), round(share * len(names))):
        chosen = names[torch.randperm(len(names), generator=generator)[:number]]
        parts.append(torch.isin(sources, chosen).nonzero()[:, 0])
    return parts


@unseen("09.4", "not-shuffled")
def cut_at_the_end(sources, share, seed):
    names = list(dict.fromkeys(sources.tolist()))
    held = torch.isin(sources, torch.tensor(names[len(names) - round(share * len(names)) :]))
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


@unseen("09.4", "")
def as_masks(sources, share, seed):
    names = sources.unique()
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    held = torch.isin(sources, names[order[: round(share * len(names))]])
    return ~held, held


def by_hand(train, labels, test, classes, strength, scale=both_scaled):
    x, t = scale(train, test)
    targets = one_hot(labels, classes)
    bias = targets.mean(dim=0)
    squares = x.T @ x + strength * torch.eye(x.shape[1])
    return t @ torch.linalg.solve(squares, x.T @ (targets - bias)) + bias


@unseen("09.5", "test-images-take-part")
def scaled_together(train, labels, test, classes, *, strength):
    def together(train, test):
        both = torch.cat([train, test])
        return (train - both.mean(0)) / both.std(0), (test - both.mean(0)) / both.std(0)

    return by_hand(train, labels, test, classes, strength, together)


@unseen("09.5", "features-not-centred")
def as_they_came(train, labels, test, classes, *, strength):
    return by_hand(train, labels, test, classes, strength, lambda train, test: (train, test))


@unseen("09.5", "features-not-scaled")
def unit_length(train, labels, test, classes, *, strength):
    """Every image is brought to length 1 after centring."""

    def rows(train, test):
        return tuple(F.normalize(x - train.mean(dim=0), dim=1) for x in (train, test))

    return by_hand(train, labels, test, classes, strength, rows)


@unseen("09.5", "strength-on-another-scale")
def mean_of_squares(train, labels, test, classes, *, strength):
    return by_hand(train, labels, test, classes, strength * len(train))


@unseen("09.5", "bias-held-back")
def ones_before_the_features(train, labels, test, classes, *, strength):
    x, t = (F.pad(part, (1, 0), value=1.0) for part in both_scaled(train, test))
    squares = x.T @ x + strength * torch.eye(x.shape[1])
    return t @ torch.linalg.inv(squares) @ x.T @ one_hot(labels, classes)


@unseen("09.5", "")
def probabilities(train, labels, test, classes, *, strength):
    return by_hand(train, labels, test, classes, strength).softmax(dim=1)


@unseen("09.5", "label-numbers-fitted")
def one_column_kept(train, labels, test, classes, *, strength):
    x, t = both_scaled(train, test)
    targets = labels[:, None].float()
    squares = x.T @ x + strength * torch.eye(x.shape[1])
    return t @ torch.linalg.solve(squares, x.T @ (targets - targets.mean())) + targets.mean()
