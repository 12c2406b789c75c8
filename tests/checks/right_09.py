"""Right implementations of lesson 09, written in different ways."""

import random

import numpy as np
import torch
import torch.nn.functional as F
from collected import right

from sslcourse.evaluate import few_labels

right("09.2", "package")(few_labels)


@right("09.2", "NumPy's generator, a list")
def few_numpy(labels, count, seed):
    draw, chosen = np.random.default_rng(seed), []
    for label in np.unique(labels.numpy()):
        chosen += draw.choice(np.flatnonzero(labels == label), count, replace=False).tolist()
    return chosen


@right("09.2", "random numbers sorted")
def few_sorted(labels, count, seed):
    noise = torch.rand(len(labels), generator=torch.Generator().manual_seed(seed))
    order = noise.argsort()
    ranks = F.one_hot(labels[order]).cumsum(dim=0).gather(1, labels[order, None])[:, 0]
    return order[ranks <= count]


@right("09.2", "Python's own generator, one for each class")
def few_python(labels, count, seed):
    draw = random.Random(seed)
    places = {}
    for place, label in enumerate(labels.tolist()):
        places.setdefault(label, []).append(place)
    return torch.tensor([place for some in places.values() for place in draw.sample(some, count)])


@right("09.3", "loops")
def gap_loops(first, second):
    gaps = [float(a) - float(b) for a, b in zip(first, second)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1)
    return mean, (variance / len(gaps)) ** 0.5


@right("09.3", "numpy")
def gap_numpy(first, second):
    gaps = first.numpy() - second.numpy()
    return gaps.mean(), gaps.std(ddof=1) / np.sqrt(len(gaps))


@right("09.3", "from variances and covariance, one tensor")
def gap_covariance(first, second):
    table = torch.cov(torch.stack([first, second]).double())
    variance = table[0, 0] + table[1, 1] - 2 * table[0, 1]
    return torch.stack([first.double().mean() - second.mean(), (variance / len(first)).sqrt()])


@right("09.4", "sets")
def split_sets(sources, share, seed):
    names = sorted(set(sources.tolist()))
    held = set(random.Random(seed).sample(names, round(share * len(names))))
    parts = [[], []]
    for place, name in enumerate(sources.tolist()):
        parts[name in held].append(place)
    return parts


@right("09.4", "a rank for each picture")
def split_ranks(sources, share, seed):
    names, which = sources.unique(return_inverse=True)
    ranks = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))[which]
    held = ranks < round(share * len(names))
    places = torch.arange(len(sources))
    return places[~held], places[held]


@right("09.4", "numpy")
def split_numpy(sources, share, seed):
    names = np.unique(sources.numpy())
    order = np.random.default_rng(seed).permutation(names)
    held = np.isin(sources.numpy(), order[: round(share * len(names))])
    return np.flatnonzero(~held), np.flatnonzero(held)


def standard(train, test, correction=1):
    mean, std = train.mean(dim=0), train.std(dim=0, correction=correction)
    std = std.masked_fill(std == 0, 1.0)
    return (train - mean) / std, (test - mean) / std


@right("09.5", "numbers of images instead of features")
def ridge_dual(train, labels, test, classes, *, strength):
    x, t = standard(train, test)
    targets = torch.eye(classes)[labels]
    bias = targets.mean(dim=0)
    alike = x @ x.T + strength * torch.eye(len(x))  # (N, N)
    return t @ x.T @ torch.linalg.solve(alike, targets - bias) + bias


@right("09.5", "a column of ones that isn't held back")
def ridge_column(train, labels, test, classes, *, strength):
    x, t = (F.pad(part, (0, 1), value=1.0).double() for part in standard(train, test))
    penalty = strength * torch.eye(x.shape[1]).double()
    penalty[-1, -1] = 0
    return t @ torch.linalg.inv(x.T @ x + penalty) @ x.T @ torch.eye(classes).double()[labels]


@right("09.5", "least squares with rows of zeros, variance by N")
def ridge_rows(train, labels, test, classes, *, strength):
    x, t = standard(train, test, correction=0)
    targets = F.one_hot(labels, classes).float()
    bias = targets.mean(dim=0)
    more = torch.cat([x, strength**0.5 * torch.eye(x.shape[1])])
    wanted = F.pad(targets - bias, (0, 0, 0, x.shape[1]))
    return t @ torch.linalg.lstsq(more, wanted).solution + bias


@right("09.5", "singular values")
def ridge_singular(train, labels, test, classes, *, strength):
    x, t = standard(train, test)
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    bias = torch.bincount(labels, minlength=classes) / len(labels)
    targets = torch.eye(classes)[labels] - bias
    return t @ v.T @ torch.diag(s / (s * s + strength)) @ u.T @ targets + bias
