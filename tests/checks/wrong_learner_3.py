"""Mistakes of a learner who worked through exercises 1 to 3."""

import math

import torch
from collected import unseen, wrong


@wrong("03.6", "images-scaled-first")
def scaled_first(images, augment, generator):
    images = images.float() / 255
    return augment(images, generator), augment(images, generator)


@unseen("03.6", "")
def one_by_one(images, augment, generator):
    views = [torch.stack([augment(x, generator) for x in images]) for _ in range(2)]
    return tuple(views)


@wrong("01.5", "nothing-turned")
def result_thrown_away(images, quarters):
    out = images.clone()
    for i, k in enumerate(quarters):
        out[i].rot90(int(k), dims=(1, 2))
    return out


@wrong("01.5", "some-numbers-left-out")
def three_forgotten(images, quarters):
    out = images.clone()
    for k in range(3):
        out[quarters == k] = images[quarters == k].rot90(k, dims=(2, 3))
    return out


@unseen("01.5", "axes-not-joined")
def joined_with_cat(images, quarters):
    return torch.cat([x.rot90(int(k), dims=(1, 2)) for x, k in zip(images, quarters)])


@wrong("01.2", "constant-feature-blown-up")
def little_added(train, test):
    mean, std = train.mean(dim=0), train.std(dim=0) + 1e-8
    return (train - mean) / std, (test - mean) / std


@unseen("01.2", "constant-feature-blown-up")
def clamped(train, test):
    mean, std = train.mean(dim=0), train.std(dim=0).clamp(min=1e-6)
    return (train - mean) / std, (test - mean) / std


@unseen("01.2", "test-images-left-alone")
def overwritten(train, test):
    train = (train - train.mean(dim=0)) / train.std(dim=0)
    return train, (test - train.mean(dim=0)) / train.std(dim=0)


@wrong("01.4", "divided-by-255-twice")
def scaled_again(images, mean, std):
    unit = images.float() / 255
    return (unit / 255 - mean[:, None, None]) / std[:, None, None]


@unseen("02.3", "wrong-number-of-candidates")
def views_doubled(images, micro_batches):
    views = 2 * images
    return math.log(2 * views - 1)


@unseen("02.4", "works-for-some-inputs-only")
def no_transpose(z, *, temperature):
    z = z / z.norm(dim=1, keepdim=True)
    return z @ z / temperature


@unseen("03.1", "")
def diagonal_written(z1, z2, *, temperature):
    z = torch.cat([z1, z2])
    z = z / z.norm(dim=1, keepdim=True)
    similar = torch.exp(z @ z.T / temperature)
    similar.fill_diagonal_(0)
    n = len(z1)
    partner = (torch.arange(2 * n) + n) % (2 * n)
    return -torch.log(similar[torch.arange(2 * n), partner] / similar.sum(dim=1)).mean()
