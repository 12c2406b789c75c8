"""Mistakes of another blind round, lessons 7 to 11."""

import random

import torch
import torch.nn.functional as F
from collected import unseen, wrong


@unseen("07.1", "generator-ignored")
def places_from_elsewhere(n, grid, masked, *, generator=None):
    mask = torch.zeros(n, grid, grid, dtype=torch.bool)
    for image in mask:
        for _ in range(200):
            room = masked - int(image.sum())
            if room <= 0:
                break
            height = int(torch.randint(1, min(grid, room) + 1, (1,), generator=generator))
            width = int(torch.randint(1, min(grid, room // height) + 1, (1,), generator=generator))
            top, left = random.randint(0, grid - height), random.randint(0, grid - width)
            image[top : top + height, left : left + width] = True
    return mask.flatten(1)


@wrong("07.3", "as-many-codes-as-were-chosen")
def one_hot_guesses(shares):
    return F.one_hot(shares.argmax(dim=-1)).float() + shares - shares.detach()


def entropy_of(counts):
    share = counts / counts.sum()
    share = share[share > 0]
    return -(share * share.log()).sum()


@wrong("07.4", "whole-rows-counted")
def unique_rows(tokens, codes):
    return entropy_of(torch.unique(tokens, dim=0, return_counts=True)[1]).exp()


@wrong("07.7", "whole-rows-counted")
def entropy_of_rows(tokens, codes):
    return entropy_of(torch.unique(tokens, dim=0, return_counts=True)[1])


@wrong("07.4", "order-of-tokens-counts")
def runs(tokens, codes):
    return entropy_of(torch.unique_consecutive(tokens.flatten(), return_counts=True)[1]).exp()


@wrong("07.7", "order-of-tokens-counts")
def entropy_of_runs(tokens, codes):
    return entropy_of(torch.unique_consecutive(tokens.flatten(), return_counts=True)[1])


@wrong("07.4", "code-0-left-out")
def as_if_padding(tokens, codes):
    return entropy_of(torch.bincount(tokens.flatten(), minlength=codes)[1:].float()).exp()


@wrong("07.7", "code-0-left-out")
def entropy_without_padding(tokens, codes):
    return entropy_of(torch.bincount(tokens.flatten(), minlength=codes)[1:].float())


@unseen("08.2", "right-for-some-inputs")
@torch.no_grad()
def momentum_or_default(center, scores, momentum):
    momentum = momentum or 0.9
    return center * momentum + scores.mean(0, keepdim=True) * (1 - momentum)


@wrong("08.5", "micro-batches-taken-away")
def popped(center, batches, move):
    rows = []
    while batches:
        rows.append(batches.pop())
    return move(center, torch.cat(rows))


@wrong("09.1", "order-decides")
def smoothed(validation, test):
    padded = F.pad(validation[None, None].float(), (1, 1), mode="replicate")
    epoch = int(F.avg_pool1d(padded, 3, stride=1)[0, 0].argmax())
    return epoch, float(test[epoch])


@unseen("09.1", "order-decides")
def place_in_the_order(validation, test):
    epoch = int(validation.argsort(descending=True).argmin())
    return epoch, float(test[epoch])


@wrong("09.3", "error-of-equals")
def covariance_once(first, second):
    table = torch.cov(torch.stack([first, second]))
    variance = table[0, 0] + table[1, 1] - table[0, 1]
    return first.mean() - second.mean(), (variance / len(first)).sqrt()


@wrong("11.4", "rows-scored-one-by-one")
def mean_of_rows(maps, masks):
    both, either = (maps & masks).sum(dim=2).float(), (maps | masks).sum(dim=2)
    return (both / either.clamp(min=1)).mean(dim=1)


@wrong("11.5", "strongest-row-and-column")
def strongest_sums(maps, masks):
    row, column = maps.sum(dim=2).argmax(1), maps.sum(dim=1).argmax(1)
    return masks[torch.arange(len(maps)), row, column].float().mean()
