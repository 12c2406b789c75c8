"""Mistakes that slipped through the checks of lessons 07 to 11 once: now they are caught."""

import math
import random

import torch
import torch.nn.functional as F
from collected import unseen
from torch import nn

from sslcourse.methods import dino_loss


def blocks(n, grid, masked, draw):
    """Masks of three rectangles each; draw(low, high) is a whole number below high."""
    mask = torch.zeros(n, grid, grid, dtype=torch.bool)
    for one in mask:
        for _ in range(30):
            height, width, top, left = draw(grid)
            tried = one.clone()
            tried[top : top + height, left : left + width] = True
            if tried.sum() <= masked:
                one.copy_(tried)
    return mask.flatten(1)


@unseen("07.1", "always-in-one-part")
def last_row_never_hidden(n, grid, masked, *, generator=None):
    def whole(high):
        return int(torch.randint(0, high, (), generator=generator))

    def draw(grid):
        height, width = 1 + whole(4), 1 + whole(4)
        return height, width, whole(grid - height), whole(grid - width)

    return blocks(n, grid, masked, draw)


@unseen("07.1", "generator-ignored")
def sizes_by_python(n, grid, masked, *, generator=None):
    def draw(grid):
        height, width = random.randint(1, 4), random.randint(1, 4)
        top = int(torch.randint(0, grid - height + 1, (), generator=generator))
        return height, width, top, int(torch.randint(0, grid - width + 1, (), generator=generator))

    return blocks(n, grid, masked, draw)


@unseen("07.3", "")
def all_of_the_largest(shares):
    hard = (shares == shares.amax(dim=-1, keepdim=True)).to(shares)
    return hard + shares - shares.detach()


@unseen("08.1", "")
def two_teachers_at_most(student, teacher, center, **temperatures):
    return dino_loss(student, teacher[:2], center, **temperatures)


def follow(teacher, student, momentum, buffers):
    with torch.no_grad():
        for t, s in zip(teacher.parameters(), student.parameters()):
            t.mul_(momentum).add_(s, alpha=1 - momentum)
        buffers(teacher, student, momentum)


@unseen("08.4", "")
def shared_statistics(teacher, student, momentum):
    def share(teacher, student, momentum):
        for t, s in zip(teacher.modules(), student.modules()):
            if isinstance(t, nn.BatchNorm1d):
                t.running_mean, t.running_var = s.running_mean, s.running_var

    follow(teacher, student, momentum, share)


@unseen("08.4", "statistics-take-the-momentum")
def statistics_by_the_other_share(teacher, student, momentum):
    def lerp(teacher, student, momentum):
        for t, s in zip(teacher.buffers(), student.buffers()):
            t.copy_(t.float().lerp(s.float(), momentum))

    follow(teacher, student, momentum, lerp)


@unseen("08.5", "")
def old_center_lost(center, batches, move):
    return move(torch.zeros_like(center), torch.cat(batches))


@unseen("08.5", "center-never-moved")
def momentum_of_its_own(center, batches, move):
    return 0.9 * center + 0.1 * torch.cat(batches).mean(dim=0, keepdim=True)


@unseen("08.5", "means-averaged")
def moved_apart_and_averaged(center, batches, move):
    return torch.stack([move(center, scores) for scores in batches]).mean(dim=0)


@unseen("09.1", "")
def stops_early(validation, test):
    best = 0
    while best + 1 < len(validation) and validation[best + 1] >= validation[best]:
        best += 1
    return best, test[best]


@unseen("09.1", "")
def never_the_first(validation, test):
    best = 1 + validation[1:].argmax()
    return best, test[best]


@unseen("09.1", "")
def better_than_zero(validation, test):
    best, highest = 0, 0.0
    for epoch, score in enumerate(validation.tolist()):
        if score > highest:
            best, highest = epoch, score
    return best, test[best]


@unseen("09.1", "")
def whole_percents(validation, test):
    best = (100 * validation).int().argmax()
    return best, test[best]


@unseen("09.2", "")
def ten_classes(labels, count, seed):
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in range(10):
        places = (labels == label).nonzero()[:, 0]
        chosen.append(places[torch.randperm(len(places), generator=generator)[:count]])
    return torch.cat(chosen)


@unseen("09.4", "wrong-number-held-out")
def rounded_up(sources, share, seed):
    names = sources.unique()
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    held = torch.isin(sources, names[order[: math.ceil(share * len(names))]])
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


@unseen("09.5", "")
def as_many_classes_as_there_are(train, labels, test, classes, *, strength):
    mean, std = train.mean(dim=0), train.std(dim=0)
    std = torch.where(std > 0, std, 1)
    x, t = (train - mean) / std, (test - mean) / std
    targets = F.one_hot(labels).to(x)
    bias = targets.mean(dim=0)
    squares = x.T @ x + strength * torch.eye(x.shape[1], dtype=x.dtype)
    return t @ torch.linalg.solve(squares, x.T @ (targets - bias)) + bias


@unseen("11.3", "")
def all_of_a_value(maps, share):
    mass = maps.flatten(1) / maps.flatten(1).sum(dim=1, keepdim=True)
    values = mass.sort(dim=1, descending=True).values
    number = (values.cumsum(dim=1) < share - 1e-6).sum(dim=1, keepdim=True)
    return (mass >= values.gather(1, number)).view(maps.shape)


@unseen("11.3", "")
def one_more_where_it_is_exact(maps, share):
    mass = maps.flatten(1) / maps.flatten(1).sum(dim=1, keepdim=True)
    values, order = mass.sort(dim=1, descending=True)
    kept = values.cumsum(dim=1) - values <= share
    return kept.gather(1, order.argsort(dim=1)).view(maps.shape)
