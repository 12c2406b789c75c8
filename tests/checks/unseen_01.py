"""Mistakes that slipped through the checks of lessons 01 to 03 once: now they are caught."""

import copy

import torch
import torch.nn.functional as F
from collected import unseen


def standardized(scale):
    def standardize(train, test):
        mean, std = train.mean(dim=0), train.std(dim=0)
        return tuple((x - mean) / scale(std) for x in (train, test))

    return standardize


unseen("01.2", "constant-feature-blown-up")(standardized(lambda std: std + 1e-6))
unseen("01.2", "constant-feature-blown-up")(standardized(lambda std: std.clamp(min=1e-6)))


def exponential_of_entropy(values):
    shares = values / values.sum()
    return torch.special.entr(shares).sum().exp()


@unseen("02.1", "")
def by_roots_of_eigenvalues(z):
    return exponential_of_entropy(torch.linalg.eigvalsh(z.T @ z).sqrt())


@unseen("02.1", "")
def small_values_dropped(z):
    values = torch.linalg.svdvals(z)
    return exponential_of_entropy(values[values >= 0.1])


@unseen("02.2", "")
def something_under_the_root(z):
    return (F.normalize(z, dim=1).var(dim=0) + 1e-4).sqrt().mean()


@unseen("02.5", "")
def pairs_on_one_point_left_out(z1, z2):
    def push(z):
        distances = torch.cdist(z, z)
        return distances[distances > 1e-3].square().mul(-2).exp().mean().log()

    z1, z2 = F.normalize(z1, dim=1), F.normalize(z2, dim=1)
    return (z1 - z2).square().sum(dim=1).mean() + (push(z1) + push(z2)) / 2


@unseen("03.2", "")
def called_twice(encoder, first, second):
    both = torch.cat([first, second])
    return encoder(both)[: len(first)], encoder(both)[len(first) :]


@unseen("03.2", "")
def a_copy_is_called(encoder, first, second):
    return copy.deepcopy(encoder)(torch.cat([first, second])).chunk(2)


@unseen("01.1", "")
def ten_classes(train, train_labels, test, test_labels, *, k, temperature):
    cosines = F.normalize(test, dim=1) @ F.normalize(train, dim=1).T
    nearest, places = cosines.topk(k, dim=1)
    votes = torch.zeros(len(test), 10)
    votes.scatter_add_(1, train_labels[places], (nearest / temperature).exp())
    return (votes.argmax(dim=1) == test_labels).float().mean()


def labels_twice(z1, z2, temperature, mask):
    z = F.normalize(torch.cat([z1, z2]), dim=1).float()
    similarity = (z @ z.T / temperature).masked_fill(mask(torch.eye(len(z)).bool()), -1e9)
    return F.cross_entropy(similarity, torch.arange(len(z1)).repeat(2))


@unseen("03.1", "")
def half_of_the_labels_are_the_views_themselves(z1, z2, *, temperature):
    return labels_twice(z1, z2, temperature, torch.zeros_like)


@unseen("03.1", "positive-is-masked")
def half_of_the_labels_are_masked(z1, z2, *, temperature):
    return labels_twice(z1, z2, temperature, torch.clone)
